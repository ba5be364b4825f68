"""From embeddings to scores: how well each item of a prompt set fits each picture. numpy only.

Scores carry the model's own temperature. Models trained with a softmax (CLIP) share 1 among the items; those trained
with a sigmoid (SigLIP) say of each item alone how likely it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from inference.prompt_items import OWN_WORDING, PromptSet

Float32 = npt.NDArray[np.float32]
Int = npt.NDArray[np.int64]
_CELLS = 1 << 22  # similarities held at once


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """What a prompt set says about one picture.

    Attributes:
        items: the names, in the set's order.
        values: (n_items,) float32; summing to 1 for softmax models, each for itself for sigmoid ones.
        best: the item's index; None for "none of these": a negative item fits best, or the best is under its threshold.
        prompt: the prompt that fits the picture best, of the item with the highest value.
    """

    items: tuple[str, ...]
    values: Float32
    best: int | None
    prompt: str

    @property
    def label(self) -> str | None:
        """The best item's name."""
        return None if self.best is None else self.items[self.best]

    @property
    def top(self) -> int:
        """The index of the highest value, whether it counts or not."""
        return int(np.argmax(self.values))

    @property
    def confidence(self) -> float:
        """The highest value."""
        return float(self.values.max())


def score(
    image: Float32,
    texts: Sequence[Float32],
    prompt_set: PromptSet,
    scale: float,
    bias: float | None = None,
    sigmoid: bool = False,
) -> list[Scores]:
    """Scores of pictures.

    Args:
        image: (n, d) unit rows.
        texts: for each item the (k, d) unit embeddings of its prompts, in the order of `prompt_set.prompts()`.
        scale: the model's temperature, as a factor (`exp` of its logit scale).
        bias: added to the logits, for sigmoid models.
        sigmoid: how the model was trained.
    """
    if not texts or not len(image):
        return [Scores((), np.zeros(0, np.float32), None, "")] * len(image)
    fit = _Fit(texts, prompt_set)
    rows = max(1, _CELLS // max(fit.count, 1))
    return [
        scores
        for start in range(0, len(image), rows)
        for scores in _scored(np.asarray(image[start : start + rows], np.float32), fit, scale, bias or 0.0, sigmoid)
    ]


def decide(values: Float32, prompt_set: PromptSet) -> int | None:
    """The item that a picture is taken for: the highest value, unless it is negative or under its threshold."""
    if not len(values):
        return None
    top = int(np.argmax(values))
    item = prompt_set.items[top]
    under = item.threshold is not None and float(values[top]) < item.threshold
    return None if item.negative or under else top


def combine(members: Sequence[Scores], weights: Sequence[float], prompt_set: PromptSet) -> Scores:
    """One picture's scores by several models: the weighted mean of their values, decided anew.

    The prompt is the one of the member with the most weight among those that agree with the answer.
    """
    shares = np.asarray(weights, np.float32) / np.float32(sum(weights))
    values: Float32 = shares @ np.stack([one.values for one in members]).astype(np.float32)
    top = int(np.argmax(values))
    agreeing = [pair for pair in zip(shares, members, strict=True) if pair[1].top == top]
    prompt = max(agreeing, key=lambda pair: pair[0])[1].prompt if agreeing else prompt_set.prompts()[top][0]
    return Scores(prompt_set.names, values, decide(values, prompt_set), prompt)


class _Fit:
    """All prompts in one matrix, and where each item's stand in it."""

    def __init__(self, texts: Sequence[Float32], prompt_set: PromptSet) -> None:
        self.prompt_set = prompt_set
        self.prompts = prompt_set.prompts()
        self.matrix = np.concatenate([np.asarray(rows, np.float32) for rows in texts])
        self.starts = np.cumsum([0, *(len(rows) for rows in texts)])
        self.count = len(self.matrix)
        wordings = [number for numbers in prompt_set.wordings() for number in numbers]
        self.wordings = np.asarray(wordings, np.int64)
        means = np.add.reduceat(self.matrix, self.starts[:-1], axis=0)
        self.means = means / np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-12)

    def items(self, image: Float32, cosines: Float32) -> Float32:
        """(n, items): the likeness of each picture to each item, after the set's way of putting prompts together."""
        if self.prompt_set.aggregate == "mean":
            return image @ self.means.T
        if self.prompt_set.aggregate == "best":
            cosines = np.where(self._in_best_wording(cosines), cosines, np.float32(-np.inf))
        highest: Float32 = np.maximum.reduceat(cosines, self.starts[:-1], axis=1)
        return highest

    def best_prompts(self, cosines: Float32, tops: Int) -> Iterator[str]:
        for row, item in zip(cosines, tops, strict=True):
            own = row[self.starts[item] : self.starts[item + 1]]
            yield self.prompts[item][int(np.argmax(own))]

    def _in_best_wording(self, cosines: Float32) -> npt.NDArray[np.bool_]:
        """(n, prompts): the prompts of the wording that fits each picture best, and what items keep whatever it is.

        An item has no prompt in that wording when it brings its own templates (then all of these count), or when two
        wordings gave it the same prompt (then all of its prompts count).
        """
        shared = self.wordings != OWN_WORDING
        if not shared.any():
            return np.ones_like(cosines, dtype=bool)
        best = self.wordings[np.argmax(np.where(shared, cosines, -np.inf), axis=1)]
        chosen = (self.wordings[None] == best[:, None]) | ~shared[None]
        has_one = np.logical_or.reduceat(chosen, self.starts[:-1], axis=1)
        sizes = np.diff(self.starts)
        return chosen | ~np.repeat(has_one, sizes, axis=1)


def _scored(image: Float32, fit: _Fit, scale: float, bias: float, sigmoid: bool) -> Iterator[Scores]:
    cosines = image @ fit.matrix.T
    logits = fit.items(image, cosines) * np.float32(scale) + np.float32(bias)
    if sigmoid:
        values = 1 / (1 + np.exp(-np.clip(logits, -80, 80)))
    else:
        shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
        values = shifted / shifted.sum(axis=1, keepdims=True)
    tops = np.argmax(values, axis=1)
    for row, prompt in zip(values.astype(np.float32), fit.best_prompts(cosines, tops), strict=True):
        yield Scores(fit.prompt_set.names, row, decide(row, fit.prompt_set), prompt)
