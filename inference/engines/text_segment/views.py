"""What a classifier is shown of a region: its surroundings as they are, and the region on a blurred ground. No torch.

Two views averaged: the plain crop keeps what belongs to a thing (a boat and its water), the other says which of the
things in the crop is meant (Liang et al., 2023, blank the ground; a blurred one is nearer to what models have seen).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from inference.prompts import Box

Rgb = npt.NDArray[np.uint8]
BoolArray = npt.NDArray[np.bool_]

MARGIN = 0.1  # of the longer side, around a region
_MOST = 512  # pixels of a view: more than models look at


@dataclass(frozen=True, slots=True, eq=False)
class Views:
    """A picture with its blurred copy.

    Attributes:
        rgb: (H, W, 3).
        ground: the same, blurred so far that only its colours are left.
    """

    rgb: Rgb
    ground: Rgb

    @classmethod
    def of(cls, rgb: Rgb) -> Views:
        height, width = rgb.shape[:2]
        tiny = max(2, round(width / 24)), max(2, round(height / 24))
        small = cv2.GaussianBlur(cv2.resize(rgb, tiny, interpolation=cv2.INTER_AREA), (0, 0), 1.5)
        return cls(rgb, np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8))

    def plain(self, box: Box, margin: float = MARGIN) -> Rgb:
        """A square around a box, in pixels of the picture."""
        return _cut(self.rgb, _square(box, margin))

    def alone(self, inside: BoolArray, box: Box, margin: float = MARGIN) -> Rgb:
        """The same with all that is outside of a mask (of the picture's size) blurred."""
        square = _square(box, margin)
        x0, y0, x1, y1 = _within(square, self.rgb)
        place = slice(y0, y1), slice(x0, x1)
        mixed = np.where(inside[place][..., None], self.rgb[place], self.ground[place])
        return _framed(mixed, square, (x0, y0, x1, y1))


def _square(box: Box, margin: float) -> tuple[int, int, int, int]:
    side = max(box.width, box.height) * (1 + 2 * margin)
    x, y = box.center
    left, top = round(x - side / 2), round(y - side / 2)
    return left, top, left + max(round(side), 1), top + max(round(side), 1)


def _within(square: tuple[int, int, int, int], rgb: Rgb) -> tuple[int, int, int, int]:
    height, width = rgb.shape[:2]
    x0, y0 = min(max(square[0], 0), width - 1), min(max(square[1], 0), height - 1)
    return x0, y0, min(max(square[2], x0 + 1), width), min(max(square[3], y0 + 1), height)


def _cut(rgb: Rgb, square: tuple[int, int, int, int]) -> Rgb:
    x0, y0, x1, y1 = inner = _within(square, rgb)
    return _framed(rgb[y0:y1, x0:x1], square, inner)


def _framed(patch: Rgb, square: tuple[int, int, int, int], inner: tuple[int, int, int, int]) -> Rgb:
    """What of the square lies outside of the picture takes the patch's mean colour. Large ones are made smaller."""
    side = square[2] - square[0]
    scale = min(1.0, _MOST / side)
    if scale < 1:
        size = max(1, round(patch.shape[1] * scale)), max(1, round(patch.shape[0] * scale))
        patch = np.asarray(cv2.resize(patch, size, interpolation=cv2.INTER_AREA), np.uint8)
    edge = max(1, round(side * scale))
    whole = np.empty((edge, edge, 3), np.uint8)
    whole[:] = patch.reshape(-1, 3).mean(0).round()
    x, y = (min(max(round((inner[i] - square[i]) * scale), 0), edge - 1) for i in (0, 1))
    height, width = min(patch.shape[0], edge - y), min(patch.shape[1], edge - x)
    whole[y : y + height, x : x + width] = patch[:height, :width]
    return whole
