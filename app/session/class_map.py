"""`ClassMap`: where a model taught one class sees it in a picture; masks that keep to their box and their place. No Qt.

The map is the model's answer to the box that is the whole picture, a prompt such a model was taught with.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import ceil, floor, inf
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from app.instance import Instance
from app.patches import Patch, blank, crop, place
from inference.masks import Mask
from inference.prompts import Box
from inference.protocol import Candidate

Logits = npt.NDArray[np.float32]
Places = npt.NDArray[np.floating[Any]]

PATCH = 15
"""Side of the square around a click, in picture pixels, whose mean probability decides the click's sign."""
_SAMPLES = 256  # at most so many places of a box are looked at, each way
_OUT = np.float32(-12.0)  # the logit of what lies outside the box


@dataclass(frozen=True)
class Verdict:
    """What a box holds: the share of it that is foreground. `positive` unless there is none at all."""

    coverage: float

    @property
    def positive(self) -> bool:
        return self.coverage > 0


@dataclass(frozen=True, eq=False)
class ClassMap:
    """Logits over a whole picture of `width` × `height` pixels, at the model's own resolution."""

    logits: Logits
    width: int
    height: int

    def probability(self, x: float, y: float) -> float:
        """The mean over the square of `PATCH` pixels around a point; what lies off the picture does not count."""
        half = PATCH // 2
        around = np.arange(-half, half + 1) + 0.5
        columns, rows = around + floor(x), around + floor(y)
        columns = columns[(columns > 0) & (columns < self.width)]
        rows = rows[(rows > 0) & (rows < self.height)]
        if not len(columns) or not len(rows):
            return 0.0
        return float((1 / (1 + np.exp(-self._at(columns, rows)))).mean())

    def sign(self, x: float, y: float) -> bool:
        """Whether a click there is on the class."""
        return self.probability(x, y) >= 0.5

    def verdict(self, box: Box, threshold: float = 0.0) -> Verdict:
        """How much of a box is foreground: logits above `threshold`."""
        inside = box.clipped(self.width, self.height)
        if inside.width <= 0 or inside.height <= 0:
            return Verdict(0.0)
        columns, rows = _places(inside.x0, inside.x1), _places(inside.y0, inside.y1)
        return Verdict(float((self._at(columns, rows) > threshold).mean()))

    def coverage(self, threshold: float = 0.0) -> float:
        """The share of the picture that is foreground."""
        return self.verdict(Box(0, 0, self.width, self.height), threshold).coverage

    def _at(self, columns: Places, rows: Places) -> Logits:
        """The logits at places of the picture, (rows, columns), as a full-size mask has them: linear in between."""
        high, wide = self.logits.shape
        x = (columns * wide / self.width - 0.5).astype(np.float32)
        y = (rows * high / self.height - 0.5).astype(np.float32)
        across, down = np.meshgrid(x, y)
        found = cv2.remap(self.logits, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(found, np.float32)


def _places(low: float, high: float) -> Places:
    count = max(1, min(_SAMPLES, round(high - low)))
    return low + (np.arange(count) + 0.5) * (high - low) / count


def within(mask: Mask, box: Box) -> Mask:
    """What of a mask lies in a box: the pixels whose centres do."""
    left, top = ceil(box.x0 - 0.5), ceil(box.y0 - 0.5)
    right, bottom = ceil(box.x1 - 0.5), ceil(box.y1 - 0.5)
    if right <= left or bottom <= top:
        return blank(mask.width, mask.height)
    return place(Patch(left, top, crop(mask, (left, top, right - left, bottom - top))), mask.width, mask.height)


def bounded(candidates: Sequence[Candidate], box: Box, width: int, height: int) -> tuple[Candidate, ...]:
    """Answers that keep to a box. Their logits lose what is more than a cell outside of it."""
    kept = []
    for one in candidates:
        high, wide = one.low_res.shape
        left, right = floor(box.x0 * wide / width) - 1, ceil(box.x1 * wide / width) + 1
        top, bottom = floor(box.y0 * high / height) - 1, ceil(box.y1 * high / height) + 1
        logits = np.full_like(one.low_res, _OUT)
        area = slice(max(top, 0), max(bottom, 0)), slice(max(left, 0), max(right, 0))
        logits[area] = one.low_res[area]
        kept.append(Candidate(one.score, logits, None if one.mask is None else within(one.mask, box)))
    return tuple(kept)


def apart(new: Instance, others: Iterable[Instance]) -> tuple[Instance, list[Instance]]:
    """Keeps a new instance and those that are there from overlapping: the higher score wins a pixel.

    What a person made has no score and always wins, as does what is locked.

    Returns:
        the new instance with what is left of its mask, and the others whose masks lost something.
    """
    mask, losers = new.mask, []
    for other in others:
        if other.id == new.id or not _meet(other.mask, mask):
            continue
        if _rank(other) >= _rank(new):
            mask = mask.minus(other.mask)
        else:
            losers.append(other)
    changed = [one.with_mask(rest) for one in losers if (rest := one.mask.minus(mask)) != one.mask]
    return replace(new, mask=mask), changed


def _rank(instance: Instance) -> float:
    return inf if instance.locked or instance.score is None else instance.score


def _meet(one: Mask, other: Mask) -> bool:
    ax, ay, aw, ah = one.bbox
    bx, by, bw, bh = other.bbox
    return ax < bx + bw and bx < ax + aw and ay < by + bh and by < ay + ah and bool(one.intersection(other).area)
