"""Downloads against a hub played on loopback: whole, cut and resumed, wrong, missing, full disk, cancelled, offline."""

from __future__ import annotations

import dataclasses
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from inference import catalogue
from inference.catalogue import ModelSpec
from inference.errors import Cancelled, DownloadError, ModelError, StorageError
from inference.jobs import download as job
from inference.weights import hub, library, manifest
from tests.unit.hub_on_loopback import COMMIT, PlayedHub, serve

ROOT = Path(__file__).resolve().parents[2]
CONTENT = bytes(range(256)) * 6000  # 1.5 MB
QUICK = hub.Patience(attempts=3, wait_s=0.01)


@pytest.fixture
def spec() -> ModelSpec:
    """The official tiny model, without its pinned hash: the played hub has other bytes."""
    return dataclasses.replace(catalogue.find("sam2.1-tiny"), sha256=None)


@pytest.fixture
def played() -> Iterator[PlayedHub]:
    with serve(PlayedHub(CONTENT)) as server:
        yield server


def _fetch(spec: ModelSpec, models: Path, played: PlayedHub, **more: object) -> Path:
    return hub.download(spec, models, endpoint=played.endpoint, patience=QUICK, **more)


def _leftovers(models: Path) -> list[str]:
    return sorted(p.name for p in (models / ".incoming").glob("*") if p.suffix != ".lock")


