"""The files of a segmented subject: mask PNG, RGBA cut-out, overlay, and one COCO file with RLE masks for all.

Each file is written beside its place and renamed, so a cut-off run leaves whole files only. What an earlier run wrote
is replaced; pictures, and masks and annotations that come from elsewhere, never are.
"""

from __future__ import annotations

import errno
import io
import json
import os
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from app import overlays
from app.formats.names import safe
from inference.errors import StorageError, UsageError
from inference.masks import Mask
from inference.prompts import Prompts

Rgb = npt.NDArray[np.uint8]
VIVID = ("#22d3ee", "#ff4fa3", "#a3e635", "#ff9f1c", "#7c5cff")
DESCRIPTION = "Subjects segmented by Winnow"
INDEX = "annotations.json"
KINDS = ("masks", "cutouts", "overlays")
RESULTS = frozenset((*KINDS, "segments", "side_by_side", "originals", "figures", "results", "thumbnails"))
"""All folders that such runs fill, those of `app.everything` and `app.words` among them."""
_MARK, _MARKED = b'by Winnow"', 200  # in so many first bytes of their annotations
CATEGORY = {"id": 1, "name": "subject", "supercategory": ""}


@dataclass(frozen=True, slots=True)
class Subject:
    """What was found in a picture.

    Attributes:
        path: the picture.
        mask: full size, of the upright picture.
        score: the model's own estimate of the IoU, 0..1.
        prompts: what was given for it.
        seconds: how long the model took.
        variant: tells several subjects of one picture apart ("center", "box"); may be empty.
    """

    path: Path
    mask: Mask
    score: float
    prompts: Prompts
    seconds: float = 0.0
    variant: str = ""


