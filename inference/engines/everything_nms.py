"""Non-maximum suppression on boxes that are measured first and made exact only where that could change the answer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from inference.engines.everything_candidate import Box, Candidate

Floats = npt.NDArray[np.float32]


class PlacedBoxes:
    """Candidates (none of them empty) with their boxes in the whole picture, for comparing them."""

    def __init__(self) -> None:
        self._candidates: list[Candidate] = []
        self._corners: list[tuple[int, int]] = []
        self._boxes: Floats = np.zeros((0, 4), np.float32)
        self._slack: Floats = np.zeros(0, np.float32)

    def __len__(self) -> int:
        return len(self._candidates)

    def add(self, candidates: Sequence[Candidate], corners: Sequence[tuple[int, int]]) -> None:
        """More of them; `corners` are x, y of the frame of each."""
        self._candidates += candidates
        self._corners += corners
        boxes = [_moved(c.measured_box, at) for c, at in zip(candidates, corners, strict=True)]
        self._boxes = np.concatenate([self._boxes, np.array(boxes, np.float32).reshape(-1, 4)])
        self._slack = np.concatenate([self._slack, np.array([c.slack for c in candidates], np.float32)])

    def drop_last(self) -> None:
        self._candidates.pop()
        self._corners.pop()
        self._boxes, self._slack = self._boxes[:-1], self._slack[:-1]

    def overlaps(self, index: int, others: npt.NDArray[np.intp], limit: float) -> npt.NDArray[np.bool_]:
        """Which of `others` overlap the box of `index` by more than `limit` (IoU), as exact boxes tell it."""
        box, boxes = self._boxes[index], self._boxes[others]
        values = _iou(box, boxes)
        slack = self._slack[others] + self._slack[index]
        smallest = np.minimum(boxes[:, 2:] - boxes[:, :2], box[2:] - box[:2]).clip(1e-6)
        doubt = 2 * slack * (1 / smallest).sum(1)
        result = values > limit
        for place in np.flatnonzero((slack > 0) & (np.abs(values - limit) <= doubt)):
            other = int(others[place])
            result[place] = bool(_iou(self._exact(index), self._exact(other)[None])[0] > limit)
        return result

    def _exact(self, index: int) -> Floats:
        if self._slack[index]:
            self._boxes[index] = _moved(self._candidates[index].box, self._corners[index])
            self._slack[index] = 0
        return self._boxes[index]


def survivors(
    candidates: Sequence[Candidate],
    corners: Sequence[tuple[int, int]],
    scores: npt.NDArray[np.float32],
    limit: float,
) -> list[int]:
    """The indices that `torchvision.ops.nms` keeps, the highest score first; equal scores in their order."""
    order = np.argsort(-scores, kind="stable")
    placed = PlacedBoxes()
    placed.add(candidates, corners)
    alive = np.ones(len(order), bool)
    kept = []
    for place, index in enumerate(order):
        if not alive[place]:
            continue
        kept.append(int(index))
        later = place + 1 + np.flatnonzero(alive[place + 1 :])
        alive[later[placed.overlaps(int(index), order[later], limit)]] = False
    return kept


def near_crop_edge(candidate: Candidate, crop: tuple[int, int, int, int], size: tuple[int, int], near: float) -> bool:
    """Whether the box ends within `near` pixels of the crop's edge where that is not the picture's (amg.py).

    Args:
        crop: x0, y0, x1, y1; size: width, height of the picture.
    """
    limits = (0, 0, *size)

    def ends_there(box: Box) -> bool:
        return any(
            abs(value - edge) <= near and abs(value - limit) > near
            for value, edge, limit in zip(_moved(box, crop[:2]), crop, limits, strict=True)
        )

    if all(edge == limit for edge, limit in zip(crop, limits, strict=True)):
        return False
    measured = _moved(candidate.measured_box, crop[:2])
    far = (abs(abs(v - e) - near) for v, end in zip(measured, zip(crop, limits, strict=True), strict=True) for e in end)
    return ends_there(candidate.box if min(far) <= candidate.slack else candidate.measured_box)


def _moved(box: Box, at: tuple[int, int]) -> Box:
    return box[0] + at[0], box[1] + at[1], box[2] + at[0], box[3] + at[1]


def _iou(box: Floats, boxes: Floats) -> Floats:
    """Of one box with others, as torchvision computes it (no pixel is added to a side); NaN where both are lines."""
    with np.errstate(invalid="ignore", divide="ignore"):
        sides = np.minimum(box[2:], boxes[:, 2:]) - np.maximum(box[:2], boxes[:, :2])
        shared = sides.clip(0).prod(1)
        areas = (boxes[:, 2:] - boxes[:, :2]).prod(1)
        result: Floats = shared / ((box[2:] - box[:2]).prod() + areas - shared)
    return result
