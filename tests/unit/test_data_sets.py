"""Data sets read back: what was exported comes back bit for bit, and hostile or broken files are named."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from app.formats import ExportOptions, export
from inference.data_sets.coco import read_coco
from inference.data_sets.sam2 import read_sam2
from inference.errors import FormatError
from tests.formats_samples import picture, source


@pytest.fixture
def coco(tmp_path: Path) -> Path:
    export(source(tmp_path / "in"), "coco", tmp_path / "out", ExportOptions())
    return tmp_path / "out/annotations/instances.json"


def _edit(path: Path, change) -> Path:
    data = json.loads(path.read_text(encoding="utf-8"))
    change(data)
    path.write_text(json.dumps(data), encoding="utf-8")
    return path


@pytest.mark.parametrize("split", [(), (0.5, 0.5)], ids=["whole", "split"])
def test_exported_coco_comes_back(tmp_path: Path, split: tuple[float, ...]) -> None:
    data = source(tmp_path / "in")
    export(data, "coco", tmp_path / "out", ExportOptions(split=split))
    files = sorted((tmp_path / "out/annotations").iterdir())
    samples = {s.name: s for file in files for s in read_coco(file).samples}
    assert set(samples) == {"a.jpg", "sub/b 1.png"}
    for item in data.items[:2]:
        objects = samples[item.image_id].objects
        assert [o.mask for o in objects] == [i.mask for i in item.instances]
    assert [o.label for o in samples["a.jpg"].objects] == ["dog", "red ball"]


def test_polygons_are_filled_as_pycocotools_does(tmp_path: Path) -> None:
    data = source(tmp_path / "in")
    options = ExportOptions(values={"segmentation": "polygons", "tolerance": 0})
    export(data, "coco", tmp_path / "out", options)
    read = read_coco(tmp_path / "out/annotations/instances.json")
    assert read.samples[1].objects[0].mask == data.items[1].instances[0].mask


@pytest.mark.parametrize(
    "name", ["../secret.png", "/etc/passwd", "..\\secret.png", "C:\\x.png", "a/../../x", "", 5, "a\0"]
)
def test_names_stay_inside(coco: Path, tmp_path: Path, name: Any) -> None:
    picture(tmp_path / "secret.png")
    _edit(coco, lambda d: d["images"][0].update(file_name=name))
    read = read_coco(coco)
    assert [s.name for s in read.samples] == ["sub/b 1.png"] and len(read.problems) == 1


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_links_out_of_the_data_set_are_refused(coco: Path, tmp_path: Path) -> None:
    outside = picture(tmp_path / "secret.jpg")
    inside = tmp_path / "out/images/a.jpg"
    inside.unlink()
    inside.symlink_to(outside)
    (problem,) = read_coco(coco).problems
    assert "link out" in problem.message


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda a: a["segmentation"].update(counts="zz"), "no usable mask"),
        (lambda a: a["segmentation"].update(counts=[5, 5]), "no usable mask"),
        (lambda a: a["segmentation"].update(size=[6, 8], counts=[48]), "mask of 8 × 6"),
        (lambda a: a.update(segmentation=[[1, 1, 2]]), "three points"),
        (lambda a: a.update(segmentation=[[1, 1, 2, 2, 1e12, 3]]), "leaves the picture"),
        (lambda a: a.update(segmentation=[["x"] * 6]), "no usable mask"),
        (lambda a: a.update(segmentation="zz"), "neither RLE nor polygons"),
        (lambda a: a.update(image_id=99), "picture 99"),
    ],
)
def test_bad_annotations_are_named_and_the_rest_is_read(coco: Path, change, said: str) -> None:
    _edit(coco, lambda d: change(d["annotations"][0]))
    read = read_coco(coco)
    (problem,) = read.problems
    assert said in problem.message and "Annotation 1" in problem.message and problem.path == str(coco)
    assert sum(len(s.objects) for s in read.samples) == 2


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda i: i.update(width=81), "80 × 60"),
        (lambda i: i.update(width=0), "width"),
        (lambda i: i.update(height="tall"), "height"),
        (lambda i: i.update(id=True), "id of"),
        (lambda i: i.update(file_name="gone.jpg"), "missing"),
        (lambda i: i.update(id=2), "twice"),
    ],
)
def test_bad_pictures_are_named(coco: Path, change, said: str) -> None:
    _edit(coco, lambda d: change(d["images"][0]))
    assert any(said in p.message for p in read_coco(coco).problems)


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"images": 5}', '{"images": [], "annotations": [1], "categories": []}']
)
def test_other_files_are_no_coco(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(FormatError, match=r"x\.json"):
        read_coco(path)
    with pytest.raises(FormatError, match="not there"):
        read_coco(tmp_path / "gone.json")


def test_sam2_layout_comes_back(tmp_path: Path) -> None:
    data = source(tmp_path / "in")
    export(data, "sam2", tmp_path / "out", ExportOptions())
    read = read_sam2(tmp_path / "out")
    assert [s.name for s in read.samples] == ["a", "sub_b_1"] and read.problems == []
    lower, upper = (i.mask.array() for i in data.items[0].instances)
    assert (read.samples[0].objects[0].mask.array() == (lower & ~upper)).all()
    assert [o.label for o in read.samples[0].objects] == ["dog", "red ball"]
    listed = read_sam2(tmp_path / "out", tmp_path / "out/train_list.txt")
    assert listed.samples == read.samples


def test_broken_sam2_pairs_are_listed(tmp_path: Path) -> None:
    export(source(tmp_path / "in"), "sam2", tmp_path / "out", ExportOptions())
    Image.fromarray(np.zeros((5, 5), np.uint8)).save(tmp_path / "out/Annotations/a/00000.png")
    (tmp_path / "out/JPEGImages/alone").mkdir()
    (tmp_path / "names.txt").write_text("a\nalone\n../in\nsub_b_1\n")
    for names in (None, tmp_path / "names.txt"):
        read = read_sam2(tmp_path / "out", names)
        assert [s.name for s in read.samples] == ["sub_b_1"]
        assert len(read.problems) == (3 if names else 2)


def test_coloured_annotations_are_refused(tmp_path: Path) -> None:
    export(source(tmp_path / "in"), "sam2", tmp_path / "out", ExportOptions())
    picture(tmp_path / "out/Annotations/a/00000.png")
    assert "colours" in read_sam2(tmp_path / "out").problems[0].message


def test_what_is_no_mask_and_what_has_no_class(coco: Path) -> None:
    """Other tools write boxes without masks, rings of two points, texts for numbers, and no categories at all."""

    def other(data: dict[str, Any]) -> None:
        del data["categories"]
        data["annotations"][0]["segmentation"] = []
        data["annotations"][1]["segmentation"] = [[1, 1, 9, 1, 9, 9, 1, 9], [3, 3, 4, 4]]
        for row, key in ((data["images"], "id"), (data["annotations"], "image_id")):
            for one in row:
                one[key] = f"no. {one[key]}"

    read = read_coco(_edit(coco, other))
    objects = [o for s in read.samples for o in s.objects]
    assert read.problems == [] and len(objects) == 2 and {o.label for o in objects} == {None}
    assert objects[0].mask.area == 64


def test_cocos_own_layout(coco: Path, tmp_path: Path) -> None:
    (tmp_path / "out/images").rename(tmp_path / "out/val2017")
    file = coco.rename(coco.with_name("instances_val2017.json"))
    assert len(read_coco(file).samples) == 2


def test_the_shared_data_set_is_read(shared_data: Path) -> None:
    read = read_coco(shared_data / "segmentation/val.json")
    assert len(read.samples) == 416 and read.problems == []
    rows = json.loads((shared_data / "segmentation/val.json").read_text(encoding="utf-8"))["annotations"]
    assert sum(len(s.objects) for s in read.samples) == len(rows)