@dataclass(slots=True)
class OutputFolder:
    """A folder that fills with `masks/`, `cutouts/`, `overlays/` and `annotations.json`.

    Args:
        folder: made when it is not there.
        inputs: pictures that must not be replaced.
        also: other names in the folder that will be written.
        description: what its annotations say of themselves, by which a later run knows the folder as one of its kind.
        category: the only one of its annotations.

    Raises StorageError when the folder cannot be made, UsageError when what it would replace comes from elsewhere.
    """

    folder: Path
    inputs: Iterable[Path] = ()
    also: tuple[str, ...] = ()
    description: str = DESCRIPTION
    category: dict[str, Any] = field(default_factory=lambda: dict(CATEGORY))
    _names: dict[Path, str] = field(default_factory=dict)
    _images: dict[Path, dict[str, Any]] = field(default_factory=dict)
    _annotations: list[dict[str, Any]] = field(default_factory=list)
    _barred: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        self._barred = frozenset(os.path.normcase(Path(p).resolve()) for p in self.inputs)
        with storing(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            # In this order: what another run has begun to write meanwhile is marked as such.
            there = [self.folder / n for n in (*KINDS, *self.also) if os.path.lexists(self.folder / n)]
            if not self._is_marked() and there:
                raise _from_elsewhere(there[0])

    def add(self, subject: Subject, rgb: Rgb) -> dict[str, str]:
        """Writes the files of a subject and returns their paths by kind. StorageError or UsageError on failure."""
        if not self._images and not self._is_marked():  # known as ours even when this run is cut off
            self.finish()
        name = self._name_of(subject.path) + (f"_{subject.variant}" if subject.variant else "")
        files = {
            "mask": self._save_png(f"masks/{name}.png", subject.mask.array().astype(np.uint8) * 255),
            "cutout": self._save_png(f"cutouts/{name}.png", overlays.cutout(rgb, subject.mask)),
            "overlay": self._save_jpeg(f"overlays/{name}.jpg", self.overlay(subject, rgb)),
        }
        self._record(subject)
        return {kind: str(path) for kind, path in files.items()}

    def overlay(self, subject: Subject, rgb: Rgb) -> Rgb:
        """The mask, its outline and its prompts over the picture."""
        colour = standing_out(rgb, subject.mask)
        return overlays.overlay(
            rgb, [subject.mask], [colour], boxes=[subject.prompts.box], points=subject.prompts.points, opacity=0.4
        )

    def finish(self) -> Path:
        """Writes `annotations.json` (COCO instances; masks as compressed RLE) for everything added, and returns it."""
        coco = {
            "info": {"description": self.description, "version": "1.0"},
            "licenses": [],
            "images": list(self._images.values()),
            "annotations": self._annotations,
            "categories": [self.category],
        }
        # A file name that is no UTF-8 holds surrogates: as \udcff they are JSON, and read back as the same name.
        return self.save(INDEX, json.dumps(coco, ensure_ascii=False, indent=1).encode("utf-8", "backslashreplace"))

    def save(self, relative: str, data: bytes) -> Path:
        """Writes one file beside its place and renames it. Raises StorageError (full, read-only) or UsageError."""
        target = self.folder.joinpath(*relative.split("/"))
        if os.path.normcase(target.resolve()) in self._barred:
            raise UsageError("This would replace one of the pictures.", target, "Choose another --out folder.")
        return write_whole(target, data)

    def remove(self, relative: str) -> bool:
        """Whether a file of an earlier run was there, which is gone now. Raises StorageError."""
        target = self.folder.joinpath(*relative.split("/"))
        if os.path.normcase(target.resolve()) in self._barred or not target.is_file():
            return False
        with storing(target):
            target.unlink(missing_ok=True)
        return True

    def _is_marked(self) -> bool:
        """Whether a run of this program fills the folder; UsageError when another one wrote its annotations."""
        index = self.folder / INDEX
        if not index.exists():
            return False
        with index.open("rb") as file:
            if self.description.encode() in file.read(_MARKED):
                return True
        raise _from_elsewhere(index)

    def _save_png(self, relative: str, pixels: npt.NDArray[np.uint8]) -> Path:
        return self.save(relative, _encoded(pixels, "PNG", compress_level=4))

    def _save_jpeg(self, relative: str, pixels: Rgb) -> Path:
        return self.save(relative, _encoded(pixels, "JPEG", quality=92))

    def _name_of(self, path: Path) -> str:
        """The picture's stem as every system can hold it; pictures of one name are told apart."""
        if path not in self._names:
            taken = {name.casefold() for name in self._names.values()}
            stem = safe(path.stem)
            wishes = [stem, safe(f"{path.parent.name}_{path.stem}"), f"{stem}_{safe(path.suffix.strip('.'))}"]
            numbered = (f"{stem}_{n}" for n in range(2, len(taken) + 4))
            self._names[path] = next(w for w in (*wishes, *numbered) if w and w.casefold() not in taken)
        return self._names[path]

    def _record(self, subject: Subject) -> None:
        mask = subject.mask
        image = self._images.setdefault(
            subject.path,
            {"id": len(self._images) + 1, "file_name": str(subject.path), "width": mask.width, "height": mask.height},
        )
        self._annotations.append(
            {
                "id": len(self._annotations) + 1,
                "image_id": image["id"],
                "category_id": self.category["id"],
                "segmentation": mask.rle,
                "area": mask.area,
                "bbox": list(mask.bbox),
                "iscrowd": 0,
                "score": round(subject.score, 4),
                "attributes": {"prompts": subject.prompts.to_json(), "variant": subject.variant},
            }
        )


def holds_results(folder: Path) -> bool:
    """Whether a run of this program has filled a folder: its `RESULTS` are no pictures of anybody's."""
    try:
        with (folder / INDEX).open("rb") as file:
            return _MARK in file.read(_MARKED)
    except OSError:
        return False


def _from_elsewhere(place: Path) -> UsageError:
    return UsageError("This is there already and was not written by a run like this.", place, "Choose another --out.")


def standing_out(rgb: Rgb, mask: Mask) -> str:
    """The vivid colour that is farthest from the subject's and from its surroundings' mean (CIELAB), "#rrggbb"."""
    pixels = mask.array()
    means = [rgb[part].mean(axis=0) for part in (pixels, ~pixels) if part.any()]

    def distance(colour: str) -> float:
        both = np.array([[*means, overlays.rgb_of(colour)]], np.float32) / 255
        *others, own = cv2.cvtColor(both, cv2.COLOR_RGB2LAB)[0]
        return min((float(np.linalg.norm(own - other)) for other in others), default=0.0)

    return max(VIVID, key=distance)


def write_whole(target: Path, data: bytes) -> Path:
    """Writes a file beside its place and renames it: it is there whole or as it was. Raises StorageError."""
    beside = target.with_name(f".{uuid.uuid4().hex}.part")
    with storing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            beside.write_bytes(data)
            beside.replace(target)
        finally:
            beside.unlink(missing_ok=True)
    return target


@contextmanager
def storing(path: Path) -> Iterator[None]:
    """Says StorageError, with the remedy, for whatever the file system refuses."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)):
            raise StorageError("The disk is full.", path, "Free some space or choose another --out folder.") from error
        why = error.strerror or str(error)
        raise StorageError(f"This cannot be written ({why}).", path, "Choose a folder you may write to.") from error


def _encoded(pixels: npt.NDArray[np.uint8], form: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, form, **options)
    return buffer.getvalue()
