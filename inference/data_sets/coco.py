"""COCO instances read as a data set. The file is not trusted: names stay inside, sizes match, bad masks are named."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

from pycocotools import mask as coco

from inference.data_sets.model import DataSet, Labelled, Sample, confined, read_json, whole
from inference.errors import FormatError, ImageError
from inference.masks import Mask
from inference.pictures import read_size

Key = int | str
"""What pictures are numbered by; some tools write texts."""


def read_coco(path: Path) -> DataSet:
    """Reads `instances*.json`, RLE and polygons. Pictures are looked for beside the file, in `images/`, and above.

    Returns:
        Every usable picture with its usable objects; the rest is in `problems`, named. Annotations that are boxes
        only are passed over; an object whose category the file does not have is one without a name.

    Raises:
        FormatError: the file as a whole is no COCO file.
    """
    data = read_json(path)
    rows = {key: _rows(data, key, path) for key in ("images", "annotations")}
    rows["categories"] = _rows(data, "categories", path) if "categories" in data else []
    result = DataSet()
    categories = _categories(rows["categories"], path)
    result.classes = list(dict.fromkeys(categories.values()))
    roots = _roots(path)
    samples: dict[Key, tuple[Sample, list[Labelled]]] = {}
    for row in rows["images"]:
        try:
            number, sample = _image(row, roots, path)
            if number in samples:
                raise FormatError(f"The picture id {number} is there twice.", path, "Mend the annotation file.")
            samples[number] = (sample, [])
        except (FormatError, ImageError) as error:
            result.problems.append(error)
    known = {row["id"] for row in rows["images"] if isinstance(row.get("id"), Key)}
    for row in rows["annotations"]:
        try:
            _add(row, samples, known, categories, path)
        except FormatError as error:
            result.problems.append(error)
    result.samples = [replace(sample, objects=tuple(objects)) for sample, objects in samples.values()]
    return result


def _add(
    row: dict[str, Any],
    samples: dict[Key, tuple[Sample, list[Labelled]]],
    known: set[Any],
    categories: dict[int, str],
    path: Path,
) -> None:
    what = f"Annotation {row.get('id')!r}"
    image = row.get("image_id")
    if not isinstance(image, Key) or image not in known:
        raise FormatError(f"{what} belongs to picture {image!r}, which is not there.", path, "Mend the file.")
    if image not in samples or not row.get("segmentation"):
        return  # its picture is a problem already, or it is a box
    category = row.get("category_id")
    label = categories.get(category) if isinstance(category, int) else None
    sample, objects = samples[image]
    objects.append(Labelled(_mask(row["segmentation"], sample, what, path), label, bool(row.get("iscrowd", 0))))


def _mask(segmentation: Any, sample: Sample, what: str, path: Path) -> Mask:
    try:
        if isinstance(segmentation, dict):
            mask = Mask.from_rle(segmentation)
        elif isinstance(segmentation, list):
            mask = _filled(segmentation, sample.width, sample.height)
        else:
            raise ValueError("it is neither RLE nor polygons")
    except (ValueError, TypeError, OverflowError, UnicodeError) as error:
        raise FormatError(f"{what} ({sample.name}) has no usable mask: {error}.", path, "Mend the file.") from error
    if (mask.width, mask.height) != (sample.width, sample.height):
        size = f"{mask.width} × {mask.height}, the picture {sample.width} × {sample.height}"
        raise FormatError(f"{what} ({sample.name}) has a mask of {size}.", path, "Mend the file.")
    return mask


def _filled(polygons: list[Any], width: int, height: int) -> Mask:
    """As pycocotools fills them; points far outside are refused, for it allocates along the outline."""
    rings = []
    for polygon in polygons:
        ring = [float(v) for v in polygon]
        if len(ring) < 6:
            continue  # a point or a line has no area; COCO 2017 has some
        if len(ring) % 2:
            raise ValueError("a polygon has pairs of numbers")
        limit = 4 * max(width, height)
        if not all(math.isfinite(v) and -limit <= v <= 2 * limit for v in ring):
            raise ValueError("a polygon leaves the picture by far")
        rings.append(ring)
    if not rings:
        raise ValueError("a polygon needs three points")
    code = coco.merge(coco.frPyObjects(rings, height, width))
    return Mask(height, width, code["counts"].decode("ascii"))


def _image(row: dict[str, Any], roots: list[Path], path: Path) -> tuple[Key, Sample]:
    name, key = row.get("file_name"), row.get("id")
    if not isinstance(key, str):
        key = whole(key, f"The id of {name!r}", path, 0, 2**62)
    width = whole(row.get("width"), f"The width of {name!r}", path, 1)
    height = whole(row.get("height"), f"The height of {name!r}", path, 1)
    file = confined(roots, name, path)
    size = read_size(file)
    if size != (width, height):
        was = f"{size[0]} × {size[1]} pixels, not {width} × {height} as the annotations say"
        raise FormatError(f"The picture is {was}.", file, "Use the pictures that belong to the annotations.")
    return key, Sample(str(name), file, width, height, source=str(row.get("source", "")))


def _categories(rows: list[dict[str, Any]], path: Path) -> dict[int, str]:
    result = {}
    for row in rows:
        number, name = row.get("id"), row.get("name")
        if not isinstance(number, int) or not isinstance(name, str):
            raise FormatError(f"The category {row!r:.80} has no id or no name.", path, "Mend the annotation file.")
        result[number] = name
    return result


def _rows(data: Any, key: str, path: Path) -> list[dict[str, Any]]:
    rows = data.get(key) if isinstance(data, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise FormatError(f"This is no COCO file: it has no list of {key}.", path, "Choose an instances JSON.")
    return rows


def _roots(path: Path) -> list[Path]:
    """Where pictures lie: in Winnow's own exports, in COCO's own layout, in `images/`, or beside the file."""
    split, above = path.stem.removeprefix("instances_"), path.parent.parent
    folders = [path.parent / "images", above / "images" / split, above / "images", above / split, path.parent]
    if path.parent.name == "annotations":
        folders.append(above)
    return [folder for folder in folders if folder.is_dir()]
