"""Searching by words and by example, both added or subtracted. numpy only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class Term:
    """One wish: like these words or this picture, or (weight below 0) unlike them.

    Attributes:
        vector: (d,) the embedding of a text or a picture, of any length.
    """

    vector: Floats
    weight: float = 1.0


def rank(ids: Sequence[str], embeddings: Floats, terms: Sequence[Term]) -> list[tuple[str, float]]:
    """Pictures by how well they fit all terms, the best first: (image id, score), ties by id.

    Pictures are far more like pictures than like words (CLIP keeps the two apart), so each term's similarities are
    taken as how far a picture stands out among all of these, in standard deviations, before they are added.

    Args:
        embeddings: (n, d) of the pictures.
    """
    if not len(ids) or not terms:
        return []
    total = np.zeros(len(ids), np.float32)
    for term in terms:
        total += np.float32(term.weight) * _standing_out(similarity(embeddings, term.vector))
    return sorted(zip(ids, map(float, total), strict=True), key=lambda pair: (-pair[1], pair[0]))


def similarity(embeddings: Floats, vector: Floats) -> npt.NDArray[np.float32]:
    """(n,) cosines between (n, d) embeddings and one vector (d,)."""
    rows = np.asarray(embeddings, np.float32)
    wanted = np.asarray(vector, np.float32)
    lengths = np.linalg.norm(rows, axis=1) * np.linalg.norm(wanted)
    found: npt.NDArray[np.float32] = (rows @ wanted) / np.maximum(lengths, np.float32(1e-12))
    return found


def _standing_out(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    spread = float(values.std())
    if spread < 1e-6:
        return np.zeros_like(values)
    return (values - values.mean()) / np.float32(spread)
