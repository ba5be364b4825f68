"""The subject of a picture: from a focus to one mask, with the models that are loaded.

The starting points are cheap: masks at the low resolution of the model. Three clicks with the first answer refined did
better than one, or three at once; asking again with the box of the found mask better than not.
`python -m benchmarks focus` measures what came of it: docs/cutouts.md.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
import numpy.typing as npt

from inference.engines.embedding import Embedding
from inference.engines.segmenter import Segmenter
from inference.focus import Focus
from inference.prompts import Box, Point, Prompts
from inference.protocol import Candidate

Rgb = npt.NDArray[np.uint8]
Float32 = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]

_GRID = 6
_SMALLEST, _LARGEST = 0.005, 0.95  # shares of the picture that a subject covers
_SPREAD = 0.25  # of the centre prior, as a share of the sides
_PLAIN = 20.0  # CIELAB distance added to the contrast, so that camouflage is no zero
_SAME = 0.85  # IoU above which two masks are one region
_REGIONS = 24  # are shown to CLIP at most
_GREY = 127


class Likeness(Protocol):
    """How well words fit pictures: cosines, (n,) float32."""

    def __call__(self, pictures: Sequence[Rgb], phrase: str, /) -> Float32: ...


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """The answer: the candidate, and the prompts that gave it."""

    candidate: Candidate
    prompts: Prompts


@dataclass(frozen=True, slots=True, eq=False)
class _Region:
    """A mask found on the way, at low resolution, with what tells subjects from the rest."""

    candidate: Candidate
    point: Point
    salience: float

    @property
    def mask(self) -> BoolArray:
        return np.asarray(self.candidate.low_res > 0)


def subject(
    segmenter: Segmenter,
    embedding: Embedding,
    rgb: Rgb,
    focus: Focus,
    likeness: Likeness | None = None,
    give_way: Callable[[], None] = lambda: None,
) -> Subject:
    """The subject's mask.

    Args:
        rgb: (H, W, 3) uint8, the picture of the embedding.
        likeness: for a text focus.
        give_way: called between steps; may raise to stop.

    Raises UsageError for a focus outside the picture.
    """
    width, height = embedding.width, embedding.height
    box = focus.box_in(width, height)
    if box is not None:
        prompts = Prompts(box=box)
        return Subject(segmenter.decode(embedding, prompts)[0], prompts)
    if focus.kind in ("auto", "text"):
        regions = _regions(segmenter, embedding, rgb, give_way)
        if regions:
            if focus.kind == "text" and likeness is not None:
                return _again(segmenter, embedding, best_by_text(regions, rgb, focus.phrase, likeness))
            return _again(segmenter, embedding, max(regions, key=lambda r: r.salience))
    return _clicked(segmenter, embedding, focus.clicks(width, height))


def _clicked(segmenter: Segmenter, embedding: Embedding, clicks: tuple[Point, ...]) -> Subject:
    """A click, then all of them with the first answer to refine."""
    first = segmenter.decode(embedding, Prompts(clicks[:1]))[0]
    if len(clicks) == 1:
        return Subject(first, Prompts(clicks))
    prompts = Prompts(clicks)
    return Subject(segmenter.decode(embedding, prompts, first.low_res)[0], prompts)


def _again(segmenter: Segmenter, embedding: Embedding, region: _Region) -> Subject:
    """The region asked for once more with its own box: boxes say more than clicks."""
    prompts = Prompts((region.point,), _box(region.mask, embedding.width, embedding.height))
    return Subject(segmenter.decode(embedding, prompts, region.candidate.low_res)[0], prompts)


def _regions(segmenter: Segmenter, embedding: Embedding, rgb: Rgb, give_way: Callable[[], None]) -> list[_Region]:
    """What clicks on a coarse grid find, every region once, the most salient first."""
    side = segmenter.low_res_size
    small = np.asarray(cv2.resize(rgb, (side, side), interpolation=cv2.INTER_AREA) / 255, np.float32)
    lab, prior = cv2.cvtColor(small, cv2.COLOR_RGB2LAB), _centre_prior(side)
    found = []
    for row in range(_GRID):
        give_way()
        for column in range(_GRID):
            shares = (column + 0.5) / _GRID, (row + 0.5) / _GRID
            point = Point(shares[0] * embedding.width, shares[1] * embedding.height)
            for candidate in segmenter.decode(embedding, Prompts((point,))):
                mask = candidate.low_res > 0
                if _SMALLEST < mask.mean() < _LARGEST:
                    found.append(_Region(candidate, point, salience(mask, candidate.score, lab, prior)))
    found.sort(key=lambda region: -region.salience)
    return _distinct(found)


def salience(mask: BoolArray, score: float, lab: Float32, prior: Float32) -> float:
    """How much a mask looks like the subject: the model is sure of it, it is in the middle, it stands out from what is
    around it, and it does not run along the picture's border.

    Args:
        mask: (s, s); lab: (s, s, 3) CIELAB; prior: (s, s), 1 in the middle.
    """
    border = np.concatenate([mask[0], mask[-1], mask[:, 0], mask[:, -1]]).mean()
    middle = float((prior * mask).sum())
    central = (middle / mask.sum() * middle / prior.sum()) ** 0.5
    ring = (cv2.dilate(mask.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0) & ~mask
    contrast = float(np.linalg.norm(lab[mask].mean(0) - lab[ring].mean(0))) if ring.any() else 0.0
    return float(max(score, 0.0) ** 2 * (1 - border) * central * (contrast + _PLAIN))


def best_by_text(regions: Sequence[_Region], rgb: Rgb, phrase: str, likeness: Likeness) -> _Region:
    """The region whose picture the words fit best: CLIP looks at each region's box as it is and on plain grey.

    The way of "Segment Anything" (Kirillov et al., 2023, appendix D.5) with the box's surroundings beside it.
    """
    crops: list[Rgb] = []
    for region in regions:
        crops += _crops(rgb, region.mask)
    fits = likeness(crops, phrase).reshape(-1, 2).mean(1)
    sure = np.array([max(region.candidate.score, 0.0) for region in regions])
    return regions[int(np.argmax(fits + 0.02 * sure))]  # cosines differ by hundredths between regions


def _crops(rgb: Rgb, mask: BoolArray) -> tuple[Rgb, Rgb]:
    height, width = rgb.shape[:2]
    box = _box(mask, width, height)
    more = 0.1 * max(box.width, box.height)
    wide = Box(box.x0 - more, box.y0 - more, box.x1 + more, box.y1 + more).clipped(width, height)
    rows, columns = slice(int(wide.y0), int(np.ceil(wide.y1))), slice(int(wide.x0), int(np.ceil(wide.x1)))
    crop = rgb[rows, columns]
    step = max(1, min(crop.shape[:2]) // 448)  # no more than CLIP sees anyway
    crop = crop[::step, ::step]
    xs = (np.arange(crop.shape[1]) * step + columns.start + 0.5) * mask.shape[1] / width
    ys = (np.arange(crop.shape[0]) * step + rows.start + 0.5) * mask.shape[0] / height
    inside = mask[np.ix_(ys.astype(int).clip(0, mask.shape[0] - 1), xs.astype(int).clip(0, mask.shape[1] - 1))]
    return crop, np.where(inside[..., None], crop, np.uint8(_GREY))


def _distinct(regions: Sequence[_Region]) -> list[_Region]:
    """The first of all that are nearly the same, `_REGIONS` at most."""
    kept: list[_Region] = []
    for region in regions:
        mask = region.mask
        if all((mask & k.mask).sum() < _SAME * (mask | k.mask).sum() for k in kept):
            kept.append(region)
        if len(kept) == _REGIONS:
            break
    return kept


def _centre_prior(side: int) -> Float32:
    place = (np.arange(side) + 0.5) / side - 0.5
    bell = np.exp(-(place**2) / (2 * _SPREAD**2))
    return np.asarray(bell[:, None] * bell, np.float32)


def _box(mask: BoolArray, width: int, height: int) -> Box:
    """The mask's box, in pixels of a picture of `width` × `height`."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    across, down = width / mask.shape[1], height / mask.shape[0]
    return Box(columns[0] * across, rows[0] * down, (columns[-1] + 1) * across, (rows[-1] + 1) * down)
