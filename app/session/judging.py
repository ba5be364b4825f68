"""The work behind suggestions, for a thread: shares from a prompt set and from what is sorted already. No Qt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from app.sorting.suggest import Learned, Suggestion, Suggestions, learn
from inference.jobs.embed_text import EmbedTextResult
from inference.prompt_items import PromptSet
from inference.scoring import Scores, score

Floats = npt.NDArray[np.floating[Any]]
_MOST_SHOWN = 6


@dataclass(frozen=True, slots=True, eq=False)
class Words:
    """A prompt set as a model reads it: the arguments of `scoring.score`."""

    prompt_set: PromptSet
    texts: tuple[npt.NDArray[np.float32], ...]
    model: EmbedTextResult

    @classmethod
    def of(cls, prompt_set: PromptSet, result: EmbedTextResult) -> Words:
        """From the answer to a request of all its prompts in order."""
        counts = [len(prompts) for prompts in prompt_set.prompts()]
        return cls(prompt_set, tuple(np.split(result.embeddings, np.cumsum(counts)[:-1])), result)

    def scores(self, vectors: Floats) -> list[Scores]:
        """Of pictures, (n, d)."""
        rows = np.asarray(vectors, np.float32)
        return score(rows, self.texts, self.prompt_set, self.model.scale, self.model.bias, self.model.sigmoid)


@dataclass(frozen=True, slots=True, eq=False)
class Shares:
    """How a model shares its belief among classes (None: none of them): a row of `values` for each picture."""

    ids: tuple[str, ...]
    labels: tuple[str | None, ...]
    values: Floats

    def of(self, image_id: str) -> list[tuple[str | None, float]]:
        """The likeliest classes of a picture, best first; [] for one that is not here."""
        if image_id not in self.ids:
            return []
        row = self.values[self.ids.index(image_id)]
        best = np.argsort(-row)[:_MOST_SHOWN]
        return [(self.labels[int(n)], float(row[n])) for n in best]


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """What is suggested now. `suggestions` has every unsorted picture that the model has looked at."""

    suggestions: dict[str, Suggestion]
    words: Shares | None
    learned: Learned | None

    def shares(self, image_id: str) -> list[tuple[str | None, float]]:
        """What the suggestion of a picture was chosen from."""
        one = self.suggestions.get(image_id)
        if one is None:
            return []
        if one.source == "learned" and self.learned is not None:
            return Shares(self.learned.ids, self.learned.classes, self.learned.probabilities).of(image_id)
        return self.words.of(image_id) if self.words is not None else []


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """All that a judgement needs, as it was at one moment.

    Attributes:
        unsorted: the pictures to suggest for. sorted_: the class of each of the others.
        vectors: of the pictures that were looked at.
        words: None: nothing is suggested from words.
        names: the class that stands for an item of the prompt set, where there is one already.
        learns: whether to learn from what is sorted.
        trained: what a classifier that was trained on folders says, in place of words.
    """

    unsorted: tuple[str, ...]
    sorted_: Mapping[str, str]
    vectors: Mapping[str, Floats]
    words: Words | None
    names: Mapping[str, str]
    learns: bool
    trained: Shares | None = None


def judge(question: Question, suggestions: Suggestions) -> Judged:
    """Looks at everything anew; `suggestions` takes it over and keeps what was rejected."""
    known = tuple(i for i in question.unsorted if i in question.vectors)
    if not known:
        return Judged({}, None, None)
    rows = np.stack([question.vectors[i] for i in known])
    words = question.trained
    if question.words is not None and question.words.texts:
        labels, values = word_shares(question.words, rows, question.names)
        words = Shares(known, labels, values)
    learned = None
    if question.learns:
        taught = tuple(i for i in question.sorted_ if i in question.vectors)
        examples = [question.vectors[i] for i in taught]
        learned = learn((*known, *taught), np.concatenate([rows, np.stack(examples)]) if taught else rows,
                        {i: question.sorted_[i] for i in taught})  # fmt: skip
    if words is None:
        suggestions.from_words((), (), np.zeros((0, 0), np.float32))
    else:
        suggestions.from_words(words.ids, words.labels, words.values)
    suggestions.from_examples(learned)
    return Judged({i: one for i in known if (one := suggestions.get(i)) is not None}, words, learned)


def word_shares(words: Words, vectors: Floats, names: Mapping[str, str]) -> tuple[tuple[str | None, ...], Floats]:
    """The classes of a prompt set, None last, and (n, classes) shares that sum to 1.

    Negative items count for None, and so does what a sigmoid model leaves over; where the best item is under its
    threshold, None is the likeliest.
    """
    items = words.prompt_set.items
    positive = [n for n, item in enumerate(items) if not item.negative]
    labels = (*(names.get(items[n].name, items[n].name) for n in positive), None)
    values = np.zeros((len(vectors), len(labels)), np.float32)
    for row, found in zip(values, words.scores(vectors), strict=True):
        row[:-1] = found.values[positive]
        row[-1] = found.values.sum() - row[:-1].sum() + max(0.0, 1.0 - float(found.values.sum()))
        if found.best is None and row[-1] <= row[:-1].max(initial=0.0):
            row[-1] += row[:-1].max(initial=0.0)
        row /= max(float(row.sum()), 1e-12)
    return labels, values


def standing_for(prompts: PromptSet | None, classes: Sequence[str]) -> dict[str, str]:
    """The class that stands for each item: the one of the same name, wherever it lies."""
    return folders_of(prompts.names if prompts is not None else (), classes)


def folders_of(names: Sequence[str], classes: Sequence[str]) -> dict[str, str]:
    """The class that each name means: its own, or one of the same last name; names without one are left out."""
    known = {name.rpartition("/")[2].casefold(): name for name in reversed(classes)}
    known |= {name.casefold(): name for name in classes}
    return {name: known[name.casefold()] for name in names if name.casefold() in known}
