"""Masks on pictures: inside is tinted, outside is untouched, tiles and sheets have the promised sizes."""

from __future__ import annotations

import numpy as np
import pytest

from app import overlays
from inference.masks import Mask
from inference.prompts import Box, Point


def _disc(size: int = 64, radius: int = 20) -> Mask:
    y, x = np.mgrid[:size, :size]
    return Mask.from_array((x - size // 2) ** 2 + (y - size // 2) ** 2 <= radius**2)


def test_overlay_tints_inside_and_leaves_the_rest() -> None:
    rgb = np.full((64, 64, 3), 100, np.uint8)
    result = overlays.overlay(rgb, [_disc()], ["#ff0000"], opacity=0.5)
    assert tuple(result[32, 32]) == (178, 50, 50)
    assert tuple(result[0, 0]) == (100, 100, 100)
    assert (rgb == 100).all()


def test_overlay_draws_boxes_points_and_empty_masks() -> None:
    rgb = np.zeros((64, 80, 3), np.uint8)
    result = overlays.overlay(
        rgb, [Mask.empty(64, 80)], boxes=[Box(5, 5, 60, 50), None], points=[Point(40, 30), Point(10, 20, False)]
    )
    assert result[5, 30].any() and not result[60, 75].any()
    assert tuple(result[29, 38]) == (22, 163, 74)


def test_overlay_refuses_a_mask_of_another_size() -> None:
    with pytest.raises(ValueError, match="does not fit"):
        overlays.overlay(np.zeros((10, 10, 3), np.uint8), [Mask.empty(4, 4)])


def test_cutout_is_transparent_outside() -> None:
    rgb = np.full((64, 64, 3), 200, np.uint8)
    result = overlays.cutout(rgb, _disc())
    assert tuple(result[32, 32]) == (200, 200, 200, 255)
    assert tuple(result[0, 0]) == (0, 0, 0, 0)
    assert tuple(overlays.on_checkerboard(result)[32, 32]) == (200, 200, 200)


def test_tiles_and_sheets_have_the_promised_size() -> None:
    piece = overlays.tile(np.zeros((10, 30, 3), np.uint8), 60, 40)
    assert piece.shape == (40, 60, 3)
    assert tuple(piece[0, 0]) == (255, 255, 255) and tuple(piece[20, 30]) == (0, 0, 0)
    labelled = overlays.captioned(piece, "a caption that is far too long for sixty pixels", size=12)
    assert labelled.shape == (58, 60, 3)
    joined = overlays.sheet([[labelled, labelled], [labelled]], gap=10)
    assert joined.shape == (58 * 2 + 30, 60 * 2 + 30, 3)
