"""How well one mask matches another: IoU, Dice, pixel accuracy and the boundary F-score."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

BoolMap = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float32]

TOLERANCE = 0.008
"""How far apart two outlines may run and still match, as a share of the picture's diagonal (DAVIS)."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Pixels of two masks: in both, only in the answer, only in the truth, in neither. They add up over pictures."""

    both: int
    surplus: int
    missed: int
    neither: int

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.both + other.both,
            self.surplus + other.surplus,
            self.missed + other.missed,
            self.neither + other.neither,
        )

    @property
    def iou(self) -> float:
        """Intersection over union; 1 when both are empty."""
        union = self.both + self.surplus + self.missed
        return self.both / union if union else 1.0

    @property
    def dice(self) -> float:
        """Twice the intersection over the sum of the areas; 1 when both are empty."""
        areas = 2 * self.both + self.surplus + self.missed
        return 2 * self.both / areas if areas else 1.0

    @property
    def accuracy(self) -> float:
        """The share of pixels that are right; 1 where there are none."""
        pixels = self.both + self.surplus + self.missed + self.neither
        return (self.both + self.neither) / pixels if pixels else 1.0


def counts_of(answer: BoolMap, truth: BoolMap, ignore: BoolMap | None = None) -> Counts:
    """The pixels of two (H, W) masks, outside of `ignore`."""
    total = truth.size
    if ignore is not None:
        answer, truth = answer & ~ignore, truth & ~ignore
        total -= int(np.count_nonzero(ignore))
    both = int(np.count_nonzero(answer & truth))
    surplus, missed = int(np.count_nonzero(answer)) - both, int(np.count_nonzero(truth)) - both
    return Counts(both, surplus, missed, total - both - surplus - missed)


class Outline:
    """The outline of an object to hold answers against; distances to it are measured once.

    Where a border is uncertain (the trimaps of pets), the outline runs through the middle of it.

    Args:
        truth: (H, W), what is certainly inside.
        unsure: (H, W), what may be inside.
    """

    def __init__(self, truth: BoolMap, unsure: BoolMap | None = None) -> None:
        self._line = outline_of(truth if unsure is None else _split(truth, unsure))
        self._far = _distances(self._line)
        self.reach = math.ceil(TOLERANCE * math.hypot(*truth.shape))

    def f_score(self, answer: BoolMap) -> float:
        """The boundary F-score (Martin et al., 2004; Perazzi et al., 2016).

        The harmonic mean of the share of the answer's outline near the true one and the share of the true one near the
        answer's; near is `reach` pixels, at least 1. 1 when both have no outline.
        """
        line = outline_of(answer)
        own, true = int(np.count_nonzero(line)), int(np.count_nonzero(self._line))
        if not own or not true:
            return float(own == true)
        precision = np.count_nonzero(self._far[line] <= self.reach) / own
        recall = np.count_nonzero(_distances(line)[self._line] <= self.reach) / true
        return float(2 * precision * recall / (precision + recall)) if precision + recall else 0.0


def outline_of(mask: BoolMap) -> BoolMap:
    """(H, W): the pixels whose right, lower or lower right neighbour differs, as `seg2bmap` of the Berkeley set."""
    line = np.zeros_like(mask)
    line[:, :-1] |= mask[:, :-1] != mask[:, 1:]
    line[:-1] |= mask[:-1] != mask[1:]
    line[:-1, :-1] |= mask[:-1, :-1] != mask[1:, 1:]
    return line


def _distances(line: BoolMap) -> Floats:
    """(H, W): how far it is to the nearest pixel of the line; exact, in pixels."""
    if not line.any():
        return np.full(line.shape, np.inf, np.float32)
    return cv2.distanceTransform((~line).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE).astype(np.float32)


def _split(truth: BoolMap, unsure: BoolMap) -> BoolMap:
    """The uncertain pixels go to whatever certain part is nearer."""
    outside = ~truth & ~unsure
    if not truth.any() or not outside.any():
        return truth
    return truth | (unsure & (_distances(truth) <= _distances(outside)))
