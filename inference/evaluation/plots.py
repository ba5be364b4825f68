"""Plots of an evaluation, as PNG files: clicks, thresholds, how many objects are good, boundary."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from inference.evaluation.measure import Row
from inference.evaluation.report import keys_of

# Okabe & Ito (2008), without the yellow that no white page carries; marks differ too, for prints without colours.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#18212E")
MARKS = "osD^vPX"
_GRID = "#e2e8f0"


def curves(rows: Sequence[Row], figures: dict[str, Any], path: Path) -> None:
    """IoU over clicks, over the mask threshold, and the share of objects that reach an IoU."""
    figure = Figure((15, 4.4), layout="constrained")
    clicks, threshold, share = (figure.add_subplot(1, 3, i) for i in (1, 2, 3))
    draw_clicks(clicks, [("", rows)], figures.get("box"))
    table = figures.get("thresholds", {})
    for (key, values), style in zip(((k, v) for k, v in table.items() if k != "logits"), styles(), strict=False):
        threshold.plot(table["logits"], values, label=words(key), **style)
    frame(threshold, "mask threshold (logits)", "mean IoU", "Mask threshold")
    threshold.axvline(0, color="#94a3b8", lw=0.8, ls=":")
    draw_shares(share, rows)
    save(figure, path)


def draw_clicks(axes: Axes, models: Sequence[tuple[str, Sequence[Row]]], box: float | None = None) -> None:
    """Mean IoU after each click for one or several (name, rows), beside that of a box."""
    if box is not None:
        axes.axhline(box, color=COLOURS[2], ls="--", lw=1.3, label="box")
    top = 1
    for (name, rows), style in zip(models, styles(), strict=False):
        keys = [key for key in keys_of(rows) if key.startswith("click")]
        if keys:
            numbers = [int(key.removeprefix("click")) for key in keys]
            means = [float(np.mean([row.counts[key].iou for row in rows if key in row.counts])) for key in keys]
            axes.plot(numbers, means, label=name or "clicks", **style)
            top = max(top, numbers[-1])
    axes.set_xticks(range(1, top + 1) if top <= 10 else range(0, top + 1, 5))
    frame(axes, "clicks", "mean IoU", "Clicks")


def draw_shares(axes: Axes, rows: Sequence[Row]) -> None:
    """How many objects are at least so good, by key."""
    goals = np.linspace(0, 1, 101)
    wanted = [k for k in keys_of(rows) if k in ("box", "click1", "grabcut_box")]
    wanted += [k for k in keys_of(rows) if k.startswith("click") and k != "click1"][-1:]
    for key, style in zip(wanted, styles(), strict=False):
        values = np.array([row.counts[key].iou for row in rows if key in row.counts])
        axes.plot(goals, (values[None] >= goals[:, None]).mean(1), label=words(key), **style | {"marker": ""})
    frame(axes, "IoU of at least", "share of objects", "How many are good")


def words(key: str) -> str:
    """A key for people: “1 click”, “5 clicks”, “box”, “GrabCut”."""
    if key == "grabcut_box":
        return "GrabCut"
    number = key.removeprefix("click")
    return key if number == key else f"{number} click{'s' if number != '1' else ''}"


def styles() -> Any:
    """Colour and mark of one line after another."""
    for colour, mark in zip(cycle(COLOURS), cycle(MARKS), strict=False):
        yield {"color": colour, "marker": mark, "ms": 5, "lw": 1.7}


def frame(axes: Axes, x: str, y: str, title: str) -> None:
    """Labels, grid and legend. The upright scale ends at 1, and begins at 0 unless all lines are far above."""
    low = min((float(np.min(line.get_ydata())) for line in axes.lines), default=0.0)
    axes.set(xlabel=x, ylabel=y, title=title, ylim=(floor_of(low), 1.02))
    axes.grid(color=_GRID, lw=0.8)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False)


def floor_of(low: float) -> float:
    """Where an upright scale begins that has to show `low`."""
    return 0.0 if low < 0.35 else math.floor(low * 10 - 0.5) / 10


def save(figure: Figure, path: Path) -> None:
    """OSError when it cannot be written."""
    figure.savefig(path, dpi=110, facecolor="white")
