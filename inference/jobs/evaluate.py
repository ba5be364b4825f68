"""The job behind `main.py evaluate`: mean IoU of a model for a box and after simulated clicks, beside GrabCut."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from inference.errors import AppError, StorageError, UsageError
from inference.protocol import Context

if TYPE_CHECKING:
    from inference.evaluation.objects import Chosen
    from inference.evaluation.protocol import Answers
    from inference.evaluation.report import Row

PROMPTS = ("box", "click")


@dataclass(frozen=True, slots=True)
class EvaluateRequest:
    """What to measure a model on.

    Attributes:
        data: a COCO file, a folder with one, or an Oxford pets folder (its `split`).
        model: a weights file.
        out: the folder for `evaluation.json` and `objects.csv`.
        prompts: "box", "click" or both.
        clicks: how many clicks an object gets.
        min_area: the least share of its picture that an object covers.
        exclude: names of categories that are left out.
        limit: only so many objects, chosen by `seed` (0: all).
        grabcut: measure GrabCut from the same boxes too.
        split: which split of a folder that has several.
        device: where the model runs, see `inference.engines.device.choose`; always in float32.
    """

    data: str
    model: str
    out: str
    prompts: tuple[str, ...] = PROMPTS
    clicks: int = 5
    min_area: float = 0.01
    exclude: tuple[str, ...] = ("region", "nucleus")
    limit: int = 0
    grabcut: bool = True
    seed: int = 0
    split: str = "val"
    device: str | None = None

    lane: ClassVar[str] = "child"

    def argv(self) -> list[str]:
        """The command line that does the same."""
        words = ["evaluate", "--data", self.data, "--model", self.model, "--out", self.out, "--split", self.split]
        words += ["--prompts", ",".join(self.prompts), "--clicks", str(self.clicks), "--seed", str(self.seed)]
        words += ["--min-area", str(self.min_area), "--limit", str(self.limit), "--exclude", ",".join(self.exclude)]
        words += ["--force-device", self.device] if self.device else []
        return words if self.grabcut else [*words, "--no-grabcut"]

    @staticmethod
    def parse(result: dict[str, Any]) -> EvaluateResult:
        """From the answer of the command line."""
        failures = (AppError(f["message"], f["path"], f["remedy"]) for f in result.get("failures", []))
        return EvaluateResult({k: v for k, v in result.items() if k != "failures"}, tuple(failures))


@dataclass(frozen=True, slots=True)
class EvaluateResult:
    """The summary (see `inference.evaluation.report.summary`) and what could not be read."""

    figures: dict[str, Any]
    failures: tuple[AppError, ...] = field(default=())


def run(request: EvaluateRequest, context: Context) -> EvaluateResult:
    """Raises UsageError, FormatError, ModelError, StorageError; broken pictures are listed and left out."""
    from inference.engines import device as devices
    from inference.engines.architecture import load_checkpoint
    from inference.engines.segmenter import Segmenter
    from inference.evaluation.objects import choose_objects
    from inference.evaluation.protocol import SegmenterAnswerer
    from inference.evaluation.report import summary, write
    from inference.training.data import find_data

    _check(request)
    device = devices.choose(request.device, "float32")
    failures: list[AppError] = []
    records = find_data(Path(request.data), request.split, failures)
    chosen = choose_objects(records, request.min_area, request.exclude, request.limit, request.seed)
    if not chosen:
        raise UsageError(
            "The data set has no object that is large enough and not excluded.", request.data, "Lower --min-area."
        )
    devices.apply(device)
    model, config = load_checkpoint(request.model)
    segmenter = Segmenter(model, config, device)
    answerer = SegmenterAnswerer(segmenter)
    rows: list[Row] = []
    for number, picture in enumerate(chosen):
        context.progress(number, len(chosen), picture.record.path.name)
        try:
            rows += _evaluate_picture(picture, answerer, request)
        except AppError as error:
            failures.append(error)
    context.progress(len(chosen), len(chosen), "done")
    figures = summary(rows) | {"model": request.model, "data": request.data, "device": segmenter.device.name}
    try:
        write(rows, figures, Path(request.out))
    except OSError as error:
        raise StorageError("The evaluation could not be written.", request.out, "Choose another folder.") from error
    return EvaluateResult(figures, tuple(failures))


def _check(request: EvaluateRequest) -> None:
    unknown = set(request.prompts) - set(PROMPTS)
    if unknown or not request.prompts:
        raise UsageError(f"There are no such prompts: {', '.join(sorted(unknown))}.", remedy="Use box, click or both.")
    if request.clicks < 1:
        raise UsageError("At least one click is needed.", remedy="Give --clicks 1 or more.")


def _evaluate_picture(picture: Chosen, answerer: Answers, request: EvaluateRequest) -> list[Row]:
    import numpy as np

    from inference.errors import ImageError
    from inference.evaluation.grabcut import grabcut
    from inference.evaluation.protocol import iou_of, run_protocol, tight_box
    from inference.evaluation.report import Row
    from inference.pictures import read_rgb
    from inference.training.data import thing_mask

    record = picture.record
    rgb = read_rgb(record.path)
    started = time.perf_counter()
    answerer.set_image(rgb)
    encode = time.perf_counter() - started
    rows = []
    for index in picture.things:
        soft = thing_mask(record, index)
        if soft.shape != rgb.shape[:2]:
            raise ImageError(
                f"The picture is {rgb.shape[1]} × {rgb.shape[0]} pixels, its mask {soft.shape[1]} × {soft.shape[0]}.",
                record.path,
                "Use the pictures that were annotated.",
            )
        truth, unsure = soft > 200, (soft > 50) & (soft <= 200)
        ignore = unsure if unsure.any() else None
        if not truth.any() or np.count_nonzero(truth) < request.min_area * truth.size:
            continue
        outcome = run_protocol(
            answerer, truth, "box" in request.prompts, request.clicks if "click" in request.prompts else 0, ignore
        )
        if request.grabcut:
            started = time.perf_counter()
            answer = grabcut(rgb, tight_box(truth))
            outcome.seconds["grabcut_box"] = time.perf_counter() - started
            outcome.iou["grabcut_box"] = iou_of(answer, truth, ignore)
        outcome.seconds["encode"] = encode
        thing = record.things[index]
        share = float(truth.mean())
        rows.append(Row(record.path.name, index, record.source, thing.category, share, outcome.iou, outcome.seconds))
    return rows
