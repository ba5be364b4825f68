"""Prompts checked against their picture and laid out as SAM's prompt encoder takes them. No torch."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from inference.errors import UsageError
from inference.prompts import Box, Point, Prompts

_SLACK = 0.02  # of the longer side: a slip of the hand over the edge, clipped in place of refused


def checked(prompts: Prompts, width: int, height: int) -> Prompts:
    """The prompts, clipped to the picture where they reach a little over its edge.

    Raises UsageError: none at all, a number that is none, a point clearly outside, a box outside or without area.
    """
    if not prompts:
        raise UsageError("A mask needs at least one point or a box.", remedy="Click on the object or draw a box.")
    points = tuple(_checked_point(p, width, height) for p in prompts.points)
    box = None if prompts.box is None else _checked_box(prompts.box, width, height)
    return Prompts(points, box)


def as_arrays(prompts: Prompts) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int32]]:
    """(N, 2) float32 x, y in picture pixels and (N,) labels: 2 and 3 for a box's corners, which come first; 1 and 0."""
    corners = [] if prompts.box is None else [(prompts.box.x0, prompts.box.y0), (prompts.box.x1, prompts.box.y1)]
    coordinates = [*corners, *((p.x, p.y) for p in prompts.points)]
    labels = [2, 3][: len(corners)] + [int(p.positive) for p in prompts.points]
    return np.array(coordinates, np.float32).reshape(-1, 2), np.array(labels, np.int32)


def _checked_point(point: Point, width: int, height: int) -> Point:
    slack = max(1.0, _SLACK * max(width, height))
    inside = -slack <= point.x <= width + slack and -slack <= point.y <= height + slack  # False for NaN
    if not inside:
        raise UsageError(
            f"The point {_words(point.x)}, {_words(point.y)} is outside the picture of {width} × {height} pixels.",
            remedy="Coordinates are pixels from the upper left corner, x first.",
        )
    x, y = min(max(point.x, 0.0), float(width)), min(max(point.y, 0.0), float(height))
    return point if (x, y) == (point.x, point.y) else Point(x, y, point.positive)


def _checked_box(box: Box, width: int, height: int) -> Box:
    if not all(math.isfinite(v) for v in (box.x0, box.y0, box.x1, box.y1)):
        raise UsageError("The box has corners that are no numbers.", remedy="Give it as X0,Y0,X1,Y1 in pixels.")
    if box.width <= 0 or box.height <= 0:
        raise UsageError("The box has no area.", remedy="Draw it from one corner to the opposite one.")
    inside = box.clipped(width, height)
    if inside.width <= 0 or inside.height <= 0:
        raise UsageError(
            f"The box lies outside the picture of {width} × {height} pixels.",
            remedy="Coordinates are pixels from the upper left corner, x first.",
        )
    return inside


def _words(value: float) -> str:
    return f"{value:g}"
