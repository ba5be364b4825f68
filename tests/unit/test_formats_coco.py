"""COCO: pycocotools reads every mask back bit for bit; ids, splits, polygons and their losses."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pycocotools.coco import COCO

from app.formats import ExportOptions, MemorySource, SourceImage, export
from tests.formats_samples import CLASSES, disc, instance, many, picture, source


def _load(path: Path) -> COCO:
    with contextlib.redirect_stdout(io.StringIO()):
        return COCO(str(path))


def test_pycocotools_reads_the_same_masks(tmp_path: Path) -> None:
    data = source(tmp_path / "in")
    summary = export(data, "coco", tmp_path / "out", ExportOptions())
    coco = _load(tmp_path / "out/annotations/instances.json")
    assert summary.ok and summary.images == 2 and summary.instances == 3
    assert [c["name"] for c in coco.loadCats(coco.getCatIds())] == ["dog", "red ball", "object"]
    assert coco.cats[1]["supercategory"] == "animal"
    expected = {"a.jpg": data.items[0], "sub/b 1.png": data.items[1]}
    for image in coco.loadImgs(coco.getImgIds()):
        annotations = coco.loadAnns(coco.getAnnIds(image["id"]))
        for row, made in zip(annotations, expected[image["file_name"]].instances, strict=True):
            assert (coco.annToMask(row).astype(bool) == made.mask.array()).all()
            assert row["area"] == made.mask.area and row["bbox"] == list(made.mask.bbox)
        assert (tmp_path / "out/images" / image["file_name"]).read_bytes() == (
            expected[image["file_name"]].path.read_bytes()
        )
    assert coco.anns[1]["score"] == 0.91


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    pixels=hnp.arrays(
        bool, st.tuples(st.integers(1, 17), st.integers(1, 23)), elements=st.booleans(), fill=st.booleans()
    )
)
def test_any_mask_survives_bit_for_bit(tmp_path: Path, pixels: np.ndarray) -> None:
    if not pixels.any():
        pixels[0, 0] = True
    height, width = pixels.shape
    path = picture(tmp_path / "in" / f"{width}x{height}.png", width, height)
    data = MemorySource((SourceImage("x.png", path, width, height, (instance(pixels),)),), CLASSES)
    export(data, "coco", tmp_path / "out", ExportOptions(overwrite=True, pictures="none"))
    coco = _load(tmp_path / "out/annotations/instances.json")
    assert (coco.annToMask(coco.anns[1]).astype(bool) == pixels).all()


def test_exact_polygons_give_the_mask_back(tmp_path: Path) -> None:
    pixels = disc(80, 60, 15, 15, 10) | disc(80, 60, 60, 40, 12)
    pixels[59, 79] = True
    data = MemorySource((SourceImage("x.png", picture(tmp_path / "x.png"), 80, 60, (instance(pixels),)),), CLASSES)
    options = ExportOptions(values={"segmentation": "polygons", "tolerance": 0})
    summary = export(data, "coco", tmp_path / "out", options)
    coco = _load(tmp_path / "out/annotations/instances.json")
    assert len(coco.anns[1]["segmentation"]) == 3
    assert (coco.annToMask(coco.anns[1]).astype(bool) == pixels).all()
    assert summary.notes == ()


def test_polygons_report_their_holes_and_mixed_keeps_them(tmp_path: Path) -> None:
    data = source(tmp_path / "in")
    options = ExportOptions(values={"segmentation": "polygons"})
    summary = export(data, "coco", tmp_path / "out", options)
    assert [(n.image_id, n.severity) for n in summary.losses] == [("a.jpg", "loss")]
    assert "1 hole" in summary.losses[0].message
    mixed = export(data, "coco", tmp_path / "mixed", ExportOptions(values={"segmentation": "mixed"}))
    rows = json.loads((tmp_path / "mixed/annotations/instances.json").read_text())["annotations"]
    assert [isinstance(r["segmentation"], dict) for r in rows] == [True, False, False]
    assert mixed.losses == ()


def test_ids_do_not_depend_on_the_split(tmp_path: Path) -> None:
    data = many(tmp_path / "in", 12)
    export(data, "coco", tmp_path / "whole", ExportOptions())
    summary = export(data, "coco", tmp_path / "parts", ExportOptions(split=(0.75, 0.25), seed=5))
    whole = json.loads((tmp_path / "whole/annotations/instances.json").read_text())
    train = json.loads((tmp_path / "parts/annotations/instances_train.json").read_text())
    val = json.loads((tmp_path / "parts/annotations/instances_val.json").read_text())
    assert summary.splits == {"train": 9, "val": 3}
    together = sorted(train["images"] + val["images"], key=lambda r: r["id"])
    assert together == whole["images"]
    assert [r["file_name"] for r in whole["images"]] == [f"p{i}.png" for i in range(12)]
    assert sorted(train["annotations"] + val["annotations"], key=lambda r: r["id"]) == whole["annotations"]
    assert {p.name for p in (tmp_path / "parts/images/val").iterdir()} == {r["file_name"] for r in val["images"]}


@pytest.mark.parametrize("licence", ["", "CC BY 4.0"])
def test_licence_is_written_when_given(tmp_path: Path, licence: str) -> None:
    export(many(tmp_path / "in", 1), "coco", tmp_path / "out", ExportOptions(values={"licence": licence}))
    data = json.loads((tmp_path / "out/annotations/instances.json").read_text())
    assert ("license" in data["images"][0]) == bool(licence)
    assert [row["name"] for row in data["licenses"]] == ([licence] if licence else [])
