"""The job behind `main.py train sam2`: trains or fine-tunes a SAM 2 model on annotated pictures."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from inference.errors import AppError, Cancelled, UsageError
from inference.protocol import Context

if TYPE_CHECKING:
    from sam2.modeling.sam2_base import SAM2Base

    from inference.engines.architecture import ArchConfig
    from inference.training.config import TrainConfig
    from inference.training.data import Record
    from inference.training.lessons import Lessons

NO_VALIDATION = "none"


@dataclass(frozen=True, slots=True)
class TrainSam2Request:
    """What to train on, from what, how long.

    Attributes:
        data: data sets of any kind that `inference.training.data.find_data` reads. Empty: what the run in `out` was
            asked for, which goes on.
        out: the run's folder; a run that is already there goes on.
        val: a data set that chooses the best checkpoint; None: a part is split off `data`; "none": the last is kept.
        init: a checkpoint to start from; None: the built-in starter, unless the configuration trains from scratch.
        trunk_weights: timm mobilenetv2_100 weights for a fresh starter.
        limit: use only so many pictures, chosen by the seed of the split (0: all).
        preset: a preset's name or a YAML file of settings; None: the defaults.
        settings: fields of `inference.training.config.TrainConfig` that differ from the preset's.
    """

    data: tuple[str, ...]
    out: str
    val: str | None = None
    init: str | None = None
    trunk_weights: str | None = None
    limit: int = 0
    preset: str | None = None
    settings: dict[str, Any] = field(default_factory=dict)

    lane: ClassVar[str] = "child"

    def argv(self) -> list[str]:
        """The command line that does the same."""
        words = ["train", "sam2", *(w for d in self.data for w in ("--data", d)), "--out", self.out, "--json"]
        options = (("--val", self.val), ("--init", self.init), ("--trunk-weights", self.trunk_weights))
        for option, value in (*options, ("--preset", self.preset)):
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
    import torch

    from inference.training.config import make_config
    from inference.training.run_folder import end_run, start_run
    from inference.training.sam2_loop import train

    request = resumed(request)
    out = Path(request.out)
    config = make_config(request.preset, request.settings)
    problems: list[AppError] = []
    torch.manual_seed(config.seed)  # what starts from random weights starts from the same
    context.progress(0, 1000, "loading the model")
    model, arch, start = _model(request, config)
    context.progress(0, 1000, "reading the data")
    lessons, val, told = _lessons(request, config, arch, problems)
    if leads():
        start_run(out, config, {"request": _absolute(request), "arch": arch.name, "start": start, "pictures": told})

    def report(done: float, line: str, figures: dict[str, Any] | None) -> None:
        context.progress(round(1000 * done), 1000, line, figures)

    card = {"data": list(request.data), "init": start, "pictures": told}
    try:
        done = train(model, arch, config, lessons, val, out, report, card)
    except (Cancelled, KeyboardInterrupt):
        _end(out, "stopped")
        raise
    except Exception as error:  # a bug too: the run does not look as if it went on
        _end(out, "failed", reason=str(error))
        raise
    if leads():
        end_run(out, "finished", steps=done.steps, seconds=done.seconds, validation=done.metrics)
    return TrainSam2Result(str(done.best), done.metrics, done.steps, done.seconds, _listed(problems) | done.broken)


def resumed(request: TrainSam2Request) -> TrainSam2Request:
    """The request itself; without data, that of the run in its folder, with the settings given now over it.

    UsageError when there is no run, ModelError when its `run.json` is damaged.
    """
    if request.data:
        return request
    from inference.training.run_folder import CONFIG, read_run

    out = Path(request.out)
    told = read_run(out)
    if told is None:
        raise UsageError("There is no run to go on with, and no data to start one.", out, "Give --data.")
    known = {f.name for f in fields(TrainSam2Request)} - {"out", "settings", "preset"}
    before: dict[str, Any] = {k: tuple(v) if k == "data" else v for k, v in told["request"].items() if k in known}
    asked = replace(request, **before)
    return replace(asked, preset=request.preset or str(out / CONFIG))


def leads() -> bool:
    """Whether this process writes and reports: the only one, or the first of several."""
    return os.environ.get("RANK", "0") == "0"


def _model(request: TrainSam2Request, config: TrainConfig) -> tuple[SAM2Base, ArchConfig, str]:
    """The model to train at the configuration's size, what it is like, and what it started from."""
    from safetensors.torch import load_file

    from inference.engines.architecture import ArchConfig, build_model, configs, load_checkpoint
    from inference.paths import checkpoint
    from inference.training.clips import clip_model

    if config.scratch and request.init:
        raise UsageError("These settings train from scratch, so there is nothing to start from.", None, "Drop --init.")
    if config.scratch not in ("", "starter", *configs):
        raise UsageError(f"There is no architecture {config.scratch!r}.", remedy=f"There are {', '.join(configs)}.")
    build = clip_model if config.frames > 1 else build_model
    fresh = config.scratch or request.trunk_weights
    if not fresh:
        init = request.init or str(checkpoint("winnow-starter.safetensors"))
        loaded, arch = load_checkpoint(init)
        model = build(arch.at_size(config.image_size))
        model.load_state_dict(loaded.state_dict())
        return model, arch.at_size(config.image_size), init
    arch = configs.get(config.scratch, ArchConfig()).at_size(config.image_size)
    model = build(arch)
    if request.trunk_weights:
        if arch.kind != "starter":
            raise UsageError("Only a starter takes --trunk-weights.", None, "Leave them out.")
        model.image_encoder.trunk.load_imagenet(load_file(request.trunk_weights))
    elif arch.kind == "sam2":
        _drop_paths(model, config.drop_path)
    return model, arch, request.trunk_weights or "random"


