"""The figures of an evaluation: means over objects, by source and by size, and what is written to disk."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

# A share of the picture, as in COCO's small / medium / large but independent of the picture's size.
SIZES = (("1-3 %", 0.03), ("3-10 %", 0.10), ("10-30 %", 0.30), ("over 30 %", 1.01))


@dataclass(frozen=True, slots=True)
class Row:
    """One evaluated object: where it is, its share of the picture, IoU and seconds by key."""

    image: str
    thing: int
    source: str
    category: str
    share: float
    iou: dict[str, float]
    seconds: dict[str, float]

    @property
    def size(self) -> str:
        return next(name for name, below in SIZES if self.share < below) if self.share >= 0.01 else "under 1 %"


def summary(rows: list[Row]) -> dict[str, Any]:
    """Mean IoU by key (`box`, `click1` …, `grabcut_box`), the same `by_source` and `by_size`, seconds (medians)."""
    return {
        **_means(rows),
        "objects": len(rows),
        "images": len({row.image for row in rows}),
        "by_source": _grouped(rows, lambda row: row.source),
        "by_size": _grouped(rows, lambda row: row.size, ("under 1 %", *(name for name, _ in SIZES))),
        "seconds": _times(rows),
    }


def write(rows: list[Row], figures: dict[str, Any], out: Path) -> None:
    """`evaluation.json` with the summary and `objects.csv` with every object. OSError when it cannot be written."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "evaluation.json").write_text(json.dumps(figures, indent=1, ensure_ascii=False) + "\n", "utf-8")
    keys = sorted({key for row in rows for key in row.iou})
    with (out / "objects.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["image", "object", "source", "category", "share", *keys])
        for row in rows:
            fixed = [row.image, row.thing, row.source, row.category, f"{row.share:.5f}"]
            table.writerow([*fixed, *(f"{row.iou[k]:.4f}" if k in row.iou else "" for k in keys)])


def as_dict(row: Row) -> dict[str, Any]:
    return asdict(row) | {"size": row.size}


def _means(rows: Iterable[Row]) -> dict[str, float]:
    values: dict[str, list[float]] = {}
    for row in rows:
        for key, value in row.iou.items():
            values.setdefault(key, []).append(value)
    return {key: round(float(np.mean(values[key])), 4) for key in sorted(values)}


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
