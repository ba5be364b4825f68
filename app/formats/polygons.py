"""Masks as polygons: exact outlines along pixel edges, simplified within a tolerance, and holes joined by a cut.

Coordinates are those of COCO and YOLO: pixel (x, y) covers the square from (x, y) to (x + 1, y + 1), so a full picture
of width w reaches from 0 to w. labelme counts pixel centres instead; `centre_rings` is for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from inference.masks import Mask

Ring = npt.NDArray[np.float64]
"""(N, 2) x, y; closed without repeating the first point."""


@dataclass(frozen=True)
class Part:
    """One connected piece of a mask: its outline and the outlines of its holes."""

    outer: Ring
    holes: tuple[Ring, ...] = ()


def parts_of(mask: Mask, tolerance: float = 0.0) -> list[Part]:
    """The pieces (joined by edges, not by corners) of a mask, largest first.

    Args:
        tolerance: how far, in pixels, a simplified outline may leave the exact one; 0 keeps every pixel's edge. Small
            pieces are simplified less, so that they keep their shape.
    """
    x, y, width, height = mask.bbox
    if not width:
        return []
    patch = mask.array()[y : y + height, x : x + width].astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(patch, connectivity=4)
    parts = []
    for label in range(1, count):
        left, top, w, h, area = (int(v) for v in stats[label])
        piece = labels[top : top + h, left : left + w] == label
        rings = [ring + np.array([x + left, y + top]) for ring in edge_rings(piece)]
        rings.sort(key=lambda ring: -abs(signed_area(ring)))
        parts.append((area, Part(rings[0], tuple(rings[1:]))))
    parts.sort(key=lambda item: -item[0])
    return [_simplified_part(part, _bounded(tolerance, area)) for area, part in parts]


def edge_rings(pixels: npt.NDArray[np.bool_]) -> list[Ring]:
    """The closed outlines of (H, W) pixels along their edges, corners only; filled even-odd they give the pixels back.

    Every corner joins one horizontal and one vertical edge, and along each grid line corners pair up, so the edges are
    found by sorting; following them is the only loop. Where two pixels touch at a corner only, the outline stays with
    the pixel it came from (4-connected).
    """
    corners, turns = _corners(pixels)
    if not len(corners):
        return []
    across = _partners(corners, turns, axis=0)
    along = _partners(corners, turns, axis=1)
    rings, seen = [], np.zeros(len(corners), bool)
    for start in range(len(corners)):
        if seen[start]:
            continue
        ring, node = [], start
        while not seen[node]:
            seen[node] = seen[across[node]] = True
            ring += [node, across[node]]
            node = int(along[across[node]])
        rings.append(corners[ring].astype(np.float64))
    return rings


def _corners(pixels: npt.NDArray[np.bool_]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Grid points (x, y) where an outline turns, and whether the pixel it belongs to lies right (1) and below (2).

    A point with two pixels touching diagonally is two corners, one for each pixel.
    """
    padded = np.pad(pixels, 1)
    a, b, c, d = padded[:-1, :-1], padded[:-1, 1:], padded[1:, :-1], padded[1:, 1:]
    kinds = a + 2 * b.astype(np.int8) + 4 * c.astype(np.int8) + 8 * d.astype(np.int8)
    found, turns = [], []
    for kind, quadrants in _TURNS.items():
        ys, xs = np.nonzero(kinds == kind)
        for quadrant in quadrants:
            found.append(np.stack([xs, ys], axis=1))
            turns.append(np.full(len(xs), quadrant))
    return np.concatenate(found), np.concatenate(turns)


# The 2×2 neighbourhood (bits: above left, above right, below left, below right) to the quadrant the corner opens to:
# where the single inside (or the single outside) pixel lies, 1 = right, 2 = below.
_TURNS = {1: (0,), 2: (1,), 4: (2,), 8: (3,), 14: (0,), 13: (1,), 11: (2,), 7: (3,), 6: (1, 2), 9: (0, 3)}


def _partners(corners: npt.NDArray[np.int64], turns: npt.NDArray[np.int64], axis: int) -> npt.NDArray[np.int64]:
    """For every corner the other end of its edge along `axis` (0: horizontal, 1: vertical).

    A corner that opens to the right has its horizontal edge on its right: sorted along the line with left-openers
    first, ends alternate.
    """
    bit = (turns >> axis) & 1
    order = np.lexsort((bit, corners[:, axis], corners[:, 1 - axis]))
    partner = np.empty(len(corners), np.int64)
    partner[order[0::2]], partner[order[1::2]] = order[1::2], order[0::2]
    return partner


def centre_rings(mask: Mask) -> list[Ring]:
    """The outer outlines through the centres of the border pixels (cv2's contours), as labelme's; no holes."""
    return [ring.astype(np.float64) for ring, hole in mask.rings() if not hole]


def simplified(ring: Ring, tolerance: float) -> Ring:
    """Ramer-Douglas-Peucker; never fewer than three points."""
    if tolerance <= 0 or len(ring) <= 4:
        return ring
    fewer = cv2.approxPolyDP(ring.astype(np.float32).reshape(-1, 1, 2), tolerance, True).reshape(-1, 2)
    return fewer.astype(np.float64) if len(fewer) >= 3 else ring


def signed_area(ring: Ring) -> float:
    """The shoelace formula, in square pixels."""
    x, y = ring[:, 0], ring[:, 1]
    return float((x * np.roll(y, -1) - np.roll(x, -1) * y).sum() / 2)


def bridged(part: Part) -> Ring:
    """One ring for a piece with holes: each hole is joined to the outline by a cut of no width, where nearest."""
    ring = part.outer
    for hole in part.holes:
        # Run the hole the other way round than the outline, so that filling by winding leaves it empty as well.
        inner = hole if signed_area(hole) * signed_area(part.outer) < 0 else hole[::-1]
        ring = _spliced(ring, inner)
    return ring


def joined(rings: Sequence[Ring]) -> Ring:
    """One ring through several separate ones, joined by cuts of no width, for formats that hold a single polygon."""
    result = rings[0]
    for ring in rings[1:]:
        result = _spliced(result, ring if signed_area(ring) * signed_area(rings[0]) > 0 else ring[::-1])
    return result


def _spliced(ring: Ring, other: Ring) -> Ring:
    """Walks `ring` to the point nearest to `other`, around `other`, back, and on."""
    i, j = _nearest(ring, other)
    around = np.concatenate([other[j:], other[: j + 1]])
    return np.concatenate([ring[: i + 1], around, ring[i:]])


def _nearest(a: Ring, b: Ring) -> tuple[int, int]:
    """Indices of the closest pair; of long outlines only every n-th point is asked, for thousands of specks."""
    step_a, step_b = -(-len(a) // _ASKED), -(-len(b) // _ASKED)
    distance = ((a[::step_a, None, :] - b[None, ::step_b, :]) ** 2).sum(-1)
    i, j = np.unravel_index(int(distance.argmin()), distance.shape)
    return int(i) * step_a, int(j) * step_b


_ASKED = 1024


def _bounded(tolerance: float, area: int) -> float:
    return min(tolerance, 0.05 * float(np.sqrt(area)))


def _simplified_part(part: Part, tolerance: float) -> Part:
    return Part(simplified(part.outer, tolerance), tuple(simplified(hole, tolerance) for hole in part.holes))
