"""Masks worked on in patches: cut out, put back and combined as run lengths.

A small edit of a 100-megapixel mask is small work that way. COCO's code runs down the columns, so a range of columns
is a range of runs. No Qt.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from pycocotools import mask as coco

from inference.masks import Mask

BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]
Rect = tuple[int, int, int, int]
"""x, y, width, height in image pixels."""


@dataclass(frozen=True)
class Patch:
    """A piece of a mask: `pixels` (h, w) bool with its upper left corner at x, y of the picture."""

    x: int
    y: int
    pixels: BoolArray


@lru_cache(maxsize=512)
def run_ends(mask: Mask) -> IntArray:
    """`Mask.run_ends`, remembered: the pointer asks for the same ones again and again."""
    return mask.run_ends()


def contains(mask: Mask, x: float, y: float) -> bool:
    """Whether the pixel at x, y is inside; False off the picture."""
    column, row = int(np.floor(x)), int(np.floor(y))
    if not (0 <= column < mask.width and 0 <= row < mask.height):
        return False
    return bool(np.searchsorted(run_ends(mask), column * mask.height + row, side="right") % 2)


def crop(mask: Mask, rect: Rect) -> BoolArray:
    """The pixels of a rectangle, (height, width) bool; what lies off the picture is outside."""
    x, y, width, height = rect
    result = np.zeros((height, width), bool)
    left, right = max(x, 0), min(x + width, mask.width)
    top, bottom = max(y, 0), min(y + height, mask.height)
    if left < right and top < bottom:
        result[top - y : bottom - y, left - x : right - x] = _columns(mask, left, right)[top:bottom]
    return result


def sampled(mask: Mask, columns: IntArray, rows: IntArray) -> BoolArray:
    """The pixels at the crossings of `columns` and `rows` (on the picture, never falling), (rows, columns) bool.

    Costs what the samples cost, not what the picture does: for views from far away.
    """
    if not columns.size or not rows.size:
        return np.zeros((rows.size, columns.size), bool)
    apart, place = np.unique(columns, return_inverse=True)
    if apart.size < columns.size:
        return sampled(mask, apart, rows)[:, place]
    # How many samples lie before each end of a run: those of the columns before, and in its own column those above.
    column, row = np.divmod(run_ends(mask), mask.height)
    before = np.searchsorted(columns, column, side="left")
    own = np.searchsorted(columns, column, side="right") > before
    bounds = np.concatenate(([0], before * rows.size + own * np.searchsorted(rows, row, side="left")))
    inside = (np.arange(len(bounds) - 1) % 2).astype(bool)
    return np.repeat(inside, np.diff(bounds)).reshape(columns.size, rows.size).T


def patch_of(mask: Mask, margin: int = 0) -> Patch:
    """The tight piece that holds everything inside, with a margin (which may reach off the picture)."""
    x, y, width, height = mask.bbox
    if not width:
        return Patch(0, 0, np.zeros((0, 0), bool))
    x, y, width, height = x - margin, y - margin, width + 2 * margin, height + 2 * margin
    return Patch(x, y, crop(mask, (x, y, width, height)))


def place(patch: Patch, width: int, height: int) -> Mask:
    """A patch as a mask of a `width` × `height` picture; what lies off the picture is cut."""
    pixels = patch.pixels
    left, right = max(patch.x, 0), min(patch.x + pixels.shape[1], width)
    top, bottom = max(patch.y, 0), min(patch.y + pixels.shape[0], height)
    if left >= right or top >= bottom:
        return blank(width, height)
    band = np.zeros((height, right - left), np.uint8, order="F")
    band[top:bottom] = pixels[top - patch.y : bottom - patch.y, left - patch.x : right - patch.x]
    ends = run_ends(_from_band(band))
    runs = np.diff(ends, prepend=0)
    runs[0] += left * height
    tail = (width - right) * height
    if len(runs) % 2:  # the last run is outside
        runs[-1] += tail
    elif tail:
        runs = np.append(runs, tail)
    return from_runs(runs, width, height)


def blank(width: int, height: int) -> Mask:
    """A mask with nothing inside."""
    return from_runs(np.array([width * height], np.int64), width, height)


def from_runs(runs: IntArray, width: int, height: int) -> Mask:
    """From run lengths that cover the picture, outside first."""
    code = coco.frPyObjects({"size": [height, width], "counts": runs.tolist()}, height, width)
    return Mask(height, width, code["counts"].decode("ascii"))


def inverted(mask: Mask) -> Mask:
    """Inside and outside exchanged."""
    runs = np.diff(run_ends(mask), prepend=0)
    runs = runs[1:] if runs.size and runs[0] == 0 else np.concatenate(([0], runs))
    return from_runs(runs, mask.width, mask.height)


def minus(mask: Mask, other: Mask) -> Mask:
    """What is in `mask` and not in `other`. ValueError when the sizes differ."""
    return mask.intersection(inverted(other))


def bounding(rects: Sequence[Rect]) -> Rect:
    """The smallest rectangle around others; empty ones do not count."""
    filled = [r for r in rects if r[2] and r[3]]
    if not filled:
        return 0, 0, 0, 0
    left, top = min(r[0] for r in filled), min(r[1] for r in filled)
    right, bottom = max(r[0] + r[2] for r in filled), max(r[1] + r[3] for r in filled)
    return left, top, right - left, bottom - top


def _columns(mask: Mask, left: int, right: int) -> BoolArray:
    """Columns left..right in full height, decoded from the runs that touch them only."""
    ends, start, stop = run_ends(mask), left * mask.height, right * mask.height
    first = int(np.searchsorted(ends, start, side="right"))
    last = int(np.searchsorted(ends, stop, side="left"))
    bounds = np.concatenate(([start], ends[first:last], [stop]))
    inside = (np.arange(first, first + len(bounds) - 1) % 2).astype(bool)
    return np.repeat(inside, np.diff(bounds)).reshape(right - left, mask.height).T


def _from_band(band: npt.NDArray[np.uint8]) -> Mask:
    return Mask(band.shape[0], band.shape[1], coco.encode(band)["counts"].decode("ascii"))