def _drop_paths(model: SAM2Base, rate: float) -> None:
    """Stochastic depth, more the deeper, as `Hiera(drop_path_rate=rate)` has it; the yaml files leave it out."""
    from sam2.modeling.sam2_utils import DropPath

    blocks = model.image_encoder.trunk.blocks
    for number, block in enumerate(blocks):
        block.drop_path = DropPath(rate * number / max(1, len(blocks) - 1))


def _lessons(
    request: TrainSam2Request, config: TrainConfig, arch: ArchConfig, problems: list[AppError]
) -> tuple[Lessons, Sequence[Record], dict[str, int]]:
    """What to train on, what to choose on, and how many pictures that is."""
    from inference.data_sets.split import split_by_content, without_content_of
    from inference.training.clips import ClipLessons, find_clips
    from inference.training.data import find_data, kind_of
    from inference.training.lessons import PictureLessons

    if config.frames > 1:
        clips = [clip for source in request.data for clip in find_clips(Path(source), config.frames, "train", problems)]
        asked = request.val not in (None, NO_VALIDATION)
        shown = find_data(Path(str(request.val)), "val", problems) if asked else []  # their first frames, as pictures
        return ClipLessons(clips, config), shown, {"train": len(clips), "val": len(shown), "twice": 0}
    records = [record for source in request.data for record in find_data(Path(source), "train", problems)]
    records = _limited(records, request.limit, config.split_seed)
    val: list[Record] = []
    twice = 0
    if request.val is None:
        records, val = split_by_content(records, lambda r: r.path, kind_of, config.val_share, config.split_seed)
    elif request.val != NO_VALIDATION:
        val = find_data(Path(request.val), "val", problems)
        records, twice = without_content_of(records, val, lambda r: r.path)
        if not records:
            raise UsageError("All pictures are in the validation set too.", request.val, "Choose another --val.")
    return PictureLessons(records, config, arch.dense_prompts), val, {
        "train": len(records), "val": len(val), "twice": twice,
    }  # fmt: skip


def _limited(records: list[Record], limit: int, seed: int) -> list[Record]:
    import numpy as np

    if not limit or limit >= len(records):
        return records
    picked = np.random.default_rng(seed).permutation(len(records))[:limit]
    return [records[int(i)] for i in sorted(picked)]


def _absolute(request: TrainSam2Request) -> dict[str, Any]:
    """As it goes into `run.json`: whoever continues it may stand in another folder."""
    told = asdict(request)
    told["data"] = [str(Path(d).absolute()) for d in request.data]
    for key in ("out", "val", "init", "trunk_weights"):
        value = told[key]
        told[key] = str(Path(value).absolute()) if value and value != NO_VALIDATION else value
    return told


def _end(out: Path, status: str, **more: Any) -> None:
    from inference.training.run_folder import end_early

    if leads():
        end_early(out, status, **more)


def _listed(problems: list[AppError]) -> dict[str, str]:
    """What was wrong by file; an annotation file may have many bad objects."""
    listed: dict[str, str] = {}
    for problem in problems:
        path = problem.path or ""
        listed[path] = f"{listed[path]} {problem.message}" if path in listed else problem.message
    return listed
