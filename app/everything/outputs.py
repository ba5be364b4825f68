"""The files of all objects of a picture; written as `app.subjects.outputs` writes those of one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from app import overlays
from app.subjects.outputs import OutputFolder
from inference.everything import FoundMask, parents
from inference.masks import Mask

Rgb = npt.NDArray[np.uint8]

DESCRIPTION = "Objects found by Winnow"
CATEGORY = {"id": 1, "name": "object", "supercategory": ""}
FOLDERS = ("segments", "side_by_side")
_TILE = 900  # pixels, the longer side of a picture beside another


@dataclass(frozen=True, slots=True)
class Findings:
    """What a model found in a picture.

    Attributes:
        path: the picture.
        model: its title.
        masks: of the upright picture's size.
        width, height: that size.
        seconds: what it took.
    """

    path: Path
    model: str
    masks: tuple[FoundMask, ...]
    width: int
    height: int
    seconds: float

    @property
    def covered(self) -> float:
        """The share of the picture that lies in some mask."""
        if not self.masks:
            return 0.0
        whole = self.masks[0].mask
        for found in self.masks[1:]:
            whole = whole.union(found.mask)
        return whole.area / (self.width * self.height)

    @property
    def median_area(self) -> float:
        """Of the masks, as a share of the picture."""
        areas = [f.mask.area for f in self.masks]
        return float(np.median(areas)) / (self.width * self.height) if areas else 0.0

    @property
    def words(self) -> str:
        """One line about it."""
        return (
            f"{self.model}: {len(self.masks)} masks, {self.covered:.0%} covered, "
            f"median {self.median_area:.2%}, {self.seconds:.1f} s"
        )


def output_folder(folder: Path, inputs: Sequence[Path]) -> EverythingFolder:
    """The folder that the files go to. Raises StorageError, and UsageError where other things are."""
    return EverythingFolder(folder, inputs, FOLDERS, DESCRIPTION, CATEGORY)


class EverythingFolder(OutputFolder):
    """Fills with `annotations.json`, `overlays/`, `segments/PICTURE/` and `side_by_side/`."""

    __slots__ = ()

    def add_findings(self, found: Findings, rgb: Rgb | None, *, overlay: bool, segments: bool) -> dict[str, str]:
        """Writes what is wanted of a picture and returns the paths by kind. StorageError or UsageError on failure.

        Args:
            rgb: the picture, perhaps smaller than the masks; None when no picture is to be written.
        """
        if not self._images and not self._is_marked():  # known as ours even when this run is cut off
            self.finish()
        name, files = self._name_of(found.path), {}
        if rgb is not None and overlay:
            files["overlay"] = str(self._save_jpeg(f"overlays/{name}.jpg", coloured(rgb, found.masks)))
        if rgb is not None and segments:
            files["segments"] = str(self.folder / "segments" / name)
            for number, one in enumerate(found.masks, 1):
                self._save_png(f"segments/{name}/{name}_{number:03}.png", _cut(rgb, one.mask))
            self._drop_segments(name, len(found.masks))
        self._record_findings(found)
        return files

    def add_side_by_side(self, both: Sequence[Findings], rgb: Rgb) -> str:
        """Writes the overlays of two models beside each other and returns the path."""
        scale = min(1.0, _TILE / max(rgb.shape[:2]))
        size = max(round(rgb.shape[1] * scale), 1), max(round(rgb.shape[0] * scale), 1)
        small: Rgb = np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)
        tiles = [overlays.captioned(coloured(small, found.masks), found.words) for found in both]
        return str(self._save_jpeg(f"side_by_side/{self._name_of(both[0].path)}.jpg", overlays.sheet([tiles])))

    def _drop_segments(self, name: str, count: int) -> None:
        """An earlier run found more: its files beyond `count` are of no mask that is there now."""
        number = count + 1
        while self.remove(f"segments/{name}/{name}_{number:03}.png"):
            number += 1

    def _record_findings(self, found: Findings) -> None:
        image = {
            "id": len(self._images) + 1,
            "file_name": str(found.path),
            "width": found.width,
            "height": found.height,
        }
        self._images[found.path] = image
        first = len(self._annotations) + 1
        wholes = parents([f.mask for f in found.masks])
        for number, (one, whole) in enumerate(zip(found.masks, wholes, strict=True), first):
            attributes: dict[str, Any] = {
                "stability_score": round(one.stability_score, 4),
                "point": [round(v, 1) for v in one.point],
                "crop_box": list(one.crop_box),
                "part_of": None if whole is None else first + whole,
            }
            self._annotations.append(
                {
                    "id": number,
                    "image_id": image["id"],
                    "category_id": self.category["id"],
                    "segmentation": one.mask.rle,
                    "area": one.mask.area,
                    "bbox": list(one.mask.bbox),
                    "iscrowd": 0,
                    "score": round(one.predicted_iou, 4),
                    "attributes": attributes,
                }
            )


def coloured(rgb: Rgb, masks: Sequence[FoundMask]) -> Rgb:
    """Every mask in a colour of its own, the large ones below."""
    order = sorted(range(len(masks)), key=lambda i: -masks[i].mask.area)
    pixels = [fitted(masks[i].mask, rgb.shape[1], rgb.shape[0]) for i in order]
    return overlays.overlay(rgb, pixels, [overlays.colour_of(i) for i in order])


def fitted(mask: Mask, width: int, height: int) -> npt.NDArray[np.bool_]:
    """The mask's pixels on a smaller copy of its picture."""
    pixels = mask.array()
    if pixels.shape == (height, width):
        return pixels
    return cv2.resize(pixels.view(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST).astype(bool)


def _cut(rgb: Rgb, mask: Mask) -> npt.NDArray[np.uint8]:
    """The object on transparency, cropped to its box: (h, w, 4)."""
    inside = fitted(mask, rgb.shape[1], rgb.shape[0])
    x, y, w, h = cv2.boundingRect(inside.view(np.uint8))
    part = inside[y : y + max(h, 1), x : x + max(w, 1)]
    patch = rgb[y : y + max(h, 1), x : x + max(w, 1)]
    return np.dstack([patch * part[..., None], part.astype(np.uint8) * 255])
