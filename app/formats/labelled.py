"""Index maps: one number a pixel, saved as PNG with a palette."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from app.formats.base import Shape
from app.formats.summary import Notes, counted
from app.overlays import rgb_of

IndexMap = npt.NDArray[np.uint8]
VOID = 255


def voc_palette() -> list[int]:
    """Pascal VOC's 256 colours as r, g, b, r, g, b …: a number's bits spread over the high bits of the channels."""
    palette = []
    for index in range(256):
        red = green = blue = 0
        code = index
        for shift in range(7, -1, -1):
            red |= (code & 1) << shift
            green |= (code >> 1 & 1) << shift
            blue |= (code >> 2 & 1) << shift
            code >>= 3
        palette += [red, green, blue]
    return palette


def palette_of(colours: Sequence[str]) -> list[int]:
    """Black, then the given `#rrggbb` colours as 1, 2, …; the rest and 255 (void) as Pascal VOC has them."""
    palette = voc_palette()
    for index, colour in enumerate(colours, 1):
        palette[3 * index : 3 * index + 3] = rgb_of(colour)
    return palette


def index_png(numbers: IndexMap, palette: Sequence[int]) -> bytes:
    """A palette PNG of (H, W) uint8."""
    picture = Image.fromarray(numbers)
    picture.putpalette(list(palette))
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


@dataclass(frozen=True)
class Painted:
    """Index maps of one picture, later instances over earlier ones.

    Attributes:
        classes: (H, W) uint8, the category's number a pixel.
        objects: (H, W) uint8, 1, 2, … in the order of the instances; only the first `most` are in it.
        overlapping: pixels that more than one instance claims.
        hidden: how many instances are covered wholly by later ones.
        surplus: how many instances got no number of their own.
    """

    classes: IndexMap
    objects: IndexMap
    overlapping: int
    hidden: int
    surplus: int


def painted(shapes: Sequence[Shape], width: int, height: int, most: int = 254) -> Painted:
    """Paints instances bottom to top."""
    classes, objects = np.zeros((height, width), np.uint8), np.zeros((height, width), np.uint8)
    taken = np.zeros((height, width), bool)
    overlap = np.zeros((height, width), bool)
    for number, shape in enumerate(shapes, 1):
        x, y, w, h = shape.instance.mask.bbox
        window = np.s_[y : y + h, x : x + w]
        pixels = shape.instance.mask.array()[window]
        overlap[window] |= taken[window] & pixels
        taken[window] |= pixels
        classes[window][pixels] = shape.category.number
        objects[window][pixels] = number if number <= most else 0
    numbered = min(len(shapes), most)
    left = set(np.unique(objects).tolist()) - {0}
    return Painted(classes, objects, int(overlap.sum()), numbered - len(left), len(shapes) - numbered)


def report_overlaps(notes: Notes, image_id: str, result: Painted, *, objects: bool) -> None:
    """Says what an index map could not hold."""
    if result.overlapping:
        notes.loss(
            image_id,
            f"{counted(result.overlapping, 'pixel')} claimed by several instances went to the uppermost one"
            + (f"; {counted(result.hidden, 'instance')} covered wholly." if objects and result.hidden else "."),
        )
    if objects and result.surplus:
        notes.loss(image_id, f"{counted(result.surplus, 'instance')} beyond the 254 that an index map holds left out.")


def with_void_border(numbers: IndexMap, objects: IndexMap, thickness: int) -> IndexMap:
    """Pixels within `thickness` of a border between objects set to 255, as Pascal VOC marks unsure edges."""
    import cv2

    if thickness <= 0:
        return numbers
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * thickness + 1, 2 * thickness + 1))
    border = cv2.dilate(objects, kernel) != cv2.erode(objects, kernel)
    result = numbers.copy()
    result[border] = VOID
    return result
