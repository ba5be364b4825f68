"""Masks: exact through COCO's run lengths, whatever the shape; bad codes are refused before pycocotools reads them."""

from __future__ import annotations

import pickle

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from pycocotools import mask as coco

from inference.masks import Mask

Pixels = npt.NDArray[np.bool_]
shapes = array_shapes(min_dims=2, max_dims=2, max_side=20)
pixel_arrays = arrays(bool, shapes)
pairs = shapes.flatmap(lambda shape: st.tuples(arrays(bool, shape), arrays(bool, shape)))


@given(pixel_arrays)
def test_pixels_there_and_back(pixels: Pixels) -> None:
    mask = Mask.from_array(pixels)
    np.testing.assert_array_equal(mask.array(), pixels)
    assert mask.array().dtype == bool
    assert mask == Mask.from_rle(mask.rle) == pickle.loads(pickle.dumps(mask))


@given(pixel_arrays)
def test_area_and_box(pixels: Pixels) -> None:
    mask = Mask.from_array(pixels)
    assert mask.area == pixels.sum()
    if not pixels.any():
        assert mask.bbox == (0, 0, 0, 0)
        return
    ys, xs = np.nonzero(pixels)
    assert mask.bbox == (xs.min(), ys.min(), xs.max() - xs.min() + 1, ys.max() - ys.min() + 1)


@given(pairs)
def test_set_operations(pair: tuple[Pixels, Pixels]) -> None:
    a, b = pair
    first, second = Mask.from_array(a), Mask.from_array(b)
    np.testing.assert_array_equal(first.union(second).array(), a | b)
    np.testing.assert_array_equal(first.intersection(second).array(), a & b)
    np.testing.assert_array_equal(first.minus(second).array(), a & ~b)
    both = (a | b).sum()
    assert first.iou(second) == pytest.approx((a & b).sum() / both if both else 0.0)
    # The code is the same however the mask was made, so equal masks are equal objects.
    assert first.union(second) == Mask.from_array(a | b)
    assert first.intersection(second) == Mask.from_array(a & b)


@given(pixel_arrays, st.integers(-25, 25), st.integers(-25, 25))
def test_shifted(pixels: Pixels, dx: int, dy: int) -> None:
    height, width = pixels.shape
    expected = np.zeros_like(pixels)
    for y, x in zip(*np.nonzero(pixels), strict=True):
        if 0 <= y + dy < height and 0 <= x + dx < width:
            expected[y + dy, x + dx] = True
    np.testing.assert_array_equal(Mask.from_array(pixels).shifted(dx, dy).array(), expected)


@given(pixel_arrays)
def test_uncompressed_and_binary_codes(pixels: Pixels) -> None:
    mask = Mask.from_array(pixels)
    flat = pixels.ravel(order="F").astype(int)
    edges = np.flatnonzero(np.diff(flat)) + 1
    runs = np.diff([0, *edges, flat.size]).tolist()
    if flat[0]:
        runs = [0, *runs]
    size = list(pixels.shape)
    assert Mask.from_rle({"size": size, "counts": runs}) == mask
    assert Mask.from_rle({"size": size, "counts": mask.counts.encode()}) == mask


