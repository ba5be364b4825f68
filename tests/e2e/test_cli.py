"""`main.py` as people and scripts call it: real processes, real files, a real (small, untrained) model."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco_mask

from app import cli, logs
from app.subjects.outputs import OutputFolder
from inference import paths
from inference.errors import StorageError

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of the starter's architecture, small and untrained."""
    from inference.engines.checkpoint import save_checkpoint
    from tests.random_models import SMALL, random_model

    return save_checkpoint(random_model(), SMALL, tmp_path_factory.mktemp("weights") / "small.safetensors")


@pytest.fixture(autouse=True)
def closed_log() -> Iterator[None]:
    yield
    logs.shut_down()


def _main(*words: object, cwd: Path | None = None, **variables: str) -> subprocess.CompletedProcess[str]:
    """Runs the program in a process of its own."""
    return subprocess.run(
        [sys.executable, str(ROOT / "main.py"), *map(str, words)],
        cwd=cwd or ROOT, env={**os.environ, **variables}, capture_output=True, text=True, timeout=110,
    )  # fmt: skip


def _here(*words: object) -> int:
    """Runs the command line in this process, where torch is loaded already."""

    def no_window(paths: list[str], **options: Any) -> int:
        raise AssertionError("the window is not meant to open")

    return cli.run([str(w) for w in words], no_window)


def _sample(name: str) -> Path:
    return paths.resource("samples", name)


def test_segment_writes_everything_and_lists_what_failed(checkpoint: Path, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    shutil.copy(_sample("cat.jpg"), folder / "кот.jpg")
    (folder / "broken.jpg").write_bytes(_sample("cat.jpg").read_bytes()[:2000])
    (folder / "empty.png").write_bytes(b"")
    done = _main(
        "segment", folder, tmp_path / "gone.jpg", "--point", "200,150", "--point", "5,5,0", "--box", "20,10,400,290",
        "--model", checkpoint, "--out", tmp_path / "out", "--force-device", "cpu", "--json", cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    told = json.loads(done.stdout)
    assert {Path(f["path"]).name for f in told["failures"]} == {"broken.jpg", "empty.png", "gone.jpg"}
    assert "Traceback" not in done.stderr
    for name in ("broken.jpg", "empty.png", "gone.jpg"):
        assert sum(name in line for line in done.stderr.splitlines()) == 1
    (row,) = told["images"]
    assert row["prompts"] == {"points": [[200, 150, 1], [5, 5, 0]], "box": [20, 10, 400, 290]}
    with Image.open(row["mask"]) as mask, Image.open(row["cutout"]) as cut, Image.open(row["overlay"]) as overlay:
        assert mask.size == cut.size == overlay.size == (451, 300)
        assert cut.mode == "RGBA"
        pixels = np.asarray(mask) > 0
    coco = json.loads(Path(told["coco"]).read_text(encoding="utf-8"))
    (annotation,) = coco["annotations"]
    assert (coco_mask.decode(annotation["segmentation"]).astype(bool) == pixels).all()


def test_without_prompts_the_centre_is_clicked(checkpoint: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert _here("segment", _sample("coffee.jpg"), "--model", checkpoint, "--out", out) == 0
    (annotation,) = json.loads((out / "annotations.json").read_text())["annotations"]
    assert annotation["attributes"]["prompts"]["points"] == [[300.0, 200.0, 1]]


def test_a_disk_that_fills_up_lists_what_was_done(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    save = OutputFolder.save

    def filling(self: OutputFolder, relative: str, data: bytes) -> Path:
        if "coffee" in relative:
            raise StorageError("The disk is full.", relative, "Free some space.")
        return save(self, relative, data)

    monkeypatch.setattr(OutputFolder, "save", filling)
    names = (_sample("cat.jpg"), _sample("coffee.jpg"), _sample("rocket.jpg"))
    assert _here("segment", *names, "--model", checkpoint, "--out", tmp_path / "out", "--json") == 1
    told = json.loads(capsys.readouterr().out)
    assert [Path(row["image"]).name for row in told["images"]] == ["cat.jpg"]
    assert [f["message"] for f in told["failures"]] == ["The disk is full."]
    assert len(json.loads(Path(told["coco"]).read_text())["annotations"]) == 1


def test_a_folder_without_pictures_says_so_and_shows_no_bar(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    assert _here("segment", tmp_path / "empty", "--model", checkpoint, "--out", tmp_path / "out") == 1
    told = capsys.readouterr()
    assert "no pictures" in told.err and told.err.count("\n") == 1 and told.out == ""


def test_a_prompt_outside_names_the_picture_and_the_remedy(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status = _here(
        "segment", _sample("cat.jpg"), "--point", "9000,9000", "--model", checkpoint, "--out", tmp_path / "o"
    )
    told = capsys.readouterr().err
    assert status == 1
    assert "cat.jpg" in told


def test_a_wrong_model_is_refused_before_anything_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "model.pt").write_text("nonsense")
    out = tmp_path / "out"
    assert _here("segment", _sample("cat.jpg"), "--model", tmp_path / "model.pt", "--out", out) == 1
    assert _here("segment", _sample("cat.jpg"), "--model", "sam2-large", "--out", out) == 1
    assert _here("segment", _sample("cat.jpg"), "--model", "nothing", "--out", out) == 2
    told = capsys.readouterr().err
    assert "model.pt" in told
    assert "models download sam2-large" in told
    assert not out.exists()


def test_an_imported_model_is_used_verified_and_removed(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    models = ("--models-dir", tmp_path / "models")
    assert _here("models", "import", checkpoint, "--name", "Mine", *models) == 0
    assert _here("models", "verify", "mine", *models) == 0
    assert _here("segment", _sample("cat.jpg"), "--model", "mine", "--out", tmp_path / "out", *models) == 0
    file = tmp_path / "models" / "mine" / checkpoint.name
    data = bytearray(file.read_bytes())
    data[-1] ^= 255
    file.write_bytes(data)
    capsys.readouterr()
    assert _here("models", "verify", "mine", *models) == 1
    assert "SHA-256" in capsys.readouterr().err
    assert _here("segment", _sample("cat.jpg"), "--model", "mine", "--out", tmp_path / "out", *models) == 1
    assert _here("models", "remove", "mine", *models) == 0
    assert not file.exists()


def test_help_and_lists_need_no_torch_and_no_qt(tmp_path: Path) -> None:
    probe = (
        "import sys, main\n"
        "for words in (['--help'], ['models', 'list'], ['segment', '--help'], ['train', '--help']):\n"
        "    assert main.main(words) == 0, words\n"
        "heavy = {'torch', 'sam2', 'torchvision', 'PySide6.QtWidgets', 'timm'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", probe], env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_closing_the_pipe_early_is_no_failure(tmp_path: Path) -> None:
    """`main.py models list --json | head -1`."""
    words = [sys.executable, str(ROOT / "main.py"), "models", "list", "--json", "--models-dir", str(tmp_path)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    errors = process.stderr.read()
    process.stderr.close()
    process.wait(60)
    assert "Traceback" not in errors
