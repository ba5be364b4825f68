"""Prompts of more or fewer tokens than a model reads by itself: cut earlier, or read in pieces. No torch.

A piece is as many whole words as the model's context holds; the prompt's embedding is the mean of its pieces'.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from inference.errors import UsageError
from inference.prompt_sets import problems

if TYPE_CHECKING:
    from inference.engines.clip import Classifier
    from inference.jobs.classify import Judge
    from inference.prompt_sets import PromptSet

Float32 = npt.NDArray[np.float32]

MOST_TOKENS = 10_000
_MARKS = 2  # start and end, which every text has


@dataclass(frozen=True, slots=True)
class _Reader:
    """The model's tokenizer with another context, for `problems`."""

    classifier: Classifier
    context_length: int

    def tokens(self, text: str) -> Sequence[int]:
        return self.classifier.tokens(text)


def with_tokens(judge: Judge, prompt_set: PromptSet, most: int) -> Judge:
    """The judge with its prompts read up to `most` tokens, marks counted. UsageError when that is none."""
    if not _MARKS < most <= MOST_TOKENS:
        raise UsageError(f"{most} is no number of tokens.", None, f"Give 3 to {MOST_TOKENS}.")
    texts = tuple(
        np.stack([embedding(judge.classifier, prompt, most) for prompt in prompts]) for prompts in prompt_set.prompts()
    )
    found = problems(prompt_set, _Reader(judge.classifier, most), texts)
    return replace(judge, texts=texts, problems=tuple(found))


def embedding(classifier: Classifier, text: str, most: int) -> Float32:
    """(dim,) float32 of unit length."""
    rows = classifier.embed_texts(pieces(classifier, text, most)).mean(0)
    return np.asarray(rows / max(float(np.linalg.norm(rows)), 1e-12), np.float32)


def pieces(classifier: Classifier, text: str, most: int) -> list[str]:
    """The first `most` tokens of a text as pieces of whole words that the model can read; at least one."""
    room = min(most, classifier.context_length)
    left = most - _MARKS
    made: list[str] = []
    words: list[str] = []
    for word in text.split():
        longer = " ".join((*words, word))
        if words and len(classifier.tokens(longer)) > min(room, left + _MARKS):
            left -= len(classifier.tokens(" ".join(words))) - _MARKS
            if left <= 0 or left + _MARKS <= len(classifier.tokens(word)) - 1:
                return [*made, " ".join(words)]
            made.append(" ".join(words))
            words = [word]
        else:
            words.append(word)
    return [*made, " ".join(words)] if words or not made else made
