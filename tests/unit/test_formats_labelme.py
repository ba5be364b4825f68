"""labelme: files that labelme's own loader rules accept, masks bit for bit, and whatever else stood in them kept."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from app.formats import ExportOptions, MemorySource, SourceImage, export
from inference.errors import UsageError
from tests.formats_samples import CLASSES, disc, instance, picture, source, turned_picture


def _load(path: Path) -> dict[str, Any]:
    """The checks of labelme's `LabelFile.load` and `_load_shape_json_obj`."""
    data = json.loads(path.read_text(encoding="utf-8"))
    assert {"version", "imageData", "imagePath", "shapes", "flags", "imageHeight", "imageWidth"} <= data.keys()
    assert data["imageData"] is not None or (path.parent / data["imagePath"]).is_file()
    for shape in data["shapes"]:
        assert isinstance(shape["label"], str) and isinstance(shape["shape_type"], str)
        assert shape["points"] and all(
            len(p) == 2 and all(isinstance(v, (int, float)) for v in p) for p in shape["points"]
        )
        assert shape["group_id"] is None or isinstance(shape["group_id"], int)
        assert isinstance(shape["description"], str) and isinstance(shape["flags"], dict)
    return data


def _mask(shape: dict[str, Any], width: int, height: int) -> np.ndarray:
    """How labelme turns a shape into pixels (`shapes_to_label`, `shape_to_mask`)."""
    result = np.zeros((height, width), bool)
    if shape["shape_type"] == "mask":
        patch = np.asarray(Image.open(io.BytesIO(base64.b64decode(shape["mask"])))).astype(bool)
        x, y = np.asarray(shape["points"][0]).round().astype(int)
        result[y : y + patch.shape[0], x : x + patch.shape[1]] = patch
        assert shape["points"][1] == [x + patch.shape[1] - 1, y + patch.shape[0] - 1]
        return result
    assert len(shape["points"]) > 2
    canvas = Image.fromarray(result.astype(np.uint8))
    ImageDraw.Draw(canvas).polygon([tuple(p) for p in shape["points"]], outline=1, fill=1)
    return np.asarray(canvas).astype(bool)


def test_mask_shapes_are_exact(tmp_path: Path) -> None:
    data = source(tmp_path / "in")
    summary = export(data, "labelme", tmp_path / "out", ExportOptions())
    loaded = _load(tmp_path / "out/a.json")
    assert loaded["imagePath"] == "a.jpg" and (loaded["imageWidth"], loaded["imageHeight"]) == (80, 60)
    for shape, made in zip(loaded["shapes"], data.items[0].instances, strict=True):
        assert (_mask(shape, 80, 60) == made.mask.array()).all()
    assert [s["label"] for s in loaded["shapes"]] == ["dog", "red ball"]
    assert _load(tmp_path / "out/sub/b 1.json")["imagePath"] == "b 1.png"
    assert summary.losses == ()


@pytest.mark.parametrize("tolerance", [0, 1.0])
def test_polygon_shapes_fill_to_the_mask(tmp_path: Path, tolerance: float) -> None:
    pixels = disc(80, 60, 15, 15, 10) | disc(80, 60, 60, 40, 12)
    pixels[59, 79] = True
    data = MemorySource((SourceImage("x.png", picture(tmp_path / "x.png"), 80, 60, (instance(pixels),)),), CLASSES)
    options = ExportOptions(values={"shapes": "polygon", "tolerance": tolerance})
    export(data, "labelme", tmp_path / "out", options)
    shapes = _load(tmp_path / "out/x.json")["shapes"]
    filled = np.any([_mask(s, 80, 60) for s in shapes], axis=0)
    assert (filled & pixels).sum() / (filled | pixels).sum() > (0.95 if tolerance else 0.999)
    assert len(shapes) == 3 and {s["group_id"] for s in shapes} == {1}


def test_drawn_polygons_stay_polygons(tmp_path: Path) -> None:
    ring = ((10.0, 10.0), (50.0, 12.0), (30.0, 40.0))
    drawn = instance(disc(80, 60, 30, 20, 9), 7, 1, polygon=(ring,), note="by hand")
    data = MemorySource((SourceImage("x.png", picture(tmp_path / "x.png"), 80, 60, (drawn,)),), CLASSES)
    export(data, "labelme", tmp_path / "out", ExportOptions())
    (shape,) = _load(tmp_path / "out/x.json")["shapes"]
    assert shape["shape_type"] == "polygon" and shape["points"] == [list(p) for p in ring]
    assert shape["description"] == "by hand"


def test_beside_the_originals_keeps_what_others_wrote(tmp_path: Path) -> None:
    data = source(tmp_path / "in")
    options = ExportOptions(pictures="none")
    export(data, "labelme", tmp_path / "in", options)
    path = tmp_path / "in/a.json"
    loaded = _load(path)
    assert loaded["imagePath"] == "a.jpg"
    loaded |= {"reviewer": "Ada", "flags": {"night": True}}
    loaded["shapes"][0] |= {"flags": {"occluded": True}, "difficult": 2, "description": "left one"}
    loaded["shapes"].append({"label": "nose", "points": [[3, 4]], "shape_type": "point", "flags": {}, "group_id": None,
                             "description": ""})  # fmt: skip
    path.write_text(json.dumps(loaded), encoding="utf-8")
    with pytest.raises(UsageError, match="there already"):
        export(data, "labelme", tmp_path / "in", options)
    summary = export(data, "labelme", tmp_path / "in", ExportOptions(pictures="none", overwrite=True))
    again = _load(path)
    assert again["reviewer"] == "Ada" and again["flags"] == {"night": True}
    dog = next(s for s in again["shapes"] if s["label"] == "dog")
    assert dog["flags"] == {"occluded": True} and dog["difficult"] == 2 and dog["description"] == "left one"
    assert [s["label"] for s in again["shapes"]] == ["nose", "dog", "red ball"]
    assert any("1 shape of the existing file kept" in n.message for n in summary.notes)
    assert not list((tmp_path / "in").glob(".winnow-export*"))


def test_another_json_in_the_way_is_not_replaced(tmp_path: Path) -> None:
    data = source(tmp_path / "in")
    other = tmp_path / "in/a.json"
    other.write_text('{"made": "elsewhere"}', encoding="utf-8")
    summary = export(data, "labelme", tmp_path / "in", ExportOptions(pictures="none", overwrite=True))
    assert [n.image_id for n in summary.failed] == ["a.jpg"] and "no labelme file" in summary.failed[0].message
    assert other.read_text(encoding="utf-8") == '{"made": "elsewhere"}'
    assert (tmp_path / "in/sub/b 1.json").exists()


def test_turned_pictures_stay_as_they_are(tmp_path: Path) -> None:
    path = turned_picture(tmp_path / "in/t.jpg")
    data = MemorySource((SourceImage("t.jpg", path, 80, 60, (instance(disc(80, 60, 30, 30, 9)),)),), CLASSES)
    export(data, "labelme", tmp_path / "out", ExportOptions(values={"image_data": True}))
    assert (tmp_path / "out/t.jpg").read_bytes() == path.read_bytes()
    embedded = base64.b64decode(_load(tmp_path / "out/t.json")["imageData"])
    with Image.open(io.BytesIO(embedded)) as opened:
        assert opened.size == (80, 60)


def test_pointing_to_the_originals(tmp_path: Path) -> None:
    data = source(tmp_path / "in")
    export(data, "labelme", tmp_path / "out", ExportOptions(pictures="none"))
    assert _load(tmp_path / "out/sub/b 1.json")["imagePath"] == "../../in/sub/b 1.png"
