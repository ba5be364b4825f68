"""Confidence intervals by bootstrap: pictures are drawn again, with all their objects, as they came together."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
import numpy.typing as npt

ROUNDS = 2000
LEVEL = 0.95

Numbers = npt.NDArray[np.float64]


def draws(pictures: int, rounds: int = ROUNDS, seed: int = 0) -> Numbers:
    """(rounds, pictures): how often each picture is drawn, with replacement, in every round."""
    rng = np.random.default_rng(seed)
    return rng.multinomial(pictures, np.full(pictures, 1 / pictures), size=rounds).astype(np.float64)


def grouped(groups: Sequence[Hashable], values: npt.ArrayLike) -> Numbers:
    """Sums of the rows of `values` by group, in the order in which groups appear: (groups, …)."""
    numbers = np.asarray(values, np.float64)
    place = {group: i for i, group in enumerate(dict.fromkeys(groups))}
    sums = np.zeros((len(place), *numbers.shape[1:]))
    np.add.at(sums, [place[group] for group in groups], numbers)
    return sums


def mean_interval(
    groups: Sequence[Hashable], values: Sequence[float], rounds: int = ROUNDS, seed: int = 0
) -> tuple[float, float]:
    """The 95 % interval of the mean of `values`, one an object; `groups` says which picture each belongs to."""
    sums, counts = grouped(groups, values), grouped(groups, np.ones(len(values)))
    weights = draws(len(sums), rounds, seed)
    return interval((weights @ sums) / (weights @ counts))


def interval(samples: npt.ArrayLike) -> tuple[float, float]:
    """The percentile interval of what came out in the rounds."""
    tail = 100 * (1 - LEVEL) / 2
    low, high = np.percentile(np.asarray(samples, np.float64), (tail, 100 - tail))
    return round(float(low), 4), round(float(high), 4)
