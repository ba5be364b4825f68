"""Index maps and cut-outs: VOC, SAM 2 layout, binary and indexed masks, RGBA; palette, overlaps and numbers."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from PIL import Image

from app.formats import ExportOptions, MemorySource, SourceImage, export
from app.formats.labelled import voc_palette
from inference.errors import UsageError
from tests.formats_samples import CLASSES, disc, instance, many, picture, source


def _array(path: Path) -> np.ndarray:
    with Image.open(path) as opened:
        return np.asarray(opened)


def test_voc_palette_is_the_devkits() -> None:
    palette = np.array(voc_palette()).reshape(-1, 3).tolist()
    # The first colours of VOCdevkit's VOClabelcolormap, and its void.
    assert palette[:6] == [[0, 0, 0], [128, 0, 0], [0, 128, 0], [128, 128, 0], [0, 0, 128], [128, 0, 128]]
    assert palette[20] == [0, 64, 128] and palette[255] == [224, 224, 192]


def test_voc_layout_maps_and_boxes(tmp_path: Path) -> None:
    data = source(tmp_path / "in")
    summary = export(data, "voc", tmp_path / "out", ExportOptions(split=(0.5, 0.5), seed=1))
    out = tmp_path / "out"
    ring, over = (i.mask.array() for i in data.items[0].instances)
    classes, objects = _array(out / "SegmentationClass/a.png"), _array(out / "SegmentationObject/a.png")
    assert (classes == np.where(over, 2, np.where(ring, 1, 0))).all()
    assert (objects == classes).all()
    with Image.open(out / "SegmentationClass/a.png") as opened:
        assert opened.mode == "P" and opened.getpalette() == voc_palette()
    root = ET.parse(out / "Annotations/a.xml").getroot()
    x, y, w, h = data.items[0].instances[0].mask.bbox
    box = root.find("object/bndbox")
    assert box is not None and [int(e.text or "") for e in box] == [x + 1, y + 1, x + w, y + h]
    assert [e.text for e in root.iterfind("object/name")] == ["dog", "red ball"]
    assert root.findtext("filename") == "a.jpg" and root.findtext("size/width") == "80"
    lists = {s: (out / f"ImageSets/Segmentation/{s}.txt").read_text().split() for s in ("train", "val", "trainval")}
    assert sorted(lists["train"] + lists["val"]) == lists["trainval"] == ["a", "sub_b_1"]
    assert (out / "ImageSets/Main/red ball_trainval.txt").read_text() == "a  1\nsub_b_1 -1\n"
    assert {p.name for p in (out / "JPEGImages").iterdir()} == {"a.jpg", "sub_b_1.jpg"}
    overlap = int((ring & over).sum())
    assert [n.message for n in summary.losses] == [f"{overlap} pixels claimed by several instances went to the "
                                                   "uppermost one."]  # fmt: skip


def test_voc_border_is_void(tmp_path: Path) -> None:
    data = many(tmp_path / "in", 1)
    export(data, "voc", tmp_path / "out", ExportOptions(values={"border": 1}))
    classes = _array(tmp_path / "out/SegmentationClass/p0.png")
    assert set(np.unique(classes)) == {0, 1, 255}


def test_sam2_layout(tmp_path: Path) -> None:
    data = source(tmp_path / "in")
    summary = export(data, "sam2", tmp_path / "out", ExportOptions(which="all", split=(0.5, 0.5)))
    out = tmp_path / "out"
    numbers = _array(out / "Annotations/a/00000.png")
    assert set(np.unique(numbers)) == {0, 1, 2}
    assert _array(out / "JPEGImages/sub_b_1/00000.jpg").shape == (60, 80, 3)
    names = [n for s in ("train", "val") for n in (out / f"{s}_list.txt").read_text().split()]
    assert sorted(names) == ["a", "sub_b_1"] and summary.images == 2
    about = json.loads((out / "classes.json").read_text())
    assert about["objects"]["a"] == {"1": "dog", "2": "red ball"}
    assert {n.image_id for n in summary.notes if "without objects" in n.message} == {"c.jpg", "d.jpg"}


def test_more_objects_than_an_index_map_holds(tmp_path: Path) -> None:
    spots = []
    for i in range(260):
        pixels = np.zeros((20, 40), bool)
        pixels[i // 40, i % 40] = True
        spots.append(instance(pixels, 7, i + 1))
    data = MemorySource((SourceImage("x.png", picture(tmp_path / "x.png", 40, 20), 40, 20, tuple(spots)),), CLASSES)
    summary = export(data, "sam2", tmp_path / "out", ExportOptions())
    assert "6 instances beyond the 254" in summary.losses[0].message
    assert _array(tmp_path / "out/Annotations/x/00000.png").max() == 254


@pytest.mark.parametrize(
    ("per", "names"),
    [
        ("instance", {"a_01_dog.png", "a_02_red ball.png", "sub/b 1_01_object.png"}),
        ("class", {"a_dog.png", "a_red ball.png", "sub/b 1_object.png"}),
        ("picture", {"a.png", "sub/b 1.png"}),
    ],
)
def test_binary_masks(tmp_path: Path, per: str, names: set[str]) -> None:
    data = source(tmp_path / "in")
    export(data, "masks", tmp_path / "out", ExportOptions(values={"per": per}))
    folder = tmp_path / "out/masks"
    assert {p.relative_to(folder).as_posix() for p in folder.rglob("*.png")} == names
    union = _array(folder / "a.png") if per == "picture" else _array(folder / sorted(names)[0])
    first, second = (i.mask.array() for i in data.items[0].instances)
    assert (union == np.where(first | second if per == "picture" else first, 255, 0)).all()
    assert not (tmp_path / "out/images").exists()


def test_masks_with_pictures_and_ones(tmp_path: Path) -> None:
    data = many(tmp_path / "in", 1)
    export(data, "masks", tmp_path / "out", ExportOptions(pictures="copy", values={"per": "picture", "value": "1"}))
    assert _array(tmp_path / "out/masks/p0.png").max() == 1
    assert (tmp_path / "out/images/p0.png").read_bytes() == data.items[0].path.read_bytes()


def test_names_of_masks_never_collide(tmp_path: Path) -> None:
    classes = (CLASSES[0].__class__(1, "b_c", "#111111"), CLASSES[0].__class__(2, "c", "#222222"))
    one = SourceImage("a.png", picture(tmp_path / "a.png"), 80, 60, (instance(disc(80, 60, 20, 20, 9), 1),))
    two = SourceImage("a_b.png", picture(tmp_path / "a_b.png"), 80, 60, (instance(disc(80, 60, 20, 20, 9), 2),))
    export(MemorySource((one, two), classes), "masks", tmp_path / "out", ExportOptions(values={"per": "class"}))
    assert {p.name for p in (tmp_path / "out/masks").iterdir()} == {"a_b_c.png", "a_b_c-2.png"}


@pytest.mark.parametrize("by", ["class", "instance"])
def test_indexed_masks(tmp_path: Path, by: str) -> None:
    data = source(tmp_path / "in")
    summary = export(data, "indexed", tmp_path / "out", ExportOptions(values={"by": by, "colours": "classes"}))
    with Image.open(tmp_path / "out/masks/a.png") as opened:
        assert (opened.getpalette() or [])[3:6] == ([255, 0, 0] if by == "class" else [128, 0, 0])
    about = json.loads((tmp_path / "out/classes.json").read_text())
    assert [c["name"] for c in about["classes"]] == ["dog", "red ball", "object"]
    if by == "instance":
        assert about["instances"]["masks/a.png"] == [{"value": 1, "class": "dog"}, {"value": 2, "class": "red ball"}]
    assert len(summary.losses) == 1


def test_too_many_classes_for_an_index(tmp_path: Path) -> None:
    classes = tuple(CLASSES[0].__class__(i, f"c{i}", "#000000") for i in range(1, 300))
    data = MemorySource(many(tmp_path / "in", 1).items, classes)
    with pytest.raises(UsageError, match="at most 254 classes"):
        export(data, "voc", tmp_path / "out", ExportOptions())
    assert not (tmp_path / "out").exists()


def test_cutouts(tmp_path: Path) -> None:
    data = source(tmp_path / "in")
    options = ExportOptions(which="all", values={"margin": 3, "class_folders": True})
    summary = export(data, "cutouts", tmp_path / "out", options)
    x, y, w, h = data.items[0].instances[0].mask.bbox
    rgba = _array(tmp_path / "out/dog/a_01_dog.png")
    assert rgba.shape == (h + 6, w + 6, 4)
    mask = data.items[0].instances[0].mask.array()[y - 3 : y + h + 3, x - 3 : x + w + 3]
    rgb = _array(data.items[0].path)[y - 3 : y + h + 3, x - 3 : x + w + 3]
    assert (rgba[..., 3] == mask * 255).all() and (rgba[mask][:, :3] == rgb[mask]).all()
    assert summary.images == 2
    export(data, "cutouts", tmp_path / "whole", ExportOptions(values={"per": "picture", "crop": False}))
    assert _array(tmp_path / "whole/a.png").shape == (60, 80, 4)
