"""Cleaning a mask by connected components: small holes filled, small specks removed (sam2's `_C` is absent)."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from inference.masks import Mask

Bool = npt.NDArray[np.bool_]


def clean(mask: Mask, fill_holes: int = 0, remove_specks: int = 0) -> Mask:
    """Fills enclosed holes of at most `fill_holes` pixels and removes parts of at most `remove_specks` pixels.

    The largest part always stays, however small. Parts touch also over corners, holes only over edges.
    """
    x, y, w, h = mask.bbox
    if not w or (fill_holes <= 0 and remove_specks <= 0):
        return mask
    pixels = mask.array()
    patch = pixels[y : y + h, x : x + w]
    if remove_specks > 0:
        patch &= ~_specks(patch, remove_specks)
    if fill_holes > 0:
        patch |= _holes(patch, fill_holes)
    return Mask.from_array(pixels)


def _specks(patch: Bool, limit: int) -> Bool:
    _, labels, stats, _ = cv2.connectedComponentsWithStats(patch.astype(np.uint8), connectivity=8)
    areas = stats[:, cv2.CC_STAT_AREA]
    small = areas <= limit
    small[0] = False  # label 0 is the outside
    if len(areas) > 1:
        small[1 + int(areas[1:].argmax())] = False
    return np.asarray(small[labels])


def _holes(patch: Bool, limit: int) -> Bool:
    outside = np.pad(~patch, 1, constant_values=True).astype(np.uint8)  # the frame joins all that is no hole
    _, labels, stats, _ = cv2.connectedComponentsWithStats(outside, connectivity=4)
    small = stats[:, cv2.CC_STAT_AREA] <= limit
    small[0] = False
    small[labels[0, 0]] = False
    return np.asarray(small[labels])[1:-1, 1:-1]
