"""The pictures of a classifier's report, as PNG files: confusion, classes, curves, calibration, worst pictures."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from inference.errors import ImageError
from inference.evaluation.classification import Answers, Floats, reliability
from inference.pictures import RGBArray

INK, GOOD, BAD, FAINT = "#18212e", "#047857", "#c2410c", "#94a3b8"
_MANY = 24  # classes from which on single numbers would not be readable


def confusion_plot(answers: Answers, path: Path) -> None:
    """True classes in rows, answers in columns, as shares of the true class."""
    counts = answers.confusion
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    count = len(answers.classes)
    side = min(14.0, 3.2 + 0.55 * count)
    figure, axes = _figure((side + 0.8, side))
    shown = axes.imshow(shares, cmap="Greens", vmin=0, vmax=1)
    axes.set(xlabel="answer", ylabel="true class", title="What is taken for what")
    if count <= _MANY:
        axes.set_xticks(range(count), answers.classes, rotation=45, ha="right")
        axes.set_yticks(range(count), answers.classes)
        for (row, column), share in np.ndenumerate(shares):
            if counts[row, column]:
                colour = "white" if share > 0.55 else INK
                axes.text(column, row, f"{100 * share:.0f}", ha="center", va="center", color=colour, fontsize=8)
    figure.colorbar(shown, ax=axes, fraction=0.046, pad=0.03, format=lambda v, _: f"{100 * v:.0f} %")
    _save(figure, path)


def class_plot(per_class: Mapping[str, Mapping[str, float]], path: Path) -> None:
    """F1 of every class, best first; precision and recall as marks."""
    names = sorted(per_class, key=lambda name: per_class[name]["f1"])
    figure, axes = _figure((8, max(2.6, 1.3 + 0.32 * min(len(names), 120))))
    places = range(len(names))
    axes.barh(places, [per_class[n]["f1"] for n in names], color=GOOD, alpha=0.35, label="F1")
    axes.plot([per_class[n]["precision"] for n in names], places, "o", color=INK, ms=4, label="precision")
    axes.plot([per_class[n]["recall"] for n in names], places, "D", color=BAD, ms=4, label="recall")
    axes.set_yticks(places, names, fontsize=9 if len(names) <= 40 else 5)
    axes.set(xlim=(0, 1.02), title="Classes")
    figure.legend(loc="outside lower center", ncols=3, frameon=False)
    _save(figure, path)


def curves_plot(lines: Sequence[Mapping[str, float]], path: Path, title: str = "Training") -> None:
    """Loss and accuracy over epochs, from the run's `metrics.jsonl`. Training pictures are augmented and mixed."""
    figure, (left, right) = _figures((11, 3.8), 2)
    for axes, key, words in ((left, "loss", "loss"), (right, "accuracy", "accuracy")):
        for prefix, colour, label in (("", FAINT, "training (augmented)"), ("val_", GOOD, "validation")):
            points = [(line["epoch"], line[prefix + key]) for line in lines if prefix + key in line]
            if points:
                axes.plot(*zip(*points, strict=True), color=colour, label=label, lw=1.6)
        axes.set(xlabel="epoch", title=f"{title}: {words}")
        axes.grid(color="#e2e8f0")
        axes.legend()
    right.set_ylim(0, 1)
    _save(figure, path)


def calibration_plot(answers: Answers, error: float, path: Path) -> None:
    """How often the answers of a given confidence are right."""
    confidence, right, counts = reliability(answers)
    figure, (left, low) = _figures((9, 3.8), 2)
    there = counts > 0
    left.plot([0, 1], [0, 1], color=FAINT, ls="--", lw=1)
    left.plot(confidence[there], right[there], "o-", color=GOOD, ms=5)
    left.set(xlim=(0, 1), ylim=(0, 1), xlabel="confidence", ylabel="share that is right")
    left.set_title(f"Calibration (expected error {error:.3f})")
    edges = (np.arange(len(counts)) + 0.5) / len(counts)
    low.bar(edges, counts, width=0.9 / len(counts), color=GOOD, alpha=0.5)
    low.set(xlabel="confidence", ylabel="pictures", title="How sure it was")
    _save(figure, path)


def worst_plot(answers: Answers, read: Callable[[int], RGBArray], path: Path, count: int = 24) -> list[int]:
    """The pictures with the highest loss and what was said; returns their rows. Unreadable ones are left out."""
    order = [int(i) for i in np.argsort(-answers.losses)[: 2 * count]]
    shown: list[tuple[int, RGBArray]] = []
    for row in order:
        if len(shown) == count:
            break
        try:
            shown.append((row, read(row)))
        except ImageError:
            continue  # it was there a moment ago; a report can do without it
    columns = 6
    rows = max(1, -(-len(shown) // columns))
    figure, axes = _figures((11, 2.25 * rows), rows * columns, columns)
    for place in axes:
        place.set_axis_off()
    sure = answers.probabilities.max(1)
    for place, (row, pixels) in zip(axes, shown, strict=False):
        place.imshow(pixels, interpolation="nearest" if min(pixels.shape[:2]) < 64 else "antialiased")
        said, true = answers.classes[answers.predictions[row]], answers.classes[answers.targets[row]]
        place.set_title(f"{true}\nsaid: {said} ({sure[row]:.0%})", fontsize=8, color=BAD if said != true else INK)
    _save(figure, path)
    return [row for row, _ in shown]


def delta_plot(names: Sequence[str], deltas: Floats, labels: tuple[str, str], path: Path) -> None:
    """How much better (or worse) each class is in the second run."""
    order = np.argsort(deltas)
    figure, axes = _figure((8, max(2.6, 1.4 + 0.32 * min(len(names), 120))))
    values = deltas[order]
    axes.barh(range(len(names)), values, color=[GOOD if v >= 0 else BAD for v in values])
    axes.set_yticks(range(len(names)), [names[i] for i in order], fontsize=9 if len(names) <= 40 else 5)
    axes.axvline(0, color=INK, lw=0.8)
    axes.set_title(f"F1 by class: {labels[1]} minus {labels[0]}", fontsize=10)
    _save(figure, path)


def read_lines(run: Path) -> list[dict[str, float]]:
    """The figures of a run in order; lines that are cut off are left out. [] where there are none."""
    try:
        text = (run / "metrics.jsonl").read_text("utf-8")
    except OSError:
        return []
    lines: list[dict[str, Any]] = []
    for row in text.splitlines():
        try:
            lines.append(json.loads(row))
        except ValueError:
            continue
    return [line for line in lines if isinstance(line, dict) and "epoch" in line]


def _figure(size: tuple[float, float]) -> tuple[Figure, Axes]:
    figure = Figure(size, layout="constrained")
    return figure, figure.add_subplot()


def _figures(size: tuple[float, float], count: int, columns: int | None = None) -> tuple[Figure, list[Axes]]:
    figure = Figure(size, layout="constrained")
    columns = columns or count
    return figure, [figure.add_subplot(-(-count // columns), columns, i + 1) for i in range(count)]


def _save(figure: Figure, path: Path) -> None:
    figure.savefig(path, dpi=110, facecolor="white")
