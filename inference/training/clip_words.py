"""The words of the built-in classifier: names, where each lies in CLIP's text space, and how they hang together.

The true text embeddings are those CLIP ViT-B/32 gives for "a {name}" (Detic, Apache-2.0). A name that has none gets one
from its ImageNet classifier weights (`completed`), mixed with its parent's. `clip_words.json` is the knowledge written
by hand: which ImageNet class is a dog, which two names mean one thing, which everyday word is an alias.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.float32]

TABLE = files("inference.training") / "clip_words.json"
_KINDS_LEAST = 0.02  # of a general name's own pictures: with no more its kinds do not speak for it
_OWN_SHARE = 0.6  # of what the classifier weights say in a completed embedding; the rest is its parent's


@dataclass(frozen=True)
class Words:
    """Names with their embeddings and relations.

    Attributes:
        names: lower case, unique.
        anchors: (n, d) float32 unit rows, the text embedding of each name.
        true: (n,) bool, the embedding is CLIP's own.
        parents: by name, the more general names it also answers to.
        overlap: pairs of names that do not exclude each other.
        aliases: everyday word to name.
        imagenet: the name of each of the 1,000 ImageNet classes.
        categories: a data set's category to name.
    """

    names: tuple[str, ...]
    anchors: Vectors
    true: npt.NDArray[np.bool_]
    parents: Mapping[str, frozenset[str]]
    overlap: frozenset[frozenset[str]]
    aliases: Mapping[str, str]
    imagenet: tuple[str, ...]
    categories: Mapping[str, str]
    no_object: frozenset[str]

    @property
    def index(self) -> dict[str, int]:
        return {name: i for i, name in enumerate(self.names)}

    def compatible(self) -> npt.NDArray[np.bool_]:
        """(n, n): a picture of name i may also be one of name j (itself, a parent, a child, an overlap)."""
        index = self.index
        table = np.eye(len(self.names), dtype=bool)
        for name, parents in self.parents.items():
            for parent in parents:
                table[index[name], index[parent]] = table[index[parent], index[name]] = True
        for pair in self.overlap:
            one, other = sorted(pair)
            table[index[one], index[other]] = table[index[other], index[one]] = True
        return table

    def meant(self, pictures: npt.NDArray[np.int64]) -> Vectors:
        """(n, d) unit rows: what a prompt about each name should give.

        The name's own embedding; for a more general name the direction halfway to the mean of its kinds. "bird" is said
        of pictures of 59 kinds of birds, whose embeddings lie around another middle than the one that CLIP gives the
        word. A name that is seen by itself stays where it is: "person" has kinds (scuba diver), but people are not like
        them.

        Args:
            pictures: (n,) how many pictures of each name there are to learn from.
        """
        index, vectors = self.index, self.anchors.copy()
        kinds: dict[str, list[int]] = {}
        for name, parents in self.parents.items():
            for parent in parents:
                kinds.setdefault(parent, []).append(index[name])
        for name, of in kinds.items():
            own = index[name]
            if pictures[of].sum() > _KINDS_LEAST * pictures[own]:
                vectors[own] = _unit(self.anchors[own] + _unit(self.anchors[of].mean(0)))
        return vectors

    def positives(self, name: str) -> list[int]:
        """The name and its parents, as indices; the name first."""
        index = self.index
        return [index[name], *sorted(index[p] for p in self.parents.get(name, ()))]


def plain(name: str) -> str:
    """The name as people say it: no remark in brackets, no underscores."""
    return " ".join(re.sub(r"\(.*?\)", "", name.replace("_", " ")).split()).lower()


def gather(
    text_names: Iterable[str], text_embeddings: Vectors, imagenet_names: Iterable[str], classifier: Vectors
) -> Words:
    """Joins everything.

    Args:
        text_names, text_embeddings: (m,) names and (m, d) CLIP embeddings.
        imagenet_names: the 1,000 classes in the usual order.
        classifier: (1000, c) weights of an ImageNet classifier.
    """
    table: dict[str, Any] = json.loads(TABLE.read_text(encoding="utf-8"))
    vectors: dict[str, Vectors] = {}
    for name, vector in zip(text_names, np.asarray(text_embeddings, np.float32), strict=True):
        vectors.setdefault(name.lower(), vector / np.linalg.norm(vector))
    true = set(vectors)
    classes = _imagenet(list(imagenet_names), table, true)
    for name, members in table["of_mean"].items():
        if name not in vectors:
            vectors[name] = _unit(np.mean([vectors[m] for m in members if m in vectors], 0))
    parents = _parents(classes, table, vectors)
    _complete(classes, np.asarray(classifier, np.float32), parents, vectors)
    for name, of in list(parents.items()):  # a parent without any embedding is no name
        parents[name] = frozenset(p for p in of if p in vectors)
    names = tuple(vectors)
    pairs = [frozenset(n.lower() for n in pair) for pair in table["overlap"]]
    aliases = _aliases(names, table)
    return Words(
        names,
        np.stack([vectors[n] for n in names]),
        np.array([n in true for n in names]),
        parents,
        frozenset(pair for pair in pairs if pair <= set(names)),
        aliases,
        tuple(classes),
        {k: v.lower() for k, v in table["categories"].items()},
        frozenset(table["no_object"]),
    )


def _imagenet(names: list[str], table: Mapping[str, Any], true: set[str]) -> list[str]:
    chosen = []
    for number, name in enumerate(names):
        same = table["same"].get(str(number), "").lower()
        renamed = table["renamed"].get(str(number), "").lower()
        if same in true:
            chosen.append(same)
        else:
            chosen.append(renamed or name.replace("_", " ").lower())
    return chosen


def _parents(classes: list[str], table: Mapping[str, Any], vectors: Mapping[str, Vectors]) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for parent, spans in table["parents"].items():
        name = parent.lower()
        if name not in vectors:
            continue
        for span in filter(None, spans.split(",")):
            first, _, last = span.partition("-")
            for number in range(int(first), int(last or first) + 1):
                found.setdefault(classes[number], set()).add(name)
    for parents in found.values():  # dog is an animal: what a parent answers to, its child does too
        for parent in list(parents):
            parents |= found.get(parent, set())
    return {name: frozenset(parents - {name}) for name, parents in found.items()}


def _complete(
    classes: list[str], weights: Vectors, parents: Mapping[str, frozenset[str]], vectors: dict[str, Vectors]
) -> None:
    """Gives names without an embedding one: ridge regression from classifier weights, half and half with a parent's."""
    have = [i for i, name in enumerate(classes) if name in vectors]
    weights = weights - weights.mean(0)
    weights /= np.linalg.norm(weights, axis=1, keepdims=True)
    targets = np.stack([vectors[classes[i]] for i in have])
    centre = targets.mean(0)
    known = weights[have]
    kernel = known @ known.T + 0.3 * np.eye(len(have), dtype=np.float32)
    mapping = known.T @ np.linalg.solve(kernel, targets - centre)
    for number, name in enumerate(classes):
        if name in vectors:
            continue
        own = weights[number] @ mapping
        own *= np.linalg.norm(targets - centre, axis=1).mean() / max(float(np.linalg.norm(own)), 1e-6)
        specific = [p for p in parents.get(name, ()) if p in vectors]
        base = vectors[min(specific, key=lambda p: _children(p, parents))] if specific else centre + own
        vectors[name] = _unit(_OWN_SHARE * (centre + own) + (1 - _OWN_SHARE) * base)


def _children(name: str, parents: Mapping[str, frozenset[str]]) -> int:
    return sum(name in of for of in parents.values())


def _aliases(names: tuple[str, ...], table: Mapping[str, Any]) -> dict[str, str]:
    """Everyday words: those written by hand, names without their remark, and each side of a slash."""
    there = set(names)
    found: dict[str, str] = {}
    for name in names:
        for word in [plain(name), *(plain(part) for part in name.split("/"))]:
            if word and word not in there:
                found.setdefault(word, name)
    for word, name in table["aliases"].items():
        if name.lower() in there:
            found[word] = name.lower()
    return {word: name for word, name in found.items() if word != name}


def _unit(vector: Vectors) -> Vectors:
    return np.asarray(vector / np.linalg.norm(vector), np.float32)
