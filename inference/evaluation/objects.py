"""Which objects of a data set are evaluated: large enough, of the wanted categories, a seeded subset when limited."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from inference.errors import UsageError
from inference.training.data import Record


@dataclass(frozen=True, slots=True)
class Chosen:
    """One picture and the indices of its objects that are evaluated."""

    record: Record
    things: tuple[int, ...]


def choose_objects(
    records: Sequence[Record],
    min_area: float = 0.01,
    exclude: Sequence[str] = ("region", "nucleus"),
    limit: int = 0,
    seed: int = 0,
) -> list[Chosen]:
    """Objects of at least `min_area` of their picture, `limit` of them at random (0: all), grouped by picture."""
    pairs = [
        (r, i)
        for r, record in enumerate(records)
        for i, thing in enumerate(record.things)
        if thing.category not in exclude and _is_large(record, i, min_area)
    ]
    if limit and len(pairs) > limit:
        picked = np.random.default_rng(seed).choice(len(pairs), limit, replace=False)
        pairs = [pairs[i] for i in sorted(picked)]
    return list(_grouped(records, pairs))


def no_objects(data: str) -> UsageError:
    """What to raise when nothing is left to measure."""
    return UsageError("The data set has no object that is large enough and not excluded.", data, "Lower --min-area.")


def _is_large(record: Record, index: int, min_area: float) -> bool:
    mask = record.things[index].mask
    return mask is None or mask.area >= min_area * mask.width * mask.height


def _grouped(records: Sequence[Record], pairs: list[tuple[int, int]]) -> Iterator[Chosen]:
    by_record: dict[int, list[int]] = {}
    for r, i in pairs:
        by_record.setdefault(r, []).append(i)
    for r, things in by_record.items():
        yield Chosen(records[r], tuple(things))
