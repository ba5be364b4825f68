"""How well pictures fit phrases: one classifier, or several with weights, against texts about anything else.

A phrase's fit is its share of a softmax with all the names of `inference.text_background`, at the model's own
temperature: near 1 when the region looks like the words more than like anything else, near 0 when something else
explains it better. That keeps its meaning when there is one phrase only, and when nothing of it is in the picture.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from inference import clip_input
from inference.engines.clip import Classifier
from inference.engines.text_segment import colours
from inference.jobs.embed_text import ignored, unlearned
from inference.text_background import background
from inference.text_segment import bare

log = logging.getLogger(__name__)

Rgb = npt.NDArray[np.uint8]
Float32 = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]

_LIGHT, _LIGHT_BATCH = 30_000_000, 4  # parameters of models that take some pictures in a tenth of a second
_FRAMES = ("a photo of a {}.", "a {}", "a blurry photo of a {}.")


@dataclass(frozen=True, slots=True, eq=False)
class _Member:
    """A model with the embeddings of its texts.

    Attributes:
        texts: (n, d) of the phrases, then the negative phrases, then the names of the background.
        against: (phrases, n) which texts speak against a phrase.
    """

    classifier: Classifier
    weight: float
    texts: Float32
    against: BoolArray


class Words:
    """Some phrases, ready to be compared with pictures.

    Args:
        members: the models with their weights.
        phrases: what is looked for.
        negative: what is not meant: it speaks against every phrase.

    Attributes:
        unknown: phrases that no model has learned a word of: their fits are 0.
        guessed: phrases whose words no model has seen pictures of.
        colours: of each phrase those that no model understands: their pixels have to be looked at (`colours.py`).
        negative_colours: the same of each negative phrase.
        ignored: words of the other phrases that no model has learned.
    """

    def __init__(
        self,
        members: Sequence[tuple[Classifier, float]],
        phrases: Sequence[str],
        negative: Sequence[str] = (),
    ) -> None:
        self.phrases, self.negative = tuple(phrases), tuple(negative)
        self.members = tuple(_member(classifier, weight, self.phrases, self.negative) for classifier, weight in members)
        lacks = [unlearned(member.classifier, (*self.phrases, *self.negative)) for member in self.members]
        self.unknown = tuple(p for p in (*self.phrases, *self.negative) if all(p in of[0] for of in lacks))
        self.guessed = tuple(p for p in self.phrases if all(p in of[1] or p in of[0] for of in lacks))
        self.guessed = tuple(p for p in self.guessed if p not in self.unknown)
        self.colours = tuple(self._colours(phrase) for phrase in self.phrases)
        self.negative_colours = tuple(self._colours(phrase) for phrase in self.negative)
        self.ignored = self._ignored()

    @property
    def models(self) -> tuple[tuple[str, float], ...]:
        return tuple((member.classifier.id, member.weight) for member in self.members)

    @property
    def at_once(self) -> int:
        """How many pictures are best seen between two chances for more urgent work.

        The same for the same models, not fitted to the clock: equal batches give equal embeddings to the last bit.
        """
        return min(_at_once(member.classifier) for member in self.members)

    def _colours(self, phrase: str) -> frozenset[str]:
        lists = [member.classifier.words for member in self.members]
        found = [colours.asked(phrase, words.of_text(phrase)) for words in lists if words is not None]
        return frozenset.intersection(*found) if len(found) == len(lists) else frozenset()

    def _ignored(self) -> tuple[str, ...]:
        seen = dict(zip((*self.phrases, *self.negative), (*self.colours, *self.negative_colours), strict=True))
        found: dict[str, None] = {}
        for phrase in (*self.phrases, *self.negative):
            if phrase not in self.unknown:
                strange = frozenset.intersection(*(ignored(member.classifier, phrase) for member in self.members))
                left = (word for word in strange if word.replace("gray", "grey") not in seen.get(phrase, ()))
                found |= dict.fromkeys(sorted(left, key=phrase.casefold().index))
        return tuple(found)

    def seen(self, pictures: Sequence[Rgb]) -> list[Float32]:
        """The pictures' embeddings by each model: (n, d) each. Raises OutOfMemory."""
        return [
            member.classifier.embed_images([clip_input.fit(p, member.classifier.input) for p in pictures])
            for member in self.members
        ]

    def fits(self, seen: Sequence[Float32], heeded: Float32 | None = None) -> Float32:
        """(n, phrases) of embeddings from `seen`: the weighted mean of the models' shares.

        Args:
            heeded: (n, negative phrases) how much each of them counts, 0..1: by its colours in the region. Where there
                is no region yet, those with colours that no model understands do not count.
        """
        if heeded is None:
            heeded = np.array([[float(not colour) for colour in self.negative_colours]], np.float32)
        weights = np.array([member.weight for member in self.members], np.float32)
        shares = [_shares(member, rows, heeded) for member, rows in zip(self.members, seen, strict=True)]
        result = np.tensordot(weights / weights.sum(), np.stack(shares), 1)
        result[:, [p in self.unknown for p in self.phrases]] = 0
        return np.asarray(result, np.float32)


def _member(classifier: Classifier, weight: float, phrases: Sequence[str], negative: Sequence[str]) -> _Member:
    def learned(name: str) -> bool:
        return classifier.words is None or classifier.words.canonical(name) is not None

    own = [background(phrase, learned) for phrase in phrases]
    names = list(dict.fromkeys(name for of_phrase in own for name in of_phrase))
    place = {name: len(phrases) + len(negative) + number for number, name in enumerate(names)}
    against = np.zeros((len(phrases), len(phrases) + len(negative) + len(names)), bool)
    against[:, len(phrases) : len(phrases) + len(negative)] = True
    for number, of_phrase in enumerate(own):
        against[number, [place[name] for name in of_phrase]] = True
    texts = [frame.format(bare(text)) for text in (*phrases, *negative, *names) for frame in _FRAMES]
    rows = classifier.embed_texts(texts).reshape(-1, len(_FRAMES), classifier.dim).mean(1)
    return _Member(classifier, weight, _unit(rows), against)


def _at_once(classifier: Classifier) -> int:
    if classifier.device.kind != "cpu":
        return classifier.batch_size
    return _LIGHT_BATCH if sum(p.numel() for p in classifier.model.parameters()) < _LIGHT else 1


def _shares(member: _Member, rows: Float32, heeded: Float32) -> Float32:
    logits = (rows @ member.texts.T).astype(np.float64) * member.classifier.scale
    powers = np.exp(logits - logits.max(1, keepdims=True, initial=-np.inf))
    phrases = len(member.against)
    own = powers[:, :phrases]
    powers[:, phrases : phrases + heeded.shape[1]] *= heeded
    return np.asarray(own / (own + powers @ member.against.T), np.float32)


def _unit(rows: Float32) -> Float32:
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), 1e-12), np.float32)
