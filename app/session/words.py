"""`WordsSession`: what words name in the picture, as suggestions. None of it is in the document before `keep`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QCoreApplication, QObject, Signal

from app.document import KEEP, Document
from app.instance import Instance, Source, new_id
from app.labels import ClassList
from app.patches import contains
from app.settings import Settings
from inference.errors import AppError, UsageError
from inference.jobs.text_segment import TextSegmentItem, TextSegmentReady, TextSegmentRequest
from inference.protocol import ImageRef, Priority, Progress, Ticket
from inference.text_segment import TextOptions, Weights, WordMask, bare, phrases

KEY = "words"
_LEAST = 0.4  # the slider asks for more; moving it back shows what is there already


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """One instance that is suggested; `number` tells it apart in its picture."""

    number: int
    word: WordMask


class WordsSession(QObject):
    """One per window.

    Args:
        jobs: a `Jobs` with the signals of `inference.worker.thread.ThreadRunner`.
        classifier: says which classifier compares pictures with words.
        settings: the judge's weights.
        model: for masks.
    """

    changed = Signal()  # what is shown, said or noticed
    hover_changed = Signal()
    progressed = Signal(int, int)
    running_changed = Signal(bool)
    kept = Signal(list)  # ids of new instances
    failed = Signal(object)  # AppError
    message = Signal(str)

    def __init__(
        self,
        jobs: Any,
        classifier: Callable[[], str],
        settings: Settings,
        model: str = "starter",
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._jobs, self._classifier, self._settings, self._model = jobs, classifier, settings, model
        self._document: Document | None = None
        self._generation = 0
        self._ticket: Ticket | None = None
        self._found: list[Found] = []
        self._taken: dict[int, str] = {}  # number of a suggestion: id of the instance it has become
        self._hovered: int | None = None
        self._least = TextOptions().least_text
        self._asked: tuple[str, ...] = ()
        self._notices: tuple[str, ...] = ()
        jobs.progressed.connect(self._on_progress)
        jobs.succeeded.connect(self._on_succeeded)
        jobs.failed.connect(self._on_failed)
        jobs.cancelled.connect(self._on_cancelled)

    # What there is -------------------------------------------------------------------------------------------

    @property
    def running(self) -> bool:
        return self._ticket is not None

    @property
    def asked(self) -> tuple[str, ...]:
        """The phrases that were looked for in this picture; empty before the first search."""
        return self._asked

    @property
    def notices(self) -> tuple[str, ...]:
        """What a person has to know about the answer: words that were not learned, another detector."""
        return self._notices

    @property
    def least(self) -> float:
        """How well suggestions fit the words, at least."""
        return self._least

    @property
    def shown(self) -> list[Found]:
        """The suggestions that fit well enough and are not kept yet, large ones first."""
        chosen = [f for f in self._found if f.number not in self._taken and self._fits(f.word)]
        return sorted(chosen, key=lambda found: -found.word.mask.area)

    @property
    def hidden(self) -> int:
        """How many fit too little to be shown."""
        return sum(not self._fits(f.word) for f in self._found)

    @property
    def counts(self) -> dict[str, int]:
        """How many of each phrase are shown."""
        counts = dict.fromkeys(self._asked, 0)
        for found in self.shown:
            counts[found.word.phrase] += 1
        return counts

    @property
    def taken(self) -> dict[str, int]:
        """How many of each phrase have been kept."""
        counts = dict.fromkeys(self._asked, 0)
        for found in self._found:
            counts[found.word.phrase] += found.number in self._taken
        return counts

    @property
    def hovered(self) -> Found | None:
        return next((found for found in self.shown if found.number == self._hovered), None)

    def at(self, x: float, y: float) -> Found | None:
        """The smallest suggestion at a point of the picture."""
        return next((found for found in reversed(self.shown) if contains(found.word.mask, x, y)), None)

    # What it works on ----------------------------------------------------------------------------------------

    def set_document(self, document: Document | None) -> None:
        """Another picture: what was found in the last one is forgotten."""
        if document is self._document:
            return
        if self._document is not None:
            self._document.removed.disconnect(self._on_removed)
            self._document.added.disconnect(self._on_added)
        self._document = document
        if document is not None:
            document.removed.connect(self._on_removed)
            document.added.connect(self._on_added)
        self.clear()

    def set_model(self, model: str) -> None:
        """Another model is asked for masks from the next search on."""
        self._model = model

    def start(self, text: str, negative: str = "") -> bool:
        """Looks for words; what was found before goes. False, after a word to the person, when they make no sense."""
        document = self._document
        if document is None:
            return False
        try:
            asked = phrases(text)
            unwanted = phrases(negative) if negative.strip() else ()
        except UsageError as error:
            self.failed.emit(error)
            return False
        self.clear()
        self._asked = asked
        image = ImageRef(str(document.path), document.image_id, self._generation)
        members = ((self._classifier(), 1.0),)
        request = TextSegmentRequest((image,), asked, self._model, members, unwanted, self._options(), keep=True)
        self._ticket = self._jobs.submit(request, key=KEY, priority=Priority.BATCH)
        self.running_changed.emit(True)
        self.changed.emit()
        return True

    def stop(self) -> None:
        """Ends the search."""
        if self._ticket is not None:
            ticket, self._ticket = self._ticket, None
            self._jobs.cancel(ticket)
            self._unanswered()
            self.running_changed.emit(False)

    def clear(self) -> None:
        """Forgets all suggestions, and ends the search."""
        self.stop()
        self._generation += 1
        self._found, self._asked, self._notices = [], (), ()
        self._taken.clear()
        self._hovered = None
        self.changed.emit()

    def set_least(self, least: float) -> None:
        """Shows what fits at least so well."""
        if least != self._least:
            self._least = least
            self.changed.emit()

    # Picking -------------------------------------------------------------------------------------------------

    def hover(self, found: Found | None) -> None:
        number = None if found is None else found.number
        if number != self._hovered:
            self._hovered = number
            self.hover_changed.emit()

    def keep(self, chosen: Iterable[Found], classes: ClassList | None) -> list[str]:
        """Makes instances of suggestions, of classes named after their phrases: one command.

        Their ids; none when the document refuses (`failed` tells).
        """
        document, found = self._document, list(chosen)
        if document is None or not found:
            return []
        try:
            made = [_instance(one, _class_of(one, classes)) for one in found]
            self._taken |= {one.number: instance.id for one, instance in zip(found, made, strict=True)}
            document.add(made, KEEP)
        except AppError as error:
            for one in found:
                self._taken.pop(one.number, None)
            self.failed.emit(error)
            return []
        self.changed.emit()
        ids = [instance.id for instance in made]
        self.kept.emit(ids)
        return ids

    def drop(self, found: Found) -> None:
        """Puts a suggestion away; the next search may bring it again."""
        self._found = [one for one in self._found if one is not found]
        self.changed.emit()

    # Within --------------------------------------------------------------------------------------------------

    def _fits(self, word: WordMask) -> bool:
        return word.sure or word.parts.text >= self._least

    def _options(self) -> TextOptions:
        get = self._settings.get
        weights = Weights(get("words.text"), get("words.compactness"), get("words.size"), get("words.smoothness"))
        usable = weights if any((weights.text, weights.compactness, weights.size, weights.smoothness)) else Weights()
        smallest = get("words.usual_size") / 100
        return TextOptions(
            least_text=_LEAST,
            weights=usable,
            size_range=(smallest, max(TextOptions().size_range[1], smallest)),
        )

    def _on_progress(self, ticket: Ticket, progress: Progress) -> None:
        if ticket != self._ticket:
            return
        if isinstance(progress.payload, TextSegmentReady):
            self._notices = _notices(progress.payload)
            self.changed.emit()
        if isinstance(progress.payload, TextSegmentItem):
            self._found = [Found(number, word) for number, word in enumerate(progress.payload.instances, 1)]
            self.changed.emit()
        self.progressed.emit(progress.done, progress.total)

    def _on_succeeded(self, ticket: Ticket, result: Any) -> None:
        if ticket == self._ticket:
            if result.failed:
                self._unanswered()
            self._end()
            for item in result.failed:
                self.failed.emit(item.error)

    def _on_failed(self, ticket: Ticket, error: AppError) -> None:
        if ticket == self._ticket:
            self._unanswered()
            self._end()
            self.failed.emit(error)

    def _on_cancelled(self, ticket: Ticket) -> None:
        if ticket == self._ticket:  # from the list of jobs
            self._unanswered()
            self._end()

    def _unanswered(self) -> None:
        """A search that came to nothing was not asked: it does not say that there is none of it."""
        if not self._found:
            self._asked = ()

    def _end(self) -> None:
        self._ticket = None
        self.running_changed.emit(False)
        self.changed.emit()

    def _on_removed(self, ids: list[str]) -> None:
        """An undo, or a deletion: the suggestions are there again."""
        back = [number for number, instance_id in self._taken.items() if instance_id in ids]
        for number in back:
            del self._taken[number]
        if back:
            self.changed.emit()

    def _on_added(self, ids: list[str]) -> None:
        """A redo brings kept suggestions back: they are known by their masks."""
        document = self._document
        if document is None:
            return
        known = set(self._taken.values())
        masks = {i.mask: i.id for i in map(document.get, ids) if i is not None and i.id not in known}
        again = {f.number: masks[f.word.mask] for f in self.shown if f.word.mask in masks}
        if again:
            self._taken |= again
            self.changed.emit()


def _notices(ready: TextSegmentReady) -> tuple[str, ...]:
    told = []
    if ready.unknown:
        words = ", ".join(f"“{word}”" for word in ready.unknown)
        told.append(
            _tr("The classifier has not learned %1. The Models workspace has ones for any words.").replace("%1", words)
        )
    if ready.guessed:
        words = ", ".join(f"“{word}”" for word in ready.guessed)
        told.append(_tr("The classifier never saw pictures of %1 and guesses.").replace("%1", words))
    return (*told, ready.notice) if ready.notice else tuple(told)


def _class_of(found: Found, classes: ClassList | None) -> int | None:
    return None if classes is None else classes.ensure(bare(found.word.phrase)).id


def _instance(found: Found, class_id: int | None) -> Instance:
    word = found.word
    return Instance(new_id(), word.mask, class_id, word.predicted_iou, Source.TEXT, word.prompts)


def _tr(text: str) -> str:
    return QCoreApplication.translate("WordsSession", text)
