"""labelme's JSON files, one a picture: polygons, rectangles, circles and masks, by the rules of its own loader."""

from __future__ import annotations

import base64
import binascii
import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from inference.data_sets.model import DataSet, Labelled, Sample, confined, read_json, whole
from inference.errors import FormatError, ImageError
from inference.masks import Mask
from inference.pictures import read_size


def is_labelme(path: Path) -> bool:
    """Whether a JSON file is one of labelme's."""
    try:
        data = read_json(path)
    except FormatError:
        return False
    return isinstance(data, dict) and isinstance(data.get("shapes"), list) and "imagePath" in data


def read_labelme(files: Sequence[Path], folder: Path) -> DataSet:
    """Reads labelme files below `folder`; other JSON files among them are passed over.

    Pieces of one object (the same label and `group_id`) become one mask. Points and lines have no area and are
    passed over. Pictures are looked for where the file says, and beside it under its name, always inside `folder`.
    """
    result = DataSet()
    for file in files:
        if not is_labelme(file):
            continue
        try:
            sample, problems = _sample(file, folder)
            result.samples.append(sample)
            result.problems += problems
        except (FormatError, ImageError) as error:
            result.problems.append(error)
    result.classes = sorted({o.label for s in result.samples for o in s.objects if o.label})
    return result


def _sample(file: Path, folder: Path) -> tuple[Sample, list[FormatError | ImageError]]:
    data = read_json(file)
    picture = _picture(data, file, folder)
    width, height = read_size(picture)
    for entry, size in (("imageWidth", width), ("imageHeight", height)):
        said = data.get(entry)
        if said is not None and whole(said, entry, file, 1) != size:
            raise FormatError(
                f"The picture is {width} × {height} pixels, not as its {entry} ({said}) says.", picture, "Save it anew."
            )
    pieces: dict[tuple[Any, ...], Mask] = {}
    labels: dict[tuple[Any, ...], str] = {}
    problems: list[FormatError | ImageError] = []
    for number, shape in enumerate(data["shapes"]):
        try:
            label, mask = _shape(shape, number, width, height, file)
        except FormatError as error:
            problems.append(error)
            continue
        if mask is None:
            continue
        group = shape.get("group_id")
        key: tuple[Any, ...] = (label, group) if isinstance(group, int) else (label, None, number)
        pieces[key] = pieces[key].union(mask) if key in pieces else mask
        labels[key] = label
    objects = tuple(Labelled(mask, labels[key] or None) for key, mask in pieces.items())
    return Sample(picture.relative_to(folder).as_posix(), picture, width, height, objects), problems


def _picture(data: dict[str, Any], file: Path, folder: Path) -> Path:
    """Where the file says, as seen from itself; else a picture of its own name beside it."""
    name = data["imagePath"]
    try:
        return confined([file.parent], name, file)
    except FormatError as error:
        if isinstance(name, str):
            there = (file.parent / name.replace("\\", "/")).resolve()
            if there.is_file() and there.is_relative_to(folder.resolve()):
                return folder / there.relative_to(folder.resolve())
        raise error


def _shape(shape: Any, number: int, width: int, height: int, file: Path) -> tuple[str, Mask | None]:
    """The label and mask of a shape; no mask for kinds without an area. FormatError names it."""
    try:
        if not isinstance(shape, dict):
            raise ValueError("it is no object")
        label, kind = shape.get("label"), shape.get("shape_type") or "polygon"
        if not isinstance(label, str):
            raise ValueError("it has no label")
        if kind in ("point", "line", "linestrip", "points"):
            return label, None
        points = np.array(shape.get("points"), np.float64)
        if points.ndim != 2 or points.shape[1] != 2 or not np.isfinite(points).all() or np.abs(points).max() > 1e6:
            raise ValueError("its points are no list of x, y")
        return label, Mask.from_array(_drawn(shape, kind, points, width, height))
    except (ValueError, TypeError, OverflowError) as error:
        raise FormatError(f"Shape {number + 1} cannot be used: {error}.", file, "Mend it in labelme.") from error


def _drawn(shape: dict[str, Any], kind: str, points: np.ndarray, width: int, height: int) -> np.ndarray:
    if kind == "mask":
        return _pasted(shape.get("mask"), points, width, height)
    if kind == "rectangle" and len(points) == 2:
        (x0, y0), (x1, y1) = points.min(0), points.max(0)
        points = np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)])
    elif kind == "circle" and len(points) == 2:
        radius = math.dist(points[0], points[1])
        angles = np.linspace(0, 2 * np.pi, 72, endpoint=False)
        points = points[0] + radius * np.column_stack((np.cos(angles), np.sin(angles)))
    elif kind not in ("polygon", "oriented_rectangle"):
        raise ValueError(f"its kind is {kind!r}")
    if len(points) < 3:
        raise ValueError("it has fewer than three points")
    return _filled(points, width, height)


def _filled(points: np.ndarray, width: int, height: int) -> np.ndarray:
    """As labelme fills a polygon: with Pillow, its points being pixel centres, the outline inside."""
    from PIL import ImageDraw

    canvas = Image.new("L", (width, height), 0)
    ImageDraw.Draw(canvas).polygon([tuple(p) for p in points], outline=1, fill=1)
    return np.asarray(canvas, np.uint8)


def _pasted(code: Any, points: np.ndarray, width: int, height: int) -> np.ndarray:
    """A base64 PNG over the box whose corners are both inside."""
    if not isinstance(code, str) or len(points) != 2:
        raise ValueError("a mask needs a picture and two corners")
    try:
        data = base64.b64decode(code, validate=True)
        with Image.open(io.BytesIO(data), formats=("PNG",)) as opened:
            if opened.width > width or opened.height > height:
                raise ValueError("its mask is larger than the picture")
            patch = np.asarray(opened.convert("L")) > 0
    except (OSError, SyntaxError, binascii.Error) as error:
        raise ValueError(f"its mask cannot be read ({error})") from error
    x, y = (int(v) for v in np.round(points[0]))
    if x < 0 or y < 0 or x + patch.shape[1] > width or y + patch.shape[0] > height:
        raise ValueError("its mask leaves the picture")
    canvas = np.zeros((height, width), bool)
    canvas[y : y + patch.shape[0], x : x + patch.shape[1]] = patch
    return canvas


__all__ = ["is_labelme", "read_labelme"]
