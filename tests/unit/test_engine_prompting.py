"""Prompts are checked against the picture before a model sees them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from inference.engines.prompting import as_arrays, checked
from inference.errors import UsageError
from inference.prompts import Box, Point, Prompts


def test_prompts_inside_stay_as_they_are() -> None:
    prompts = Prompts((Point(0, 0), Point(640, 480, False), Point(3.25, 4.5)), Box(0, 0, 640, 480))
    assert checked(prompts, 640, 480) == prompts


def test_a_slip_over_the_edge_is_clipped() -> None:
    prompts = checked(Prompts((Point(-3, 485),), Box(-50, 10, 9000, 20)), 640, 480)
    assert prompts == Prompts((Point(0, 480),), Box(0, 10, 640, 20))


@pytest.mark.parametrize(
    "prompts",
    [
        Prompts(),
        Prompts((Point(-100, 5),)),
        Prompts((Point(5, 5), Point(5, 1000, False))),
        Prompts((Point(math.nan, 5),)),
        Prompts((Point(5, math.inf),)),
        Prompts((), Box(5, 5, 5, 9)),
        Prompts((), Box(9, 5, 5, 9)),
        Prompts((), Box(700, 5, 800, 9)),
        Prompts((), Box(0, -9, 5, -3)),
        Prompts((), Box(0, 0, math.nan, 5)),
        Prompts((), Box(0, 0, math.inf, 5)),
    ],
)
def test_senseless_prompts_are_refused_with_a_remedy(prompts: Prompts) -> None:
    with pytest.raises(UsageError) as caught:
        checked(prompts, 640, 480)
    assert caught.value.remedy


def test_the_order_the_prompt_encoder_wants() -> None:
    coordinates, labels = as_arrays(Prompts((Point(1, 2), Point(3, 4, False)), Box(5, 6, 7, 8)))
    assert coordinates.tolist() == [[5, 6], [7, 8], [1, 2], [3, 4]]
    assert labels.tolist() == [2, 3, 1, 0]
    assert coordinates.dtype == np.float32
