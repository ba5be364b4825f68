"""Prompts for training: a first box or click for every object, then clicks on what the model got wrong.

All objects of one `Prompted` carry the same number of prompts, so the model sees exactly the tokens it will see in use.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
import torch
from sam2.modeling.sam2_base import SAM2Base

from inference.engines.dense_prompts import dense_prompt
from inference.training.clicks import center_of, correction_click, random_error_click

Rngs = Sequence[np.random.Generator]
"""One for each object, so that what is drawn for it does not depend on its neighbours in the batch."""


@dataclass(frozen=True, slots=True, eq=False)
class Prompted:
    """The prompts of N objects so far, in 0..1 of the square.

    Attributes:
        boxes: (N, 4), or None for objects that were clicked only.
        points: (N, n, 2) clicks; labels: (N, n) 1 or 0.
        previous: (N, 1, h, w) the last answer's logits; None before the first.
    """

    boxes: torch.Tensor | None
    points: torch.Tensor
    labels: torch.Tensor
    previous: torch.Tensor | None = None

    @property
    def ambiguous(self) -> bool:
        """Nothing was given but a single click."""
        return self.boxes is None and self.points.shape[1] == 1


def boxed(boxes: torch.Tensor, rngs: Rngs, whole_share: float = 0.0) -> Prompted:
    """(N, 4) tight boxes as a person draws them: half of them exactly, half loosely; some the whole picture."""
    drawn = [_drawn_box(box, rng, whole_share) for box, rng in zip(boxes.numpy(), rngs, strict=True)]
    return Prompted(torch.from_numpy(np.stack(drawn)).float().clamp(0, 1), *_no_clicks(len(boxes)))


def clicked(targets: torch.Tensor, rngs: Rngs) -> Prompted:
    """One click inside each of (N, 1, h, w) targets: half of them at the centre, half anywhere."""
    clicks = [(*_first_click(target, rng), True) for target, rng in zip(targets[:, 0].numpy(), rngs, strict=True)]
    return _with_clicks(Prompted(None, *_no_clicks(len(clicks))), clicks, targets, rngs)


def masked(targets: torch.Tensor, rngs: Rngs) -> Prompted:
    """A rough mask of each of (N, 1, h, w) targets, as logits: grown or shrunk, moved a little, not quite sure."""
    rough = [_roughened(target, rng) for target, rng in zip(targets[:, 0].numpy(), rngs, strict=True)]
    return Prompted(None, *_no_clicks(len(rough)), torch.from_numpy(np.stack(rough))[:, None])


def corrected(
    prompts: Prompted, targets: torch.Tensor, logits: torch.Tensor, rngs: Rngs, clicks_a_round: int = 1
) -> Prompted:
    """Feeds (N, 1, h, w) `logits` back and adds to each object the clicks that a person would make next.

    The first of a round is seldom careless; the others go anywhere on an error.
    """
    answers = (logits[:, 0] > 0).cpu().numpy()
    for number in range(clicks_a_round):
        clicks = []
        for target, answer, rng in zip(targets[:, 0].numpy(), answers, rngs, strict=True):
            careless = rng.random() < 0.2 or number > 0
            wanted = target > 0.5
            click = random_error_click(wanted, answer, rng) if careless else correction_click(wanted, answer)
            clicks.append(click or (*_first_click(target, rng), True))
        prompts = _with_clicks(prompts, clicks, targets, rngs)
    return Prompted(prompts.boxes, prompts.points, prompts.labels, logits.float().clamp(-32, 32))


def decode(
    model: SAM2Base, embedding: torch.Tensor, high_res: list[torch.Tensor], prompts: Prompted, dense: bool
) -> tuple[torch.Tensor, torch.Tensor]:
    """All four masks of N objects, with the tokens that `SAM2ImagePredictor` makes of the same prompts.

    Args:
        embedding: (N, C, h/4, w/4), each object's picture; high_res: its maps at strides 4 and 8.
        dense: draw the prompts into the mask input (`dense_prompts`).

    Returns:
        (N, 4, h, w) logits and (N, 4) predicted IoU.
    """
    size, device = model.image_size, embedding.device
    points, labels = prompts.points, prompts.labels
    if prompts.boxes is not None:
        points = torch.cat((prompts.boxes.reshape(-1, 2, 2), points), 1)
        labels = torch.cat((torch.tensor([[2, 3]]).expand(len(labels), 2), labels), 1)
    drawn = prompts.previous
    if dense:
        drawn = dense_prompt(prompts.boxes, prompts.points, prompts.labels, drawn, size // 4)
    encoder = model.sam_prompt_encoder
    given = (points.to(device) * size, labels.to(device)) if points.shape[1] else None
    sparse, mask_embedding = encoder(given, None, None if drawn is None else drawn.to(device))
    masks, ious, _, _ = model.sam_mask_decoder.predict_masks(
        embedding, encoder.get_dense_pe(), sparse, mask_embedding, repeat_image=False, high_res_features=high_res
    )
    return masks, ious


def best_answer(masks: torch.Tensor, ious: torch.Tensor, prompts: Prompted) -> torch.Tensor:
    """(N, 1, h, w): what the engine shows: for one click the best of three by predicted IoU, else the single mask."""
    if not prompts.ambiguous:
        return masks[:, :1]
    return masks[torch.arange(len(masks), device=masks.device), 1 + ious[:, 1:].argmax(1)][:, None]


def _first_click(target: npt.NDArray[np.float32], rng: np.random.Generator) -> tuple[int, int]:
    inside = target > 0.5
    if not inside.any():
        inside = target >= target.max()
    if rng.random() < 0.5:
        x, y, _ = center_of(inside)
        return x, y
    y, x = divmod(int(rng.choice(np.flatnonzero(inside))), inside.shape[1])
    return x, y


def _no_clicks(count: int) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.zeros(count, 0, 2), torch.zeros(count, 0, dtype=torch.int32)


def _drawn_box(box: npt.NDArray[np.float32], rng: np.random.Generator, whole_share: float) -> npt.NDArray[np.float64]:
    noise = rng.normal(0, 0.06, 4).clip(-0.2, 0.2) * (rng.random() < 0.5)
    if whole_share and rng.random() < whole_share:
        return np.array((0.0, 0.0, 1.0, 1.0))
    return box + np.tile(box[2:] - box[:2], 2) * noise


def _roughened(target: npt.NDArray[np.float32], rng: np.random.Generator) -> npt.NDArray[np.float32]:
    height, width = target.shape
    reach = int(rng.integers(1, max(2, height // 16) + 1))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    changed = (cv2.dilate if rng.random() < 0.5 else cv2.erode)((target > 0.5).astype(np.float32), kernel)
    dx, dy = rng.uniform(-reach, reach, 2)
    moved = cv2.warpAffine(changed, np.array([[1, 0, dx], [0, 1, dy]]), (width, height))
    return ((moved * 2 - 1) * rng.uniform(2, 12)).astype(np.float32)


def _with_clicks(prompts: Prompted, clicks: list[tuple[int, int, bool]], targets: torch.Tensor, rngs: Rngs) -> Prompted:
    """One more click an object, anywhere within its coarse pixel."""
    height, width = targets.shape[-2:]
    at = np.array([(x, y) for x, y, _ in clicks], np.float64) + np.stack([rng.random(2) for rng in rngs])
    points = torch.from_numpy(at / (width, height)).float()[:, None]
    labels = torch.tensor([[int(positive)] for _, _, positive in clicks], dtype=torch.int32)
    return Prompted(
        prompts.boxes, torch.cat((prompts.points, points), 1), torch.cat((prompts.labels, labels), 1), prompts.previous
    )
