"""Scores of one picture while its prompts are being written."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QCoreApplication, QObject, QSize, Qt, Signal
from PySide6.QtGui import QImage, QPixmap

from app.session.judging import Words
from app.session.sorting import SortSession
from inference.errors import AppError
from inference.prompt_checks import Problem, TokenTable, problems
from inference.prompt_items import PromptItem, PromptSet
from inference.scoring import Scores


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """What a prompt set is worth now. `scores` is None without a picture that was looked at; `why` says so.

    `guessed` are words that the model knows from texts, not from pictures.
    """

    problems: tuple[Problem, ...]
    unknown: tuple[str, ...] = ()
    guessed: tuple[str, ...] = ()
    scores: Scores | None = None
    why: str = ""


class PromptScores(QObject):
    """Asks the model what it makes of the prompts; the latest question wins.

    Signals:
        scored(Scored), failed(AppError): the answer.
        pictured(): `thumbnail` has the picture now.
    """

    scored = Signal(object)
    pictured = Signal()
    failed = Signal(object)

    def __init__(self, session: SortSession, image_id: str | None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session, self._image_id = session, image_id
        self._round, self._answered = 0, False
        if session.thumbnails is not None:
            session.thumbnails.ready.connect(self._on_thumbnail)

    def thumbnail(self, width: int, height: int) -> QPixmap:
        """The picture, as far as a thumbnail of it is at hand."""
        thumbnails = self._session.thumbnails
        image = thumbnails.get(self._image_id) if thumbnails is not None and self._image_id is not None else None
        if not isinstance(image, QImage):
            return QPixmap()
        return QPixmap.fromImage(
            image.scaled(
                QSize(width, height), Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation
            )
        )

    def of_classes(self) -> PromptSet:
        """A set that has the class folders as its items."""
        sorter = self._session.sorter
        names = [folder.title for folder in sorter.classes] if sorter is not None else []
        items = tuple(PromptItem(name) for name in dict.fromkeys(names))
        return PromptSet("classes", ("a photo of a ",), items, ("",))

    def ask(self, prompts: PromptSet) -> bool:
        """Whether the set can be used. If so, `scored` tells what the model says; else at once what is wrong."""
        self._round += 1
        found = tuple(problems(prompts))
        usable = bool(prompts.items) and not any(problem.severity == "error" for problem in found)
        if not usable:
            self.scored.emit(Scored(found, why=_tr("Mend what is wrong to see the scores.")))
        elif not self._answered:  # the first answer may have to wait for the model
            self.scored.emit(Scored(found, why=_tr("…")))
        if usable:
            self._session.start(self._ask(self._round, prompts))
        return usable

    def stop(self) -> None:
        """What the model still says is not wanted any more."""
        self._round += 1

    def _on_thumbnail(self, image_id: str) -> None:
        if image_id == self._image_id:
            self.pictured.emit()

    async def _ask(self, this: int, prompts: PromptSet) -> None:
        texts = [text for of_item in prompts.prompts() for text in of_item]
        names = [item.name for item in prompts.items if not item.negative]
        looker = self._session.looker
        try:
            result = await looker.words(texts, self._session.model, names)
        except AppError as error:
            if this == self._round:
                self.failed.emit(error)
            return
        if this != self._round:
            return
        self._answered = True
        words = Words.of(prompts, result)
        table = TokenTable(result.context_length, dict(zip(texts, result.tokens, strict=True)))
        found = tuple(problems(prompts, table, words.texts))
        vector = looker.vectors.get(self._image_id or "") if result.checksum == looker.checksum else None
        scores = words.scores(np.asarray(vector, np.float32)[None])[0] if vector is not None else None
        why = "" if scores is not None else _tr("Select a picture that the model has looked at to see its scores.")
        self.scored.emit(Scored(found, result.unknown, result.guessed, scores, why))


def _tr(text: str) -> str:
    return QCoreApplication.translate("Sorting", text)
