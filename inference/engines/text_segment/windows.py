"""Windows of several sizes over a picture, for things that no mask has been proposed for. No torch."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from inference.prompts import Box

Float32 = npt.NDArray[np.float32]

SHARES = (1.0, 0.5)  # of the shorter side; what is smaller, the grid of points finds
_STEP = 0.5  # of a window


def windows(width: int, height: int, shares: Sequence[float] = SHARES) -> list[Box]:
    """The whole picture, then squares that overlap by half, the large ones first."""
    boxes = [Box(0.0, 0.0, float(width), float(height))]
    for share in shares:
        side = max(share * min(width, height), 1.0)
        across, down = (1 + math.ceil((length - side) / (_STEP * side) - 1e-6) for length in (width, height))
        if side >= max(width, height):
            continue
        for y in np.linspace(0, height - side, down):
            for x in np.linspace(0, width - side, across):
                boxes.append(Box(float(x), float(y), float(x + side), float(y + side)))
    return boxes


def overlaps(box: Box, others: Sequence[Box]) -> Float32:
    """IoU of a box with others."""
    if not others:
        return np.zeros(0, np.float32)
    corners = np.array([(o.x0, o.y0, o.x1, o.y1) for o in others], np.float32)
    own = np.array((box.x0, box.y0, box.x1, box.y1), np.float32)
    sides = (np.minimum(corners[:, 2:], own[2:]) - np.maximum(corners[:, :2], own[:2])).clip(0)
    shared = sides.prod(1)
    total = (corners[:, 2:] - corners[:, :2]).prod(1) + (own[2:] - own[:2]).prod() - shared
    return np.asarray(shared / np.maximum(total, 1e-9), np.float32)
