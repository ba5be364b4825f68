"""Embeddings of texts: prompts to sort by, words to search by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from inference.protocol import Context

if TYPE_CHECKING:
    from inference.engines.clip import Classifier

_LITTLE = frozenset(
    ("a", "an", "and", "at", "by", "from", "in", "into", "its", "of", "on", "or", "that", "the", "to", "with")
)
_LONGEST = 5  # words of a learned name


@dataclass(frozen=True, slots=True)
class EmbedTextRequest:
    """Asks for the embedding of each text by a model.

    `words` are the items behind the texts: which of them the model has not learned is reported. Without any, the
    texts themselves are looked at.
    """

    texts: tuple[str, ...]
    model: str
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class EmbedTextResult:
    """The answer, with all that scores need.

    Attributes:
        embeddings: (n, d) float32 unit rows.
        checksum: key of the weights, the same as in `EmbedResult`.
        scale, bias, sigmoid: see `scoring.score`.
        unknown: words the model has not learned (only the built-in model knows).
        guessed: words of which it never saw a picture.
        tokens: of each text, not cut; with `context_length` they are a `prompt_checks.TokenTable`.
        context_length: how many tokens the model reads.
    """

    embeddings: npt.NDArray[np.float32]
    checksum: str
    scale: float
    bias: float | None
    sigmoid: bool
    unknown: tuple[str, ...] = ()
    guessed: tuple[str, ...] = ()
    tokens: tuple[tuple[int, ...], ...] = ()
    context_length: int = 0


def run(request: EmbedTextRequest, context: Context) -> EmbedTextResult:
    """Raises ModelError when the model cannot be loaded."""
    context.progress(0, 1, "Loading the model")
    classifier: Classifier = context.models.classifier(request.model)
    unknown, guessed = unlearned(classifier, request.words or request.texts)
    return EmbedTextResult(
        classifier.embed_texts(request.texts),
        classifier.checksum,
        classifier.scale,
        classifier.bias,
        classifier.sigmoid,
        unknown,
        guessed,
        tuple(tuple(classifier.tokens(text)) for text in request.texts),
        classifier.context_length,
    )


def unlearned(classifier: Classifier, words: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The words a model has not learned, and those it only guesses; both empty where it keeps no list of words.

    A text of several words counts as learned when a learned name stands in it.
    """
    vocabulary = classifier.words
    if vocabulary is None:
        return (), ()
    names = {word: vocabulary.canonical(word) or vocabulary.of_text(word) for word in words}
    unknown = tuple(word for word, name in names.items() if name is None)
    guessed = tuple(word for word, name in names.items() if name is not None and vocabulary.status(name) == "guessed")
    return unknown, guessed


def ignored(classifier: Classifier, phrase: str) -> frozenset[str]:
    """The words of a phrase that a model has not learned ("striped" of "a striped cat"); none where it keeps no list.

    Little words (of, with) are not counted.
    """
    vocabulary = classifier.words
    if vocabulary is None:
        return frozenset()
    words = [word for word in (part.strip(".,:!?()\"'") for part in phrase.casefold().split()) if word]
    strange: set[str] = set()
    start = 0
    while start < len(words):
        ends = range(min(len(words), start + _LONGEST), start + 1, -1)
        names = (end for end in ends if vocabulary.canonical(" ".join(words[start:end])))
        end = next(names, start + 1)
        if end == start + 1 and words[start] not in _LITTLE and vocabulary.of_text(words[start]) is None:
            strange.add(words[start])
        start = end
    return frozenset(strange)
