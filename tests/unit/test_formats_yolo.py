"""YOLO: data.yaml, labels beside pictures, and polygons that fill to the mask they came from."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from app.formats import ExportOptions, MemorySource, SourceImage, export
from tests.formats_samples import CLASSES, disc, instance, many, picture, source


def _filled(line: str, width: int, height: int) -> tuple[int, np.ndarray]:
    """A label line filled at eight times its size by the even-odd rule, as pixel shares ≥ one half."""
    number, *values = line.split()
    ring = np.array(values, float).reshape(-1, 2) * [width * 8, height * 8]
    canvas = np.zeros((height * 8, width * 8), np.uint8)
    cv2.fillPoly(canvas, [np.round(ring - 0.5).astype(np.int32)], 1)
    return int(number), canvas.reshape(height, 8, width, 8).mean((1, 3)) >= 0.5


def _iou(a: np.ndarray, b: np.ndarray) -> float:
    return float((a & b).sum() / (a | b).sum())


def test_layout_and_names(tmp_path: Path) -> None:
    summary = export(
        source(tmp_path / "in"), "yolo-seg", tmp_path / "out", ExportOptions(which="all", split=(0.5, 0.5))
    )
    about = yaml.safe_load((tmp_path / "out/data.yaml").read_text(encoding="utf-8"))
    assert about == {
        "train": "images/train", "val": "images/val", "names": {0: "dog", 1: "red ball", 2: "object"},
    }  # fmt: skip
    images = {p.relative_to(tmp_path / "out/images").with_suffix("") for p in (tmp_path / "out/images").rglob("*.*")}
    labels = {p.relative_to(tmp_path / "out/labels").with_suffix("") for p in (tmp_path / "out/labels").rglob("*.txt")}
    assert images == labels and len(images) == 4
    assert {p.name for p in labels} == {"a", "sub_b_1", "c", "d"}
    assert summary.images == 4


def test_without_a_split_both_parts_are_named(tmp_path: Path) -> None:
    summary = export(many(tmp_path / "in", 2), "yolo-seg", tmp_path / "out", ExportOptions())
    assert yaml.safe_load((tmp_path / "out/data.yaml").read_text())["val"] == "images"
    assert "same pictures" in summary.notes[0].message


@pytest.mark.parametrize(
    "pixels",
    [
        disc(160, 120, 70, 60, 50),
        disc(160, 120, 70, 60, 50, hole=20),
        disc(160, 120, 30, 30, 25) | disc(160, 120, 110, 80, 35, hole=12),
        np.ones((120, 160), bool),
        disc(160, 120, 5, 5, 30),
    ],
    ids=["blob", "hole", "parts", "full", "corner"],
)
def test_polygons_fill_to_the_mask(tmp_path: Path, pixels: np.ndarray) -> None:
    path = picture(tmp_path / "x.png", 160, 120)
    data = MemorySource((SourceImage("x.png", path, 160, 120, (instance(pixels, 3),)),), CLASSES)
    export(data, "yolo-seg", tmp_path / "out", ExportOptions())
    number, filled = _filled((tmp_path / "out/labels/x.txt").read_text(), 160, 120)
    assert number == 1
    assert _iou(filled, pixels) > 0.95


def test_small_objects_keep_their_place(tmp_path: Path) -> None:
    pixels = np.zeros((60, 80), bool)
    pixels[59, 79] = True
    data = MemorySource((SourceImage("x.png", picture(tmp_path / "x.png"), 80, 60, (instance(pixels),)),), CLASSES)
    export(data, "yolo-seg", tmp_path / "out", ExportOptions())
    _, filled = _filled((tmp_path / "out/labels/x.txt").read_text(), 80, 60)
    assert (filled == pixels).all()


def test_holes_and_parts_are_reported(tmp_path: Path) -> None:
    data = source(tmp_path / "in")
    bridged = export(data, "yolo-seg", tmp_path / "a", ExportOptions())
    said = {n.image_id: n.message for n in bridged.notes if n.image_id}
    assert "1 hole joined" in said["a.jpg"] and "several parts" in said["sub/b 1.png"]
    assert bridged.losses == ()
    filled = export(data, "yolo-seg", tmp_path / "b", ExportOptions(values={"holes": "fill"}))
    assert [n.image_id for n in filled.losses] == ["a.jpg"]


def test_drawn_polygons_stay_as_drawn(tmp_path: Path) -> None:
    ring = ((8.0, 6.0), (72.0, 6.0), (40.0, 54.0))
    drawn = instance(disc(80, 60, 40, 30, 10), 7, 1, polygon=(ring,))
    data = MemorySource((SourceImage("x.png", picture(tmp_path / "x.png"), 80, 60, (drawn,)),), CLASSES)
    export(data, "yolo-seg", tmp_path / "out", ExportOptions())
    assert (tmp_path / "out/labels/x.txt").read_text() == "0 0.1 0.1 0.9 0.1 0.5 0.9\n"


@pytest.mark.parametrize("shares", [(0.5, 0.5), (1.0, 0.0), (0.0, 1.0)])
def test_one_picture_is_split_too(tmp_path: Path, shares: tuple[float, ...]) -> None:
    """Ultralytics asks for train and val even where one of them is empty."""
    path = picture(tmp_path / "in/x.png")
    data = MemorySource((SourceImage("x.png", path, 80, 60, (instance(disc(80, 60, 40, 30, 10)),)),), CLASSES)
    export(data, "yolo-seg", tmp_path / "out", ExportOptions(split=shares))
    about = yaml.safe_load((tmp_path / "out/data.yaml").read_text())
    assert (tmp_path / "out" / about["train"] / "x.png").exists()
    assert (tmp_path / "out" / about["val"] / "x.png").exists()
