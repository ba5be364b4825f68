"""`TrainConfig`: every knob of training a segmentation model, with the values the starter was trained with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

# How often a picture of a source is drawn, beside 1 for the others: generic objects more, microscopy rarely.
SOURCE_WEIGHTS: Mapping[str, float] = {
    "COCO 2017": 2.0,
    "Human-Segmentation-Dataset": 1.2,
    "Clothing Co-Parsing": 1.2,
    "oxford pets": 1.2,
    "BSDS500": 0.7,
    "feral cats": 0.8,
    "food (VIA)": 0.6,
    "DSB 2018 nuclei": 0.15,
}


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """Attributes are in the units of their comment; fractions are of the whole training."""

    minutes: float = 60.0  # budget; the learning rate falls to nothing when it is used up
    max_steps: int = 0  # stop after so many optimizer steps, 0: only the budget counts
    image_size: int = 384  # side of the square that the model sees, pixels, a multiple of 32
    pictures: int = 8  # pictures a step
    objects: int = 4  # objects a picture
    learning_rate: float = 7e-4
    trunk_rate: float = 0.15  # the pretrained trunk learns at this part of the rate
    warmup_steps: int = 100
    final_rate: float = 0.01  # part of the rate left at the end
    weight_decay: float = 0.05
    clip_norm: float = 1.0
    freeze_fraction: float = 0.15  # the pretrained trunk rests for this part of the training
    frozen_blocks: int = 2  # blocks of the trunk that are never trained: general, and dear to train
    ema: float = 0.998
    box_share: float = 0.42  # objects first prompted by a box; the others by a click
    rounds: tuple[float, ...] = (0.36, 0.16, 0.15, 0.13, 0.11, 0.09)  # share of steps with 0, 1, 2 … correction rounds
    no_dense_share: float = 0.06  # uncorrected steps without the dense prompt, as plain SAM tools ask
    paste_share: float = 0.3  # pictures that get an object of another picture pasted in
    focal_weight: float = 20.0
    dice_weight: float = 1.0
    iou_weight: float = 1.5
    source_weights: Mapping[str, float] = field(default_factory=lambda: dict(SOURCE_WEIGHTS))
    seed: int = 0
    bfloat16: bool = True
    threads: int = 2
    validate_minutes: float = 10.0
    validate_objects: int = 120
    save_minutes: float = 5.0
    log_steps: int = 20

    @property
    def last_step(self) -> float:
        return self.max_steps or float("inf")

    def rate_at(self, step: int, progress: float) -> float:
        """The learning rate's factor: linear warm-up by steps, then a cosine over the budget (progress 0..1)."""
        from math import cos, pi

        warm = min(1.0, (step + 1) / max(1, self.warmup_steps))
        return warm * (self.final_rate + (1 - self.final_rate) * 0.5 * (1 + cos(pi * min(1.0, progress))))
