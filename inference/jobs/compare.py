"""The job behind `main.py compare`: the same pictures through several models, with GrabCut as the baseline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from inference.errors import AppError, StorageError, UsageError
from inference.protocol import Context

if TYPE_CHECKING:
    from inference.engines.device import Device
    from inference.evaluation.comparison import Result
    from inference.evaluation.contenders import Contender
    from inference.evaluation.measure import Plan
    from inference.evaluation.objects import Chosen
    from inference.evaluation.protocol import Answers


@dataclass(frozen=True, slots=True)
class CompareRequest:
    """Which models to compare on what.

    Attributes:
        models: ids of the catalogue, or weights files; differences are to the first.
        data: as in `EvaluateRequest`.
        out: the folder for `report.html`, `comparison.json`, tables, sheets and plots.
        prompts, clicks, min_area, exclude, limit, seed, split, border: as in `EvaluateRequest`.
        grabcut: GrabCut takes part, too; it knows boxes only.
        shown: rows of a sheet.
        device: where the models run; always in float32.
        models_dir: where models are kept.
    """

    models: tuple[str, ...]
    data: str
    out: str
    prompts: tuple[str, ...] = ("box", "click")
    clicks: int = 5
    min_area: float = 0.01
    exclude: tuple[str, ...] = ("region", "nucleus")
    limit: int = 0
    seed: int = 0
    split: str = "val"
    border: str = "ignore"
    grabcut: bool = True
    shown: int = 12
    device: str | None = None
    models_dir: str | None = None

    lane: ClassVar[str] = "child"

    def argv(self) -> list[str]:
        """The command line that does the same."""
        words = ["compare", *self.models, "--data", self.data, "--out", self.out, "--split", self.split]
        words += ["--prompts", ",".join(self.prompts), "--clicks", str(self.clicks), "--seed", str(self.seed)]
        words += ["--min-area", str(self.min_area), "--limit", str(self.limit), "--exclude", ",".join(self.exclude)]
        words += ["--border", self.border, "--shown", str(self.shown)]
        words += ["--force-device", self.device] if self.device else []
        words += ["--models-dir", self.models_dir] if self.models_dir else []
        return words if self.grabcut else [*words, "--no-grabcut"]

    @staticmethod
    def parse(result: dict[str, Any]) -> CompareResult:
        """From the answer of the command line."""
        failures = (AppError(f["message"], f["path"], f["remedy"]) for f in result.get("failures", []))
        return CompareResult(result["figures"], result["report"], tuple(failures))


@dataclass(frozen=True, slots=True)
class CompareResult:
    """The figures (see `inference.evaluation.comparison.figures_of`), the page, and pictures left out."""

    figures: dict[str, Any]
    report: str
    failures: tuple[AppError, ...] = ()


def run(request: CompareRequest, context: Context) -> CompareResult:
    """Raises UsageError, FormatError, ModelError, StorageError; broken pictures are listed and left out."""
    from inference.engines import device as devices
    from inference.evaluation import comparison, comparison_page
    from inference.evaluation.contenders import contenders
    from inference.evaluation.objects import choose_objects, no_objects
    from inference.training.data import find_data

    plan = _plan(request)
    taking_part = contenders(request.models, request.models_dir)
    device = devices.choose(request.device, "float32")
    failures: list[AppError] = []
    records = find_data(Path(request.data), request.split, failures)
    chosen = choose_objects(records, request.min_area, request.exclude, request.limit, request.seed)
    if not chosen:
        raise no_objects(request.data)
    devices.apply(device)
    baseline = request.grabcut and plan.box
    total = len(chosen) * (len(taking_part) + baseline)
    steps = _Steps(context, total)
    results = [_through(contender, chosen, plan, device, steps, failures) for contender in taking_part]
    if baseline:
        results.append(_grabcut(chosen, plan, device, steps, failures))
    places = comparison.common(results)
    if not places:
        raise failures[0] if failures else no_objects(request.data)
    context.progress(total, total, "writing the report")
    figures = comparison.figures_of(results, places) | {"data": request.data, "device": device.name}
    out = Path(request.out)
    try:
        out.mkdir(parents=True, exist_ok=True)
        comparison.write(results, places, figures, out)
        comparison_page.write(results, places, figures, request.shown, request.seed, out)
    except OSError as error:
        raise StorageError("The comparison could not be written.", request.out, "Choose another folder.") from error
    listed = {(f.path, f.message): f for f in failures}
    return CompareResult(figures, str(out / "report.html"), tuple(listed.values()))


class _Steps:
    """Tells how far it is: a step a picture and model, and a place to be stopped at within it."""

    def __init__(self, context: Context, total: int) -> None:
        self._context, self._total = context, total
        self._done, self._name = -1, ""

    def begin(self, name: str) -> None:
        """Before every picture."""
        self._done, self._name = self._done + 1, name
        self.tick("")

    def tick(self, doing: str) -> None:
        """Within one. Raises Cancelled."""
        self._context.progress(self._done, self._total, f"{self._name}: {doing}" if doing else self._name)


def _plan(request: CompareRequest) -> Plan:
    from inference.evaluation.measure import Plan, border_of

    unknown = set(request.prompts) - {"box", "click"}
    if unknown or not request.prompts:
        raise UsageError(f"There are no such prompts: {', '.join(sorted(unknown))}.", remedy="Use box, click or both.")
    if request.clicks < 1 or request.shown < 1:
        raise UsageError("At least one click and one row are needed.", remedy="Give --clicks and --shown 1 or more.")
    border = border_of(request.border)
    clicks = request.clicks if "click" in request.prompts else 0
    return Plan("box" in request.prompts, clicks, min_area=request.min_area, unsure=border, keep=("box", "click1"))


def _through(
    contender: Contender,
    chosen: Sequence[Chosen],
    plan: Plan,
    device: Device,
    steps: _Steps,
    failures: list[AppError],
) -> Result:
    """All pictures through one model, which is dropped afterwards."""
    from inference.engines.architecture import load_checkpoint
    from inference.engines.segmenter import Segmenter
    from inference.evaluation.comparison import Result
    from inference.evaluation.contenders import PeakMemory
    from inference.evaluation.protocol import SegmenterAnswerer

    result = Result(contender.label)
    with PeakMemory(device) as memory:
        model, config = load_checkpoint(contender.file)
        result.parameters = sum(p.numel() for p in model.parameters())
        segmenter = Segmenter(model, config, device)
        _measure(result, SegmenterAnswerer(segmenter), chosen, plan, steps, failures)
    result.megabytes = memory.megabytes
    segmenter.release()
    return result


def _grabcut(chosen: Sequence[Chosen], plan: Plan, device: Device, steps: _Steps, failures: list[AppError]) -> Result:
    from inference.evaluation.comparison import GRABCUT, GrabcutAnswerer, Result
    from inference.evaluation.contenders import PeakMemory

    result = Result(GRABCUT)
    with PeakMemory(device.on_cpu("GrabCut runs there")) as memory:
        _measure(result, GrabcutAnswerer(), chosen, replace(plan, clicks=0), steps, failures)
    result.megabytes = memory.megabytes
    return result


def _measure(
    result: Result,
    answerer: Answers,
    chosen: Sequence[Chosen],
    plan: Plan,
    steps: _Steps,
    failures: list[AppError],
) -> None:
    from inference.evaluation.measure import measure_picture

    for picture in chosen:
        steps.begin(f"{result.label}: {picture.record.path.name}")
        try:
            result.add(measure_picture(picture, answerer, plan, steps.tick))
        except AppError as error:
            failures.append(error)
