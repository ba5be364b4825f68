"""A picture at halved and halved sizes, cut into tiles. Pure numpy; made and used in background threads.

Level 0 is the picture itself. Over `RAM_PIXELS` it lives in a temporary file that is mapped into memory, so that the
system may take its pages back and a 100-megapixel picture does not sit in memory whole.
"""

from __future__ import annotations

import logging
import math
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from inference import pictures
from inference.errors import Cancelled

log = logging.getLogger(__name__)

RGB = npt.NDArray[np.uint8]

TILE = 512
OVERVIEW_SIDE = 2048
RAM_PIXELS = 40_000_000
_STRIP = 512  # rows halved at a time


@dataclass(frozen=True)
class Pyramid:
    """`levels[n]` is (H / 2^n, W / 2^n, 3) uint8, rounded up; the last one is no larger than a few tiles."""

    levels: tuple[RGB, ...]

    @property
    def width(self) -> int:
        return int(self.levels[0].shape[1])

    @property
    def height(self) -> int:
        return int(self.levels[0].shape[0])

    def level_for(self, scale: float) -> int:
        """The smallest level that still has a pixel for every device pixel at `scale` device pixels an image pixel."""
        wanted = math.floor(math.log2(1 / scale) + 1e-6) if scale > 0 else 0
        return min(max(wanted, 0), len(self.levels) - 1)

    def tile(self, level: int, column: int, row: int) -> RGB:
        """(≤ 512, ≤ 512, 3) uint8, contiguous."""
        x, y = column * TILE, row * TILE
        return np.ascontiguousarray(self.levels[level][y : y + TILE, x : x + TILE])

    def pixel(self, x: int, y: int) -> tuple[int, int, int]:
        red, green, blue = (int(v) for v in self.levels[0][y, x])
        return red, green, blue


def overview(path: Path) -> RGB:
    """The picture at 2048 pixels at most: quick for JPEGs, and what is shown first. Raises ImageError."""
    return pictures.read_rgb(path, max_side=OVERVIEW_SIDE)


def build(path: Path, unwanted: Callable[[], bool] = lambda: False) -> Pyramid:
    """Decodes a picture and makes its levels; gives up soon after `unwanted` says so.

    Raises:
        ImageError, OutOfMemory: it cannot be read.
        Cancelled: it is not wanted any more.
    """
    width, height = pictures.read_size(path)
    full = _on_disk(path, width, height, unwanted) if width * height > RAM_PIXELS else pictures.read_rgb(path)
    levels = [full]
    while max(levels[-1].shape[:2]) > OVERVIEW_SIDE:
        levels.append(halved(levels[-1], unwanted))
    return Pyramid(tuple(levels))


def halved(pixels: RGB, unwanted: Callable[[], bool] = lambda: False) -> RGB:
    """Every pixel the mean of four. Odd sizes are rounded up, their last row and column counted twice."""
    height, width = pixels.shape[:2]
    result = np.empty(((height + 1) // 2, (width + 1) // 2, 3), np.uint8)
    for top in range(0, height, _STRIP):
        _go_on(unwanted)
        strip = np.asarray(pixels[top : top + _STRIP])
        strip = np.pad(strip, ((0, strip.shape[0] % 2), (0, width % 2), (0, 0)), "edge") if _odd(strip) else strip
        size = strip.shape[1] // 2, strip.shape[0] // 2
        cv2.resize(strip, size, dst=result[top // 2 : top // 2 + size[1]], interpolation=cv2.INTER_AREA)
    return result


def _odd(strip: RGB) -> bool:
    return bool(strip.shape[0] % 2 or strip.shape[1] % 2)


def _on_disk(path: Path, width: int, height: int, unwanted: Callable[[], bool]) -> RGB:
    """The pixels in a mapped temporary file, which goes away with the array. In memory where the disk is full."""
    with tempfile.TemporaryFile(prefix="winnow-") as file:
        try:
            for strip in pictures.read_strips(path):
                _go_on(unwanted)
                strip.tofile(file)  # not through the mapping: a full disk would be a bus error there
            file.flush()
        except OSError as error:
            log.warning("%s: no room for the picture in the temporary folder (%s)", path, error)
            return pictures.read_rgb(path)
        return np.memmap(file, np.uint8, "r", shape=(height, width, 3))


def _go_on(unwanted: Callable[[], bool]) -> None:
    if unwanted():
        raise Cancelled
