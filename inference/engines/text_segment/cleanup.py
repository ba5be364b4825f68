"""Clean-up of a mask that gives nothing away: specks, pinholes and stairs go; what is thin or small stays."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from inference.engines.everything import placed
from inference.masks import Mask

Bytes = npt.NDArray[np.uint8]

_REFERENCE = 1024  # pixels: the longer side of a picture whose kernel is
_KERNEL = 5
_LARGEST = 31
_SMALL = 8  # an object of fewer kernels than this stays as it is


def cleaned(mask: Mask) -> Mask:
    """Opened and closed with an ellipse, then a Gaussian over the edge.

    The kernel has 5 × 5 pixels for a picture of 1024 and grows with it. What a step takes away and what is larger than
    the kernel is put back: a leg, a leash, a small part of the object. A mask that is hardly larger than the kernel
    is left alone.
    """
    side = kernel_side(mask.width, mask.height)
    ellipse = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    cells = int(ellipse.sum())
    if side < 3 or mask.area < _SMALL * cells:
        return mask
    x, y, w, h = mask.bbox
    edge = 2 * side
    inside = np.ascontiguousarray(mask.array()[y : y + h, x : x + w]).view(np.uint8)
    # Beyond the picture's edge an object goes on as it is there, so that no step rounds it off.
    framed = cv2.copyMakeBorder(inside, edge, edge, edge, edge, cv2.BORDER_CONSTANT, value=0)
    _continue_over_edges(framed, (x, y, w, h), (mask.width, mask.height), edge)
    opened = _with_lost(framed, cv2.morphologyEx(framed, cv2.MORPH_OPEN, ellipse), cells)
    closed = cv2.morphologyEx(opened, cv2.MORPH_CLOSE, ellipse)
    soft = cv2.GaussianBlur(closed * np.uint8(254), (0, 0), side / 4)
    smooth = _with_lost(framed, (soft > 127).astype(np.uint8), cells)
    return placed(Mask.from_array(smooth[edge : edge + h, edge : edge + w]), x, y, mask.width, mask.height)


def kernel_side(width: int, height: int) -> int:
    """5 for 1024 pixels, odd, in proportion to the picture's longer side."""
    wanted = _KERNEL * max(width, height) / _REFERENCE
    return min(_LARGEST, 2 * int(wanted / 2) + 1)


def _with_lost(before: Bytes, after: Bytes, cells: int) -> Bytes:
    """Puts back the parts that a step took away, where they are larger than the kernel."""
    lost = before & ~after & np.uint8(1)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(lost, connectivity=8)
    back = np.zeros(count, np.uint8)
    back[1:] = stats[1:, cv2.CC_STAT_AREA] > cells
    return np.asarray(after | back[labels] if back.any() else after, np.uint8)


def _continue_over_edges(framed: Bytes, box: tuple[int, int, int, int], size: tuple[int, int], edge: int) -> None:
    x, y, w, h = box
    if x == 0:
        framed[:, :edge] = framed[:, edge : edge + 1]
    if x + w == size[0]:
        framed[:, -edge:] = framed[:, -edge - 1 : -edge]
    if y == 0:
        framed[:edge] = framed[edge]
    if y + h == size[1]:
        framed[-edge:] = framed[-edge - 1]
