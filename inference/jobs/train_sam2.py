"""The job behind `main.py train sam2`: trains or fine-tunes a SAM 2 model on annotated pictures."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, ClassVar

from inference.errors import AppError, UsageError
from inference.protocol import Context


@dataclass(frozen=True, slots=True)
class TrainSam2Request:
    """What to train on, from what, how long.

    Attributes:
        data: COCO files, folders with one, or Oxford pets folders.
        out: the run's folder; a run that is already there goes on.
        val: a COCO file or folder that chooses the best checkpoint; none: the last is kept.
        init: a checkpoint to start from; none: a fresh starter.
        trunk_weights: timm mobilenetv2_100 weights for a fresh starter.
        limit: use only so many pictures (0: all).
        settings: fields of `inference.training.config.TrainConfig` that differ from its defaults.
    """

    data: tuple[str, ...]
    out: str
    val: str | None = None
    init: str | None = None
    trunk_weights: str | None = None
    limit: int = 0
    settings: dict[str, Any] = field(default_factory=dict)

    lane: ClassVar[str] = "child"

    def argv(self) -> list[str]:
        """The command line that does the same."""
        words = ["train", "sam2", *(w for d in self.data for w in ("--data", d)), "--out", self.out, "--json"]
        for option, value in (("--val", self.val), ("--init", self.init), ("--trunk-weights", self.trunk_weights)):
            words += [option, value] if value else []
        words += ["--limit", str(self.limit)] if self.limit else []
        return [*words, *(w for k, v in self.settings.items() for w in ("--set", f"{k}={json.dumps(v)}"))]

    @staticmethod
    def parse(result: dict[str, Any]) -> TrainSam2Result:
        """From the answer of the command line."""
        return TrainSam2Result(**{f.name: result[f.name] for f in fields(TrainSam2Result)})


@dataclass(frozen=True, slots=True)
class TrainSam2Result:
    """The best checkpoint, its validation figures (mean IoU by key), steps, seconds, and pictures left out."""

    checkpoint: str
    metrics: dict[str, float]
    steps: int
    seconds: float
    broken: dict[str, str]


def run(request: TrainSam2Request, context: Context) -> TrainSam2Result:
    """Raises FormatError, ModelError, StorageError or UsageError; Cancelled after writing the state to go on from."""
    from safetensors.torch import load_file

    from inference.engines.architecture import ArchConfig, build_model, load_checkpoint
    from inference.training.config import TrainConfig
    from inference.training.data import find_data
    from inference.training.sam2_loop import train

    try:
        config = TrainConfig(**request.settings)
    except TypeError as error:
        raise UsageError(f"There is no such training setting: {error}.", remedy="See docs/models.md.") from error
    problems: list[AppError] = []
    records = [record for source in request.data for record in find_data(Path(source), "train", problems)]
    if request.limit:
        records = records[: request.limit]
    val = find_data(Path(request.val), "val", problems) if request.val else []
    if request.init:
        model, arch = load_checkpoint(request.init)
        state, arch = model.state_dict(), arch.at_size(config.image_size)
        model = build_model(arch)
        model.load_state_dict(state)
    else:
        arch = ArchConfig(image_size=config.image_size)
        model = build_model(arch)
        if request.trunk_weights:
            model.image_encoder.trunk.load_imagenet(load_file(request.trunk_weights))

    def report(seconds: float, budget: float, line: str, figures: dict[str, Any] | None) -> None:
        context.progress(int(seconds), int(budget), line, figures)

    card = {"data": list(request.data), "init": request.init or request.trunk_weights or "random"}
    done = train(model, arch, config, records, val, Path(request.out), report, card)
    return TrainSam2Result(str(done.best), done.metrics, done.steps, done.seconds, _listed(problems) | done.broken)


def _listed(problems: list[AppError]) -> dict[str, str]:
    """What was wrong by file; an annotation file may have many bad objects."""
    listed: dict[str, str] = {}
    for problem in problems:
        path = problem.path or ""
        listed[path] = f"{listed[path]} {problem.message}" if path in listed else problem.message
    return listed