def test_a_download_is_installed_with_its_commit_and_hash(spec: ModelSpec, played: PlayedHub, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    path = _fetch(spec, tmp_path, played, progress=lambda done, total, _message: seen.append((done, total)))
    assert path.read_bytes() == CONTENT
    record = manifest.read(tmp_path / spec.id)
    assert record is not None
    assert (record.commit, record.sha256, record.size) == (COMMIT, played.sha256, len(CONTENT))
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert [done for done, _ in seen[1:]] == sorted(done for done, _ in seen[1:])
    assert _leftovers(tmp_path) == []
    assert catalogue.weights_path(spec.id, tmp_path) == path


def test_the_file_is_asked_for_at_the_commit_that_was_looked_up(
    spec: ModelSpec, played: PlayedHub, tmp_path: Path
) -> None:
    _fetch(spec, tmp_path, played)
    assert played.paths[-1] == f"/{spec.repo}/resolve/{COMMIT}/{spec.filename}"


def test_a_cut_connection_is_resumed_where_it_broke(spec: ModelSpec, played: PlayedHub, tmp_path: Path) -> None:
    played.cuts = [600_000, 300_000]
    path = _fetch(spec, tmp_path, played)
    assert path.read_bytes() == CONTENT
    starts = [int(r.removeprefix("bytes=").rstrip("-")) for r in played.ranges]
    assert starts[0] == 0
    assert 0 < starts[1] <= 600_000
    assert starts[1] < starts[2] <= 900_000


def test_the_way_through_the_hubs_storage_is_followed_and_resumed(
    spec: ModelSpec, played: PlayedHub, tmp_path: Path
) -> None:
    played.redirects, played.cuts = True, [600_000]
    assert _fetch(spec, tmp_path, played).read_bytes() == CONTENT
    assert played.paths[-1].startswith("/storage/")
    assert int(played.ranges[1].removeprefix("bytes=").rstrip("-")) > 0


def test_a_later_try_goes_on_from_what_an_earlier_one_left(spec: ModelSpec, played: PlayedHub, tmp_path: Path) -> None:
    played.cuts = [700_000, 0, 0, 0]
    with pytest.raises(DownloadError, match="broke off") as failure:
        _fetch(spec, tmp_path, played)
    assert "kept" in str(failure.value)
    assert catalogue.installed(spec, tmp_path) is None
    assert len(_leftovers(tmp_path)) == 1
    played.ranges.clear()
    played.cuts.clear()
    assert _fetch(spec, tmp_path, played).read_bytes() == CONTENT
    assert int(played.ranges[0].removeprefix("bytes=").rstrip("-")) > 0


def test_a_server_that_ignores_ranges_is_read_from_the_start(
    spec: ModelSpec, played: PlayedHub, tmp_path: Path
) -> None:
    played.cuts, played.ignores_ranges = [600_000], True
    assert _fetch(spec, tmp_path, played).read_bytes() == CONTENT


def test_a_wrong_hash_is_refused_and_nothing_stays(spec: ModelSpec, played: PlayedHub, tmp_path: Path) -> None:
    played.sha256 = "ab" * 32
    with pytest.raises(DownloadError, match=r"sam2\.1_hiera_tiny\.pt is not what the hub records"):
        _fetch(spec, tmp_path, played)
    assert catalogue.installed(spec, tmp_path) is None
    assert _leftovers(tmp_path) == []


def test_a_hash_that_is_none_is_refused_before_it_names_a_file(
    spec: ModelSpec, played: PlayedHub, tmp_path: Path
) -> None:
    played.sha256 = "../../../evil"
    with pytest.raises(DownloadError, match="record"):
        _fetch(spec, tmp_path, played)
    assert played.ranges == []
    assert _leftovers(tmp_path) == []


def test_a_truncated_file_is_never_installed(spec: ModelSpec, played: PlayedHub, tmp_path: Path) -> None:
    played.size = len(CONTENT) + 10
    with pytest.raises(DownloadError, match="broke off"):
        _fetch(spec, tmp_path, played)
    assert catalogue.installed(spec, tmp_path) is None


def test_a_file_larger_than_recorded_is_refused(spec: ModelSpec, played: PlayedHub, tmp_path: Path) -> None:
    played.size = 1000
    with pytest.raises(DownloadError, match="more than the 1,000 bytes"):
        _fetch(spec, tmp_path, played)


def test_a_pinned_hash_has_to_be_the_hubs(spec: ModelSpec, played: PlayedHub, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="another sam2"):
        _fetch(dataclasses.replace(spec, sha256="cd" * 32), tmp_path, played)
    assert played.ranges == []


def test_a_file_without_a_recorded_hash_is_refused(spec: ModelSpec, played: PlayedHub, tmp_path: Path) -> None:
    played.lfs = False
    with pytest.raises(DownloadError, match="records no SHA-256"):
        _fetch(spec, tmp_path, played)


@pytest.mark.parametrize(("status", "info_status"), [(404, 0), (0, 404)])
def test_what_is_not_there_is_named(
    spec: ModelSpec, played: PlayedHub, tmp_path: Path, status: int, info_status: int
) -> None:
    played.status, played.info_status = status, info_status
    with pytest.raises(DownloadError, match="not found") as failure:
        _fetch(spec, tmp_path, played)
    assert spec.filename in str(failure.value)
    assert failure.value.remedy


def test_a_missing_file_in_a_present_repository_is_named(spec: ModelSpec, played: PlayedHub, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match=r"has no file other\.pt"):
        _fetch(dataclasses.replace(spec, filename="other.pt"), tmp_path, played)


def test_a_struggling_server_is_asked_again(spec: ModelSpec, played: PlayedHub, tmp_path: Path) -> None:
    played.status = 503
    with pytest.raises(DownloadError, match="HTTP 503"):
        _fetch(spec, tmp_path, played)
    assert len(played.ranges) == QUICK.attempts


def test_no_connection_says_so(spec: ModelSpec, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(DownloadError, match="cannot be reached"):
            hub.download(spec, tmp_path, endpoint=endpoint, patience=QUICK)


def test_cancelling_keeps_what_has_arrived(spec: ModelSpec, played: PlayedHub, tmp_path: Path) -> None:
    seen: list[int] = []
    with pytest.raises(Cancelled):
        _fetch(
            spec, tmp_path, played, progress=lambda done, *_: seen.append(done), cancelled=lambda: seen[-1] > 500_000
        )
    assert catalogue.installed(spec, tmp_path) is None
    assert len(_leftovers(tmp_path)) == 1
    played.ranges.clear()
    assert _fetch(spec, tmp_path, played).read_bytes() == CONTENT
    assert int(played.ranges[0].removeprefix("bytes=").rstrip("-")) > 500_000


def test_cancelling_does_not_wait_for_a_silent_server(spec: ModelSpec, played: PlayedHub, tmp_path: Path) -> None:
    played.stalls_at = 300_000
    asked: list[int] = []

    def progress(done: int, _total: int, _message: str) -> None:
        asked.append(done)
        if asked.count(done) > 3:  # it is still asked while nothing arrives
            raise Cancelled

    with pytest.raises(Cancelled):
        _fetch(spec, tmp_path, played, progress=progress)
    played.stalls_at = 0
    assert _fetch(spec, tmp_path, played).read_bytes() == CONTENT
    assert len(played.ranges) == 2  # the first try did not run into its timeout, after which it would ask again


@pytest.fixture
def with_tokenizer(played: PlayedHub) -> ModelSpec:
    """A model whose tokenizer belongs to the download."""
    spec = dataclasses.replace(catalogue.find("vit-b-16-siglip"), sha256=None)
    played.repo, played.filename = spec.repo, spec.filename
    played.extra = {"tokenizer.json": b'{"model": 1}', "tokenizer_config.json": b"{}", "README.md": b"not asked for"}
    return spec


def test_all_files_of_a_model_are_fetched_and_held_to_their_hashes(
    with_tokenizer: ModelSpec, played: PlayedHub, tmp_path: Path
) -> None:
    seen: list[tuple[int, int]] = []
    path = _fetch(with_tokenizer, tmp_path, played, progress=lambda done, total, _message: seen.append((done, total)))
    assert sorted(p.name for p in path.parent.iterdir()) == [
        "manifest.json", "open_clip_model.safetensors", "tokenizer.json", "tokenizer_config.json",
    ]  # fmt: skip
    total = len(CONTENT) + len(b'{"model": 1}{}')
    assert seen[-1] == (total, total)
    assert [done for done, _ in seen[1:]] == sorted(done for done, _ in seen[1:])
    assert catalogue.weights_path(with_tokenizer.id, tmp_path) == path
    record = manifest.read(path.parent)
    assert record is not None
    assert set(record.extra) == {"tokenizer.json", "tokenizer_config.json"}
    path.with_name("tokenizer.json").write_bytes(b'{"model": 2}')
    with pytest.raises(ModelError, match="SHA-256"):
        catalogue.weights_path(with_tokenizer.id, tmp_path)
    with pytest.raises(ModelError, match="SHA-256"):
        library.verify(with_tokenizer, tmp_path)


def test_a_small_file_that_git_does_not_vouch_for_is_refused(
    with_tokenizer: ModelSpec, played: PlayedHub, tmp_path: Path
) -> None:
    played.blobs = {"tokenizer.json": "ab" * 20}
    with pytest.raises(DownloadError, match=r"tokenizer\.json is not what the hub records \(git SHA-1"):
        _fetch(with_tokenizer, tmp_path, played)
    assert catalogue.installed(with_tokenizer, tmp_path) is None
    played.blobs = {"tokenizer.json": "../../evil"}
    with pytest.raises(DownloadError, match="record of tokenizer"):
        _fetch(with_tokenizer, tmp_path, played)


def test_a_missing_tokenizer_is_named_before_the_first_byte(
    with_tokenizer: ModelSpec, played: PlayedHub, tmp_path: Path
) -> None:
    del played.extra["tokenizer.json"]
    with pytest.raises(DownloadError, match=r"has no file tokenizer\.json"):
        _fetch(with_tokenizer, tmp_path, played)
    assert played.ranges == []


def test_an_open_clip_model_that_is_not_listed_is_fetched_and_found_by_either_name(
    played: PlayedHub, tmp_path: Path
) -> None:
    spec = catalogue.find("ViT-B-16/datacomp_xl_s13b_b90k", tmp_path)
    played.repo, played.filename = spec.repo, "open_clip_pytorch_model.bin"  # older repositories have that
    path = _fetch(spec, tmp_path, played)
    assert path == tmp_path / "ViT-B-16--datacomp_xl_s13b_b90k" / "open_clip_pytorch_model.bin"
    for name in (spec.id, "ViT-B-16/datacomp_xl_s13b_b90k", "vit-b-16:datacomp_xl_s13b_b90k"):
        assert catalogue.weights_path(name, tmp_path) == path
    listed = catalogue.catalogue(tmp_path)[-1]
    assert (listed.id, listed.family, listed.open_clip) == (spec.id, "clip", "ViT-B-16/datacomp_xl_s13b_b90k")


def test_a_second_download_of_the_same_model_is_refused(spec: ModelSpec, played: PlayedHub, tmp_path: Path) -> None:
    def again(done: int, total: int, message: str) -> None:
        with pytest.raises(DownloadError, match="already"):
            _fetch(spec, tmp_path, played)

    assert _fetch(spec, tmp_path, played, progress=again).is_file()


def test_an_unwritable_models_folder_is_a_storage_error(spec: ModelSpec, played: PlayedHub, tmp_path: Path) -> None:
    (tmp_path / "models").write_text("a file where the folder should be")
    with pytest.raises(StorageError, match="cannot be written"):
        _fetch(spec, tmp_path / "models", played)


def test_too_little_space_is_said_before_the_first_byte(spec: ModelSpec, played: PlayedHub, tmp_path: Path) -> None:
    played.size = 1 << 60
    with pytest.raises(DownloadError, match="disk is too full"):
        _fetch(spec, tmp_path, played)
    assert played.ranges == []


FULL_DISK = """
import dataclasses, resource, signal, sys
from pathlib import Path
from inference import catalogue
from inference.errors import DownloadError
from inference.weights import hub
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (700_000, 700_000))
spec = dataclasses.replace(catalogue.find("sam2.1-tiny"), sha256=None)
try:
    hub.download(spec, Path(sys.argv[1]), endpoint=sys.argv[2])
except DownloadError as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on file sizes")
def test_a_disk_that_fills_up_leaves_nothing_behind(spec: ModelSpec, played: PlayedHub, tmp_path: Path) -> None:
    """The kernel refuses writes past 700 kB in a process of its own, as a full disk does."""
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path), played.endpoint],
        cwd=ROOT, capture_output=True, text=True, timeout=60, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert "disk is full" in done.stdout, done.stderr
    assert _leftovers(tmp_path) == []
    assert catalogue.installed(spec, tmp_path) is None


def test_a_changed_file_is_refused_at_its_next_use(spec: ModelSpec, played: PlayedHub, tmp_path: Path) -> None:
    path = _fetch(spec, tmp_path, played)
    path.write_bytes(b"x" + CONTENT[1:])
    with pytest.raises(ModelError, match="SHA-256"):
        catalogue.weights_path(spec.id, tmp_path)


def test_the_job_reports_bytes_and_what_was_installed(
    played: PlayedHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", played.endpoint)
    played.repo, played.filename = "facebook/sam2.1-hiera-large", "sam2.1_hiera_large.pt"  # it has no pinned hash
    told: list[tuple[int, int]] = []

    class Context:
        models = None

        def progress(self, done: int, total: int, message: str = "", payload: object = None) -> None:
            told.append((done, total))

    result = job.run(job.DownloadRequest("sam2.1-large", str(tmp_path)), Context())
    assert result.sha256 == played.sha256
    assert result.commit == COMMIT
    assert told[-1] == (len(CONTENT), len(CONTENT))
    saved = json.loads((tmp_path / "sam2.1-large" / "manifest.json").read_text())
    assert saved["sha256"] == played.sha256


def test_an_unfinished_download_is_not_listed(spec: ModelSpec, played: PlayedHub, tmp_path: Path) -> None:
    with pytest.raises(Cancelled):
        _fetch(spec, tmp_path, played, cancelled=lambda: True)
    assert list(manifest.installed(tmp_path)) == []