@pytest.mark.parametrize(
    "rle",
    [
        {},
        {"size": [2, 2]},
        {"size": [2], "counts": "4"},
        {"size": [2, 2], "counts": 4},
        {"size": [2, 2], "counts": [5]},
        {"size": [2, 2], "counts": [3]},
        {"size": [2, 2], "counts": [-1, 5]},
        {"size": [-2, -2], "counts": [4]},
        {"size": [2, 2], "counts": "z"},
        {"size": [2, 2], "counts": "o"},
        {"size": [2, 2], "counts": "\x00"},
        {"size": [2, 2], "counts": "ä"},
        {"size": [2, 2], "counts": b"\xff"},
        {"size": ["a", 2], "counts": "4"},
        {"size": [2, 2], "counts": ["a"]},
        {"size": [None, 2], "counts": "4"},
        {"size": [2, 2], "counts": [None]},
        {"size": [2, 2], "counts": [float("inf")]},
        {"size": [float("nan"), 2], "counts": [4]},
        {"size": [2, 2], "counts": [1.5, 2.5]},
        {"size": [10**12, 10**12], "counts": [10**24]},
    ],
)
def test_bad_codes_are_refused(rle: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        Mask.from_rle(rle)


@settings(max_examples=300)
@given(st.text(st.characters(min_codepoint=40, max_codepoint=120), max_size=12))
def test_any_text_is_a_mask_or_refused(counts: str) -> None:
    """And never a crash: pycocotools trusts its input."""
    try:
        mask = Mask.from_rle({"size": [7, 5], "counts": counts})
    except ValueError:
        return
    assert mask.array().shape == (7, 5)
    assert mask.area == mask.array().sum()


@given(pixel_arrays)
def test_rings_fill_to_the_same_mask(pixels: Pixels) -> None:
    """Outer rings filled, holes taken out: the pixels again."""
    import cv2

    mask = Mask.from_array(pixels)
    canvas = np.zeros(pixels.shape, np.uint8)
    rings = mask.rings()
    for ring, is_hole in rings:
        if not is_hole:
            cv2.fillPoly(canvas, [ring], 1)
    outer = canvas.astype(bool)
    assert (outer | ~pixels).all()
    assert len(mask.polygons()) == len(rings)
    if not any(is_hole for _, is_hole in rings):
        np.testing.assert_array_equal(outer, pixels)


def test_a_hole_is_a_hole() -> None:
    pixels = np.zeros((9, 9), bool)
    pixels[1:8, 1:8] = True
    pixels[3:6, 3:6] = False
    rings = Mask.from_array(pixels).rings()
    assert sorted(is_hole for _, is_hole in rings) == [False, True]


coordinates = st.floats(-5, 15, allow_nan=False).map(lambda v: round(v, 2))
polygons = st.lists(st.lists(st.tuples(coordinates, coordinates), min_size=3, max_size=6), max_size=3)


def inside(x: float, y: float, rings: list[list[tuple[float, float]]]) -> bool:
    """Even-odd by a ray to the left, edge by edge."""
    crossed = 0
    for ring in rings:
        for (ax, ay), (bx, by) in zip(ring, ring[1:] + ring[:1], strict=True):
            if (ay <= y) != (by <= y):
                (tx, ty), (ux, uy) = ((ax, ay), (bx, by)) if ay < by else ((bx, by), (ax, ay))
                crossed += tx + (y - ty) * ((ux - tx) / (uy - ty)) <= x
    return crossed % 2 == 1


@settings(deadline=None)
@given(polygons)
def test_polygons_hold_the_pixels_whose_centres_are_inside(rings: list[list[tuple[float, float]]]) -> None:
    pixels = Mask.from_polygons(rings, 8, 10).array()
    expected = [[inside(x + 0.5, y + 0.5, rings) for x in range(10)] for y in range(8)]
    assert (pixels != np.array(expected)).sum() <= 1  # a centre on an edge may fall either way by rounding


def test_polygons_of_whole_pixels() -> None:
    square = Mask.from_polygons([[[2, 1], [6, 1], [6, 5], [2, 5]]], 8, 10)
    assert square.bbox == (2, 1, 4, 4)
    assert square.area == 16
    ring = Mask.from_polygons([[[0, 0], [10, 0], [10, 8], [0, 8]], [[3, 3], [6, 3], [6, 5], [3, 5]]], 8, 10)
    assert ring.area == 80 - 6
    beyond = Mask.from_polygons([[[-5, -5], [50, -5], [50, 50], [-5, 50]]], 8, 10)
    assert beyond.area == 80
    assert Mask.from_polygons([], 3, 4) == Mask.from_polygons([[]], 3, 4) == Mask.empty(3, 4)


def test_numbers_and_dimensions() -> None:
    assert Mask.from_array([[0, 2], [0.5, 0]]).array().tolist() == [[False, True], [True, False]]
    with pytest.raises(ValueError, match="two dimensions"):
        Mask.from_array(np.zeros((2, 2, 2)))
    assert Mask.empty(0, 0).area == 0
    assert Mask.empty(0, 5).array().shape == (0, 5)


def test_sizes_must_match() -> None:
    a, b = Mask.empty(2, 3), Mask.empty(3, 2)
    for operation in (a.union, a.intersection, a.minus, a.iou):
        with pytest.raises(ValueError, match="do not match"):
            operation(b)


def test_the_code_is_cocos() -> None:
    pixels = np.random.default_rng(0).random((50, 70)) > 0.5
    code = coco.encode(np.asfortranarray(pixels, dtype=np.uint8))
    assert Mask.from_array(pixels).counts == code["counts"].decode()
