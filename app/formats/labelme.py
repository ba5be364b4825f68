"""labelme JSON: mask shapes bit for bit, or polygons; what labelme or a person added to an existing file stays.

The rules are those of labelme's own loader (labelme/_label_file.py): the keys it requires, masks as base64 PNG of the
box whose corners are both inside, polygons through pixel centres, unknown keys carried along.
"""

from __future__ import annotations

import base64
import io
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from app.formats.base import Format, Item, Setting, Shape
from app.formats.options import POLYGON_TOLERANCE, Choice, Option
from app.formats.outlines import inside, report_holes
from app.formats.pictures import is_turned, place_picture
from app.formats.polygons import centre_rings, simplified
from app.formats.summary import counted
from app.texts import QT_TRANSLATE_NOOP
from inference.errors import FormatError
from inference.pictures import read_rgb

SHAPES = Option(
    "shapes",
    "choice",
    "auto",
    QT_TRANSLATE_NOOP("formats", "Shapes"),
    QT_TRANSLATE_NOOP("formats", "Masks are exact; labelme before 5.3 and other tools know only polygons."),
    choices=(
        Choice("auto", QT_TRANSLATE_NOOP("formats", "polygons as they were drawn, masks otherwise")),
        Choice("mask", QT_TRANSLATE_NOOP("formats", "masks")),
        Choice("polygon", QT_TRANSLATE_NOOP("formats", "polygons (holes are filled)")),
    ),
)
EMBED = Option(
    "image_data",
    "bool",
    False,
    QT_TRANSLATE_NOOP("formats", "Picture inside the JSON"),
    QT_TRANSLATE_NOOP("formats", "Stores the picture as imageData."),
)

_VERSION = "5.5.0"
_ID = "winnow_id"


class LabelmeWriter:
    """`NAME.json` with the picture beside it, or pointing to where the picture is."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting

    def add(self, item: Item) -> bool:
        relative = item.under("", ".json")
        earlier = _read_earlier(self._setting.previous / relative)
        placed = place_picture(self._setting, item, item.under(""), applies_exif=True)
        path = placed.rpartition("/")[2] if placed else _pointer(item.path, self._setting.previous / relative)
        data = {
            **earlier,
            "version": earlier.get("version", _VERSION),
            "flags": earlier.get("flags") or {},
            "shapes": self._shapes(item, earlier.get("shapes", [])),
            "imagePath": path,
            "imageData": _image_data(item.path) if self._setting.values["image_data"] else None,
            "imageHeight": item.height,
            "imageWidth": item.width,
        }
        self._setting.staging.write_json(relative, data, indent=2)
        return True

    def finish(self) -> None:
        """Every picture has its own file."""

    def _shapes(self, item: Item, earlier: list[dict[str, Any]]) -> list[dict[str, Any]]:
        known: dict[str, dict[str, Any]] = {}
        foreign = []
        for old in earlier:
            if isinstance(old.get(_ID), str):
                known.setdefault(old[_ID], old)
            else:
                foreign.append(old)
        if foreign:
            self._setting.notes.info(item.image_id, f"{counted(len(foreign), 'shape')} of the existing file kept.")
        made, filled, holed = [], 0, 0
        for number, shape in enumerate(item.shapes, 1):
            pieces, holes = self._pieces(item, shape)
            filled, holed = filled + holes, holed + bool(holes)
            group = number if len(pieces) > 1 else None
            made += [_merged(known.get(shape.instance.id, {}), shape, piece, group) for piece in pieces]
        report_holes(self._setting.notes, item.image_id, filled, holed)
        return foreign + made

    def _pieces(self, item: Item, shape: Shape) -> tuple[list[dict[str, Any]], int]:
        """The geometry of an instance as one or several shapes, and how many holes it lost."""
        kind, drawn = self._setting.values["shapes"], shape.instance.polygon
        single = drawn is not None and len(drawn) == 1 and len(drawn[0]) >= 3
        if kind == "mask" or (kind == "auto" and not single):
            return [_mask_shape(shape)], 0
        if single and drawn is not None:
            ring = inside(np.asarray(drawn[0], np.float64), item.width, item.height)
            return [_polygon_shape(ring.tolist())], 0
        rings = [simplified(r, self._setting.values["tolerance"]) for r in centre_rings(shape.instance.mask)]
        holes = sum(hole for _, hole in shape.instance.mask.rings())
        return [_polygon_shape(_three_points(r.tolist())) for r in rings], holes


def _mask_shape(shape: Shape) -> dict[str, Any]:
    x, y, w, h = shape.instance.mask.bbox
    patch = shape.instance.mask.array()[y : y + h, x : x + w].astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(patch).save(buffer, "PNG")
    return {
        "points": [[float(x), float(y)], [float(x + w - 1), float(y + h - 1)]],
        "shape_type": "mask",
        "mask": base64.b64encode(buffer.getvalue()).decode("ascii"),
    }


def _polygon_shape(points: list[list[float]]) -> dict[str, Any]:
    return {"points": points, "shape_type": "polygon", "mask": None}


def _three_points(points: list[list[float]]) -> list[list[float]]:
    """labelme refuses polygons of one or two points, which is what single pixels and lines have."""
    return points if len(points) >= 3 else (points * 3)[: max(3, 2 * len(points) - 1)]


def _merged(earlier: dict[str, Any], shape: Shape, piece: dict[str, Any], group: int | None) -> dict[str, Any]:
    """The shape; keys that Winnow does not set stay as they are in the existing file."""
    result = {
        "label": shape.category.name,
        "points": piece["points"],
        "group_id": group if group is not None else earlier.get("group_id"),
        "description": shape.instance.note or earlier.get("description") or "",
        "shape_type": piece["shape_type"],
        "flags": earlier.get("flags") or {},
        "mask": piece["mask"],
        _ID: shape.instance.id,
    }
    if shape.instance.score is not None:
        result["score"] = round(shape.instance.score, 4)
    return {**{k: v for k, v in earlier.items() if k not in result}, **result}


def _read_earlier(path: Path) -> dict[str, Any]:
    """The labelme file that is there, or nothing; FormatError when something else is there."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise FormatError(f"The existing file cannot be read as JSON ({error}).", path, "Move it away.") from error
    shapes = data.get("shapes") if isinstance(data, dict) else None
    if not isinstance(shapes, list) or not all(isinstance(s, dict) for s in shapes):
        raise FormatError("The existing file is no labelme file.", path, "Move it away or choose another folder.")
    return dict(data)


def _pointer(picture: Path, label_file: Path) -> str:
    """From the label file to the picture; absolute where no relative way leads (another Windows drive)."""
    try:
        return Path(os.path.relpath(picture, label_file.parent)).as_posix()
    except ValueError:
        return picture.as_posix()


def _image_data(path: Path) -> str:
    """As labelme stores it: the file itself when it is an upright JPEG or PNG, else a JPEG of it."""
    if path.suffix.lower() in (".jpg", ".jpeg", ".png") and not is_turned(path):
        return base64.b64encode(path.read_bytes()).decode("ascii")
    buffer = io.BytesIO()
    Image.fromarray(read_rgb(path)).save(buffer, "JPEG", quality=95)
    return base64.b64encode(buffer.getvalue()).decode("ascii")


FORMAT = Format(
    "labelme",
    "labelme",
    QT_TRANSLATE_NOOP("formats", "One JSON a picture, masks or polygons; also beside the originals."),
    LabelmeWriter,
    (SHAPES, POLYGON_TOLERANCE, EMBED),
    beside=True,
)
