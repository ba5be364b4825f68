"""Looks, focus and mattes: what a person writes, and the pixels that come of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inference.engines.compose import crop_window, cut_out
from inference.engines.matte import matte
from inference.errors import UsageError
from inference.focus import Focus, focus_of
from inference.looks import Look, background
from inference.prompts import Box

HARD = Look(feather=0, follow=False, decontaminate=False)


def _disc(side: int = 120, radius: int = 35) -> tuple[np.ndarray, np.ndarray]:
    """An orange disc, its rim mixed with the blue around it, and its mask."""
    y, x = np.mgrid[:side, :side] - side / 2 + 0.5
    distance = radius - np.hypot(x, y)
    cover = np.clip(distance / 4 + 0.5, 0, 1)[..., None]
    rgb = np.array([230, 120, 20]) * cover + np.array([20, 60, 220]) * (1 - cover)
    return np.round(rgb).astype(np.uint8), distance > 0


def test_a_hard_look_keeps_every_pixel() -> None:
    rgb, mask = _disc()
    cut = cut_out(rgb, mask, HARD)
    assert ((cut[..., 3] == 255) == mask).all() and (cut[mask][:, :3] == rgb[mask]).all()
    assert (cut[~mask] == 0).all()


def test_edges_are_soft_and_have_the_subject_s_own_colour() -> None:
    rgb, mask = _disc()
    soft = matte(rgb, mask, Look(feather=4, follow=False))
    rim = (soft.alpha > 60) & (soft.alpha < 200)
    assert rim.sum() > 100
    tinted = rgb[rim].astype(int)[:, 2].mean()  # the blue behind shines through
    own = soft.colours[rim].astype(int)
    assert own[:, 2].mean() < tinted / 2 and abs(own[:, 0].mean() - 230) < 25
    assert (soft.colours[soft.alpha == 255] == rgb[soft.alpha == 255]).all()
    assert soft.alpha[60, 60] == 255 and soft.alpha[0, 0] == 0


def test_the_edge_goes_to_the_picture_s_own() -> None:
    """A mask that is 2 pixels too large, as coarse masks are."""
    rgb, truth = _disc(480, 140)
    too_large = _disc(480, 142)[1]
    loose = matte(rgb, too_large, Look(feather=1, follow=False)).alpha / 255
    drawn = matte(rgb, too_large, Look(feather=1, follow=True)).alpha / 255
    assert np.abs(drawn - truth).mean() < 0.8 * np.abs(loose - truth).mean()


def test_tiles_leave_no_seams() -> None:
    """An outline across the borders of tiles is the same as one within."""
    rgb = np.random.default_rng(1).integers(0, 255, (1300, 1500, 3), np.uint8)
    mask = np.zeros((1300, 1500), bool)
    mask[900:1150, 880:1200] = True
    whole = matte(rgb, mask, Look())
    window = slice(700, 1300), slice(700, 1400)
    part = matte(rgb[window], mask[window], Look(feather=(1300 * 1500 / 1e6) ** 0.5, follow=False))
    plain = matte(rgb, mask, Look(follow=False))
    assert (plain.alpha[window] == part.alpha).all()
    assert whole.alpha[1020, 1020] == 255 and whole.alpha[0, 0] == 0


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (3, 2), (9, 9)])
@pytest.mark.parametrize("behind", ["transparent", "#ffffff", "blur"])
def test_tiny_pictures(size: tuple[int, int], behind: str) -> None:
    rgb = np.full((*size, 3), 90, np.uint8)
    for mask in (np.ones(size, bool), np.zeros(size, bool)):
        assert cut_out(rgb, mask, Look(behind, crop=True, shadow=True)).shape[2] == 4


def test_backgrounds(tmp_path: Path) -> None:
    rgb, mask = _disc()
    Image.new("RGB", (30, 20), "#00ff00").save(tmp_path / "green.png")
    for text, corner in (
        ("white", (255, 255, 255)),
        ("#102030", (16, 32, 48)),
        (str(tmp_path / "green.png"), (0, 255, 0)),
    ):
        cut = cut_out(rgb, mask, Look(background(text)))
        assert tuple(cut[0, 0, :3]) == corner and (cut[..., 3] == 255).all()
    blurred = cut_out(rgb, mask, Look("blur", feather=0, follow=False))
    around = ~mask & (np.hypot(*(np.mgrid[:120, :120] - 60)) > 40)
    assert blurred[around][:, 2].min() > 190  # no orange shines out of the subject
    shaded = cut_out(rgb, mask, Look("#ffffff", shadow=True))
    assert shaded[97, 60, 0] < 245 < shaded[2, 2, 0]
    clear = cut_out(rgb, mask, Look(shadow=True))
    assert 0 < clear[97, 60, 3] < 255 and tuple(clear[97, 60, :3]) == (0, 0, 0)


def test_unsound_backgrounds_and_focuses_are_said() -> None:
    for text in ("no colour", "gone.png", "#12"):
        with pytest.raises(UsageError):
            background(text)
    for text in ("", "3", "1,2,3", "nan,1", "10%,5", "120%,5%", "box:1,1,1,4", "text:", "text: ;", "box:1,2", "-1,4"):
        with pytest.raises(UsageError):
            focus_of(text)
    with pytest.raises(UsageError):
        focus_of("center", 0.7)


def test_a_crop_has_its_margin_and_stays_inside() -> None:
    mask = np.zeros((50, 80), bool)
    mask[20:30, 0:20] = True
    assert crop_window(mask, 0.1) == (slice(18, 32), slice(0, 22))
    cut = cut_out(np.zeros((50, 80, 3), np.uint8), mask, Look(crop=True, margin=0.1))
    assert cut.shape == (14, 22, 4)


def test_focus_as_written() -> None:
    assert focus_of("centre").kind == "center" and focus_of("auto").kind == "auto"
    place = focus_of("25%,50%").place(200, 100)
    assert (place.x, place.y) == (50, 50)
    assert focus_of("12,7").place(200, 100).x == 12
    assert focus_of("box:90%,90%,10%,20%").box_in(100, 50) == Box(10, 10, 90, 45)
    assert focus_of("text: a  red car ").phrase == "a red car"


def test_three_clicks_by_the_margin() -> None:
    clicks = Focus().clicks(400, 200)
    assert [(c.x, c.y) for c in clicks] == [(200, 100), (190, 90), (210, 110)]


@pytest.mark.parametrize(("size", "count"), [((1, 1), 1), ((2, 2), 1), ((12, 9), 1), ((30, 24), 3)])
def test_margins_that_collapse_leave_one_click(size: tuple[int, int], count: int) -> None:
    clicks = Focus().clicks(*size)
    assert len(clicks) == count
    assert all(0 <= c.x <= size[0] and 0 <= c.y <= size[1] for c in clicks)


def test_clicks_near_the_border_stay_inside() -> None:
    clicks = Focus("point", 0.0, 1.0, margin=0.2).clicks(100, 100)
    assert all(0 <= c.x <= 100 and 0 <= c.y <= 100 for c in clicks)
