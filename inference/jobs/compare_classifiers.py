"""The job behind `main.py compare-classifiers`: two runs side by side, class by class."""

from __future__ import annotations

import csv
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from inference.errors import FormatError, StorageError, UsageError
from inference.protocol import Context

_FIGURES = ("accuracy", "top5", "macro_precision", "macro_recall", "macro_f1", "loss", "calibration_error")
_COSTS = (
    ("parameters", "parameters", 1),
    ("sequence_length", "sequence length", 1),
    ("activation_bytes", "activation memory a picture, MB", 1e6),
    ("seconds_per_epoch", "seconds an epoch", 1),
    ("cpu_seconds_per_epoch", "processor seconds an epoch", 1),
    ("epochs", "epochs", 1),
)


@dataclass(frozen=True, slots=True)
class CompareClassifiersRequest:
    """Two runs (folders with a `report` inside, or report folders), and where the comparison goes."""

    first: str
    second: str
    out: str


@dataclass(frozen=True, slots=True)
class CompareClassifiersResult:
    """Figures and costs as (name, first, second, difference), classes as (name, F1, F1, difference), and the page.

    `changed` counts pictures by who was right: both, only the first, only the second, neither; {} when the two were
    tested on different pictures.
    """

    names: tuple[str, str]
    figures: tuple[tuple[str, float, float, float], ...]
    classes: tuple[tuple[str, float, float, float], ...]
    changed: dict[str, int]
    report: str


def run(request: CompareClassifiersRequest, context: Context) -> CompareClassifiersResult:
    """Raises FormatError when a report is missing or the classes differ, StorageError, UsageError."""
    folders = _report_folder(request.first), _report_folder(request.second)
    if folders[0].resolve() == folders[1].resolve():
        raise UsageError("Both are the same run.", request.first, "Name two runs.")
    first, second = (_read(folder) for folder in folders)
    if set(first["per_class"]) != set(second["per_class"]):
        raise FormatError(
            "The two runs tell different classes apart.", request.second, "Compare runs on the same data."
        )
    context.progress(1, 2, "comparing")
    figures = [(key, first[key], second[key]) for key in _FIGURES]
    runs = first["run"], second["run"]
    figures += [
        (label, runs[0][key] / unit, runs[1][key] / unit)
        for key, label, unit in _COSTS
        if all(key in facts for facts in runs)
    ]
    classes = [(name, row["f1"], second["per_class"][name]["f1"]) for name, row in first["per_class"].items()]
    result = CompareClassifiersResult(
        _names(request, first, second),
        tuple((name, a, b, round(b - a, 5)) for name, a, b in figures),
        tuple((name, a, b, round(b - a, 5)) for name, a, b in classes),
        _changed(*folders),
        str(Path(request.out) / "comparison.html"),
    )
    try:
        _write(result, Path(request.out))
    except OSError as error:
        raise StorageError(
            f"The comparison could not be written ({error.strerror or error}).", request.out, "Choose another folder."
        ) from error
    context.progress(2, 2, "done")
    return result


def _report_folder(name: str) -> Path:
    for folder in (Path(name) / "report", Path(name)):
        if (folder / "report.json").is_file():
            return folder
    raise FormatError("There is no report of a classifier.", name, "Run `main.py evaluate-classifier` on it first.")


def _read(folder: Path) -> dict[str, Any]:
    try:
        figures = json.loads((folder / "report.json").read_text("utf-8"))
        if not all(isinstance(figures[key], (int, float)) for key in _FIGURES):
            raise ValueError("figures are missing")
        if not all(isinstance(row["f1"], (int, float)) for row in figures["per_class"].values()):
            raise ValueError("classes are missing")
        numbers = {key: figures["run"][key] for key, _, _ in _COSTS if key in figures["run"]}
        if not all(isinstance(value, (int, float)) for value in numbers.values()):
            raise ValueError("costs are no numbers")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise FormatError("The report is damaged.", folder / "report.json", "Evaluate the run again.") from error
    return dict(figures)


def _names(request: CompareClassifiersRequest, first: dict[str, Any], second: dict[str, Any]) -> tuple[str, str]:
    names = Path(request.first).name, Path(request.second).name
    if names[0] != names[1]:
        return names
    models = str(first["run"].get("model", "first")), str(second["run"].get("model", "second"))
    return models if models[0] != models[1] else (f"{names[0]} (1)", f"{names[1]} (2)")


def _changed(first: Path, second: Path) -> dict[str, int]:
    import numpy as np

    try:
        targets, others = (np.load(f / "test_targets.npy", allow_pickle=False) for f in (first, second))
        said, answered = (np.load(f / "test_predictions.npy", allow_pickle=False) for f in (first, second))
    except (OSError, ValueError) as error:
        raise FormatError("The report lacks its predictions.", first, "Evaluate both runs again.") from error
    if not targets.shape == others.shape == said.shape == answered.shape or (targets != others).any():
        return {}
    one, two = said == targets, answered == targets
    counts = {"both": one & two, "only the first": one & ~two, "only the second": ~one & two, "neither": ~one & ~two}
    return {name: int(which.sum()) for name, which in counts.items()}


def _write(result: CompareClassifiersResult, out: Path) -> None:
    import numpy as np

    from inference.evaluation import classification_page as page
    from inference.evaluation.classification_plots import delta_plot

    out.mkdir(parents=True, exist_ok=True)
    (out / "comparison.json").write_text(json.dumps(asdict(result), indent=1, ensure_ascii=False) + "\n", "utf-8")
    head = ("", *result.names, "difference")
    with (out / "comparison.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([head, *result.figures, *((f"F1 {row[0]}", *row[1:]) for row in result.classes)])
    names, deltas = [row[0] for row in result.classes], np.array([row[3] for row in result.classes], np.float32)
    delta_plot(names, deltas, result.names, out / "deltas.png")
    order = sorted(result.classes, key=lambda row: -row[3])
    parts = [
        page.section("Figures and costs", page.table(head, [as_words(row) for row in result.figures])),
        page.picture("deltas.png"),
        page.section("F1 by class", page.table(head, [as_words(row) for row in order])),
    ]
    if result.changed:
        rows = [(name, f"{count:,}") for name, count in result.changed.items()]
        parts.insert(1, page.section("Who was right", page.table(("", "pictures"), rows)))
    page.write_page(out / "comparison.html", " and ".join(result.names), "Two classifiers side by side", parts)


def as_words(row: tuple[str, float, float, float]) -> tuple[str, ...]:
    """A row of the comparison for people."""
    name, *values = row
    large = max(abs(v) for v in values[:2]) >= 100
    first, second = (f"{v:,.0f}" if large else f"{v:.4g}" for v in values[:2])
    return name, first, second, f"{values[2]:+,.0f}" if large else f"{values[2]:+.4g}"
