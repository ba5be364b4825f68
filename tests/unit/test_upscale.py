"""Masks by runs are the very masks of torch's interpolation and a threshold."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.engines import upscale
from inference.engines.upscale import mask_of_logits
from inference.masks import Mask


def plain(logits: np.ndarray, width: int, height: int, threshold: float) -> Mask:
    """What SAM2Transforms.postprocess_masks and the predictor do."""
    full = F.interpolate(torch.from_numpy(logits)[None, None], (height, width), mode="bilinear", align_corners=False)
    return Mask.from_array((full > threshold)[0, 0].numpy())


def logits_of(kind: str, size: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    if kind == "noise":
        return rng.standard_normal((size, size)).astype(np.float32)
    coarse = torch.from_numpy(rng.standard_normal((1, 1, 6, 6)).astype(np.float32) * 20)
    smooth = F.interpolate(coarse, (size, size), mode="bicubic")[0, 0].numpy()
    if kind == "steps":
        return np.round(smooth / 8)
    if kind == "flat":
        return np.clip(smooth, -1, 1)
    return smooth


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.sampled_from(["noise", "smooth", "steps", "flat"]),
    st.sampled_from([32, 64, 96, 128]),
    st.integers(1, 900),
    st.integers(1, 900),
    st.sampled_from([0.0, 0.0, 0.5, -0.3, 1.0]),
    st.integers(0, 1000),
)
def test_the_same_bits_as_the_plain_way(
    kind: str, size: int, width: int, height: int, threshold: float, seed: int
) -> None:
    logits = logits_of(kind, size, seed)
    assert mask_of_logits(logits, width, height, threshold) == plain(logits, width, height, threshold)


@pytest.mark.parametrize(("width", "height"), [(4000, 3000), (300, 5000), (5000, 300), (64, 2000), (65537, 1)])
def test_large_and_odd_sizes(width: int, height: int) -> None:
    logits = logits_of("smooth", 256, 5)
    assert mask_of_logits(logits, width, height) == plain(logits, width, height, 0.0)


@pytest.mark.parametrize("value", [-1.0, 0.0, 1.0])
def test_all_of_the_picture_or_nothing(value: float) -> None:
    mask = mask_of_logits(np.full((64, 64), value, np.float32), 700, 500)
    assert mask == Mask.from_array(np.full((500, 700), value > 0))


@pytest.mark.parametrize("where", [(0, 0), (63, 63), (0, 63), (31, 0), (20, 20)])
def test_one_bright_sample_anywhere(where: tuple[int, int]) -> None:
    logits = np.full((64, 64), -3.0, np.float32)
    logits[where] = 5.0
    mask = mask_of_logits(logits, 640, 480)
    assert mask.area > 0
    assert mask == plain(logits, 640, 480, 0.0)


def test_columns_that_touch_both_edges() -> None:
    logits = np.full((64, 64), -1.0, np.float32)
    logits[:, ::3] = 1.0
    assert mask_of_logits(logits, 1024, 768) == plain(logits, 1024, 768, 0.0)


def test_values_that_are_no_numbers_take_the_plain_way() -> None:
    logits = logits_of("smooth", 64, 1)
    logits[3, 3] = np.inf
    assert mask_of_logits(logits, 640, 480) == plain(logits, 640, 480, 0.0)


def test_a_machine_that_rounds_in_an_unknown_way_takes_the_plain_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upscale, "_rounding", lambda: None)
    logits = logits_of("smooth", 64, 2)
    assert mask_of_logits(logits, 640, 480) == plain(logits, 640, 480, 0.0)


def test_this_machine_rounds_in_a_known_way() -> None:
    if upscale._rounding() is None:
        pytest.skip("masks take the plain way on this processor")
    assert upscale._by_runs(logits_of("smooth", 128, 3), 900, 700, np.float32(0), upscale._rounding()) is not None
