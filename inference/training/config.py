"""`TrainConfig`: every knob of training a segmentation model. A YAML file or a preset fills it, `--set` overrides.

The defaults are the recipe that the starter was trained with from its ImageNet trunk.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import cos, pi
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from inference.errors import UsageError
from inference.paths import resource

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

PARTS = ("trunk", "neck", "prompt_encoder", "mask_decoder", "memory")
"""What can be frozen."""

Part = Literal["trunk", "neck", "prompt_encoder", "mask_decoder", "memory"]
Share = Field(ge=0, le=1)


class TrainConfig(BaseModel):
    """Fields are in the units of their comment; shares are parts of 1."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    # How long. The learning rate falls to nothing at the end of whichever is set; at least one has to be.
    minutes: float = Field(60.0, ge=0)  # budget of training time; 0: none
    epochs: float = Field(0.0, ge=0)  # times that every training picture is seen; 0: not counted
    max_steps: int = Field(0, ge=0)  # optimizer steps; 0: not counted
    patience: int = Field(0, ge=0)  # stop after so many validations without a better one; 0: never

    # What a step sees.
    image_size: int = Field(384, ge=32, le=2048, multiple_of=32)  # side of the square that the model sees, pixels
    pictures: int = Field(8, ge=1)  # pictures (clips where `frames` is above 1) a step and process
    accumulate: int = Field(1, ge=1)  # so many times `pictures` make one optimizer step
    objects: int = Field(4, ge=1)  # objects a picture
    frames: int = Field(1, ge=1, le=64)  # 1: pictures; more: clips of so many frames, for models with a memory
    paste_share: float = Field(0.3, ge=0, le=1)  # pictures that get an object of another picture pasted in
    crop_share: float = Field(0.6, ge=0, le=1)  # pictures that are cropped and not shown whole
    source_weights: Mapping[str, float] = Field(default_factory=lambda: dict(SOURCE_WEIGHTS))
    val_share: float = Field(0.2, gt=0, lt=0.9)  # of the pictures, chosen by `split_seed`, where no val set is given
    split_seed: int = Field(0, ge=0)

    # How people are simulated. The three shares count in proportion.
    point_share: float = Field(0.58, ge=0)  # objects first prompted by a click
    box_share: float = Field(0.42, ge=0)  # … by a box
    mask_share: float = Field(0.0, ge=0)  # … by a rough mask
    whole_box_share: float = Field(0.0, ge=0, le=1)  # boxes that are the whole picture, to teach a class
    rounds: tuple[float, ...] = (0.36, 0.16, 0.15, 0.13, 0.11, 0.09)  # share of steps with 0, 1, 2 … correction rounds
    clicks_per_round: int = Field(1, ge=1, le=10)  # clicks a correction round adds
    learn_from: Literal["last", "all"] = "last"  # the loss is of the last answer, or the mean over all rounds
    no_dense_share: float = Field(0.06, ge=0, le=1)  # uncorrected steps without the dense prompt, as plain tools ask

    # What learns, how fast.
    scratch: str = ""  # a model of this architecture with random weights; "": a fresh starter where nothing is given
    frozen: tuple[Part, ...] = ()
    frozen_blocks: int = Field(2, ge=0)  # first blocks of a MobileNet trunk that are never trained
    freeze_fraction: float = Field(0.15, ge=0, le=1)  # the pretrained trunk rests for this part of the training
    learning_rate: float = Field(7e-4, gt=0, le=1)
    trunk_learning_rate: float = Field(1.05e-4, ge=0, le=1)  # of the pretrained trunk
    layer_decay: float = Field(1.0, gt=0, le=1)  # each earlier block of the trunk learns at this part of the next one's
    warmup_steps: int = Field(100, ge=0)
    final_rate: float = Field(0.01, ge=0, le=1)  # part of the rate left at the end
    weight_decay: float = Field(0.05, ge=0)
    clip_norm: float = Field(1.0, gt=0)
    ema: float = Field(0.998, ge=0, lt=1)  # decay of the averaged weights that are validated and kept
    drop_path: float = Field(0.1, ge=0, lt=1)  # of a Hiera trunk with random weights

    # Loss.
    loss: Literal["soft", "sam2"] = "soft"  # ours for soft targets, or the sam2 package's
    focal_weight: float = Field(20.0, ge=0)
    dice_weight: float = Field(1.0, ge=0)
    iou_weight: float = Field(1.5, ge=0)

    # The machine.
    seed: int = Field(0, ge=0)
    precision: Literal["float32", "bfloat16", "float16"] = "bfloat16"  # float16 needs a CUDA card
    checkpoint_activations: bool = False  # less memory for a third more time
    threads: int = Field(2, ge=1)  # of each process

    # What is written when.
    validate_minutes: float = Field(10.0, ge=0)  # 0: not by the clock
    validate_epochs: float = Field(0.0, ge=0)  # 0: not by epochs
    validate_objects: int = Field(120, ge=1)
    sample_pictures: int = Field(4, ge=0, le=32)  # validation pictures drawn at each validation
    save_minutes: float = Field(5.0, gt=0)
    log_steps: int = Field(20, ge=1)

    @model_validator(mode="after")
    def _fits(self) -> TrainConfig:
        if not (self.minutes or self.epochs or self.max_steps):
            raise ValueError("one of minutes, epochs and max_steps has to be above 0")
        if not self.point_share + self.box_share + self.mask_share > 0:
            raise ValueError("one of point_share, box_share and mask_share has to be above 0")
        if not self.rounds or min(self.rounds) < 0 or sum(self.rounds) <= 0:
            raise ValueError("rounds are shares, at least one of them above 0")
        if set(self.frozen) >= {"trunk", "neck", "prompt_encoder", "mask_decoder"}:
            raise ValueError("frozen leaves nothing to train")
        return self

    def last_step(self, pictures: int, processes: int = 1) -> float:
        """After how many optimizer steps it ends; infinity where only the time counts.

        Args:
            pictures: how many there are to train on.
        """
        ends = [float(self.max_steps)] if self.max_steps else []
        if self.epochs:
            ends.append(max(1.0, round(self.epochs * pictures / self.step_size(processes))))
        return min(ends, default=float("inf"))

    def step_size(self, processes: int = 1) -> int:
        """Pictures an optimizer step sees, in all processes together."""
        return self.pictures * self.accumulate * processes

    def rate_at(self, step: int, progress: float) -> float:
        """The learning rate's factor: linear warm-up by steps, then a cosine over the run (progress 0..1)."""
        warm = min(1.0, (step + 1) / max(1, self.warmup_steps))
        return warm * (self.final_rate + (1 - self.final_rate) * 0.5 * (1 + cos(pi * min(1.0, progress))))

    def as_yaml(self) -> str:
        """All settings, in order; `make_config` reads them."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


def presets() -> dict[str, Path]:
    """The recipes that are shipped, by name."""
    return {path.stem: path for path in sorted(resource("presets").glob("*.yaml"))}


def make_config(source: str | Path | None = None, settings: Mapping[str, Any] | None = None) -> TrainConfig:
    """A preset or YAML file (None: the defaults) with `settings` over it.

    Raises:
        UsageError: no such preset or file, or settings that do not exist or make no sense, each named.
    """
    path = None if source is None else _file_of(source)
    chosen = {} if path is None else read_settings(path)
    changes = dict(settings or {})
    if {"epochs", "max_steps"} & changes.keys() and "minutes" not in changes and "minutes" not in chosen:
        changes["minutes"] = 0.0  # the default is an hour, which would end what was asked for
    try:
        return TrainConfig(**(chosen | changes))
    except ValidationError as error:
        problems = "; ".join(_problem(e) for e in error.errors())
        given = all(e["loc"] and e["loc"][0] in changes for e in error.errors()) or path in presets().values()
        place = None if given else path  # a preset has no fault when what was put over it is wrong
        raise UsageError(f"Training settings: {problems}.", place, "See docs/training.md for all settings.") from error


def read_settings(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file. UsageError when it is none."""
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise UsageError(f"The settings cannot be read ({error}).", path, "Write KEY: VALUE lines.") from error
    if not isinstance(data, dict) or not all(isinstance(key, str) for key in data):
        raise UsageError("The file holds no KEY: VALUE settings.", path, "See resources/presets for examples.")
    return data


def _file_of(source: str | Path) -> Path:
    shipped = presets()
    if str(source) in shipped:
        return shipped[str(source)]
    if Path(source).is_file():
        return Path(source)
    raise UsageError(
        f"There is no preset or settings file “{source}”.",
        remedy=f"There are {', '.join(shipped)}; or name a YAML file.",
    )


def _problem(error: Any) -> str:
    """One finding of pydantic in our words, with the name of the setting."""
    name = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        return f"there is no setting {name}"
    message = str(error["msg"]).removeprefix("Value error, ")
    message = message[:1].lower() + message[1:]
    if not name:
        return message
    return f"{name} is {error['input']!r}: {message}"


__all__ = ["PARTS", "SOURCE_WEIGHTS", "TrainConfig", "make_config", "presets", "read_settings"]
