"""What Winnow suggests for each unsorted picture, from words or from what is sorted already, and how right it was.

Nothing here moves a file. `learn` is the heavy part, for a background thread; `Suggestions` lives in the window's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from app.sorting.probe import LinearProbe

Floats = npt.NDArray[np.floating[Any]]
Source = Literal["words", "learned"]

LEAST = 3
"""Examples that a class needs before it is learned."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A class for a picture.

    Attributes:
        label: None for none of the classes.
        confidence: how probable it is that the label is right, 0..1.
        margin: by how much it is more probable than the next one; small ones are worth asking about.
    """

    image_id: str
    label: str | None
    confidence: float
    margin: float
    source: Source


@dataclass(frozen=True, slots=True)
class Learned:
    """What `learn` found.

    Attributes:
        classes: the columns of `probabilities` (n, classes), for the pictures `ids`.
        accuracy: the share of sorted pictures that are right when they are held back; None for too few of them.
        waiting: classes with fewer than `LEAST` examples, which are not learned yet.
    """

    classes: tuple[str, ...]
    ids: tuple[str, ...]
    probabilities: npt.NDArray[np.float32]
    accuracy: float | None
    waiting: tuple[str, ...]


def learn(ids: Sequence[str], embeddings: Floats, labels: Mapping[str, str]) -> Learned | None:
    """Learns from the sorted pictures and looks at the others.

    Args:
        ids: all pictures with an embedding. embeddings: (n, d) theirs.
        labels: the class of each picture that is sorted, by id.

    Returns: None until two classes have `LEAST` examples each.
    """
    count = Counter(labels[i] for i in ids if i in labels)
    enough = {label for label, number in count.items() if number >= LEAST}
    if len(enough) < 2:
        return None
    taught = [n for n, i in enumerate(ids) if labels.get(i) in enough]
    others = [n for n, i in enumerate(ids) if i not in labels]
    probe = LinearProbe().fit(embeddings[taught], [labels[ids[n]] for n in taught])
    return Learned(
        probe.classes,
        tuple(ids[n] for n in others),
        probe.probabilities(embeddings[others]),
        probe.accuracy,
        tuple(sorted(set(labels.values()) - enough)),
    )


class Suggestions:
    """The suggestions of one folder. Those that were learned stand before those from words, except for classes that
    nothing was learned about."""

    def __init__(self) -> None:
        self._given: dict[Source, dict[str, dict[str | None, float]]] = {"words": {}, "learned": {}}
        self._learned: frozenset[str] = frozenset()
        self._rejects: dict[str, set[str | None]] = {}
        self._right = self._judged = 0

    # What is suggested --------------------------------------------------------------------------------------------

    def from_words(self, ids: Sequence[str], labels: Sequence[str | None], probabilities: Floats) -> None:
        """Takes over what a prompt set gives: probabilities (n, labels); None among the labels is "none of these"."""
        self._given["words"] = _by_picture(ids, labels, probabilities)

    def from_examples(self, learned: Learned | None) -> None:
        """Takes over what was learned; None: nothing yet."""
        self._learned = frozenset(learned.classes) if learned else frozenset()
        self._given["learned"] = _by_picture(learned.ids, learned.classes, learned.probabilities) if learned else {}

    def get(self, image_id: str) -> Suggestion | None:
        """The suggestion for a picture, after what was rejected for it; None when there is none."""
        words, learned = (self._best(image_id, source) for source in ("words", "learned"))
        if learned is None or words is None:
            return learned or words
        unlearned = words.label is not None and words.label not in self._learned
        return words if unlearned and words.confidence > learned.confidence else learned

    # What the person says -----------------------------------------------------------------------------------------

    def reject(self, ids: Iterable[str]) -> None:
        """Not what is suggested for these: the next best class is, and the answer counts as wrong."""
        for image_id in ids:
            suggestion = self.get(image_id)
            if suggestion is not None:
                self._rejects.setdefault(image_id, set()).add(suggestion.label)
                self._judged += 1

    def filed(self, ids: Iterable[str], label: str) -> None:
        """The person filed these under a class: right where that was suggested. Call before the files move.

        A class that is new to the suggestions proves nothing about them.
        """
        for image_id in ids:
            suggestion = self.get(image_id)
            choices = [given[image_id] for given in self._given.values() if image_id in given]
            if suggestion is not None and suggestion.label is not None and any(label in one for one in choices):
                self._judged += 1
                self._right += suggestion.label == label

    @property
    def score(self) -> tuple[int, int]:
        """How many suggestions were right of how many that the person has judged so far."""
        return self._right, self._judged

    def follow(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Pictures have other ids now."""
        for old, new in pairs:
            for store in (self._given["words"], self._given["learned"], self._rejects):
                if old in store:
                    store[new] = store.pop(old)  # type: ignore[assignment,attr-defined]

    # Over a restart -----------------------------------------------------------------------------------------------

    def to_json(self) -> dict[str, Any]:
        """The person's answers; what is suggested is worked out anew."""
        rejects = {i: sorted(labels, key=str) for i, labels in self._rejects.items()}
        return {"right": self._right, "judged": self._judged, "rejects": rejects}

    @classmethod
    def from_json(cls, data: Any) -> Suggestions:
        """From `to_json`; what makes no sense is as at the beginning."""
        made = cls()
        if not isinstance(data, dict):
            return made
        right, judged, rejects = data.get("right"), data.get("judged"), data.get("rejects")
        if isinstance(right, int) and isinstance(judged, int) and 0 <= right <= judged:
            made._right, made._judged = right, judged
        for image_id, labels in rejects.items() if isinstance(rejects, dict) else ():
            if isinstance(labels, list) and all(label is None or isinstance(label, str) for label in labels):
                made._rejects[image_id] = set(labels)
        return made

    def _best(self, image_id: str, source: Source) -> Suggestion | None:
        given = self._given[source].get(image_id)
        if given is None:
            return None
        rejected = self._rejects.get(image_id, ())
        left = sorted(((p, label) for label, p in given.items() if label not in rejected), key=lambda p: -p[0])
        if not left:
            return None
        total = sum(p for p, _ in left) or 1.0
        best, following = left[0][0] / total, (left[1][0] / total if len(left) > 1 else 0.0)
        return Suggestion(image_id, left[0][1], best, best - following, source)


def _by_picture(
    ids: Sequence[str], labels: Sequence[str | None], probabilities: Floats
) -> dict[str, dict[str | None, float]]:
    return {i: dict(zip(labels, row, strict=True)) for i, row in zip(ids, probabilities.tolist(), strict=True)}
