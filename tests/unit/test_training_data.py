"""Data sets are read as they come, refused when they are broken, and turned into pictures with true masks."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from app.formats import ExportOptions, export
from inference.errors import AppError, FormatError
from inference.training.augment import make_example
from inference.training.config import TrainConfig
from inference.training.data import PictureCache, find_data, thing_mask
from inference.training.loader import BatchMaker, batches
from tests.formats_samples import source
from tests.unit.training_scene import write_scene

CONFIG = TrainConfig(image_size=64, pictures=2, objects=2, paste_share=0.5)


def test_coco_is_found_in_a_folder(tmp_path: Path) -> None:
    write_scene(tmp_path)
    records = find_data(tmp_path)
    assert len(records) == 4 and [t.category for t in records[0].things] == ["blob", "region"]
    assert records[0].path.is_file() and records[0].source == "s0"


def test_polygons_and_crowds(tmp_path: Path) -> None:
    path = write_scene(tmp_path, pictures=1)
    data = json.loads(path.read_text())
    data["annotations"][0]["segmentation"] = [[10.0, 10, 30, 10, 30, 30, 10, 30]]
    data["annotations"][1]["iscrowd"] = 1
    path.write_text(json.dumps(data))
    (record,) = find_data(path)
    assert len(record.things) == 1 and record.things[0].area == 400


def test_oxford_pets_layout(tmp_path: Path) -> None:
    (tmp_path / "annotations" / "trimaps").mkdir(parents=True)
    (tmp_path / "images").mkdir()
    (tmp_path / "annotations" / "trainval.txt").write_text("cat_1 1 1 1\nmissing_2 1 1 1\n")
    trimap = np.full((20, 30), 2, np.uint8)
    trimap[5:15, 5:15], trimap[7:13, 7:13] = 3, 1
    cv2.imwrite(str(tmp_path / "annotations" / "trimaps" / "cat_1.png"), trimap)
    cv2.imwrite(str(tmp_path / "images" / "cat_1.jpg"), np.zeros((20, 30, 3), np.uint8))
    (record,) = find_data(tmp_path)
    mask = thing_mask(record, 0)
    assert sorted(np.unique(mask)) == [0, 128, 255] and (mask == 255).sum() == 36


@pytest.mark.parametrize("text", ["", "[]", '{"images": 3}'])
def test_what_is_no_coco_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "train.json").write_text(text)
    with pytest.raises(FormatError, match=r"train\.json"):
        find_data(tmp_path)


def test_no_data_at_all(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="no data set"):
        find_data(tmp_path)


def test_what_cannot_be_used_is_listed_and_the_rest_is_read(tmp_path: Path) -> None:
    path = write_scene(tmp_path, pictures=3)
    data = json.loads(path.read_text())
    data["images"][0]["file_name"] = "../../secret.png"
    data["annotations"][2]["segmentation"]["counts"] = "0"
    path.write_text(json.dumps(data))
    problems: list[AppError] = []
    records = find_data(path, problems=problems)
    assert [len(record.things) for record in records] == [1, 2]
    assert "leads out" in problems[0].message and "Annotation 3" in problems[1].message


def test_nothing_that_can_be_used_is_an_error(tmp_path: Path) -> None:
    path = write_scene(tmp_path, pictures=1)
    data = json.loads(path.read_text())
    data["images"][0]["file_name"] = "../../secret.png"
    path.write_text(json.dumps(data))
    with pytest.raises(FormatError, match="leads out"):
        find_data(path)


@pytest.mark.parametrize("form", ["coco", "sam2"])
@pytest.mark.parametrize("split", [(), (0.5, 0.5)], ids=["whole", "split"])
def test_what_was_exported_is_trained_on(tmp_path: Path, form: str, split: tuple[float, ...]) -> None:
    data = source(tmp_path / "in")
    export(data, form, tmp_path / "out", ExportOptions(split=split))
    records = [record for name in ("train", "val")[: len(split) or 1] for record in find_data(tmp_path / "out", name)]
    assert sorted(len(record.things) for record in records) == sorted(len(i.instances) for i in data.items[:2])
    assert all(record.path.is_file() for record in records)
    assert {"dog", "red ball"} <= {thing.category for record in records for thing in record.things}


def test_examples_hold_what_they_say(tmp_path: Path) -> None:
    records, cache = find_data(write_scene(tmp_path)), PictureCache()
    seen = 0
    for seed in range(12):
        example = make_example(records, seed % 4, cache, CONFIG, np.random.default_rng(seed))
        if example is None:
            continue
        seen += 1
        assert example.image.shape == (64, 64, 3) and example.image.dtype == np.uint8
        assert example.targets.shape == (2, 16, 16) and example.boxes.shape == (2, 4)
        for target, (x0, y0, x1, y1) in zip(example.targets, example.boxes, strict=True):
            rows, columns = np.flatnonzero(target.max(1) > 140), np.flatnonzero(target.max(0) > 140)
            assert 0 <= x0 < x1 <= 1 and 0 <= y0 < y1 <= 1
            assert columns[0] >= x0 * 16 - 1 and columns[-1] <= x1 * 16
            assert rows[0] >= y0 * 16 - 1 and rows[-1] <= y1 * 16
    assert seen >= 8


def test_batches_depend_on_the_step_alone(tmp_path: Path) -> None:
    records = find_data(write_scene(tmp_path))
    first, second = BatchMaker(records, CONFIG), BatchMaker(records, CONFIG)
    stream = batches(first, CONFIG, 0)
    straight = [next(stream) for _ in range(3)]
    stream.close()
    late = batches(second, CONFIG, 2)
    assert (next(late).images == straight[2].images).all()
    late.close()
    ranks = batches(second, CONFIG, 1, rank=0, size=2)
    assert (next(ranks).images == straight[2].images).all()
    ranks.close()


def test_unreadable_pictures_are_left_out_and_listed(tmp_path: Path) -> None:
    records = find_data(write_scene(tmp_path))
    records[1].path.write_bytes(b"broken")
    maker = BatchMaker(records, CONFIG.model_copy(update={"paste_share": 0.0}))
    maker.batch(range(8))
    assert list(maker.broken) == [str(records[1].path)]


def test_nothing_to_learn_from_is_an_error(tmp_path: Path) -> None:
    records = find_data(write_scene(tmp_path, pictures=1))
    records[0].path.unlink()
    with pytest.raises(FormatError, match="no training pictures"):
        BatchMaker(records, CONFIG).batch(range(2))
