"""Pictures with instance masks: COCO files and the Oxford-IIIT Pet layout as one list of `Record`s."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from inference.errors import FormatError
from inference.masks import Mask

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Thing:
    """One annotated instance; `mask` is None for Oxford pets, whose trimap file is the mask."""

    mask: Mask | None
    category: str
    area: float


@dataclass(frozen=True, slots=True)
class Record:
    """A picture and its instances. `trimap` is the mask file of an Oxford pet (1 object, 2 around, 3 between)."""

    path: Path
    source: str
    things: tuple[Thing, ...]
    trimap: Path | None = None


def read_coco(file: Path, images: Path | None = None) -> list[Record]:
    """Reads COCO instances (RLE or polygons). Crowds and empty masks are left out.

    Args:
        file: the json file.
        images: the folder of the pictures; None looks beside the json and in `images/` there.

    Raises:
        FormatError: not a COCO file, or one that names pictures outside its folder.
    """
    try:
        data = json.loads(file.read_text("utf-8"))
        rows, annotations = data["images"], data["annotations"]
        names = {c["id"]: str(c["name"]) for c in data.get("categories", [])}
    except OSError as error:
        raise FormatError("The annotation file cannot be read.", file, "Check the path and its permissions.") from error
    except (ValueError, KeyError, TypeError) as error:
        raise FormatError("This is not a COCO annotation file.", file, "Export the data set as COCO again.") from error
    root = images or (file.parent / "images" if (file.parent / "images").is_dir() else file.parent)
    things: dict[object, list[Thing]] = {}
    sizes = {row["id"]: (int(row["height"]), int(row["width"])) for row in rows}
    for a in annotations:
        if a.get("iscrowd") or a.get("image_id") not in sizes or not a.get("segmentation"):
            continue
        try:
            mask = _mask(a["segmentation"], *sizes[a["image_id"]])
        except (ValueError, TypeError, KeyError) as error:
            raise FormatError(
                f"Annotation {a.get('id')} has a mask that cannot be read: {error}.", file, "Export the file again."
            ) from error
        if mask.area:
            things.setdefault(a["image_id"], []).append(Thing(mask, names.get(a.get("category_id"), ""), mask.area))
    records = []
    for row in rows:
        path = (root / str(row["file_name"])).resolve()
        if not path.is_relative_to(root.resolve()):
            raise FormatError(f"The file names a picture outside its folder: {row['file_name']}.", file)
        if row["id"] in things:
            records.append(Record(path, str(row.get("source", file.stem)), tuple(things[row["id"]])))
    return records


def read_pets(folder: Path, split: str = "trainval") -> list[Record]:
    """Reads a split of the Oxford-IIIT Pet layout: `images/*.jpg`, `annotations/{split}.txt`, `annotations/trimaps`."""
    listing = folder / "annotations" / f"{split}.txt"
    try:
        lines = listing.read_text("utf-8").splitlines()
    except OSError as error:
        raise FormatError("The list of pictures cannot be read.", listing, "Check the folder.") from error
    records = []
    for line in lines:
        if not line.strip() or line.startswith("#"):
            continue
        name = line.split()[0]
        image, trimap = folder / "images" / f"{name}.jpg", folder / "annotations" / "trimaps" / f"{name}.png"
        if image.is_file() and trimap.is_file():
            records.append(Record(image, "oxford pets", (Thing(None, "pet", 0.0),), trimap))
    return records


def find_data(source: Path, split: str = "train") -> list[Record]:
    """Reads whatever `source` is: a COCO file, a folder with one (`{split}.json` first), or an Oxford pets folder."""
    if source.is_file():
        return read_coco(source)
    if (source / "annotations" / "trimaps").is_dir():
        return read_pets(source, "trainval" if split == "train" else "test")
    for pattern in (f"{split}.json", f"annotations/*{split}*.json", "*.json", "annotations/*.json"):
        for file in sorted(source.glob(pattern)):
            if not file.name.startswith("."):
                images = next((d for d in (source / "images", file.parent / "images") if d.is_dir()), None)
                return read_coco(file, images or source)
    raise FormatError(
        "There is no data set here.",
        source,
        "Give a COCO json file, a folder that holds one, or an Oxford pets folder.",
    )


def thing_mask(record: Record, index: int) -> Pixels:
    """(H, W) uint8 0..255; the uncertain border of a trimap is 128."""
    mask = record.things[index].mask
    if mask is not None:
        return mask.array().astype(np.uint8) * 255
    trimap = cv2.imread(str(record.trimap), cv2.IMREAD_GRAYSCALE)
    if trimap is None:
        raise FormatError("The mask of this picture cannot be read.", record.trimap)
    return np.array((0, 255, 0, 128), np.uint8)[np.minimum(trimap, 3)]


class PictureCache:
    """Decoded pictures kept in memory, (H, W, 3) uint8 RGB, long side at most `max_side`, up to `max_bytes`."""

    def __init__(self, max_side: int = 640, max_bytes: int = 3_000_000_000) -> None:
        self.max_side, self.max_bytes = max_side, max_bytes
        self._pictures: dict[Path, Pixels] = {}
        self._bytes = 0

    def get(self, path: Path) -> Pixels:
        found = self._pictures.get(path)
        if found is None:
            found = read_rgb_small(path, self.max_side)
            if self._bytes + found.nbytes <= self.max_bytes:
                self._pictures[path] = found
                self._bytes += found.nbytes
        return found


def read_rgb_small(path: Path, max_side: int) -> Pixels:
    """An upright RGB picture, shrunk to `max_side` if it is larger. ImageError when it cannot be read."""
    from inference.pictures import read_rgb

    picture = read_rgb(path)
    side = max(picture.shape[:2])
    if side > max_side:
        size = (max(1, picture.shape[1] * max_side // side), max(1, picture.shape[0] * max_side // side))
        picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA).astype(np.uint8)
    return picture


def _mask(segmentation: object, height: int, width: int) -> Mask:
    if isinstance(segmentation, dict):
        mask = Mask.from_rle(segmentation)
        if (mask.height, mask.width) != (height, width):
            raise ValueError("its size is not the picture's")
        return mask
    if isinstance(segmentation, Sequence) and not isinstance(segmentation, str):
        from pycocotools import mask as coco

        polygons = [[float(v) for v in ring] for ring in segmentation]
        code = coco.merge(coco.frPyObjects([p for p in polygons if len(p) >= 6], height, width))
        return Mask(height, width, code["counts"].decode("ascii"))
    raise ValueError("it is neither RLE nor polygons")
