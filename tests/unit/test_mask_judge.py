"""Each part of the judge against shapes whose values are known, and the clean-up against what it must not lose."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from inference.engines.text_segment import judge
from inference.engines.text_segment.cleanup import cleaned, kernel_side
from inference.engines.text_segment.judge import MaskJudge
from inference.errors import UsageError
from inference.masks import Mask
from inference.text_segment import Parts, TextOptions, Weights, bare, phrases, unwanted


def _disc(radius: float, side: int = 400) -> np.ndarray:
    y, x = np.mgrid[:side, :side] + 0.5
    return np.hypot(x - side / 2, y - side / 2) < radius


def _bar(width: int, height: int, side: int = 400) -> np.ndarray:
    pixels = np.zeros((side, side), bool)
    pixels[50 : 50 + height, 30 : 30 + width] = True
    return pixels


def _comb(teeth: int, side: int = 400) -> np.ndarray:
    """A back of 320 × 40 with teeth of 200, as wide as the gaps between them."""
    pixels = _bar(320, 40, side)
    width = 320 / (2 * teeth - 1)
    for tooth in range(teeth):
        left = 30 + round(2 * tooth * width)
        pixels[90:290, left : left + round(width)] = True
    return pixels


def _parts(pixels: np.ndarray) -> Parts:
    return MaskJudge().parts(Mask.from_array(pixels), 0.5)


@pytest.mark.parametrize("radius", [6, 20, 60, 180])
def test_a_disc_is_as_compact_and_smooth_as_can_be(radius: float) -> None:
    parts = _parts(_disc(radius))
    assert parts.compactness == pytest.approx(1.0, abs=0.03)
    assert parts.smoothness == pytest.approx(np.exp(-((0.04 * np.pi) ** 2) / 2), abs=0.01)


@pytest.mark.parametrize(("width", "height"), [(100, 100), (200, 100), (320, 40), (300, 15)])
def test_a_bar_is_as_compact_as_its_sides_say(width: int, height: int) -> None:
    expected = 4 * np.pi * width * height / (2 * (width + height)) ** 2
    assert _parts(_bar(width, height)).compactness == pytest.approx(expected, rel=0.06, abs=0.02)


def test_a_square_loses_its_corners_to_smoothing() -> None:
    # Along a right angle a Gaussian of σ walks at (Φ(-s/σ), Φ(s/σ)) per unit of length; what is missing to 1 is lost.
    from scipy.special import ndtr

    u = np.linspace(-8, 8, 4001)
    corner = np.trapezoid(1 - np.hypot(ndtr(-u), ndtr(u)), u)
    assert _parts(_bar(200, 200)).smoothness == pytest.approx(1 - 4 * corner * 0.02, abs=0.015)


def test_a_comb_is_judged_by_its_teeth() -> None:
    few, many = _parts(_comb(4)), _parts(_comb(10))
    for teeth, parts in ((4, few), (10, many)):
        pixels = _comb(teeth)
        length = 2 * 320 + 2 * 40 + 2 * 200 * teeth
        assert parts.compactness == pytest.approx(4 * np.pi * pixels.sum() / length**2, rel=0.15)
    assert many.compactness < few.compactness < 0.2
    assert many.smoothness < few.smoothness < 0.8 and many.smoothness < 0.7


def test_a_ring_has_its_hole_taken_off() -> None:
    ring = _disc(150) & ~_disc(90)
    expected = 4 * (150**2 - 90**2) / (2 * (150 + 90)) ** 2
    assert _parts(ring).compactness == pytest.approx(expected, rel=0.05)


def test_size_is_best_in_its_range_and_soft_outside() -> None:
    assert judge.size(0.05) == judge.size(0.2) == judge.size(0.5) == 1
    assert judge.size(0.0125) == pytest.approx(0.5)
    assert judge.size(0.875) == pytest.approx(0.5)
    assert judge.size(0) == judge.size(1) == 0
    assert judge.size(0.01, low=0.01) == 1  # adjusted for small objects
    assert judge.size(1.0, high=1.0) == 1


def test_the_size_of_an_object_does_not_change_its_shape() -> None:
    small, large = _parts(_bar(20, 10, 40 * 10)), _parts(_bar(200, 100))
    assert small.compactness == pytest.approx(large.compactness, rel=0.1)


def test_the_total_is_the_weighted_mean() -> None:
    parts = Parts(0.9, 0.5, 1.0, 0.2)
    assert parts.total(Weights()) == pytest.approx(0.6 * 0.9 + 0.2 * 0.5 + 0.1 + 0.02)
    assert parts.total(Weights(2, 0, 0, 0)) == pytest.approx(0.9)
    assert MaskJudge(Weights(0, 0, 3, 1)).total(parts) == pytest.approx(0.8)


def test_an_empty_mask_and_one_pixel_are_judged() -> None:
    assert _parts(np.zeros((30, 40), bool)) == Parts(0.5, 0, 0, 0)
    one = np.zeros((30, 40), bool)
    one[0, 0] = True
    parts = _parts(one)
    assert 0 < parts.compactness <= 1 and 0 < parts.smoothness <= 1
    full = _parts(np.ones((30, 40), bool))
    assert full.size == 0 and full.compactness > 0.7


# Clean-up


def test_specks_pinholes_and_stairs_go() -> None:
    pixels = _disc(120)
    broken = pixels.copy()
    broken[10, 10] = True
    broken[200, 200] = False
    after = cleaned(Mask.from_array(np.kron(broken, np.ones((3, 3), bool)))).array()
    assert not after[:60, :60].any() and after[601, 601]
    assert Mask.from_array(after).iou(Mask.from_array(np.kron(pixels, np.ones((3, 3), bool)))) > 0.98


def test_nothing_thin_or_small_is_lost() -> None:
    pixels = np.zeros((1000, 1000), np.uint8)
    cv2.circle(pixels, (300, 300), 150, 1, -1)
    cv2.line(pixels, (300, 300), (900, 900), 1, 2)  # a leash, thinner than the kernel
    cv2.circle(pixels, (900, 200), 5, 1, -1)  # a part of its own, hardly larger than the kernel
    after = cleaned(Mask.from_array(pixels)).array()
    assert after[600, 600] and after[850, 850] and after[200, 900]
    lines = np.zeros((1000, 1000), np.uint8)
    cv2.line(lines, (100, 100), (900, 500), 1, 1)
    assert cleaned(Mask.from_array(lines)).area >= lines.sum()


def test_an_object_as_small_as_the_kernel_stays_as_it_is() -> None:
    pixels = np.zeros((1000, 1000), bool)
    pixels[500:506, 500:507] = True
    mask = Mask.from_array(pixels)
    assert cleaned(mask) == mask
    assert cleaned(Mask.empty(100, 200)) == Mask.empty(100, 200)


def test_an_object_at_the_pictures_edge_keeps_its_corners() -> None:
    pixels = np.zeros((800, 1000), bool)
    pixels[:400, :300] = True
    after = cleaned(Mask.from_array(pixels)).array()
    assert after[0, 0] and after[:300, 0].all() and after[0, :250].all()
    full = Mask.from_array(np.ones((800, 1000), bool))
    assert cleaned(full) == full


def test_the_kernel_grows_with_the_picture() -> None:
    assert [kernel_side(s, 10) for s in (100, 480, 1024, 2048, 4000, 100_000)] == [1, 3, 5, 11, 19, 31]


# Phrases and options


def test_nothing_unwanted_is_no_fault() -> None:
    assert unwanted("") == unwanted(" ; !") == () and unwanted("a cat; ...") == ("a cat",)


def test_phrases_are_taken_apart_and_kept_once() -> None:
    assert phrases("a dog; a red  ball;grass\n A DOG") == ("a dog", "a red ball", "grass")
    assert len(phrases("; ".join(f"thing {n}" for n in range(300)))) == 300
    assert bare("A red car") == "red car" and bare("the") == "the" and bare("theatre") == "theatre"


@pytest.mark.parametrize("text", ["", "  ", ";;", " ; . ;", "x" * 301, ";".join(map(str, range(1001)))])
def test_what_is_no_phrase_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        phrases(text)


@pytest.mark.parametrize(
    "options",
    [
        TextOptions(least_text=2),
        TextOptions(relative=float("nan")),
        TextOptions(detector="owl"),  # type: ignore[arg-type]
        TextOptions(weights=Weights(0, 0, 0, 0)),
        TextOptions(weights=Weights(-1)),
        TextOptions(size_range=(0.5, 0.1)),
    ],
)
def test_options_that_make_no_sense_are_refused(options: TextOptions) -> None:
    with pytest.raises(UsageError):
        options.check()
