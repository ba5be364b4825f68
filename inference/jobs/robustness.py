"""The job behind `main.py robustness`: how masks suffer under eight perturbations at ten levels each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from inference.errors import AppError, StorageError, UsageError
from inference.protocol import Context

if TYPE_CHECKING:
    from inference.evaluation.contenders import Contender
    from inference.evaluation.measure import Unsure
    from inference.evaluation.objects import Chosen
    from inference.evaluation.perturbations import Perturbation
    from inference.evaluation.robustness import Ledger


@dataclass(frozen=True, slots=True)
class RobustnessRequest:
    """Which models to test on what.

    Attributes:
        models: ids of the catalogue, or weights files.
        data: as in `EvaluateRequest`.
        out: the report's folder; a test that was stopped goes on there, and further models join it.
        perturbations: names of `inference.evaluation.perturbations.REGISTRY`; () takes all.
        split, min_area, exclude, limit, border: as in `EvaluateRequest`.
        seed: chooses the objects under `limit`, and all that is random in the perturbations.
        device: where the models run; always in float32.
        models_dir: where models are kept.
        plugins: Python files of the person's own that register further perturbations.
    """

    models: tuple[str, ...]
    data: str
    out: str
    perturbations: tuple[str, ...] = ()
    split: str = "val"
    min_area: float = 0.01
    exclude: tuple[str, ...] = ("region", "nucleus")
    limit: int = 0
    border: str = "ignore"
    seed: int = 0
    device: str | None = None
    models_dir: str | None = None
    plugins: tuple[str, ...] = ()

    lane: ClassVar[str] = "child"

    def argv(self) -> list[str]:
        """The command line that does the same."""
        words = ["robustness", *self.models, "--data", self.data, "--out", self.out, "--split", self.split]
        words += ["--min-area", str(self.min_area), "--exclude", ",".join(self.exclude), "--limit", str(self.limit)]
        words += ["--border", self.border, "--seed", str(self.seed)]
        words += [word for name in self.perturbations for word in ("--only", name)]
        words += [word for file in self.plugins for word in ("--with", file)]
        words += ["--force-device", self.device] if self.device else []
        return [*words, "--models-dir", self.models_dir] if self.models_dir else words

    @staticmethod
    def parse(result: dict[str, Any]) -> RobustnessResult:
        """From the answer of the command line."""
        failures = (AppError(f["message"], f["path"], f["remedy"]) for f in result.get("failures", []))
        return RobustnessResult(result["models"], result["report"], tuple(failures))


@dataclass(frozen=True, slots=True)
class RobustnessResult:
    """The figures (see `inference.evaluation.robustness.figures_of`), the page, and pictures left out."""

    figures: dict[str, Any]
    report: str
    failures: tuple[AppError, ...] = ()


def run(request: RobustnessRequest, context: Context) -> RobustnessResult:
    """Raises UsageError, FormatError, ModelError, StorageError; Cancelled, after which the same request goes on."""
    from inference.engines import device as devices
    from inference.evaluation import perturbations, robustness
    from inference.evaluation.contenders import contenders
    from inference.evaluation.measure import border_of
    from inference.evaluation.objects import choose_objects, no_objects
    from inference.training.data import find_data
    from inference.weights.checks import sha256_of

    perturbations.load(request.plugins)
    chosen_ones = _perturbations(request.perturbations)
    unsure = border_of(request.border)
    taking_part = contenders(request.models, request.models_dir)
    device = devices.choose(request.device, "float32")
    failures: list[AppError] = []
    records = find_data(Path(request.data), request.split, failures)
    pictures = choose_objects(records, request.min_area, request.exclude, request.limit, request.seed)
    if not pictures:
        raise no_objects(request.data)
    settings = {
        "version": 1,
        "data": str(Path(request.data).absolute()),
        **{k: getattr(request, k) for k in ("split", "min_area", "exclude", "limit", "border", "seed")},
    }
    if request.plugins:  # answers to another version of a function are no answers
        settings["plugins"] = sorted(sha256_of(Path(file)) for file in request.plugins)
    ledger = robustness.Ledger(Path(request.out), settings, {c.label: sha256_of(c.file) for c in taking_part})
    devices.apply(device)
    test = _Test(pictures, chosen_ones, unsure, request, ledger, context, len(taking_part))
    for contender in taking_part:
        failures += test.run(contender, device)
    if not ledger.cells:
        raise failures[0] if failures else no_objects(request.data)
    told = {"data": request.data, "device": device.name, "seed": request.seed, "pictures": len(pictures)}
    context.progress(test.total, test.total, "writing the report")
    figures = _report(request, ledger, pictures[0], chosen_ones, unsure, told)
    listed = {(f.path, f.message): f for f in failures}
    return RobustnessResult(figures, str(Path(request.out) / "report.html"), tuple(listed.values()))


class _Test:
    """Pictures × perturbations × levels, for one model after the other."""

    def __init__(
        self,
        pictures: Sequence[Chosen],
        perturbations: Sequence[Perturbation],
        unsure: Unsure,
        request: RobustnessRequest,
        ledger: Ledger,
        context: Context,
        models: int,
    ) -> None:
        self._pictures, self._perturbations, self._unsure = pictures, perturbations, unsure
        self._request, self._ledger, self._context = request, ledger, context
        self._done = 0
        self.total = models * len(pictures) * sum(len(one.levels) for one in perturbations)

    def run(self, contender: Contender, device: Any) -> list[AppError]:
        """All that is left to do for a model. Returns the pictures that could not be used."""
        from inference.engines.architecture import load_checkpoint
        from inference.engines.segmenter import Segmenter
        from inference.evaluation.protocol import SegmenterAnswerer

        self._context.progress(self._done, self.total, contender.label)
        answerer, failures = None, []
        for picture in self._pictures:
            left = [one for one in self._perturbations if not self._has(contender, one, picture)]
            self._done += sum(len(one.levels) for one in self._perturbations if one not in left)
            if left:
                answerer = answerer or SegmenterAnswerer(Segmenter(*load_checkpoint(contender.file), device))
                end = self._done + sum(len(one.levels) for one in left)
                try:
                    self._picture(picture, left, contender.label, answerer)
                except StorageError:
                    raise
                except AppError as error:
                    failures.append(error)
                self._done = end
        return failures

    def _has(self, contender: Contender, one: Perturbation, picture: Chosen) -> bool:
        return self._ledger.has(contender.label, one.name, str(picture.record.path))

    def _picture(self, picture: Chosen, left: Sequence[Perturbation], model: str, answerer: Any) -> None:
        from inference.evaluation.robustness import Cell, Subject
        from inference.pictures import read_rgb

        name = str(picture.record.path)
        subject = Subject(picture, read_rgb(picture.record.path), self._unsure, self._request.min_area)
        for one in left:
            by_level = []
            for step in range(len(one.levels)):
                self._context.progress(self._done, self.total, f"{model}: {picture.record.path.name}, {one.title}")
                by_level.append(subject.answers(one.apply(subject.rgb, step, self._request.seed, name), answerer))
                self._done += 1
            cells = []
            for number, thing in enumerate(subject.things):
                own = [answers[number] for answers in by_level]
                shown = picture is self._pictures[0] and number == 0
                counts = tuple(c.iou for c, _ in own), tuple(c.dice for c, _ in own)
                masks = tuple(mask.counts for _, mask in own) if shown else ()
                cells.append(Cell(model, one.name, name, thing, *counts, masks))
            self._ledger.add(cells)


def _report(
    request: RobustnessRequest,
    ledger: Ledger,
    example: Chosen,
    perturbations: Sequence[Perturbation],
    unsure: Unsure,
    told: dict[str, Any],
) -> dict[str, Any]:
    from inference.evaluation import robustness, robustness_page
    from inference.evaluation.measure import truth_of
    from inference.pictures import read_rgb

    out = Path(request.out)
    figures = robustness.figures_of(ledger.cells, perturbations)
    try:
        robustness.write(figures, told, out)
        if any(cell.masks for cell in ledger.cells):
            rgb = read_rgb(example.record.path)
            truth, ignore, _ = truth_of(example.record, example.things[0], rgb, unsure)
            robustness_page.examples(ledger.cells, perturbations, rgb, truth, ignore, request.seed, out)
        objects = max((row["objects"] for by_name in figures.values() for row in by_name.values()), default=0)
        words = f"{objects:,} objects of {request.data}, one click at the centre of the clean mask, on {told['device']}"
        robustness_page.write(figures, perturbations, f"Robustness of {', '.join(figures)}", words, out)
    except OSError as error:
        raise StorageError("The report could not be written.", request.out, "Choose another folder.") from error
    return figures


def _perturbations(names: Sequence[str]) -> list[Perturbation]:
    from inference.evaluation.perturbations import REGISTRY

    unknown = [name for name in names if name not in REGISTRY]
    if unknown:
        raise UsageError(f"There is no perturbation “{unknown[0]}”.", remedy=f"There are {', '.join(REGISTRY)}.")
    return [one for name, one in REGISTRY.items() if not names or name in names]
