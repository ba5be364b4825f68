"""Several models on the same objects: figures side by side, differences with intervals, and how far they agree."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from inference.evaluation import bootstrap
from inference.evaluation.grabcut import grabcut
from inference.evaluation.measure import Measured, Row
from inference.evaluation.protocol import BoolMap, Rgb
from inference.evaluation.report import keys_of, summary
from inference.masks import Mask
from inference.training.data import Record

GRABCUT = "GrabCut"

Place = tuple[str, int]
"""The picture's path and the object's number in it."""


class GrabcutAnswerer:
    """GrabCut asked as a model is; it knows boxes only."""

    def __init__(self) -> None:
        self._rgb: Rgb = np.zeros((1, 1, 3), np.uint8)

    def set_image(self, rgb: Rgb) -> None:
        """The picture, (H, W, 3) uint8."""
        self._rgb = rgb

    def answer(
        self,
        clicks: list[tuple[float, float, bool]],
        box: tuple[float, float, float, float] | None,
        previous: npt.NDArray[np.float32] | None,
    ) -> tuple[BoolMap, npt.NDArray[np.float32]]:
        """The mask (H, W); GrabCut has no logits."""
        assert box is not None and not clicks and previous is None
        x0, y0, x1, y1 = (int(v) for v in box)
        return grabcut(self._rgb, (x0, y0, x1, y1)), np.zeros((1, 1, 1), np.float32)


@dataclass(slots=True)
class Result:
    """What one model made of the objects, and what it cost."""

    label: str
    measured: dict[Place, Measured] = field(default_factory=dict)
    megabytes: float = 0.0
    parameters: int = 0

    def add(self, found: Sequence[Measured]) -> None:
        """The objects of a picture."""
        for one in found:
            self.measured[str(one.record.path), one.row.thing] = one

    def rows(self, places: Sequence[Place]) -> list[Row]:
        return [self.measured[place].row for place in places]


@dataclass(frozen=True, slots=True)
class Case:
    """One object with the answers of all models that know its prompt, for sheets."""

    record: Record
    truth: Mask
    ignore: Mask | None
    answers: dict[str, Mask]
    iou: dict[str, float]


def common(results: Sequence[Result]) -> list[Place]:
    """The objects that every model answered: only these are compared."""
    return [place for place in results[0].measured if all(place in r.measured for r in results)]


def figures_of(results: Sequence[Result], places: Sequence[Place]) -> dict[str, Any]:
    """{"models", "differences", "agreement", "objects", "images"}.

    Models have the figures of `report.summary` with memory and parameters. Differences are those of mean IoU to the
    first model, by key, with the 95 % interval of the paired bootstrap. Agreement is by key the mean IoU of the models'
    masks with each other: {"labels", "iou" (a square)}.
    """
    first = results[0]
    models = {
        r.label: summary(r.rows(places)) | {"memory_mb": r.megabytes, "parameters": r.parameters} for r in results
    }
    return {
        "models": models,
        "differences": {r.label: _differences(first.rows(places), r.rows(places)) for r in results[1:]},
        "agreement": {key: _agreement(results, places, key) for key in _shown_keys(results, places)},
        "objects": len(places),
        "images": len({path for path, _ in places}),
    }


def cases(results: Sequence[Result], places: Sequence[Place], key: str) -> list[Case]:
    """Every object with the answers to one prompt."""
    found = []
    for place in places:
        own = {r.label: r.measured[place] for r in results if key in r.measured[place].answers}
        one = results[0].measured[place]
        answers = {label: m.answers[key] for label, m in own.items()}
        iou = {label: m.row.counts[key].iou for label, m in own.items()}
        found.append(Case(one.record, one.truth, one.ignore, answers, iou))
    return found


def disagreement(case: Case) -> float:
    """1 minus the mean IoU of the answers with each other."""
    pairs = [_alike(a, b) for a, b in combinations(case.answers.values(), 2)]
    return 1 - float(np.mean(pairs)) if pairs else 0.0


def write(results: Sequence[Result], places: Sequence[Place], figures: dict[str, Any], out: Path) -> None:
    """`comparison.json`, `comparison.csv` (a model a row) and `objects.csv` (an object a row). OSError."""
    (out / "comparison.json").write_text(json.dumps(figures, indent=1, ensure_ascii=False) + "\n", "utf-8")
    head, rows = table(figures)
    with (out / "comparison.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([head, *rows])
    columns = [(r, key) for r in results for key in keys_of(r.rows(places))]
    with (out / "objects.csv").open("w", newline="", encoding="utf-8") as file:
        lines = csv.writer(file)
        lines.writerow(["image", "object", "category", *(f"{r.label} {key}" for r, key in columns)])
        for place in places:
            row = results[0].measured[place].row
            values = [r.measured[place].row.iou.get(key) for r, key in columns]
            cells = ["" if v is None else f"{v:.4f}" for v in values]
            lines.writerow([row.image, row.thing, row.category, *cells])


def table(figures: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Models in rows: quality by prompt, seconds, memory."""
    models: dict[str, Any] = figures["models"]
    keys = list(dict.fromkeys(key for f in models.values() for key in f["confidence"]))
    times = list(dict.fromkeys(key for f in models.values() for key in f["seconds"]))
    head = [
        "model",
        *(f"IoU {key}" for key in keys),
        *(f"boundary F {key}" for key in keys if key in ("box", "click1")),
    ]
    head += [*(f"{key} ms" for key in times), "memory MB", "parameters M"]
    rows = []
    for label, f in models.items():
        cells = [f.get(key) for key in keys]
        cells += [f["boundary_f"].get(key) for key in keys if key in ("box", "click1")]
        texts = ["–" if v is None else f"{v:.3f}" for v in cells]
        texts += [f"{1000 * f['seconds'][key]:.0f}" if key in f["seconds"] else "–" for key in times]
        rows.append(
            [label, *texts, f"{f['memory_mb']:.0f}", f"{f['parameters'] / 1e6:.1f}" if f["parameters"] else "–"]
        )
    return head, rows


def _shown_keys(results: Sequence[Result], places: Sequence[Place]) -> list[str]:
    keys = dict.fromkeys(key for r in results for place in places for key in r.measured[place].answers)
    return list(keys)


def _differences(first: Sequence[Row], second: Sequence[Row]) -> dict[str, Any]:
    told = {}
    for key in keys_of(second):
        pairs = [(a, b) for a, b in zip(first, second, strict=True) if key in a.counts and key in b.counts]
        if pairs:
            deltas = [b.counts[key].iou - a.counts[key].iou for a, b in pairs]
            interval = bootstrap.mean_interval([a.image for a, _ in pairs], deltas)
            told[key] = {"mean": round(float(np.mean(deltas)), 4), "confidence": list(interval)}
    return told


def _agreement(results: Sequence[Result], places: Sequence[Place], key: str) -> dict[str, Any]:
    own = [r for r in results if any(key in r.measured[place].answers for place in places)]
    square = np.eye(len(own))
    for i, j in combinations(range(len(own)), 2):
        values = [_alike(*(own[n].measured[place].answers[key] for n in (i, j))) for place in places]
        square[i, j] = square[j, i] = np.mean(values)
    return {"labels": [r.label for r in own], "iou": [[round(float(v), 4) for v in line] for line in square]}


def _alike(one: Mask, other: Mask) -> float:
    """IoU; two empty answers agree."""
    return one.iou(other) if one.area or other.area else 1.0
