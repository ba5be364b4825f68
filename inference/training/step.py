"""One training step on pictures: encode once, prompt, let simulated people correct, take the loss."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass

import numpy as np
import torch
from sam2.modeling.sam2_base import SAM2Base
from torch.nn.attention import SDPBackend, sdpa_kernel

from inference.training.config import TrainConfig
from inference.training.loader import Batch
from inference.training.losses import Loss, package_loss, sam_loss, true_iou
from inference.training.prompts import Prompted, Rngs, best_answer, boxed, clicked, corrected, decode, masked

KINDS = ("click", "box", "mask")
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
Pulse = Callable[[], None]
"""Called between the parts of a step; raises Cancelled to leave it. Nothing has changed by then."""


@dataclass(frozen=True, slots=True)
class StepPlan:
    """What all processes decide alike for a step: what every object of it is prompted by, the rounds, the dense prompt.

    Attributes:
        kinds: an index into `KINDS` for each object of the step, of all processes, in the order of their numbers.
        first: the number of the step's first picture.
    """

    kinds: np.ndarray
    first: int
    rounds: int
    dense: bool

    @classmethod
    def make(cls, config: TrainConfig, step: int, processes: int, dense_prompts: bool) -> StepPlan:
        """The same for the same seed and step. Every step has as many boxes, so that the CPU's kernels fit all."""
        rng = np.random.default_rng((config.seed, 2, step))
        pictures = config.step_size(processes)
        shares = np.cumsum((config.point_share, config.box_share, config.mask_share))
        bounds = np.round(shares / shares[-1] * pictures * config.objects)
        kinds = np.searchsorted(bounds, np.arange(pictures * config.objects), side="right")
        rounds = int(rng.choice(len(config.rounds), p=np.array(config.rounds) / sum(config.rounds)))
        dense = dense_prompts and not (rounds == 0 and rng.random() < config.no_dense_share)
        return cls(rng.permutation(kinds), step * pictures, rounds, dense)

    def kinds_of(self, batch: Batch, objects: int) -> np.ndarray:
        """An index into `KINDS` for each object of a batch."""
        return np.concatenate([self.kinds[(n - self.first) * objects :][:objects] for n in batch.numbers])


@dataclass(frozen=True, slots=True, eq=False)
class Learned:
    """What a batch gave.

    Attributes:
        loss: scalar with gradient, the mean over the objects.
        sums: by name the sum over objects and how many they are; names are the same in every process.
    """

    loss: torch.Tensor
    sums: dict[str, tuple[float, int]]


def picture_step(
    model: SAM2Base, batch: Batch, config: TrainConfig, plan: StepPlan, pulse: Pulse = lambda: None
) -> Learned:
    """The loss of a batch.

    The corrections run without gradient when only the last answer is learned from, as in RITM: the model learns from
    where they lead, at the price of one pass.
    """
    device, objects = next(model.parameters()).device, len(batch.targets) // len(batch.images)
    every = config.learn_from == "all"
    kinds = plan.kinds_of(batch, objects)
    rngs = [np.random.default_rng((config.seed, 1, number, k)) for number in batch.numbers for k in range(objects)]
    losses: list[torch.Tensor] = []
    sums = {f"iou_{kind}": (0.0, 0) for kind in KINDS} | {f"loss_{part}": (0.0, 0) for part in ("focal", "dice", "iou")}
    with torch.autocast(device.type, DTYPES[config.precision], enabled=config.precision != "float32"):
        levels = encode(model, batch.images.to(device))
        pulse()
        for index, kind in enumerate(KINDS):
            rows = torch.from_numpy(np.flatnonzero(kinds == index))
            if not len(rows):
                continue
            targets, mine = batch.targets[rows], [rngs[int(i)] for i in rows]
            maps = [level[(rows // objects).to(device)] for level in levels]
            prompts = _first_prompt(kind, targets, batch.boxes[rows], mine, config)
            answers: list[Loss] = []
            for left in range(plan.rounds, -1, -1):
                learning = every or not left
                masks, ious = _answer(model, maps, prompts, plan.dense, config, learning)
                if learning:
                    answers.append(_loss(masks, ious, targets.to(device), prompts, config))
                shown = best_answer(masks.detach().float(), ious.detach(), prompts)
                if left:
                    prompts = corrected(prompts, targets, shown.cpu(), mine, config.clicks_per_round)
                pulse()
            losses.append(torch.stack([a.total for a in answers]).mean(0))
            final = answers[-1]
            found = {f"iou_{kind}": true_iou(shown, targets.to(device))[:, 0]}
            found |= {"loss_focal": final.focal, "loss_dice": final.dice, "loss_iou": final.iou}
            for name, values in found.items():
                sums[name] = sums[name][0] + float(values.sum()), sums[name][1] + len(values)
    loss = torch.cat(losses)
    sums["loss"] = float(loss.detach().sum()), len(loss)
    return Learned(loss.mean(), sums)


def encode(model: SAM2Base, images: torch.Tensor) -> list[torch.Tensor]:
    """The maps at strides 4, 8 and 16, as `SAM2ImagePredictor.set_image` makes them."""
    levels: list[torch.Tensor] = model.forward_image(images)["backbone_fpn"]
    if model.directly_add_no_mem_embed:
        levels[-1] = levels[-1] + model.no_mem_embed.reshape(1, -1, 1, 1)
    return levels


def _first_prompt(kind: str, targets: torch.Tensor, boxes: torch.Tensor, rngs: Rngs, config: TrainConfig) -> Prompted:
    if kind == "box":
        return boxed(boxes, rngs, config.whole_box_share)
    return clicked(targets, rngs) if kind == "click" else masked(targets, rngs)


def _answer(
    model: SAM2Base, maps: list[torch.Tensor], prompts: Prompted, dense: bool, config: TrainConfig, learning: bool
) -> tuple[torch.Tensor, torch.Tensor]:
    if not learning:
        # Autocast would keep the weights that it rounds here, without their gradients, for the answer that is learned.
        kind, rounded = maps[2].device.type, config.precision != "float32"
        with torch.no_grad(), torch.autocast(kind, DTYPES[config.precision], enabled=rounded, cache_enabled=False):
            return decode(model, maps[2], maps[:2], prompts, dense)
    on_cpu = maps[2].device.type == "cpu"
    with sdpa_kernel(SDPBackend.MATH) if on_cpu else nullcontext():  # its gradient is faster
        return decode(model, maps[2], maps[:2], prompts, dense)


def _loss(
    masks: torch.Tensor, ious: torch.Tensor, targets: torch.Tensor, prompts: Prompted, config: TrainConfig
) -> Loss:
    weights = (config.focal_weight, config.dice_weight, config.iou_weight)
    with torch.autocast(masks.device.type, enabled=False):
        taken = package_loss if config.loss == "sam2" else sam_loss
        return taken(masks.float(), ious.float(), targets, prompts.ambiguous, weights)


__all__ = ["KINDS", "Learned", "Pulse", "StepPlan", "encode", "picture_step"]
