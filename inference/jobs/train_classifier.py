"""The job behind `main.py train classifier`: a classifier from pictures in class folders, with its report."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from inference.errors import Cancelled, ModelError, StorageError
from inference.protocol import Context

if TYPE_CHECKING:
    from torch import nn

    from inference.training.classifier_batches import PictureStore
    from inference.training.classifier_config import ClassifierConfig
    from inference.training.classifier_data import ClassData


@dataclass(frozen=True, slots=True)
class TrainClassifierRequest:
    """What to train on, from what, how long.

    Attributes:
        data: folders or zips of class folders, with `train`, `val`, `test` parts or without.
        out: the run's folder; a run that is already there goes on.
        preset: a name of `inference.training.classifier_config.PRESETS`.
        weights: a safetensors file to start from: of the same timm model, or a classifier of ours.
        limit: only so many training pictures a class (0: all).
        settings: fields of `ClassifierConfig` that differ from the preset's.
    """

    data: tuple[str, ...]
    out: str
    preset: str | None = None
    weights: str | None = None
    limit: int = 0
    settings: dict[str, Any] = field(default_factory=dict)

    lane: ClassVar[str] = "child"

    def argv(self) -> list[str]:
        """The command line that does the same."""
        words = ["train", "classifier", *(w for d in self.data for w in ("--data", d)), "--out", self.out, "--json"]
        for option, value in (("--preset", self.preset), ("--weights", self.weights)):
            words += [option, value] if value else []
        words += ["--limit", str(self.limit)] if self.limit else []
        return [*words, *(w for k, v in self.settings.items() for w in ("--set", f"{k}={json.dumps(v)}"))]

    @staticmethod
    def parse(result: dict[str, Any]) -> TrainClassifierResult:
        """From the answer of the command line."""
        return TrainClassifierResult(**{f.name: result[f.name] for f in fields(TrainClassifierResult)})


@dataclass(frozen=True, slots=True)
class TrainClassifierResult:
    """The best checkpoint, its figures on the test part, what the run took, notes on the data, pictures left out."""

    checkpoint: str
    figures: dict[str, float]
    steps: int
    epochs: float
    seconds: float
    notes: tuple[str, ...]
    broken: dict[str, str]


def run(request: TrainClassifierRequest, context: Context) -> TrainClassifierResult:
    """Raises FormatError, ModelError, StorageError or UsageError; Cancelled after writing the state to go on from."""
    import torch

    from inference.engines.classifier_checkpoint import load_classifier
    from inference.engines.classifier_model import ClassifierArch, build_classifier
    from inference.jobs.evaluate_classifier import report_on
    from inference.training.classifier_batches import BatchPlan, PictureStore
    from inference.training.classifier_config import make_config
    from inference.training.classifier_data import Reader, find_classes
    from inference.training.classifier_loop import train, unfold_batch_norms
    from inference.training.run_folder import end_early, end_run

    config = make_config(request.preset, request.settings)
    shares = config.validation_share, config.test_share, config.split_seed
    data = find_classes([Path(d) for d in request.data], *shares, request.limit)
    arch = ClassifierArch(config.model, data.classes, config.image_size, config.options, config.mean, config.deviation)
    torch.manual_seed(config.seed)
    model = build_classifier(arch)
    out = Path(request.out)
    if leads():
        start_folder(out, request, config, data)
    reader = Reader(data.sources)
    try:
        room = config.cache_gb * 1e9
        stores: dict[str, PictureStore] = {}
        for part in ("train", "val"):

            def told(done: int, total: int, part: str = part) -> None:
                context.progress(0, 1000, f"reading {part} pictures: {done} of {total}")

            stores[part] = PictureStore(getattr(data, part), reader, config.image_size, room, told)
        loaded = start_from(model, request.weights) if request.weights else "nothing (from scratch)"
        if config.unfold_norms and request.weights:
            unfold_batch_norms(model, BatchPlan(stores["train"], config, arch.mean, arch.deviation).make(0))

        def report(progress: float, line: str, figures: dict[str, Any] | None) -> None:
            context.progress(round(1000 * min(1.0, progress)), 1000, line, figures)

        card = {"data": list(request.data), "start": loaded, "pictures": len(stores["train"])}
        done = train(model, arch, config, stores["train"], stores["val"], out, report, card)
        figures: dict[str, float] = {"val_accuracy": done.accuracy}
        if leads() and data.test:
            stores["test"] = PictureStore(data.test, reader, config.image_size, room)
            best, arch, _ = load_classifier(done.best)
            measured = report_on(best, arch, stores["test"], out / "report", out, config.flip_test, context)
            figures |= {k: measured[k] for k in ("accuracy", "top5", "macro_f1", "calibration_error")}
        broken = {k: v for store in stores.values() for k, v in store.broken.items()}
    except (Cancelled, KeyboardInterrupt):
        if leads():
            end_early(out, "stopped")
        raise
    except Exception as error:  # a bug too: the run does not look as if it went on
        if leads():
            end_early(out, "failed", reason=str(error))
        raise
    finally:
        reader.close()
    if leads():
        end_run(out, "finished", steps=done.steps, seconds=done.seconds, validation=figures)
    return TrainClassifierResult(str(done.best), figures, done.steps, done.epochs, done.seconds, data.notes, broken)


def leads() -> bool:
    """Whether this process writes and reports: the only one, or torchrun's first."""
    return os.environ.get("RANK", "0") == "0"


