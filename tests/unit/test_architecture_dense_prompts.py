"""Prompts drawn as a map: boxes filled, clicks over everything, nothing for no prompt."""

from __future__ import annotations

import torch

from inference.engines.dense_prompts import BOX, CLICK, LIMIT, dense_prompt


def test_no_prompt_draws_nothing() -> None:
    assert dense_prompt(None, None, None, None, 16) is None
    assert dense_prompt(None, torch.zeros(1, 0, 2), torch.zeros(1, 0), None, 16) is None


def test_a_box_is_filled() -> None:
    made = dense_prompt(torch.tensor([[0.25, 0.5, 0.75, 1.0]]), None, None, None, 16)
    assert made is not None and made.shape == (1, 1, 16, 16) and made.dtype == torch.float32
    assert made[0, 0, 12, 8] == BOX and made[0, 0, 2, 8] == -BOX and made[0, 0, 12, 1] == -BOX
    assert int((made > 0).sum()) == 8 * 8


def test_rows_without_a_box_stay_empty() -> None:
    made = dense_prompt(torch.tensor([[float("nan")] * 4, [0.0, 0.0, 1.0, 1.0]]), None, None, None, 8)
    assert made is not None and not made[0].any() and (made[1] == BOX).all()


def test_clicks_stand_out_of_any_logits() -> None:
    previous = torch.full((1, 1, 48, 48), 30.0)
    points, labels = torch.tensor([[[0.25, 0.25], [0.75, 0.75]]]), torch.tensor([[1, 0]])
    made = dense_prompt(None, points, labels, previous, 48)
    assert made is not None
    assert made[0, 0, 12, 12] > 0.75 * CLICK > LIMIT
    assert made[0, 0, 36, 36] < -0.6 * CLICK
    assert made[0, 0, 0, 47] == LIMIT


def test_padding_labels_draw_nothing() -> None:
    made = dense_prompt(None, torch.tensor([[[0.5, 0.5]]]), torch.tensor([[-1]]), None, 8)
    assert made is not None and not made.any()


def test_previous_logits_of_another_size_are_resized() -> None:
    made = dense_prompt(None, None, None, torch.full((2, 1, 8, 8), 3.0), 16)
    assert made is not None and made.shape == (2, 1, 16, 16) and torch.allclose(made, torch.tensor(3.0))
