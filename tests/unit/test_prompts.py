"""Prompts: boxes in any order of corners, cut to the picture, and JSON there and back."""

from __future__ import annotations

import json
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.prompts import Box, Point, Prompts, Text

numbers = st.floats(-1e6, 1e6, allow_nan=False)
boxes = st.builds(Box.of_corners, numbers, numbers, numbers, numbers)
points = st.builds(Point, numbers, numbers, st.booleans())
prompts = st.builds(Prompts, st.lists(points, max_size=5).map(tuple), st.none() | boxes)


@given(numbers, numbers, numbers, numbers)
def test_a_box_has_ordered_corners(ax: float, ay: float, bx: float, by: float) -> None:
    box = Box.of_corners(ax, ay, bx, by)
    assert box.x0 <= box.x1
    assert box.y0 <= box.y1
    assert box == Box.of_corners(bx, by, ax, ay) == Box.of_corners(ax, by, bx, ay)
    assert (box.width, box.height) == (box.x1 - box.x0, box.y1 - box.y0)


@given(boxes, st.integers(0, 5000), st.integers(0, 5000))
def test_a_clipped_box_lies_in_the_picture(box: Box, width: int, height: int) -> None:
    cut = box.clipped(width, height)
    assert 0 <= cut.x0 <= cut.x1 <= width
    assert 0 <= cut.y0 <= cut.y1 <= height
    assert cut.clipped(width, height) == cut


def test_center() -> None:
    assert Box(2, 4, 6, 10).center == (4, 7)


@given(prompts)
def test_json_there_and_back(given_prompts: Prompts) -> None:
    assert Prompts.from_json(json.loads(json.dumps(given_prompts.to_json()))) == given_prompts
    assert pickle.loads(pickle.dumps(given_prompts)) == given_prompts


@pytest.mark.parametrize(
    "bad",
    [
        {},
        {"points": []},
        {"points": None, "box": None},
        {"points": [[1, 2]], "box": None},
        {"points": [["a", 2, 1]], "box": None},
        {"points": [], "box": [1, 2, 3]},
        {"points": [], "box": "1234"},
        {"points": [5], "box": None},
    ],
)
def test_bad_json_is_refused(bad: dict[str, object]) -> None:
    with pytest.raises((ValueError, TypeError, KeyError)):
        Prompts.from_json(bad)


def test_in_a_picture_of_another_size() -> None:
    scaled = Prompts((Point(10, 20, False),), Box(4, 6, 8, 10)).scaled(0.5)
    assert scaled == Prompts((Point(5, 10, False),), Box(2, 3, 4, 5))
    assert Prompts().scaled(2) == Prompts()


def test_emptiness_and_adding() -> None:
    assert not Prompts()
    assert Prompts(box=Box(0, 0, 0, 0))
    two = Prompts().with_point(Point(1, 2)).with_point(Point(3, 4, positive=False))
    assert two
    assert two.points == (Point(1, 2, True), Point(3, 4, False))
    assert Text("a red car").phrase == "a red car"
