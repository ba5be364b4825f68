"""`main.py models download` as a process, against a hub played on loopback: whole, wrong, killed and resumed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.unit.hub_on_loopback import PlayedHub, serve

ROOT = Path(__file__).resolve().parents[2]
CONTENT = bytes(range(256)) * 12_000  # 3 MB
MODEL = "sam2-large"  # its hash is not pinned: the played hub's is the measure


def _hub(**more: object) -> PlayedHub:
    return PlayedHub(CONTENT, repo="facebook/sam2-hiera-large", filename="sam2_hiera_large.pt", **more)  # type: ignore[arg-type]


def _command(models: Path, *words: str) -> list[str]:
    return [sys.executable, str(ROOT / "main.py"), "models", *words, "--models-dir", str(models), "--json"]


def _run(hub: PlayedHub, models: Path, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "HF_ENDPOINT": hub.endpoint, **more}
    return subprocess.run(
        _command(models, *words), cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60
    )


def test_download_verify_remove(tmp_path: Path) -> None:
    with serve(_hub()) as hub:
        done = _run(hub, tmp_path, "download", MODEL)
        assert done.returncode == 0, done.stderr
        (told,) = json.loads(done.stdout)["downloaded"]
        assert told["sha256"] == hub.sha256
        assert Path(told["path"]).read_bytes() == CONTENT
        again = json.loads(_run(hub, tmp_path, "download", MODEL).stdout)["downloaded"][0]
        assert again["already"] is True
        assert len(hub.ranges) == 1
    assert _run(hub, tmp_path, "verify").returncode in (0, 1)  # the built-in one is looked at too
    assert _run(hub, tmp_path, "verify", MODEL).returncode == 0
    assert _run(hub, tmp_path, "remove", MODEL).returncode == 0
    assert not (tmp_path / MODEL).exists()


def test_a_wrong_file_is_refused_by_name_with_status_1(tmp_path: Path) -> None:
    with serve(_hub(sha256="ab" * 32)) as hub:
        done = _run(hub, tmp_path, "download", MODEL)
    assert done.returncode == 1
    assert "sam2_hiera_large.pt is not what the hub records" in done.stderr
    assert not (tmp_path / MODEL).exists()


def test_switched_off_downloads_say_so(tmp_path: Path) -> None:
    with serve(_hub()) as hub:
        done = _run(hub, tmp_path, "download", MODEL, HF_HUB_OFFLINE="1")
    assert done.returncode == 1
    assert "switched off" in done.stderr
    assert hub.paths == []


@pytest.mark.skipif(sys.platform == "win32", reason="kills by signal")
def test_a_killed_download_is_resumed(tmp_path: Path) -> None:
    with serve(_hub(stalls_at=2_000_000)) as hub:
        environment = {**os.environ, "HF_ENDPOINT": hub.endpoint}
        words = _command(tmp_path, "download", MODEL)
        with subprocess.Popen(
            words, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as child:
            deadline = time.monotonic() + 50
            while not any(p.stat().st_size > 1_000_000 for p in (tmp_path / ".incoming").glob("*.part")):
                assert time.monotonic() < deadline
                assert child.poll() is None
                time.sleep(0.05)
            child.send_signal(signal.SIGKILL)
        assert not (tmp_path / MODEL).exists()
        hub.stalls_at = 0
        hub.ranges.clear()
        assert _run(hub, tmp_path, "download", MODEL).returncode == 0
        assert int(hub.ranges[0].removeprefix("bytes=").rstrip("-")) > 1_000_000
    assert (tmp_path / MODEL / "sam2_hiera_large.pt").read_bytes() == CONTENT
