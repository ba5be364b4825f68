"""A candidate of the search: kept as the small piece of logits that matters, measured without a full-size mask.

Stability and box are worked out on the low-resolution logits, between whose samples bilinear upscaling draws straight
lines. Where such a figure lies so close to a limit that a pixel could decide, the full-size mask does; the
decisions are those of `SAM2AutomaticMaskGenerator`, and the masks that come out are its masks.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

from inference.engines.upscale import mask_of_logits
from inference.masks import Mask

Float32 = npt.NDArray[np.float32]
Box = tuple[float, float, float, float]

_OUTSIDE = np.float32(-1024.0)  # stands for logits that no cut-off reaches
_SMALL = 512 * 512  # pixels up to which full-size masks cost as little as measuring does
_FINER = 4  # how much finer than the logits areas are counted
_DOUBT, _DOUBT_OF_SMALL = 0.003, 0.25  # how far a stability may be off; the latter for a mask of one cell
_SLACK = 2.0  # pixels that a measured edge of a box may be off


@dataclass(frozen=True)
class Frame:
    """Where logits belong: `size` (h, w) of the low resolution, width and height of the picture (or crop)."""

    size: tuple[int, int]
    width: int
    height: int

    @property
    def exact(self) -> bool:
        """Full-size masks are so cheap here that nothing is estimated."""
        return self.width * self.height <= _SMALL or self.width < 2 * self.size[1] or self.height < 2 * self.size[0]


class Candidate:
    """One mask of one point.

    Args:
        logits: (h, w) float32.
        frame: where they belong.
        score: predicted IoU.
        point: x, y in pixels of the frame.
        cut: the threshold between outside and inside.
        offset: how far it moves for the stability.

    Attributes:
        empty: nothing is inside.
    """

    def __init__(
        self, logits: Float32, frame: Frame, score: float, point: tuple[float, float], cut: float, offset: float
    ) -> None:
        self.frame, self.score, self.point = frame, score, point
        self.cut, self.offset = np.float32(cut), np.float32(offset)
        seen = logits > self.cut - abs(self.offset)
        rows, columns = np.flatnonzero(seen.any(1)), np.flatnonzero(seen.any(0))
        self.empty = not (logits > self.cut).any()
        if self.empty:
            self._corner, self._patch = (0, 0), logits[:0, :0].copy()
            return
        # One more sample on every side: what lies between it and the last one inside is where the outline runs.
        top, left = max(rows[0] - 1, 0), max(columns[0] - 1, 0)
        self._corner = (int(top), int(left))
        self._patch = logits[top : rows[-1] + 2, left : columns[-1] + 2].copy()

    @property
    def nbytes(self) -> int:
        """What the logits take."""
        return int(self._patch.nbytes)

    @functools.cached_property
    def cells(self) -> int:
        """Low-resolution samples inside."""
        return int((self._patch > self.cut).sum())

    def paint(self, canvas: npt.NDArray[np.bool_]) -> None:
        """Marks the samples inside on a map of the frame's low-resolution size."""
        (top, left), (h, w) = self._corner, self._patch.shape
        canvas[top : top + h, left : left + w] |= self._patch > self.cut

    def settle(self) -> None:
        """Makes all that depends on the logits, and lets them go."""
        _ = self.stability, self.measured_box, self.box
        self._patch = self._patch[:0, :0].copy()

    # Measured ------------------------------------------------------------------------------------------------

    def is_stable(self, limit: float) -> bool:
        """Whether the stability reaches the limit, as the full-size masks have it."""
        if self.empty:
            return False
        if not self.frame.exact:
            inner, outer = _cells(self._patch, (self.cut + self.offset, self.cut - self.offset))
            estimate = inner / outer if outer else 0.0
            if abs(estimate - limit) > _DOUBT + _DOUBT_OF_SMALL / max(outer, 1.0) ** 0.5:
                return bool(estimate >= limit)
        return bool(self.stability >= np.float32(limit))

    @functools.cached_property
    def stability(self) -> float:
        """The share that is left of the mask when the cut-off rises, of what it is when it falls; as torch rounds."""
        inner, outer = (self._mask_at(t).area for t in (self.cut + self.offset, self.cut - self.offset))
        return float(np.float32(inner) / np.float32(outer)) if outer else 0.0

    @functools.cached_property
    def measured_box(self) -> Box:
        """x0, y0, x1, y1 of the mask: the first and the last pixel inside, within `_SLACK` pixels."""
        if self.frame.exact:
            return self.box
        (top, left), patch = self._corner, self._patch
        x0, x1 = _extent(patch, float(self.cut))
        y0, y1 = _extent(np.ascontiguousarray(patch.T), float(self.cut))
        h, w = self.frame.size
        width, height = self.frame.width, self.frame.height
        edges = []
        for low, high, start, cells, pixels in ((x0, x1, left, w, width), (y0, y1, top, h, height)):
            first = 0.0 if start + low <= 0 else np.ceil((start + low + 0.5) * pixels / cells - 0.5)
            last = pixels - 1.0 if start + high >= cells - 1 else np.floor((start + high + 0.5) * pixels / cells - 0.5)
            edges.append((max(first, 0.0), min(last, pixels - 1.0)))
        return edges[0][0], edges[1][0], edges[0][1], edges[1][1]

    @functools.cached_property
    def box(self) -> Box:
        """As `measured_box`, exactly."""
        x, y, w, h = self.mask.bbox
        return (float(x), float(y), float(x + w - 1), float(y + h - 1)) if w else (0.0, 0.0, 0.0, 0.0)

    @property
    def slack(self) -> float:
        """How far the measured box may be off, in pixels: two, or a share of a sample where those are large."""
        h, w = self.frame.size
        return 0.0 if self.frame.exact else max(_SLACK, 0.25 * max(self.frame.width / w, self.frame.height / h))

    # At full size --------------------------------------------------------------------------------------------

    @functools.cached_property
    def mask(self) -> Mask:
        """The full-size mask, kept from the first time on."""
        return self._mask_at(self.cut)

    def _mask_at(self, cut: np.float32) -> Mask:
        return mask_of_logits(self._logits(), self.frame.width, self.frame.height, float(cut))

    def _logits(self) -> Float32:
        logits = np.full(self.frame.size, _OUTSIDE, np.float32)
        (top, left), (h, w) = self._corner, self._patch.shape
        logits[top : top + h, left : left + w] = self._patch
        return logits


def _cells(patch: Float32, cuts: tuple[np.float32, ...]) -> list[float]:
    """The areas over cut-offs in low-resolution cells, counted on a copy four times as fine.

    Beyond its first and last samples a patch goes on as they are: outside, or at the picture's edge as torch has it.
    """
    fine = F.interpolate(torch.from_numpy(patch)[None, None], scale_factor=_FINER, mode="bilinear", align_corners=False)
    return [int((fine > float(cut)).sum()) / _FINER**2 for cut in cuts]


def _extent(patch: Float32, cut: float) -> tuple[float, float]:
    """Where along x the mask begins and ends, in samples of the patch; the rows in between do not reach further."""
    inside = patch > cut
    columns = np.flatnonzero(inside.any(0))
    if not columns.size:
        return 0.0, 0.0
    first, last = int(columns[0]), int(columns[-1])
    low, high = float(first), float(last)
    if first > 0:
        rows = inside[:, first]
        here, before = patch[rows, first], patch[rows, first - 1]
        low -= float(((here - cut) / (here - before)).max())
    if last < patch.shape[1] - 1:
        rows = inside[:, last]
        here, after = patch[rows, last], patch[rows, last + 1]
        high += float(((here - cut) / (here - after)).max())
    return low, high
