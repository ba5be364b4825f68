"""Cleaning a mask by connected parts: small holes filled, small specks removed (sam2's `_C` is absent).

Worked on runs of pixels, not on pixels: the mask of a 108-megapixel picture has some ten thousand of them, and a click
waits for this. Parts are what scipy's graph search finds over runs that touch in neighbouring columns.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from inference.engines.upscale import mask_of_runs
from inference.masks import BoolArray as Bool
from inference.masks import IntArray as Int
from inference.masks import Mask


def clean(mask: Mask, fill_holes: int = 0, remove_specks: int = 0) -> Mask:
    """Fills enclosed holes of at most `fill_holes` pixels and removes parts of at most `remove_specks` pixels.

    The largest part always stays, however small. Parts touch also over corners, holes only over edges.
    """
    if not mask.area or (fill_holes <= 0 and remove_specks <= 0):
        return mask
    edges = mask.run_ends()
    stops = edges[1::2]
    inside = _split(edges[0::2][: len(stops)], stops, mask.height)
    if remove_specks > 0:
        inside = inside.take(~_specks(inside, remove_specks))
    if fill_holes > 0:
        outside = _between(inside, mask)
        inside = _joined(inside, outside.take(_holes(outside, mask, fill_holes)))
    return _assembled(inside, mask)


@dataclass(frozen=True)
class _Pieces:
    """Runs cut at the ends of columns, in COCO's order: columns from the left, each from the top.

    Attributes:
        column: (S,) of each piece.
        top, end: (S,) its first row, and the one after its last.
        height: of the picture.
    """

    column: Int
    top: Int
    end: Int
    height: int

    def take(self, which: Bool) -> _Pieces:
        return _Pieces(self.column[which], self.top[which], self.end[which], self.height)


def _split(starts: Int, stops: Int, height: int) -> _Pieces:
    """The pieces of runs given by pixel numbers counted down the columns."""
    first, last = starts // height, (stops - 1) // height
    number = last - first + 1
    run = np.repeat(np.arange(len(starts)), number)
    column = np.arange(len(run)) - np.repeat(np.cumsum(number) - number, number) + first[run]
    top = np.where(column == first[run], starts[run] - first[run] * height, 0)
    end = np.where(column == last[run], stops[run] - last[run] * height, height)
    return _Pieces(column, top, end, height)


def _between(pieces: _Pieces, mask: Mask) -> _Pieces:
    """All that the pieces leave out of the picture."""
    base = pieces.column * pieces.height
    starts = np.concatenate([[0], base + pieces.end])
    stops = np.concatenate([base + pieces.top, [mask.height * mask.width]])
    some = stops > starts
    return _split(starts[some], stops[some], pieces.height)


def _specks(inside: _Pieces, limit: int) -> Bool:
    """Which pieces belong to parts that are too small."""
    part, areas = _parts(inside, corners=True)
    small = areas <= limit
    small[int(areas.argmax())] = False
    return np.asarray(small[part])


def _holes(outside: _Pieces, mask: Mask, limit: int) -> Bool:
    """Which pieces belong to holes to be filled: small, and nowhere at the picture's edge."""
    part, areas = _parts(outside, corners=False)
    small = areas <= limit
    last = mask.width - 1
    at_edge = (outside.column == 0) | (outside.column == last) | (outside.top == 0) | (outside.end == mask.height)
    small[part[at_edge]] = False
    return np.asarray(small[part])


def _parts(pieces: _Pieces, corners: bool) -> tuple[Int, Int]:
    """The number of the connected part that each piece belongs to, and the area of every part."""
    stride = pieces.height + 2  # columns lie so far apart that a piece never seems to reach into the next one
    top, end = pieces.column * stride + pieces.top, pieces.column * stride + pieces.end
    first = np.searchsorted(end, top + stride, side="left" if corners else "right")
    after = np.searchsorted(top, end + stride, side="right" if corners else "left")
    number = np.maximum(after - first, 0)
    one = np.repeat(np.arange(len(top)), number)
    other = np.arange(len(one)) - np.repeat(np.cumsum(number) - number, number) + first[one]
    touching = coo_array((np.ones(len(one), np.int8), (one, other)), shape=(len(top), len(top)))
    count, part = connected_components(touching, directed=False)
    areas = np.bincount(part, weights=pieces.end - pieces.top, minlength=count)
    return part, areas.astype(np.int64)


def _joined(some: _Pieces, more: _Pieces) -> _Pieces:
    """All pieces of both, in order."""
    pairs = (some.column, more.column), (some.top, more.top), (some.end, more.end)
    column, top, end = (np.concatenate(pair) for pair in pairs)
    order = np.argsort(column * some.height + top)
    return _Pieces(column[order], top[order], end[order], some.height)


def _assembled(pieces: _Pieces, mask: Mask) -> Mask:
    """The mask of pieces in order; those that follow on each other become one run again."""
    starts, stops = pieces.column * pieces.height + pieces.top, pieces.column * pieces.height + pieces.end
    apart = starts[1:] != stops[:-1]
    starts, stops = starts[np.concatenate([[True], apart])], stops[np.concatenate([apart, [True]])]
    edges = np.stack([starts, stops], axis=1).ravel()
    whole = mask.height * mask.width
    ends = [] if edges[-1] == whole else [whole]
    return mask_of_runs(mask.height, mask.width, np.diff(np.concatenate([[0], edges, ends])))
