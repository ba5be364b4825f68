"""What a hand does to masks: brush, polygon, lasso, union, subtraction, intersection, holes, parts, moves. Pure; no Qt.

Coordinates are image pixels: the first pixel covers 0..1, so its centre is at 0.5. Functions return new masks as large
as the ones they were given.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import reduce

import cv2
import numpy as np
import numpy.typing as npt

from app.instance import Ring, Rings
from app.patches import Patch, blank, minus, patch_of, place
from inference.masks import Mask

XY = tuple[float, float]

_SHIFT = 4  # OpenCV draws at sixteenths of a pixel
_UNIT = 1 << _SHIFT


def stroke_mask(points: Sequence[XY], diameter: float, width: int, height: int) -> Mask:
    """The pixels a round brush of `diameter` pixels covers along a line; at least the pixels under the line."""
    line = np.asarray(points, np.float64).reshape(-1, 2)
    if not len(line):
        return blank(width, height)
    radius = max(diameter / 2, 0.5)
    reach = math.ceil(radius) + 1
    line = _near(line, reach, width, height)
    x0, y0 = np.floor(line.min(0)).astype(int) - reach
    x1, y1 = np.ceil(line.max(0)).astype(int) + reach
    left, top, right, bottom = max(x0, 0), max(y0, 0), min(x1, width), min(y1, height)
    if left >= right or top >= bottom:
        return blank(width, height)
    pixels = np.zeros((bottom - top, right - left), np.uint8)
    _draw_stroke(pixels, line - (left, top), radius)
    return place(Patch(left, top, pixels.astype(bool)), width, height)


def painted(mask: Mask, points: Sequence[XY], diameter: float) -> Mask:
    """A mask with one brush stroke added."""
    return mask.union(stroke_mask(points, diameter, mask.width, mask.height))


def erased(mask: Mask, points: Sequence[XY], diameter: float) -> Mask:
    """A mask with one stroke of the eraser taken away."""
    return minus(mask, stroke_mask(points, diameter, mask.width, mask.height))


def polygon_mask(rings: Sequence[Sequence[XY]], width: int, height: int) -> Mask:
    """The pixels whose centres lie inside rings (even-odd: a ring in a ring is a hole).

    Rings of less than three points are nothing.
    """
    usable = [np.asarray(ring, np.float64) for ring in rings if len(ring) >= 3]
    if not usable:
        return blank(width, height)
    everything = np.concatenate(usable)
    left, top = np.maximum(np.floor(everything.min(0)).astype(int), 0)
    right, bottom = np.minimum(np.ceil(everything.max(0)).astype(int), (width, height))
    if left >= right or top >= bottom:
        return blank(width, height)
    pixels = _even_odd(usable, int(left), int(top), int(right - left), int(bottom - top))
    return place(Patch(int(left), int(top), pixels), width, height)


def union(masks: Iterable[Mask]) -> Mask:
    """What is in any of them. TypeError when there is none."""
    return reduce(Mask.union, masks)


def intersection(masks: Iterable[Mask]) -> Mask:
    """What is in all of them. TypeError when there is none."""
    return reduce(Mask.intersection, masks)


def subtracted(mask: Mask, others: Iterable[Mask]) -> Mask:
    """What is in the first and in none of the others."""
    return reduce(minus, others, mask)


def moved(mask: Mask, dx: int, dy: int) -> Mask:
    """Moved by whole pixels; what leaves the picture is cut."""
    patch = patch_of(mask)
    return place(Patch(patch.x + dx, patch.y + dy, patch.pixels), mask.width, mask.height)


def moved_rings(rings: Rings | None, dx: float, dy: float) -> Rings | None:
    """Polygon rings moved along with their mask."""
    return None if rings is None else tuple(tuple((x + dx, y + dy) for x, y in ring) for ring in rings)


def resized_canvas(mask: Mask, width: int, height: int) -> Mask:
    """The mask at the same place of a picture of another size; what lies outside of that is cut."""
    return mask if (mask.width, mask.height) == (width, height) else place(patch_of(mask), width, height)


def holes_filled(mask: Mask) -> Mask:
    """With every hole filled: what the outside cannot reach over edges (4-connected background)."""
    patch = patch_of(mask, margin=1)
    if not patch.pixels.size:
        return mask
    outside = (~patch.pixels).astype(np.uint8)
    _, labels = cv2.connectedComponents(outside, connectivity=4)
    return place(Patch(patch.x, patch.y, labels != labels[0, 0]), mask.width, mask.height)


def parts(mask: Mask) -> list[Mask]:
    """The connected parts (8-connected), the largest first; empty for an empty mask."""
    patch = patch_of(mask)
    if not patch.pixels.size:
        return []
    count, labels, stats, _ = cv2.connectedComponentsWithStats(patch.pixels.astype(np.uint8), connectivity=8)
    found = []
    for label in sorted(range(1, count), key=lambda n: -int(stats[n, cv2.CC_STAT_AREA])):
        x, y, w, h = (int(v) for v in stats[label, :4])
        found.append(
            place(Patch(patch.x + x, patch.y + y, labels[y : y + h, x : x + w] == label), mask.width, mask.height)
        )
    return found


def part_count(mask: Mask) -> int:
    """How many connected parts there are."""
    patch = patch_of(mask)
    return (
        int(cv2.connectedComponents(patch.pixels.astype(np.uint8), connectivity=8)[0]) - 1 if patch.pixels.size else 0
    )


def to_polygon(mask: Mask, tolerance: float = 1.0) -> Rings:
    """The outlines of a mask as rings with few vertices, at most `tolerance` pixels off (Douglas-Peucker).

    Holes are rings, too. The rings run a quarter pixel inside the edges of the pixels, so that filling them gives
    nearly the same mask.
    """
    patch = patch_of(mask, margin=1)
    if not patch.pixels.size:
        return ()
    # At twice the size with the pixels' edges on even numbers, a contour can be laid half a pixel outwards.
    double = np.kron(patch.pixels.astype(np.uint8), np.ones((2, 2), np.uint8))
    contours, _ = cv2.findContours(double, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    rings = []
    for contour in contours:
        corner = cv2.approxPolyDP(contour, max(tolerance, 0.1) * 2, True).reshape(-1, 2)
        if len(corner) >= 3:
            rings.append(tuple((float(x) / 2 + 0.25 + patch.x, float(y) / 2 + 0.25 + patch.y) for x, y in corner))
    return tuple(rings)


def simplified(points: Sequence[XY], tolerance: float) -> Ring:
    """A free-hand ring with fewer vertices."""
    line = np.asarray(points, np.float32).reshape(-1, 1, 2)
    kept = cv2.approxPolyDP(line, tolerance, True).reshape(-1, 2) if len(line) >= 3 else line.reshape(-1, 2)
    return tuple((float(x), float(y)) for x, y in kept)


def inner_points(mask: Mask, count: int = 1) -> list[XY]:
    """Points well inside a mask, the one farthest from the edge first, the others far from those before."""
    patch = patch_of(mask, margin=1)
    if not patch.pixels.any():
        return []
    depth = cv2.distanceTransform(patch.pixels.astype(np.uint8), cv2.DIST_L2, 5)
    found: list[XY] = []
    for _ in range(count):
        _, deepest, _, (column, row) = cv2.minMaxLoc(depth)
        if deepest <= 0:
            break
        found.append((patch.x + column + 0.5, patch.y + row + 0.5))
        cv2.circle(depth, (column, row), math.ceil(deepest * 0.7), 0, -1)
    return found


def _near(line: npt.NDArray[np.float64], reach: int, width: int, height: int) -> npt.NDArray[np.float64]:
    """A line with its points drawn in to where they can still touch the picture, so that no coordinate overflows."""
    far = 4 * reach + 4
    return np.clip(line, (-far, -far), (width + far, height + far))


def _draw_stroke(pixels: npt.NDArray[np.uint8], line: npt.NDArray[np.float64], radius: float) -> None:
    centres = np.round((line - 0.5) * _UNIT).astype(np.int64)
    size = round(radius * _UNIT)
    for x, y in np.unique(centres, axis=0):
        if radius <= 0.75:
            cv2.circle(pixels, (int(x) // _UNIT, int(y) // _UNIT), 0, 1, -1)
        else:
            cv2.circle(pixels, (int(x), int(y)), size, 1, -1, cv2.LINE_8, _SHIFT)
    steps = np.diff(line, axis=0)
    lengths = np.hypot(steps[:, 0], steps[:, 1])
    for start, step, length in zip(line[:-1], steps, lengths, strict=True):
        if length < 1e-6:
            continue
        side = np.array([-step[1], step[0]]) * ((radius - 0.5) / length)
        band = np.array([start + side, start + step + side, start + step - side, start - side]) - 0.5
        cv2.fillConvexPoly(pixels, np.round(band * _UNIT).astype(np.int32), 1, cv2.LINE_8, _SHIFT)


def _even_odd(
    rings: Sequence[npt.NDArray[np.float64]], left: int, top: int, width: int, height: int
) -> npt.NDArray[np.bool_]:
    """Scan lines through pixel centres: exact, which OpenCV's fill is not (it adds the outline's pixels)."""
    flips = np.zeros((height, width + 1), np.int32)
    for ring in rings:
        points = ring - (left + 0.5, top + 0.5)
        for (ax, ay), (bx, by) in zip(points, np.roll(points, -1, axis=0), strict=True):
            if ay == by:
                continue
            if ay > by:
                ax, ay, bx, by = bx, by, ax, ay
            rows = np.arange(max(math.ceil(ay), 0), min(math.ceil(by), height))
            crossing = np.ceil(ax + (rows - ay) * ((bx - ax) / (by - ay))).astype(np.int64)
            np.add.at(flips, (rows, np.clip(crossing, 0, width)), 1)
    return (np.cumsum(flips, axis=1) % 2).astype(bool)[:, :width]
