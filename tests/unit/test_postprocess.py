"""Holes and specks."""

from __future__ import annotations

import numpy as np

from inference.engines.postprocess import clean
from inference.masks import Mask


def scene() -> np.ndarray:
    """A frame with a hole of 4 and one of 25 pixels, a speck of 3 and an island of 16."""
    pixels = np.zeros((60, 80), bool)
    pixels[10:40, 10:40] = True
    pixels[12:14, 12:14] = False
    pixels[20:25, 20:25] = False
    pixels[50, 60:63] = True
    pixels[50:54, 70:74] = True
    return pixels


def test_small_holes_are_filled_and_large_ones_stay() -> None:
    seen = clean(Mask.from_array(scene()), fill_holes=4).array()
    assert seen[12:14, 12:14].all()
    assert not seen[20:25, 20:25].any()
    assert seen[50, 60]


def test_small_parts_go_and_large_ones_stay() -> None:
    seen = clean(Mask.from_array(scene()), remove_specks=3).array()
    assert not seen[50, 60:63].any()
    assert seen[50:54, 70:74].all()
    assert not seen[12:14, 12:14].any()


def test_the_largest_part_always_stays() -> None:
    pixels = np.zeros((20, 20), bool)
    pixels[2:4, 2:4] = True
    pixels[10, 10] = True
    assert clean(Mask.from_array(pixels), remove_specks=10_000).area == 4


def test_the_outside_is_no_hole_even_between_corners() -> None:
    pixels = ~np.eye(9, dtype=bool)  # parts touch over the diagonal, the outside does not
    seen = clean(Mask.from_array(pixels), fill_holes=100).array()
    assert not seen[0, 0]
    assert seen[4, 4]
    bay = np.ones((9, 9), bool)
    bay[4, 4:] = False
    assert clean(Mask.from_array(bay), fill_holes=100) == Mask.from_array(bay)


def test_nothing_asked_nothing_done() -> None:
    mask = Mask.from_array(scene())
    assert clean(mask) is mask
    empty = Mask.empty(5, 5)
    assert clean(empty, 10, 10) is empty
