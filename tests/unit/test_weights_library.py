"""Import, verify and remove, with real checkpoints of the starter's architecture."""

from __future__ import annotations

import pickle
import shutil
from pathlib import Path

import pytest

from inference import catalogue
from inference.errors import ModelError, UsageError
from inference.weights import library, manifest


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained model of the starter's architecture, as `train` would write it."""
    import torch

    from inference.engines.architecture import ArchConfig, build_model
    from inference.engines.checkpoint import save_checkpoint

    torch.set_num_threads(1)
    config = ArchConfig(name="tests-own", image_size=128, hidden_dim=32, trunk_channels=(8, 16, 24, 32))
    return save_checkpoint(build_model(config), config, tmp_path_factory.mktemp("weights") / "My Model.safetensors")


def test_an_imported_checkpoint_is_listed_with_its_architecture(checkpoint: Path, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    spec = library.import_file(checkpoint, tmp_path, progress=lambda done, total: seen.append((done, total)))
    assert spec.id == "my-model"
    assert "tests-own" in spec.architecture
    assert Path(spec.path or "").read_bytes() == checkpoint.read_bytes()
    assert catalogue.weights_path("my-model", tmp_path).is_file()
    assert seen[-1] == (2 * checkpoint.stat().st_size,) * 2
    assert library.verify(spec, tmp_path) == spec.sha256


def test_the_same_file_is_not_copied_twice(checkpoint: Path, tmp_path: Path) -> None:
    first = library.import_file(checkpoint, tmp_path)
    again = library.import_file(shutil.copy(checkpoint, tmp_path / "other.safetensors"), tmp_path)
    assert again == first


def test_a_taken_name_gets_a_number_or_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "my-model").mkdir()
    with pytest.raises(UsageError, match="there already"):
        library.import_file(checkpoint, tmp_path, name="My Model")
    assert library.import_file(checkpoint, tmp_path).id == "my-model-2"


def test_a_pickle_with_code_is_refused_and_does_not_run(tmp_path: Path) -> None:
    import torch

    mark = tmp_path / "ran"
    torch.save({"model": _Touch(str(mark))}, tmp_path / "evil.pt")
    with pytest.raises(ModelError, match=r"evil\.pt"):
        library.import_file(tmp_path / "evil.pt", tmp_path / "models")
    (tmp_path / "bare.pt").write_bytes(pickle.dumps(_Touch(str(mark))))
    with pytest.raises(ModelError, match=r"bare\.pt"):
        library.import_file(tmp_path / "bare.pt", tmp_path / "models")
    assert not mark.exists()
    assert list(manifest.installed(tmp_path / "models")) == []


class _Touch:
    """Writes a file when it is unpickled."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return open, (self.path, "w")


def test_weights_of_another_model_are_refused(tmp_path: Path) -> None:
    import torch

    torch.save({"fc.weight": torch.zeros(2, 2)}, tmp_path / "resnet.pt")
    with pytest.raises(ModelError, match=r"resnet\.pt"):
        library.import_file(tmp_path / "resnet.pt", tmp_path / "models")


def test_a_truncated_checkpoint_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(checkpoint.read_bytes()[:-100])
    with pytest.raises(ModelError, match=r"cut\.safetensors.*truncated"):
        library.import_file(cut, tmp_path / "models")
    assert not (tmp_path / "models").exists()


def test_removing_gives_the_space_back(checkpoint: Path, tmp_path: Path) -> None:
    spec = library.import_file(checkpoint, tmp_path)
    assert library.remove(spec, tmp_path) > checkpoint.stat().st_size
    assert catalogue.catalogue(tmp_path) == catalogue.catalogue(tmp_path / "nothing")
    assert checkpoint.is_file()


def test_what_is_not_winnows_is_not_removed(checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="ships with"):
        library.remove(catalogue.find("starter"), tmp_path)
    with pytest.raises(UsageError, match="in place"):
        library.remove(catalogue.find(checkpoint), tmp_path)
    with pytest.raises(UsageError, match="not installed"):
        library.remove(catalogue.find("sam2-tiny"), tmp_path)


def test_verifying_finds_a_changed_file(checkpoint: Path, tmp_path: Path) -> None:
    spec = library.import_file(checkpoint, tmp_path)
    file = Path(spec.path or "")
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    with pytest.raises(ModelError, match="not the one that was installed"):
        library.verify(spec, tmp_path)
