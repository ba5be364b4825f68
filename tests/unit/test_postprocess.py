"""Holes and specks."""

from __future__ import annotations

import cv2
import numpy as np

from inference.engines.postprocess import clean
from inference.engines.upscale import mask_of_runs
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


def test_runs_say_what_pixels_say() -> None:
    """Against OpenCV's components of the pixels, on rags of every size, at every edge."""
    generator = np.random.default_rng(3)
    for height, width in [(1, 1), (1, 9), (9, 1), (2, 30), *generator.integers(2, 40, (150, 2)).tolist()]:
        noise = generator.random((height, width))
        soft = cv2.GaussianBlur(noise, (0, 0), 0.9).reshape(height, width)
        mask = Mask.from_array(soft > np.quantile(soft, generator.uniform(0, 1)))
        holes, specks = generator.integers(0, 30, 2).tolist()
        expected = _by_pixels(mask.array(), holes, specks)
        if expected is not None:
            assert clean(mask, holes, specks) == Mask.from_array(expected)


def _by_pixels(pixels: np.ndarray, holes: int, specks: int) -> np.ndarray | None:
    """None where two parts are the largest, of which either may stay."""
    number, labels, stats, _ = cv2.connectedComponentsWithStats(pixels.astype(np.uint8), connectivity=8)
    areas = stats[1:, cv2.CC_STAT_AREA]
    if specks and number > 1:
        if (areas == areas.max()).sum() > 1:
            return None
        pixels = np.isin(labels, [0, *np.flatnonzero((areas <= specks) & (areas < areas.max())) + 1], invert=True)
    outside = np.pad(~pixels, 1, constant_values=True).astype(np.uint8)
    number, labels, stats, _ = cv2.connectedComponentsWithStats(outside, connectivity=4)
    filled = [n for n in range(1, number) if n != labels[0, 0] and stats[n, cv2.CC_STAT_AREA] <= holes]
    return pixels | np.isin(labels, filled)[1:-1, 1:-1]


def test_a_huge_mask_is_cleaned_without_its_pixels() -> None:
    """100,000 × 40,000 pixels would take 4 GB each time they were looked at."""
    height, width = 40_000, 100_000
    inside = np.arange(1000, 99_000, dtype=np.int64)
    edges = np.stack([inside * height + 100, inside * height + 30_000], axis=1)
    hole, speck = 50_000, 99_500
    edges = np.concatenate(
        [edges.ravel(), [hole * height + 500, hole * height + 510], [speck * height, speck * height + 3]]
    )
    runs = np.diff(np.concatenate([[0], np.sort(edges), [height * width]]))
    cleaned = clean(mask_of_runs(height, width, runs), 10, 3)
    assert cleaned.area == len(inside) * 29_900 and cleaned.bbox == (1000, 100, 98_000, 29_900)


def test_nothing_asked_nothing_done() -> None:
    mask = Mask.from_array(scene())
    assert clean(mask) is mask
    empty = Mask.empty(5, 5)
    assert clean(empty, 10, 10) is empty
