"""Class folders and zips: what is found, how it is split, what is refused; batches that depend on the step alone."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from inference.errors import FormatError, ImageError, UsageError
from inference.training.classifier_batches import BatchPlan, PictureStore, batches
from inference.training.classifier_config import PRESETS, ClassifierConfig, make_config
from inference.training.classifier_data import ClassData, Reader, find_classes
from tests.unit.classifier_scene import FAST, write_classes, zipped


def _find(*sources: Path, limit: int = 0, seed: int = 42) -> ClassData:
    return find_classes(sources, 0.25, 0.25, seed, limit)


def test_missing_parts_are_split_by_class_and_always_the_same_way(tmp_path: Path) -> None:
    data = _find(write_classes(tmp_path, 12))
    assert data.classes == ("fire", "grass", "sea")
    for part, each in (("test", 3), ("val", 2), ("train", 7)):
        assert np.bincount([e.label for e in getattr(data, part)]).tolist() == [each] * 3
    assert len({e.name for part in (data.train, data.val, data.test) for e in part}) == 36
    assert _find(tmp_path) == data != _find(tmp_path, seed=1)
    assert "no test part" in " ".join(data.notes)


def test_a_new_class_moves_no_picture_of_the_others(tmp_path: Path) -> None:
    before = {e.name for e in _find(write_classes(tmp_path)).test}
    write_classes(tmp_path, classes=("zoo",))
    assert before <= {e.name for e in _find(tmp_path).test}


@pytest.mark.parametrize("inside", ["", "around/"])
def test_parts_of_a_zip_are_taken_as_they_are(tmp_path: Path, inside: str) -> None:
    write_classes(tmp_path / "d" / "train", 8)
    write_classes(tmp_path / "d" / "test", 3)
    data = _find(zipped(tmp_path / "d", tmp_path / "d.zip", inside), limit=5)
    assert len(data.test) == 9 and len(data.train) + len(data.val) == 15
    reader = Reader(data.sources)
    assert reader.read(data.test[0]).shape == (20, 24, 3)
    assert reader.where(data.test[0]).endswith("test/fire/00.png")
    reader.close()


def test_nested_classes_keep_their_path_and_hidden_folders_are_left_out(tmp_path: Path) -> None:
    write_classes(tmp_path, 4)
    write_classes(tmp_path / "animals", 4, classes=("cat",))
    write_classes(tmp_path / ".winnow", 4, classes=("cat",))
    assert _find(tmp_path).classes == ("animals/cat", "fire", "grass", "sea")


def test_an_empty_class_and_loose_pictures_are_told(tmp_path: Path) -> None:
    write_classes(tmp_path)
    (tmp_path / "nothing").mkdir()
    shutil.copy(tmp_path / "sea" / "00.png", tmp_path / "loose.png")
    notes = " ".join(_find(tmp_path).notes)
    assert "class folder nothing has no pictures" in notes and "1 pictures lie in no class folder" in notes


def test_what_cannot_be_trained_on_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="no such folder"):
        _find(tmp_path / "gone")
    (tmp_path / "empty").mkdir()
    with pytest.raises(FormatError, match="no pictures"):
        _find(tmp_path / "empty")
    with pytest.raises(FormatError, match="only one class"):
        _find(write_classes(tmp_path / "one", classes=("sea",)))
    write_classes(tmp_path / "parts" / "train", classes=("sea", "fire"))
    write_classes(tmp_path / "parts" / "test")
    with pytest.raises(FormatError, match="no training pictures: grass"):
        _find(tmp_path / "parts")
    (tmp_path / "text.txt").write_text("no zip")
    with pytest.raises(FormatError, match="neither a folder nor a zip"):
        _find(tmp_path / "text.txt")


def test_a_zip_that_names_files_outside_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as archive:
        archive.writestr("../sea/1.png", b"x")
    with pytest.raises(FormatError, match="outside itself"):
        _find(tmp_path / "bad.zip")


def test_a_damaged_member_of_a_zip_is_a_broken_picture(tmp_path: Path) -> None:
    file = zipped(write_classes(tmp_path / "d", 6), tmp_path / "d.zip")
    content = bytearray(file.read_bytes())
    start = content.index(b"IDAT") + 30
    content[start : start + 40] = bytes(40)
    file.write_bytes(content)
    data = _find(file)
    reader = Reader(data.sources)
    everything = data.train + data.val + data.test
    store = PictureStore(everything, reader, 16, 1e9)
    assert len(store) == 17 and len(store.broken) == 1 and "fire/00.png" in next(iter(store.broken))
    with pytest.raises(ImageError):
        reader.read(next(e for e in everything if e.name == "fire/00.png"))
    reader.close()


def test_batches_depend_on_the_step_alone_and_processes_share_them(tmp_path: Path) -> None:
    data = _find(write_classes(tmp_path))
    config = ClassifierConfig(**FAST)
    store = PictureStore(data.train, Reader(data.sources), 16, 1e9)
    whole = BatchPlan(store, config, (0.5,) * 3, (0.5,) * 3)
    batch = whole.make(3)
    assert batch.images.shape == (8, 3, 16, 16) and batch.images.abs().max() <= 1.001
    assert torch.equal(batch.images, whole.make(3).images) and not torch.equal(batch.images, whole.make(4).images)
    parts = [BatchPlan(store, config, (0.5,) * 3, (0.5,) * 3, rank, 2).make(3) for rank in (0, 1)]
    assert sorted(np.concatenate([p.index for p in parts])) == sorted(batch.index)
    # Mixing joins the first with the last and so on: the pairs are the same in one process and in two.
    pairs = {frozenset((a, b)) for a, b in zip(batch.index, batch.index[::-1], strict=True)}
    assert pairs == {frozenset((a, b)) for p in parts for a, b in zip(p.index, p.index[::-1], strict=True)}
    stream = batches(whole, 3)
    assert torch.equal(next(stream).images, batch.images)
    stream.close()


def test_pictures_beyond_the_memory_are_read_when_needed(tmp_path: Path) -> None:
    data = _find(write_classes(tmp_path))
    store = PictureStore(data.train, Reader(data.sources), 16, 0)
    assert store.pixels(0).shape == (20, 24, 3)
    (tmp_path / data.train[0].name).unlink()
    with pytest.raises(ImageError):
        store.pixels(0)


def test_presets_and_settings_are_checked() -> None:
    assert {make_config(name, {}).model for name in PRESETS} == {"small-vit", "mobilenetv2_100"}
    assert make_config(None, {}).epochs == 300 and make_config(None, {"minutes": 5}).warmup_share == pytest.approx(
        1 / 30
    )
    with pytest.raises(UsageError, match="no preset"):
        make_config("imagenet", {})
    with pytest.raises(UsageError, match="no such training setting"):
        make_config(None, {"colour": 1})
    with pytest.raises(UsageError, match="batch"):
        make_config(None, {"batch": 0})


def test_the_rate_warms_up_and_falls() -> None:
    config = ClassifierConfig()
    assert config.rate_at(0.0, 0.0) == pytest.approx(1e-3)
    assert config.rate_at(1 / 30, 10.0) == pytest.approx(1.0, abs=0.01)
    assert config.rate_at(1.0, 300.0) == pytest.approx(0.0, abs=1e-6)
