"""`Finder`: pictures found by words and examples, and stacks of those that are nearly the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QObject, Signal

from app.session.answers import Answers
from app.session.looking import Looker
from app.sorting import duplicates, search
from inference.jobs.embed_text import EmbedTextResult
from inference.text_background import GROUPS, background

Wish = tuple[str, str | None, bool]
"""Words, or a picture by its id, and whether it is added or taken away."""


@dataclass(frozen=True, slots=True, eq=False)
class Everyday:
    """What a model makes of everyday names: (d,) for each that it knows."""

    checksum: str
    rows: Mapping[str, npt.NDArray[np.float32]]

    def beyond(self, text: str, row: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """What fits a text more than it fits everything else.

        Some pictures are more like any text than others are. So it counts how much more a picture is like this text
        than, on average, like names that do not compete with it: one subtraction, for likeness is linear.
        """
        others = [self.rows[name] for name in background(text, self.rows.__contains__)]
        return row - np.mean(others, axis=0) if others else row


class Finder(QObject):
    """Works on what the looker has seen.

    Attributes:
        found: what the search found, the best first; None while nothing is searched.
        searching: the answer to the last search is awaited.
        stacks: None before they were asked for.

    Signals:
        changed(): either is another.
        unlearned(words): the model has not learned these.
    """

    changed = Signal()
    unlearned = Signal(tuple)

    def __init__(self, answers: Answers, looker: Looker, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._answers, self._looker = answers, looker
        self._round = self._folder = 0
        self._everyday = Everyday("", {})
        self._asked: tuple[tuple[Wish, ...], str] = ((), "")
        self._ranked = 0  # pictures that the last search was among
        looker.ended.connect(self._on_looked)
        self.searching = False
        self.found: list[str] | None = None
        self.stacks: list[duplicates.Stack] | None = None

    def forget(self) -> None:
        """Another folder."""
        self._round += 1
        self._folder += 1
        self._asked, self.searching = ((), ""), False
        self.found = self.stacks = None

    def search(self, wishes: Sequence[Wish], model: str) -> None:
        """Looks for pictures that fit all wishes; none ends the search."""
        self._round += 1
        self._asked = tuple(wishes), model
        was, self.searching = self.searching, bool(wishes)
        if wishes:
            self._answers.start(self._search(self._round, tuple(wishes), model))
            self.changed.emit()
        elif self.found is not None or was:
            self.found = None
            self.changed.emit()

    def find_stacks(self, image_ids: Sequence[str], folder: Path) -> None:
        """Looks for pictures that are nearly the same."""
        self._answers.start(self._find_stacks(self._folder, tuple(image_ids), folder))

    def _on_looked(self, _finished: bool) -> None:
        """Among the pictures that have been looked at since the search as well."""
        wishes, model = self._asked
        if wishes and len(self._looker.vectors) != self._ranked:
            self.search(wishes, model)

    async def _search(self, this: int, wishes: Sequence[Wish], model: str) -> None:
        try:
            found = await self._find(this, wishes, model)
            if this == self._round:
                self.found = found
        finally:
            if this == self._round:
                self.searching = False
                self.changed.emit()

    async def _find(self, this: int, wishes: Sequence[Wish], model: str) -> list[str]:
        texts = [text for text, image_id, _ in wishes if image_id is None]
        rows: Mapping[str, Any] = {}
        if texts:
            result: EmbedTextResult = await self._looker.words(_photos_of(texts), model, texts)
            everyday = await self._read_everyday(model, result.checksum)
            rows = {text: everyday.beyond(text, row) for text, row in zip(texts, result.embeddings, strict=True)}
            if result.unknown and this == self._round:
                self.unlearned.emit(result.unknown)
        vectors = dict(self._looker.vectors)
        terms = []
        for text, image_id, plus in wishes:
            vector = rows.get(text) if image_id is None else vectors.get(image_id)
            if vector is not None:
                terms.append(search.Term(np.asarray(vector, np.float32), 1.0 if plus else -1.0))
        self._ranked = len(vectors)
        return await self._looker.in_thread(partial(_ranked, vectors, terms))

    async def _read_everyday(self, model: str, checksum: str) -> Everyday:
        """Asked once of each model."""
        if self._everyday.checksum != checksum:
            names = [name for members in GROUPS.values() for name in members]
            result = await self._looker.words(_photos_of(names), model, names)
            learned = {
                name: row for name, row in zip(names, result.embeddings, strict=True) if name not in result.unknown
            }
            self._everyday = Everyday(result.checksum, learned)
        return self._everyday

    async def _find_stacks(self, this: int, ids: Sequence[str], folder: Path) -> None:
        vectors = dict(self._looker.vectors)
        found = await self._looker.in_thread(partial(_stacked, ids, vectors, folder))
        if this == self._folder:
            self.stacks = found
            self.changed.emit()


def _photos_of(names: Sequence[str]) -> list[str]:
    return [f"a photo of {name}" for name in names]


def _ranked(vectors: Mapping[str, Any], terms: Sequence[search.Term]) -> list[str]:
    ids = list(vectors)
    if not ids or not terms:
        return []
    return [image_id for image_id, _ in search.rank(ids, np.stack([vectors[i] for i in ids]), terms)]


def _stacked(ids: Sequence[str], vectors: Mapping[str, Any], folder: Path) -> list[duplicates.Stack]:
    known = [i for i in ids if i in vectors]
    if not known:
        return []
    return duplicates.stacks(known, np.stack([vectors[i] for i in known]), lambda i: duplicates.look(folder / i))
