"""Measurements asked for in the window, and the reports that lie in its folder of reports."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PySide6.QtCore import QCoreApplication

from app.teaching.orders import free_folder
from app.texts import QT_TRANSLATE_NOOP
from inference import catalogue, paths
from inference.errors import UsageError
from inference.jobs.compare import CompareRequest
from inference.jobs.evaluate import EvaluateRequest
from inference.jobs.robustness import RobustnessRequest

MeasureRequest = EvaluateRequest | CompareRequest | RobustnessRequest

EVALUATE, COMPARE, ROBUSTNESS = "evaluate", "compare", "robustness"
KINDS: dict[str, tuple[str, str]] = {
    EVALUATE: (
        QT_TRANSLATE_NOOP("teaching", "How good is it"),
        QT_TRANSLATE_NOOP("teaching", "IoU, Dice and outlines for a box and after clicks, clicks needed, the worst "
                                      "pictures; beside GrabCut."),
    ),
    COMPARE: (
        QT_TRANSLATE_NOOP("teaching", "Which is better"),
        QT_TRANSLATE_NOOP("teaching", "The same pictures through several models: quality, seconds, memory, side by "
                                      "side. Differences are to the first."),
    ),
    ROBUSTNESS: (
        QT_TRANSLATE_NOOP("teaching", "How robust is it"),
        QT_TRANSLATE_NOOP("teaching", "Noise, blur, contrast, brightness, occlusion: one click on pictures that get "
                                      "worse, ten levels each. Slow: start with few objects."),
    ),
}  # fmt: skip
"""Title and explanation of each kind of measurement."""
_FILES = {"evaluation.json": EVALUATE, "comparison.json": COMPARE, "robustness.json": ROBUSTNESS}
PAGE = "report.html"


@dataclass(frozen=True, slots=True)
class MeasureOrder:
    """A measurement.

    Attributes:
        kind: one of `KINDS`.
        models: ids of the catalogue, or weights files.
        data: what to measure on; its `split` where it has several.
        limit: only so many objects; 0 takes all.
    """

    kind: str
    models: tuple[str, ...]
    data: str
    split: str = "val"
    limit: int = 0
    models_dir: str | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """A finished measurement: its folder, what it was, its figures in a line."""

    folder: Path
    kind: str
    headline: str

    @property
    def page(self) -> Path:
        return self.folder / PAGE


def reports_dir() -> Path:
    """Where the window's reports are."""
    return paths.data_dir() / "reports"


def measurement(order: MeasureOrder) -> MeasureRequest:
    """Checks an order and gives the request, with a folder of its own; for a thread, since weights are hashed."""
    if not order.models:
        raise UsageError(_tr("No model is chosen."), None, _tr("Tick one in the list."))
    if not order.data:
        raise UsageError(_tr("There is nothing to measure on."), None, _tr("Choose a data set."))
    out = str(_free(order))
    files = tuple(model if Path(model).is_file() else str(catalogue.weights_path(model, order.models_dir))
                  for model in order.models)  # fmt: skip
    if order.kind == EVALUATE:
        if len(files) > 1:
            raise UsageError(_tr("One model at a time can be measured."), None, _tr("Compare them, or tick one only."))
        return EvaluateRequest(order.data, files[0], out, limit=order.limit, split=order.split)
    asked = {"split": order.split, "limit": order.limit, "models_dir": order.models_dir}
    if order.kind == COMPARE:
        if len(files) < 2:
            raise UsageError(_tr("Two models are needed to compare."), None, _tr("Tick another one."))
        return CompareRequest(order.models, order.data, out, **asked)  # type: ignore[arg-type]
    return RobustnessRequest(order.models, order.data, out, **asked)  # type: ignore[arg-type]


def _free(order: MeasureOrder) -> Path:
    """`reports/KIND of MODEL on DATA`, with a number where there is one already."""
    names = [Path(model).parent.name if Path(model).is_file() else model for model in order.models]
    wish = f"{order.kind} {', '.join(names)[:60]} on {Path(order.data).stem}"
    number, name = 1, wish
    while True:
        try:
            return free_folder(name, reports_dir())
        except UsageError:
            number += 1
            name = f"{wish} {number}"


def find_reports() -> list[Report]:
    """Those in the folder of reports, the newest first."""
    try:
        pages = sorted(reports_dir().glob(f"*/{PAGE}"), key=lambda page: -page.stat().st_mtime)
    except OSError:
        return []
    return [report for page in pages if (report := read_report(page.parent)) is not None]


def read_report(folder: Path) -> Report | None:
    """What a folder with a report holds; None when it holds none of ours."""
    for name, kind in _FILES.items():
        try:
            figures = json.loads((folder / name).read_text("utf-8"))
            return Report(folder, kind, _headline(kind, figures))
        except FileNotFoundError:
            continue
        except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError):
            return Report(folder, kind, "")
    return None


def _headline(kind: str, figures: dict[str, Any]) -> str:
    if kind == EVALUATE:
        return _means(figures) + _tr(" on %1 objects").replace("%1", f"{figures['objects']:,}")
    if kind == COMPARE:
        return "; ".join(f"{label}: {_means(own)}" for label, own in figures["models"].items())
    parts = []
    for label, by_name in figures["models"].items():
        worst = max(by_name, key=lambda name: by_name[name]["drop"])
        text = _tr("%1: Dice %2, loses most by %3 (%4)").replace("%1", label).replace("%3", worst)
        clean, drop = by_name[worst]["dice"][0], by_name[worst]["drop"]
        parts.append(text.replace("%2", f"{clean:.3f}").replace("%4", f"−{drop:.3f}"))
    return "; ".join(parts)


def _means(figures: dict[str, Any]) -> str:
    names = {"click1": _tr("one click"), "click3": _tr("three clicks"), "box": _tr("box"), "grabcut_box": "GrabCut"}
    return ", ".join(f"{name} {figures[key]:.3f}" for key, name in names.items() if key in figures)


def _tr(text: str) -> str:
    return QCoreApplication.translate("teaching", text)
