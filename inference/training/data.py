"""Pictures with instance masks: every data set that can be read (`find_data`) as one list of `Record`s."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from inference.data_sets.coco import read_coco
from inference.data_sets.labelme import is_labelme, read_labelme
from inference.data_sets.model import DataSet, Sample
from inference.data_sets.oxford_pets import list_pets
from inference.data_sets.project import has_project, read_project
from inference.data_sets.sam2 import read_sam2
from inference.errors import AppError, FormatError, ImageError
from inference.masks import Mask

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Thing:
    """One annotated instance; `mask` is None for Oxford pets, whose trimap file is the mask.

    `kind` is finer than the category where the data set says it: the breed of a cat.
    """

    mask: Mask | None
    category: str
    area: float
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """A picture and its instances. `trimap` is the mask file of an Oxford pet (1 object, 2 around, 3 between)."""

    path: Path
    source: str
    things: tuple[Thing, ...]
    trimap: Path | None = None


def read_pets(folder: Path, split: str = "trainval", problems: list[AppError] | None = None) -> list[Record]:
    """Reads a split of the Oxford-IIIT Pet layout: `images/*.jpg`, `annotations/{split}.txt`, `annotations/trimaps`.

    The category is "cat" or "dog", its kind the breed. `problems` gets the pictures whose files are missing.
    """
    records = []
    for pet in list_pets(folder, split):
        missing = next((path for path in (pet.image, pet.trimap) if not path.is_file()), None)
        if missing is None:
            thing = Thing(None, pet.species, 0.0, pet.breed)
            records.append(Record(pet.image, "oxford pets", (thing,), pet.trimap))
        elif problems is not None:
            problems.append(ImageError("The file is missing.", missing, "Copy it again from the original."))
    return records


def find_data(source: Path, split: str = "train", problems: list[AppError] | None = None) -> list[Record]:
    """Reads whatever `source` is: a COCO file, a folder with one, SAM 2's layout, labelme files, an annotated folder
    (a project), or an Oxford pets folder.

    Args:
        split: of a folder with several, which one.
        problems: gets the pictures and objects that cannot be used; the others are returned.

    Raises:
        FormatError: there is no data set, or nothing in it can be used.
    """
    if (source / "annotations" / "trimaps").is_dir():
        return read_pets(source, "trainval" if split == "train" else "test", problems)
    read = _read(source, split)
    if problems is not None:
        problems += read.problems
    records = [_record(sample, source.stem) for sample in read.samples]
    records = [record for record in records if record.things]
    if not records:
        first = read.problems[0].message if read.problems else "It names no objects with masks."
        raise FormatError(f"Nothing in the data set can be used. {first}", source, "Check its pictures and masks.")
    return records


def _read(source: Path, split: str) -> DataSet:
    if source.is_file():
        return read_labelme([source], source.parent) if is_labelme(source) else read_coco(source)
    if (source / "JPEGImages").is_dir() and (source / "Annotations").is_dir():
        names = source / f"{split}_list.txt"
        return read_sam2(source, names if names.is_file() else None)
    if has_project(source):
        return read_project(source)
    for pattern in (f"{split}.json", f"annotations/*{split}*.json", "*.json", "annotations/*.json"):
        for file in sorted(source.glob(pattern)):
            if not file.name.startswith("."):
                return read_labelme(sorted(source.rglob("*.json")), source) if is_labelme(file) else read_coco(file)
    labelled = sorted(file for file in source.rglob("*.json") if not file.name.startswith("."))
    if labelled and is_labelme(labelled[0]):  # they lie beside their pictures, also in subfolders
        return read_labelme(labelled, source)
    raise FormatError(
        "There is no data set here.",
        source,
        "Give a COCO json file or a folder that holds one, SAM 2's layout, labelme files, a folder that was annotated "
        "in Winnow, or an Oxford pets folder.",
    )


def _record(sample: Sample, otherwise: str) -> Record:
    """Without crowds and empty masks. `otherwise` is the source of a sample that names none."""
    things = tuple(
        Thing(one.mask, one.label or "", one.mask.area) for one in sample.objects if one.mask.area and not one.crowd
    )
    return Record(sample.path, sample.source or otherwise, things)


def kind_of(record: Record) -> str:
    """What a split keeps in proportion: the kind or category of the picture's largest object."""
    largest = max(record.things, key=lambda thing: thing.area)
    return largest.kind or largest.category


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
