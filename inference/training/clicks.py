"""Simulated annotators: where a person would click (the protocol of RITM, Sofiiuk et al., 2021)."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

BoolMap = npt.NDArray[np.bool_]


def center_of(region: BoolMap) -> tuple[int, int, float]:
    """x, y of the pixel deepest inside the region (the picture's edge counts as outside), and its depth."""
    padded = np.pad(region.astype(np.uint8), 1)
    distance = cv2.distanceTransform(padded, cv2.DIST_L2, 5)[1:-1, 1:-1]
    flat = int(distance.argmax())
    y, x = divmod(flat, region.shape[1])
    return x, y, float(distance[y, x])


def correction_click(target: BoolMap, answer: BoolMap) -> tuple[int, int, bool] | None:
    """The next click at the centre of the largest error: x, y, positive. None when the answer is right everywhere.

    Largest is the error whose inscribed circle is largest, missed and surplus regions alike.
    """
    missed, surplus = target & ~answer, answer & ~target
    found = [(*center_of(region), positive) for region, positive in ((missed, True), (surplus, False)) if region.any()]
    if not found:
        return None
    x, y, _, positive = max(found, key=lambda c: c[2])
    return x, y, positive


def random_error_click(target: BoolMap, answer: BoolMap, rng: np.random.Generator) -> tuple[int, int, bool] | None:
    """A click anywhere on an error, as careless people do."""
    error = np.flatnonzero(target ^ answer)
    if not len(error):
        return None
    y, x = divmod(int(rng.choice(error)), target.shape[1])
    return x, y, bool(target[y, x])
