"""Mask editing against plain numpy, and run-length patches against whole arrays."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app import editing, patches
from app.patches import Patch
from inference.masks import Mask


def blobs(seed: int, height: int = 48, width: int = 64, scale: float = 3.0) -> np.ndarray:
    noise = np.random.default_rng(seed).random((height, width)).astype(np.float32)
    return cv2.GaussianBlur(noise, (0, 0), scale) > 0.5


arrays = st.builds(
    lambda seed, h, w, share: np.random.default_rng(seed).random((h, w)) < share,
    st.integers(0, 10**6),
    st.integers(1, 24),
    st.integers(1, 24),
    st.floats(0, 1),
)


@given(arrays, st.integers(-30, 30), st.integers(-30, 30), st.integers(1, 40), st.integers(1, 40))
@settings(max_examples=80, deadline=None)
def test_crop_and_place_equal_slices(pixels: np.ndarray, x: int, y: int, width: int, height: int) -> None:
    mask = Mask.from_array(pixels)
    padded = np.pad(pixels, 100)
    piece = patches.crop(mask, (x, y, width, height))
    assert (piece == padded[100 + y : 100 + y + height, 100 + x : 100 + x + width]).all()
    back = np.zeros_like(padded)
    back[100 + y : 100 + y + height, 100 + x : 100 + x + width] = piece
    expected = Mask.from_array(back[100:-100, 100:-100])
    assert patches.place(Patch(x, y, piece), mask.width, mask.height) == expected


@given(arrays, st.integers(0, 10**6))
@settings(max_examples=60, deadline=None)
def test_runs_say_what_pixels_say(pixels: np.ndarray, seed: int) -> None:
    mask, rng = Mask.from_array(pixels), np.random.default_rng(seed)
    other = rng.random(pixels.shape) < 0.5
    assert patches.inverted(mask) == Mask.from_array(~pixels)
    assert patches.minus(mask, Mask.from_array(other)) == Mask.from_array(pixels & ~other)
    x, y = rng.random() * mask.width, rng.random() * mask.height
    assert patches.contains(mask, x, y) == pixels[int(y), int(x)]
    columns = np.sort(rng.integers(0, mask.width, 5))
    rows = np.sort(rng.integers(0, mask.height, 5))
    assert (patches.sampled(mask, columns, rows) == pixels[np.ix_(rows, columns)]).all()


def test_nothing_off_the_picture() -> None:
    mask = Mask.from_array(np.ones((4, 4), bool))
    assert not patches.contains(mask, -0.5, 2)
    assert not patches.contains(mask, 4, 2)
    assert patches.bounding([]) == (0, 0, 0, 0)
    assert patches.bounding([(1, 2, 3, 4), (0, 0, 0, 0), (10, 1, 1, 1)]) == (1, 1, 10, 5)


@pytest.mark.parametrize("diameter", [1, 3.5, 9, 30])
def test_a_stroke_covers_what_is_near_the_line(diameter: float) -> None:
    points = [(10.2, 12.7), (40.0, 20.0), (50.5, 45.1)]
    mask = editing.stroke_mask(points, diameter, 64, 48).array()
    y, x = np.mgrid[:48, :64] + 0.5
    far = np.full((48, 64), np.inf)
    for (ax, ay), (bx, by) in pairwise(points):
        share = ((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / ((bx - ax) ** 2 + (by - ay) ** 2)
        share = np.clip(share, 0, 1)
        far = np.minimum(far, np.hypot(x - ax - share * (bx - ax), y - ay - share * (by - ay)))
    assert not mask[far > diameter / 2 + 1].any()
    assert mask[far < diameter / 2 - 1].all()


def test_a_dab_of_one_pixel_is_one_pixel() -> None:
    assert editing.stroke_mask([(5.5, 6.5)], 1, 20, 20).bbox == (5, 6, 1, 1)


def test_a_stroke_off_the_picture_is_cut() -> None:
    mask = editing.stroke_mask([(-1e6, 10.5), (4.5, 10.5)], 3, 20, 20)
    assert mask.bbox[0] == 0 and 0 < mask.area < 40
    assert not editing.stroke_mask([(-50, -50)], 5, 20, 20).area
    assert not editing.stroke_mask([], 5, 20, 20).area


def test_painting_and_erasing_meet() -> None:
    start = Mask.from_array(blobs(1))
    line = [(5.0, 5.0), (60.0, 40.0)]
    stroke = editing.stroke_mask(line, 7, 64, 48)
    assert editing.painted(start, line, 7) == Mask.from_array(start.array() | stroke.array())
    assert editing.erased(start, line, 7) == Mask.from_array(start.array() & ~stroke.array())


def test_a_polygon_holds_the_pixels_whose_centres_it_holds() -> None:
    mask = editing.polygon_mask([[(2, 2), (10, 2), (10, 10), (2, 10)], [(4, 4), (6, 4), (6, 6), (4, 6)]], 20, 12)
    expected = np.zeros((12, 20), bool)
    expected[2:10, 2:10] = True
    expected[4:6, 4:6] = False
    assert (mask.array() == expected).all()
    assert not editing.polygon_mask([[(1, 1), (5, 5)]], 20, 12).area
    assert editing.polygon_mask([[(-50, -50), (90, -50), (90, 90), (-50, 90)]], 20, 12).area == 240
    assert not editing.polygon_mask([[(-9, -9), (-5, -9), (-5, -5)]], 20, 12).area


@pytest.mark.parametrize("tolerance", [0.5, 1.0, 2.0])
def test_a_mask_as_polygon_keeps_its_form(tolerance: float) -> None:
    mask = Mask.from_array(blobs(3, 200, 300, 12))
    rings = editing.to_polygon(mask, tolerance)
    assert editing.polygon_mask(rings, 300, 200).iou(mask) > 0.99 - 0.02 * tolerance
    assert sum(map(len, rings)) < 1500


def test_holes_and_parts() -> None:
    pixels = np.zeros((30, 40), bool)
    pixels[2:12, 2:12] = True
    pixels[5:8, 5:8] = False
    pixels[20:22, 30:33] = True
    mask = Mask.from_array(pixels)
    assert editing.holes_filled(mask).area == 106
    assert [part.area for part in editing.parts(mask)] == [91, 6]
    assert editing.part_count(mask) == 2
    assert editing.parts(patches.blank(5, 5)) == [] and editing.part_count(patches.blank(5, 5)) == 0
    assert editing.holes_filled(patches.blank(5, 5)).area == 0


def test_a_hole_at_the_edge_of_the_picture_is_none() -> None:
    pixels = np.ones((6, 6), bool)
    pixels[0, 2] = False
    assert editing.holes_filled(Mask.from_array(pixels)).area == 35


def test_sets_and_moves() -> None:
    a, b, c = blobs(1), blobs(2), blobs(3)
    masks = [Mask.from_array(m) for m in (a, b, c)]
    assert editing.union(masks) == Mask.from_array(a | b | c)
    assert editing.intersection(masks) == Mask.from_array(a & b & c)
    assert editing.subtracted(masks[0], masks[1:]) == Mask.from_array(a & ~b & ~c)
    assert editing.moved(masks[0], 5, -7) == masks[0].shifted(5, -7)
    assert editing.moved_rings((((1.0, 2.0), (3.0, 4.0)),), 1, -1) == (((2.0, 1.0), (4.0, 3.0)),)
    assert editing.moved_rings(None, 1, 1) is None
    assert editing.resized_canvas(masks[0], 10, 90) == Mask.from_array(np.pad(a[:, :10], ((0, 42), (0, 0))))


def test_inner_points_are_inside_and_apart() -> None:
    mask = Mask.from_array(blobs(5, 100, 100, 8))
    points = editing.inner_points(mask, 3)
    assert len(points) == 3 and all(patches.contains(mask, x, y) for x, y in points)
    assert editing.inner_points(patches.blank(9, 9)) == []
