"""The job behind `main.py evaluate-classifier`: the report of a trained classifier on labelled pictures."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from inference.errors import AppError, FormatError, ImageError, ModelError, StorageError, UsageError
from inference.protocol import Context

if TYPE_CHECKING:
    from torch import nn

    from inference.engines.classifier_model import ClassifierArch
    from inference.training.classifier_batches import PictureStore
    from inference.training.classifier_data import ClassData

PARTS = ("test", "val", "train", "all")


@dataclass(frozen=True, slots=True)
class EvaluateClassifierRequest:
    """What to measure on what.

    Attributes:
        model: a run's folder (its best checkpoint), or a classifier's file.
        data: folders or zips of class folders; () takes those of the run.
        out: where the report goes; None: `report` in the run's folder, or beside the file.
        part: "test", "val", "train" or "all". Parts that the data lacks are split off as in training.
        flip: answers are means over the picture and its mirror image.
    """

    model: str
    data: tuple[str, ...] = ()
    out: str | None = None
    part: str = "test"
    flip: bool = True

    lane: ClassVar[str] = "child"

    def argv(self) -> list[str]:
        """The command line that does the same."""
        words = ["evaluate-classifier", self.model, *(w for d in self.data for w in ("--data", d))]
        words += ["--out", self.out] if self.out else []
        return [*words, "--part", self.part, "--flip" if self.flip else "--no-flip"]

    @staticmethod
    def parse(result: dict[str, Any]) -> EvaluateClassifierResult:
        """From the answer of the command line."""
        failures = (AppError(f["message"], f["path"], f["remedy"]) for f in result.get("failures", []))
        return EvaluateClassifierResult(result["figures"], result["report"], tuple(failures))


@dataclass(frozen=True, slots=True)
class EvaluateClassifierResult:
    """The figures (see `inference.evaluation.classification.summary`), the page, and pictures left out."""

    figures: dict[str, Any]
    report: str
    failures: tuple[AppError, ...] = ()


def run(request: EvaluateClassifierRequest, context: Context) -> EvaluateClassifierResult:
    """Raises FormatError, ModelError, StorageError or UsageError; broken pictures are listed and left out."""
    from inference.engines.classifier_checkpoint import load_classifier
    from inference.training.classifier_batches import PictureStore
    from inference.training.classifier_data import Example, Reader

    if request.part not in PARTS:
        raise UsageError(f"There is no part “{request.part}”.", remedy=f"There are {', '.join(PARTS)}.")
    folder, file = find_run(request.model)
    told = read_run(folder)
    model, arch, _ = load_classifier(file)
    data = _data(request, told)
    strange = sorted(set(data.classes) - set(arch.classes))
    if strange:
        raise FormatError(
            f"The classifier does not know these classes: {', '.join(strange[:5])}.",
            data.sources[0],
            "Name the folders as its classes, or train one that knows them.",
        )
    chosen = data.train + data.val + data.test if request.part == "all" else getattr(data, request.part)
    place = [arch.classes.index(name) for name in data.classes]
    examples = [Example(e.source, e.name, place[e.label]) for e in chosen]
    reader = Reader(data.sources)
    try:
        store = PictureStore(
            examples, reader, arch.image_size, 2e9, lambda n, of: context.progress(n, 2 * of, "reading pictures")
        )
        out = Path(request.out) if request.out else (folder or file.parent) / "report"
        figures = report_on(model, arch, store, out, folder, request.flip, context)
    finally:
        reader.close()
    failures = tuple(ImageError(reason, path) for path, reason in store.broken.items())
    return EvaluateClassifierResult(figures, str(out / "report.html"), failures)


def report_on(
    model: nn.Module,
    arch: ClassifierArch,
    store: PictureStore,
    out: Path,
    folder: Path | None,
    flip: bool,
    context: Context,
) -> dict[str, Any]:
    """Measures a model on the pictures of `store` and writes the whole report; returns its figures.

    Args:
        folder: the run's, for its curves and what it took; None for a lone file.
    """
    from inference.evaluation import classification, classification_page, classification_plots
    from inference.evaluation.classifier_cost import cost
    from inference.training.classifier_loop import logits_of

    if not len(store):
        raise FormatError("There are no readable pictures to test with.", out, "Add some, or choose another --part.")
    total = len(store)

    def told(done: int) -> None:
        context.progress(total + done, 2 * total, f"testing: {done:,} of {total:,} pictures")

    logits = logits_of(model, store, arch, flip, told).numpy()
    where = tuple(store.where(i) for i in range(len(store)))
    answers = classification.Answers(logits, store.labels, arch.classes, where)
    lines = classification_plots.read_lines(folder) if folder else []
    figures = classification.summary(answers) | {"flip": flip, "run": run_facts(read_run(folder), lines, arch)}
    figures["run"] |= cost(model, arch)
    context.progress(2 * total, 2 * total, "writing the report")
    try:
        classification.write(answers, figures, out)
        pictures = ["confusion_matrix.png", "per_class.png", "calibration.png", "worst.png"]
        classification_plots.confusion_plot(answers, out / pictures[0])
        classification_plots.class_plot(figures["per_class"], out / pictures[1])
        classification_plots.calibration_plot(answers, figures["calibration_error"], out / pictures[2])
        classification_plots.worst_plot(answers, store.pixels, out / pictures[3])
        if lines:
            classification_plots.curves_plot(lines, out / "curves.png")
            pictures.insert(0, "curves.png")
        words = f"{len(store):,} test pictures, {len(arch.classes)} classes"
        words += ", answers are means with the mirror image" if flip else ""
        title = f"{arch.name}, {arch.image_size} pixels"
        classification_page.write_report(figures, title, words, pictures, out)
    except OSError as error:
        raise StorageError(
            f"The report could not be written ({error.strerror or error}).", out, "Choose another folder."
        ) from error
    return figures


def run_facts(told: dict[str, Any], lines: list[dict[str, float]], arch: ClassifierArch) -> dict[str, Any]:
    """What is worth knowing about how a model came about, one line each."""
    facts: dict[str, Any] = {"model": arch.name, "image_size": arch.image_size, "options": dict(arch.options)}
    if told:
        facts |= {f"{part}_pictures": count for part, count in told["counts"].items()}
        facts["started_from"] = Path(told["weights"]).name if told.get("weights") else "nothing (from scratch)"
    if lines:
        last = lines[-1]
        facts |= {"epochs": last["epoch"], "minutes": round(last["seconds"] / 60, 1)}
        facts["cpu_minutes"] = round(last.get("cpu_seconds", 0.0) / 60, 1)
        if last["epoch"]:
            facts["seconds_per_epoch"] = round(last["seconds"] / last["epoch"], 1)
            facts["cpu_seconds_per_epoch"] = round(last.get("cpu_seconds", 0.0) / last["epoch"], 1)
    return facts


def find_run(model: str) -> tuple[Path | None, Path]:
    """(the run's folder or None, the checkpoint) of a run's folder or a file. ModelError when there is none."""
    place = Path(model)
    if place.is_dir():
        file = place / "best.safetensors"
        if not file.is_file():
            raise ModelError("The folder holds no finished run: best.safetensors is missing.", place, "Train it first.")
        return place, file
    if not place.is_file():
        raise ModelError("There is no such run or classifier.", place, "Check the path.")
    return (place.parent if (place.parent / "run.json").is_file() else None), place


def read_run(folder: Path | None) -> dict[str, Any]:
    """`run.json` of a run; {} without one. ModelError when it is damaged."""
    if folder is None or not (folder / "run.json").is_file():
        return {}
    try:
        told = json.loads((folder / "run.json").read_text("utf-8"))
        if not isinstance(told["counts"], dict) or not isinstance(told["config"], dict):
            raise ValueError("not a run")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError("The run's run.json is damaged.", folder / "run.json", "Train it anew.") from error
    return dict(told)


def _data(request: EvaluateClassifierRequest, told: dict[str, Any]) -> ClassData:
    from inference.training.classifier_config import ClassifierConfig
    from inference.training.classifier_data import find_classes

    names = request.data or tuple(told.get("data", ()))
    if not names:
        raise UsageError("It is not known what to test with.", request.model, "Give --data.")
    if request.data:
        config = ClassifierConfig()
        shares = config.validation_share, config.test_share, config.split_seed
        return find_classes([Path(d) for d in names], *shares)
    config = told["config"]
    shares = config["validation_share"], config["test_share"], config["split_seed"]
    return find_classes([Path(d) for d in names], *shares, told.get("limit", 0))
