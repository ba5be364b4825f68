"""In which order the points of a grid are asked, and which of them need not be asked at all."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from inference.engines.everything_candidate import Candidate

Grid = npt.NDArray[np.float64]

_STEPS = (4, 2, 1)  # every 4th point along each side, then every 2nd, then all
_LARGEST = 0.25  # share of the picture: what is larger is rather the ground that things stand on
_EDGE = 1 / 32  # of the side: how far inside of a mask a point is surely on the same thing


class Points:
    """The points of one crop.

    Args:
        grid: (N, 2), 0..1.
        side: of the low-resolution map that remembers what is covered.
        fast: from coarse to fine, leaving out what lies well inside of the smallest mask of an earlier point.
        trusted: predicted IoU of masks that may do that.
    """

    def __init__(self, grid: Grid, side: int, *, fast: bool, trusted: float = 0.0) -> None:
        self._grid, self._side, self._fast, self._trusted = grid, side, fast, trusted
        self._covered = np.zeros((side, side), bool)
        self._rounds = _coarse_to_fine(grid) if fast else [np.arange(len(grid))]
        self._waiting: list[int] = []
        self.done = 0

    def take(self, count: int) -> Grid | None:
        """The next points, at most `count`; None when there are no more."""
        while True:
            if not self._waiting:
                if not self._rounds:
                    return None
                self._waiting = self._rounds.pop(0).tolist()
            chosen: list[int] = []
            while self._waiting and len(chosen) < count:
                index = self._waiting.pop(0)
                if self._is_covered(index):
                    self.done += 1
                else:
                    chosen.append(index)
            if chosen:
                return self._grid[chosen]

    def cover(self, found: Sequence[Candidate], asked: int) -> None:
        """Notes what the last points found, so that others on the same thing need not be asked."""
        self.done += asked
        if not self._fast:
            return
        smallest: dict[tuple[float, float], Candidate] = {}
        for candidate in found:
            if candidate.score < self._trusted:
                continue
            known = smallest.get(candidate.point)
            if known is None or candidate.cells < known.cells:
                smallest[candidate.point] = candidate
        for candidate in smallest.values():
            if candidate.cells <= _LARGEST * self._covered.size:
                self._covered |= self._core(candidate)

    def _core(self, candidate: Candidate) -> npt.NDArray[np.bool_]:
        """What is not near the mask's edge; the picture's own edge is none."""
        inside = np.zeros_like(self._covered)
        candidate.paint(inside)
        reach = 2 * round(_EDGE * self._side) + 1
        return np.asarray(cv2.erode(inside.view(np.uint8), np.ones((reach, reach), np.uint8)), np.uint8).view(bool)

    def _is_covered(self, index: int) -> bool:
        x, y = (min(int(v * self._side), self._side - 1) for v in self._grid[index])
        return bool(self._covered[y, x])


def _coarse_to_fine(grid: Grid) -> list[npt.NDArray[np.intp]]:
    """The indices in rounds: a regular grid by its rows and columns, any other by its order."""
    n = round(len(grid) ** 0.5)
    numbers = np.arange(len(grid))
    rows, columns = np.divmod(numbers, n) if n * n == len(grid) else (numbers, numbers)
    left = np.ones(len(grid), bool)
    rounds = []
    for step in _STEPS:
        now = left & (rows % step == step // 2) & (columns % step == step // 2)
        left &= ~now
        rounds.append(np.flatnonzero(now))
    return rounds
