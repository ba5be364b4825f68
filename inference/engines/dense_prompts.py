"""Prompts drawn as a map for SAM's mask input: what lets a small model learn from little data.

A box is filled, clicks are drawn as small discs with soft edges, and both go over the logits of the previous answer.
Training and the engine call the same function, so a model sees in use what it saw in training.
"""

from __future__ import annotations

import torch

LIMIT = 8.0  # previous logits and boxes stay within ±LIMIT ...
CLICK = 16.0  # ... so that a click, ±CLICK at its centre, is told apart from any of them
BOX = 4.0


def dense_prompt(
    box: torch.Tensor | None,
    points: torch.Tensor | None,
    labels: torch.Tensor | None,
    previous_low_res_logits: torch.Tensor | None,
    size: int,
) -> torch.Tensor | None:
    """Draws the prompts of B instances.

    Args:
        box: (B, 4) float x0, y0, x1, y1, each 0..1 of the picture's width or height; rows of NaN have no box.
        points: (B, N, 2) float x, y, each 0..1 of the picture's width or height.
        labels: (B, N) 1 positive, 0 negative; anything else is padding.
        previous_low_res_logits: (B, 1, h, w) the logits of the previous answer; rows of all zeros have none.
        size: side of the map, the model's `image_size // 4`.

    Returns:
        (B, 1, size, size) float32 for `mask_input`, or None when nothing at all was given.
    """
    given = [t for t in (box, points, previous_low_res_logits) if t is not None]
    if not given or (box is None and previous_low_res_logits is None and points is not None and points.shape[1] == 0):
        return None
    batch, device = given[0].shape[0], given[0].device
    canvas = torch.zeros(batch, size, size, device=device)
    if previous_low_res_logits is not None:
        previous = previous_low_res_logits.float()
        if previous.shape[-1] != size or previous.shape[-2] != size:
            previous = torch.nn.functional.interpolate(previous, (size, size), mode="bilinear", align_corners=False)
        canvas += previous[:, 0].clamp(-LIMIT, LIMIT)
    centres = (torch.arange(size, device=device, dtype=torch.float32) + 0.5) / size
    if box is not None:
        canvas += _boxes(box.float(), centres)
        canvas.clamp_(-LIMIT, LIMIT)
    if points is not None and labels is not None:
        for n in range(points.shape[1]):
            canvas = _with_click(canvas, points[:, n].float(), labels[:, n], centres)
    return canvas[:, None]


def _boxes(box: torch.Tensor, centres: torch.Tensor) -> torch.Tensor:
    """+BOX inside, -BOX outside, 0 for rows of NaN."""
    x, y = centres[None, None, :], centres[None, :, None]
    x0, y0, x1, y1 = (box[:, i, None, None] for i in range(4))
    inside = (x >= x0) & (x <= x1) & (y >= y0) & (y <= y1)
    there = torch.isfinite(box).all(1)[:, None, None]
    return torch.where(there, torch.where(inside, BOX, -BOX), 0.0)


def _with_click(canvas: torch.Tensor, at: torch.Tensor, label: torch.Tensor, centres: torch.Tensor) -> torch.Tensor:
    """Blends one click per row over the map: at its centre only the click is left."""
    spread = 1.0 / 48.0  # of the picture's side
    dx = (centres[None, None, :] - at[:, 0, None, None]) / spread
    dy = (centres[None, :, None] - at[:, 1, None, None]) / spread
    weight = torch.exp(-0.5 * (dx * dx + dy * dy))
    is_click = ((label == 0) | (label == 1))[:, None, None]
    weight = torch.where(is_click, weight, 0.0)
    sign = torch.where(label == 1, CLICK, -CLICK)[:, None, None]
    return canvas * (1 - weight) + sign * weight
