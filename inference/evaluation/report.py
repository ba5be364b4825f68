"""The figures of an evaluation: means over objects, by source, class and size, and what is written to disk."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from inference.evaluation import bootstrap
from inference.evaluation.categories import UNNAMED, pooled
from inference.evaluation.measure import Row

# A share of the picture, as in COCO's small / medium / large but independent of the picture's size.
SIZES = (("1-3 %", 0.03), ("3-10 %", 0.10), ("10-30 %", 0.30), ("over 30 %", 1.01))
GOALS = (85, 90)
"""IoU, in hundredths, that the number of clicks is counted to (NoC@85, NoC@90)."""

_TABLES = ("dice", "accuracy", "boundary_f")
_POOLED_AT_MOST = 40  # more classes than that are not semantic categories but a list of names


def size_of(row: Row) -> str:
    """The name of the row's size."""
    return next(name for name, below in SIZES if row.share < below) if row.share >= 0.01 else "under 1 %"


def summary(rows: list[Row], thresholds: Sequence[float] = (), counted: int = 0) -> dict[str, Any]:
    """Everything that is told of an evaluation.

    Args:
        thresholds: the logits that rows have threshold curves for.
        counted: up to how many clicks were counted (NoC); 0: they were not.

    Returns:
        Mean IoU by key at the top (`box`, `click1` …, `grabcut_box`), `dice`, `accuracy` and `boundary_f` by key,
        `confidence` (95 % intervals of the mean IoU), `categories` (pooled), `by_source`, `by_class`, `by_size`,
        `noc`, `thresholds`, medians of `seconds`, and how many objects and images there were.
    """
    figures = {
        **_means(rows),
        "objects": len(rows),
        "images": len({row.image for row in rows}),
        **{table: _column_means(rows, table) for table in _TABLES},
        "confidence": {key: _interval(rows, key) for key in keys_of(rows)},
        "categories": _categories(rows),
        "by_source": _grouped(rows, lambda row: row.source),
        "by_class": _grouped(rows, lambda row: row.category or UNNAMED),
        "by_size": _grouped(rows, size_of, ("under 1 %", *(name for name, _ in SIZES))),
        "seconds": _times(rows),
    }
    if counted:
        figures["noc"] = {"at_most": counted} | {str(goal): number_of_clicks(rows, goal, counted) for goal in GOALS}
    if thresholds and rows and rows[0].thresholds:
        curves = {key: np.mean([row.thresholds[key] for row in rows], axis=0) for key in rows[0].thresholds}
        figures["thresholds"] = {"logits": list(thresholds)} | {
            k: [round(float(v), 4) for v in c] for k, c in curves.items()
        }
    return figures


def keys_of(rows: Iterable[Row]) -> list[str]:
    """The keys of the answers: box, clicks in their order, GrabCut."""
    keys = {key for row in rows for key in row.counts}
    return sorted(
        keys, key=lambda k: (("box", "click", "grabcut").index(k.rstrip("0123456789").split("_")[0]), len(k), k)
    )


def clicks_until(row: Row, goal: float, most: int) -> int | None:
    """How many clicks an object took to reach an IoU; None when it never did."""
    return next((n for n, iou in enumerate(row.clicks[:most], 1) if iou >= goal), None)


def number_of_clicks(rows: Sequence[Row], goal: int, most: int) -> dict[str, Any]:
    """NoC at an IoU of `goal` hundredths: the mean with failures counted as `most`, and how many failed."""
    needed = [clicks_until(row, goal / 100, most) for row in rows]
    mean = float(np.mean([most if n is None else n for n in needed])) if needed else 0.0
    return {"mean": round(mean, 3), "failures": needed.count(None)}


def write(rows: list[Row], figures: dict[str, Any], out: Path) -> None:
    """`evaluation.json`, `objects.csv` with every object, `pictures.csv` with their means. OSError when it fails."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "evaluation.json").write_text(json.dumps(figures, indent=1, ensure_ascii=False) + "\n", "utf-8")
    keys = keys_of(rows)
    columns = [*keys, *(f"{key}_{table}" for key in keys for table in _TABLES)]
    counted = figures.get("noc", {}).get("at_most", 0)
    goals = [f"noc{goal}" for goal in GOALS] if counted else []
    with (out / "objects.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["image", "object", "source", "category", "share", *columns, *goals])
        for row in rows:
            needed = [clicks_until(row, goal / 100, counted) for goal in GOALS] if counted else []
            fixed = [row.image, row.thing, row.source, row.category, f"{row.share:.5f}"]
            table.writerow([*fixed, *_cells(row, columns), *("" if n is None else n for n in needed)])
    by_image: dict[str, list[Row]] = {}
    for row in rows:
        by_image.setdefault(row.image, []).append(row)
    with (out / "pictures.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["image", "objects", *columns])
        for image, own in by_image.items():
            values = [_all(row) for row in own]
            means = [
                np.mean([v[c] for v in values if c in v]) if any(c in v for v in values) else None for c in columns
            ]
            table.writerow([image, len(own), *("" if m is None else f"{m:.4f}" for m in means)])


def _all(row: Row) -> dict[str, float]:
    """Every figure of an object by column."""
    values = {key: c.iou for key, c in row.counts.items()}
    values |= {f"{key}_dice": c.dice for key, c in row.counts.items()}
    values |= {f"{key}_accuracy": c.accuracy for key, c in row.counts.items()}
    return values | {f"{key}_boundary_f": value for key, value in row.boundary.items()}


def _cells(row: Row, columns: Sequence[str]) -> list[str]:
    values = _all(row)
    return [f"{values[c]:.4f}" if c in values else "" for c in columns]


def _means(rows: Iterable[Row]) -> dict[str, float]:
    return _mean_by_key(row.iou for row in rows)


def _column_means(rows: Sequence[Row], table: str) -> dict[str, float]:
    if table == "boundary_f":
        return _mean_by_key(row.boundary for row in rows)
    return _mean_by_key({key: getattr(c, table) for key, c in row.counts.items()} for row in rows)


def _mean_by_key(tables: Iterable[dict[str, float]]) -> dict[str, float]:
    values: dict[str, list[float]] = {}
    for table in tables:
        for key, value in table.items():
            values.setdefault(key, []).append(value)
    return {key: round(float(np.mean(values[key])), 4) for key in sorted(values)}


def _interval(rows: Sequence[Row], key: str) -> list[float]:
    told = [row for row in rows if key in row.counts]
    return list(bootstrap.mean_interval([row.image for row in told], [row.counts[key].iou for row in told]))


def _categories(rows: Sequence[Row]) -> dict[str, Any]:
    if len({row.category for row in rows}) > _POOLED_AT_MOST:
        return {}
    return {key: pooled(rows, key) for key in keys_of(rows)}


def _grouped(rows: list[Row], group: Callable[[Row], str], order: tuple[str, ...] = ()) -> dict[str, dict[str, float]]:
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(group(row), []).append(row)
    return {
        name: {**_means(groups[name]), "objects": len(groups[name])}
        for name in order or sorted(groups)
        if name in groups
    }


def _times(rows: list[Row]) -> dict[str, float]:
    values: dict[str, list[float]] = {}
    for row in rows:
        for key, value in row.seconds.items():
            values.setdefault("click" if key.startswith("click") else key, []).append(value)
    return {key: round(float(np.median(v)), 5) for key, v in sorted(values.items())}