def start_folder(out: Path, request: TrainClassifierRequest, config: ClassifierConfig, data: ClassData) -> None:
    """Writes `run.json`: what the run was asked for. ModelError when another model's run is in the folder."""
    from dataclasses import asdict

    from inference.training.run_folder import begun

    told = {
        "data": [str(s) for s in data.sources],
        "weights": request.weights,
        "preset": request.preset,
        "limit": request.limit,
        "config": asdict(config) | {"options": dict(config.options)},
        "classes": list(data.classes),
        "counts": {part: len(getattr(data, part)) for part in ("train", "val", "test")},
        "notes": list(data.notes),
    }
    file = out / "run.json"
    before = None
    try:
        if (out / "state.pt").exists() and file.exists():
            before = json.loads(file.read_text("utf-8"))
            if before["classes"] != told["classes"] or before["config"]["model"] != config.model:
                raise ModelError(
                    "The folder holds a run of another model or other classes.", out, "Choose another --out."
                )
        out.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(begun(before) | told, indent=1, ensure_ascii=False) + "\n", "utf-8")
    except OSError as error:
        raise StorageError(
            f"The run's folder cannot be written ({error.strerror or error}).", out, "Choose another --out."
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError("The run's run.json is damaged.", file, "Choose another --out.") from error


def start_from(model: nn.Module, weights: str) -> str:
    """Loads what fits of a weights file: all but the last layer where the classes differ. Says what it was.

    ModelError when it is of another model.
    """
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        state = load_file(weights)
    except (SafetensorError, OSError) as error:
        raise ModelError("The weights are missing or damaged.", weights, "Give a safetensors file.") from error
    mine = model.state_dict()
    fitting = {k: v.float() for k, v in state.items() if k in mine and v.shape == mine[k].shape}
    last = {id(p) for p in model.get_classifier().parameters()}
    head = {name for name, p in model.named_parameters() if id(p) in last}
    lacking = [k for k in mine if k not in fitting and k not in head and not k.endswith("num_batches_tracked")]
    if lacking:
        raise ModelError(
            f"These weights are of another model or size: {len(lacking)} tensors do not fit ({lacking[0]} …).",
            weights,
            "Choose the --model and --image-size they are of.",
        )
    if not head <= set(fitting):  # a new last layer starts from nothing: some models' own beginning is a loss of 15
        fitting |= {name: torch.zeros_like(mine[name]) for name in head}
    model.load_state_dict(fitting, strict=False)
    return Path(weights).name
