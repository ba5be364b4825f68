"""IoU of classes with the pixels of all pictures pooled, as for the cats, dogs and background of pets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from inference.evaluation import bootstrap
from inference.evaluation.measure import Row

BACKGROUND = "background"
UNNAMED = "object"

Numbers = npt.NDArray[np.float64]


def pooled(rows: Sequence[Row], key: str) -> dict[str, Any]:
    """IoU by class and of the background, their mean, and its 95 % interval.

    A binary mask says nothing of classes, so what it takes for foreground counts as the class that the object truly
    is. Pixels are pooled over all objects before anything is divided: large pictures count more. With one object a
    picture (pets) this is the semantic mean IoU over cat, dog and background.

    Returns:
        {"cat": …, "dog": …, "background": …, "mean": …, "confidence": [low, high]}; {} when no row has the key.
    """
    told = [row for row in rows if key in row.counts]
    if not told:
        return {}
    names = sorted({row.category or UNNAMED for row in told})
    table = bootstrap.grouped([row.image for row in told], np.stack([_line(row, key, names) for row in told]))
    values = _ious(table.sum(0)[None])[0]
    means = _ious(np.einsum("rp,pck->rck", bootstrap.draws(len(table)), table)).mean(1)
    figures = dict(zip([*names, BACKGROUND], (round(float(v), 4) for v in values), strict=True))
    return figures | {"mean": round(float(values.mean()), 4), "confidence": list(bootstrap.interval(means))}


def _line(row: Row, key: str, names: Sequence[str]) -> Numbers:
    """(classes + background, 2): intersection and union of one object."""
    counts = row.counts[key]
    wrong = counts.surplus + counts.missed
    line = np.zeros((len(names) + 1, 2))
    line[names.index(row.category or UNNAMED)] = counts.both, counts.both + wrong
    line[-1] = counts.neither, counts.neither + wrong
    return line


def _ious(sums: Numbers) -> Numbers:
    """(…, classes): a class that is nowhere, as may happen in a draw, is right."""
    both, union = sums[..., 0], sums[..., 1]
    return np.where(union > 0, both / np.maximum(union, 1), 1.0)
