"""The job behind `main.py evaluate`: how good a model is for a box and after simulated clicks, beside GrabCut."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from inference.errors import AppError, StorageError, UsageError
from inference.protocol import Context

if TYPE_CHECKING:
    from inference.evaluation.measure import Plan, Row, Tick

PROMPTS = ("box", "click")
MOST_CLICKS = 20


@dataclass(frozen=True, slots=True)
class EvaluateRequest:
    """What to measure a model on.

    Attributes:
        data: a COCO file, a folder with one, or an Oxford pets folder (its `split`).
        model: a weights file.
        out: the folder for `evaluation.json`, `objects.csv`, `pictures.csv`, `report.html` and its pictures.
        prompts: "box", "click" or both.
        clicks: how many clicks an object gets.
        min_area: the least share of its picture that an object covers.
        exclude: names of categories that are left out.
        limit: only so many objects, chosen by `seed` (0: all).
        grabcut: measure GrabCut from the same boxes too; only where boxes are asked.
        split: which split of a folder that has several.
        device: where the model runs, see `inference.engines.device.choose`; always in float32.
        noc: up to so many clicks are counted until the mask is good (NoC); 0 or 1: they are not.
        border: what uncertain pixels are, "ignore", "inside" or "outside".
        curves: cut the masks at other thresholds too, for the threshold curve.
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
    noc: int = MOST_CLICKS
    border: str = "ignore"
    curves: bool = True

    lane: ClassVar[str] = "child"

    def argv(self) -> list[str]:
        """The command line that does the same."""
        words = ["evaluate", "--data", self.data, "--model", self.model, "--out", self.out, "--split", self.split]
        words += ["--prompts", ",".join(self.prompts), "--clicks", str(self.clicks), "--seed", str(self.seed)]
        words += ["--min-area", str(self.min_area), "--limit", str(self.limit), "--exclude", ",".join(self.exclude)]
        words += ["--noc-clicks", str(self.noc), "--border", self.border]
        words += ["--force-device", self.device] if self.device else []
        words += [] if self.curves else ["--no-threshold-curve"]
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
    from inference.evaluation import evaluation_page, report
    from inference.evaluation.measure import measure_picture
    from inference.evaluation.objects import choose_objects, no_objects
    from inference.evaluation.protocol import SegmenterAnswerer
    from inference.training.data import find_data

    _check(request)
    plan = _plan(request)
    device = devices.choose(request.device, "float32")
    failures: list[AppError] = []
    records = find_data(Path(request.data), request.split, failures)
    chosen = choose_objects(records, request.min_area, request.exclude, request.limit, request.seed)
    if not chosen:
        raise no_objects(request.data)
    devices.apply(device)
    model, config = load_checkpoint(request.model)
    segmenter = Segmenter(model, config, device)
    answerer = SegmenterAnswerer(segmenter)
    rows: list[Row] = []
    worst = evaluation_page.Worst(plan.keep[0])
    for number, picture in enumerate(chosen):
        tick = _teller(context, number, len(chosen), picture.record.path.name)
        tick("")
        try:
            for measured in measure_picture(picture, answerer, plan, tick):
                rows.append(measured.row)
                worst.add(measured)
        except AppError as error:
            failures.append(error)
    if not rows:
        raise failures[0] if failures else no_objects(request.data)
    context.progress(len(chosen), len(chosen), "writing the report")
    figures = report.summary(rows, plan.thresholds, plan.counting.most if plan.counting else 0)
    figures |= {"model": request.model, "data": request.data, "device": segmenter.device.name, "border": request.border}
    try:
        report.write(rows, figures, Path(request.out))
        evaluation_page.write(rows, figures, worst, Path(request.out))
    except OSError as error:
        raise StorageError("The evaluation could not be written.", request.out, "Choose another folder.") from error
    return EvaluateResult(figures, tuple(failures))


def _teller(context: Context, number: int, total: int, name: str) -> Tick:
    """Tells which picture it is, and what is done with it when that takes long."""
    return lambda doing: context.progress(number, total, f"{name}: {doing}" if doing else name)


def _check(request: EvaluateRequest) -> None:
    unknown = set(request.prompts) - set(PROMPTS)
    if unknown or not request.prompts:
        raise UsageError(f"There are no such prompts: {', '.join(sorted(unknown))}.", remedy="Use box, click or both.")
    if request.clicks < 1:
        raise UsageError("At least one click is needed.", remedy="Give --clicks 1 or more.")


def _plan(request: EvaluateRequest) -> Plan:
    from inference.evaluation.evaluation_page import worst_key
    from inference.evaluation.measure import THRESHOLDS, Plan, border_of
    from inference.evaluation.protocol import Counting

    clicks = request.clicks if "click" in request.prompts else 0
    return Plan(
        box="box" in request.prompts,
        clicks=clicks,
        counting=Counting(request.noc) if clicks and request.noc > 1 else None,  # one click is told by itself
        grabcut=request.grabcut and "box" in request.prompts,
        thresholds=THRESHOLDS if request.curves else (),
        min_area=request.min_area,
        unsure=border_of(request.border),
        keep=(worst_key(("click1",) if clicks else ("box",)),),
    )
