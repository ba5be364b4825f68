"""`ClassifierConfig`: every knob of training a classifier, and the presets that were measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import cos, pi
from typing import Any

from inference.errors import UsageError


@dataclass(frozen=True, slots=True)
class ClassifierConfig:
    """Attributes are in the units of their comment. The defaults are the recipe of the reference (300 epochs)."""

    model: str = "vit_small_patch16_224"  # a timm name, or "small-vit"
    image_size: int = 224  # side of the square that the model sees, pixels
    options: Mapping[str, Any] = field(default_factory=dict)  # of the model: see `ClassifierArch.options`
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)  # of the channels 0..1 (ImageNet's)
    deviation: tuple[float, float, float] = (0.229, 0.224, 0.225)
    epochs: float = 300.0  # the rate falls to nothing at their end
    minutes: float = 0.0  # budget of time; 0: only the epochs count
    cpu_minutes: float = 0.0  # budget of processor time of all processes together; 0: none
    batch: int = 128  # pictures a step, of all processes together
    learning_rate: float = 3e-4  # for a batch of 512; the rate used is this × batch / 512
    head_rate: float = 1.0  # the new last layer learns at this multiple of the rate
    warmup_epochs: float = 10.0
    warmup_share: float = 0.0  # or a share of the run; counts where it is not 0 (budgets of time have no known epochs)
    final_rate: float = 0.0  # part of the rate left at the end
    weight_decay: float = 0.05
    label_smoothing: float = 0.1
    clip_norm: float = 1.0
    ema: float = 0.9999  # of the averaged weights, with warm-up
    crop_least: float = 0.8  # RandomResizedCrop: the least share of the area
    flip: bool = True
    jitter: float = 0.2  # brightness, contrast and saturation, each 1 ± so much
    mixup: float = 0.8  # alpha of MixUp, 0: none
    cutmix: float = 1.0  # alpha of CutMix, 0: none
    mix_chance: float = 1.0  # of a batch to be mixed; MixUp and CutMix half and half
    frozen_blocks: int = 0  # stem and so many first blocks of a model with `blocks` are never trained
    unfold_norms: bool = False  # give batch norms with folded statistics the statistics of the data set
    validation_share: float = 0.1  # of the training pictures, chosen by class with `split_seed`
    test_share: float = 0.15  # where the data has no test part
    split_seed: int = 42
    seed: int = 0
    bfloat16: bool = True  # autocast
    threads: int = 2  # of each process; torchrun's processes take one
    validate_epochs: float = 1.0
    save_minutes: float = 3.0
    log_steps: int = 20
    cache_gb: float = 4.0  # decoded pictures kept in memory
    flip_test: bool = True  # the test's answers are means over the picture and its mirror image

    def rate_at(self, progress: float, epochs_done: float) -> float:
        """The learning rate's factor: linear warm-up, then a cosine over the run (progress 0..1)."""
        if self.warmup_share:
            warm = progress / self.warmup_share
        else:
            warm = epochs_done / self.warmup_epochs if self.warmup_epochs else 1.0
        fall = self.final_rate + (1 - self.final_rate) * 0.5 * (1 + cos(pi * min(1.0, progress)))
        return min(1.0, max(warm, 1e-3)) * fall


_SHORT: dict[str, Any] = {"warmup_share": 0.06, "batch": 128, "ema": 0.998, "minutes": 60.0}

PRESETS: Mapping[str, Mapping[str, Any]] = {
    # From scratch, 32 pixels, an hour on two cores: a hybrid (convolutional stem), little mixing. 345 pictures a second
    # and core; after 84 seconds of one core it validated at 0.475, one of 192 × 6 after 120 at 0.40 (with more mixing).
    "cifar10-small-vit": _SHORT
    | {
        "model": "small-vit",
        "image_size": 32,
        "options": {"patch": 4, "dim": 128, "depth": 4, "heads": 2, "stem": "conv"},
        "learning_rate": 4e-3,
        "mix_chance": 0.2,
        "crop_least": 0.7,
        "validation_share": 0.04,
    },
    # Fine-tuning of the ImageNet image tower, 32-pixel pictures enlarged to 96.
    "cifar10-mobilenet": _SHORT
    | {
        "model": "mobilenetv2_100",
        "image_size": 96,
        "options": {"pad_type": "same"},
        "learning_rate": 4e-3,
        "mean": (0.5, 0.5, 0.5),  # what its weights were trained with
        "deviation": (0.5, 0.5, 0.5),
        "mix_chance": 0.2,
        "batch": 64,
        "frozen_blocks": 2,
        "unfold_norms": True,
        "validation_share": 0.04,
    },
}


def make_config(preset: str | None, settings: Mapping[str, Any]) -> ClassifierConfig:
    """The preset (none: the defaults) with `settings` over it. UsageError for names that do not exist."""
    if preset is not None and preset not in PRESETS:
        raise UsageError(f"There is no preset “{preset}”.", remedy=f"There are {', '.join(PRESETS)}.")
    chosen = (dict(PRESETS[preset]) if preset else {}) | dict(settings)
    if (chosen.get("minutes") or chosen.get("cpu_minutes")) and "epochs" not in chosen:
        usual = ClassifierConfig()  # the budget says when it ends; the same share of it warms up
        chosen = {"epochs": 1e6, "warmup_share": usual.warmup_epochs / usual.epochs} | chosen
    try:
        config = ClassifierConfig(**chosen)
    except TypeError as error:
        raise UsageError(f"There is no such training setting: {error}.", remedy="See docs/classifiers.md.") from error
    _check(config)
    return config


def _check(config: ClassifierConfig) -> None:
    for name in ("batch", "epochs", "learning_rate", "image_size", "threads"):
        value = getattr(config, name)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or value <= 0:
            raise UsageError(f"The setting {name} has to be a number above 0, not {value!r}.")
    if not 0 < config.validation_share < 0.9 or not 0 < config.test_share < 0.9:
        raise UsageError("validation_share and test_share are parts of the pictures, between 0 and 0.9.")
    if not 0 < config.crop_least <= 1:
        raise UsageError("crop_least is a part of the picture, above 0 and at most 1.")


__all__ = ["PRESETS", "ClassifierConfig", "make_config"]
