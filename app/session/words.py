"""`WordsSession`: what words name in the picture, as suggestions. None of it is in the document before `keep`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QCoreApplication, QObject

from app.instance import Instance, Source, new_id
from app.labels import ClassList
from app.patches import contains
from app.session.picking import Picking
from app.settings import Settings
from inference.errors import AppError, UsageError
from inference.jobs.text_segment import TextSegmentItem, TextSegmentReady, TextSegmentRequest
from inference.masks import Mask
from inference.protocol import ImageRef, Priority
from inference.text_segment import TextOptions, Weights, WordMask, bare, phrases, unwanted

KEY = "words"
_LEAST = 0.4  # the slider asks for more; moving it back shows what is there already


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """One instance that is suggested; `number` tells it apart in its picture."""

    number: int
    word: WordMask

    @property
    def mask(self) -> Mask:
        return self.word.mask


class WordsSession(Picking):
    """One per window.

    Args:
        jobs: a `Jobs` with the signals of `inference.worker.thread.ThreadRunner`.
        classifier: says which classifier compares pictures with words.
        settings: the judge's weights.
        model: for masks.
    """

    def __init__(
        self,
        jobs: Any,
        classifier: Callable[[], str],
        settings: Settings,
        model: str = "starter",
        parent: QObject | None = None,
    ) -> None:
        super().__init__(jobs, model, parent)
        self._classifier, self._settings = classifier, settings
        self._found: list[Found] = []
        self._least = TextOptions().least_text
        self._asked: tuple[str, ...] = ()
        self._notices: tuple[str, ...] = ()

    # What there is -------------------------------------------------------------------------------------------

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
        return sum(not self._fits(f.word) for f in self._found if f.number not in self._taken)

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
            against = unwanted(negative)
        except UsageError as error:
            self.failed.emit(error)
            return False
        self.clear()
        self._asked = asked
        image = ImageRef(str(document.path), document.image_id, self._generation)
        members = ((self._classifier(), 1.0),)
        request = TextSegmentRequest((image,), asked, self._model, members, against, self._options(), keep=True)
        self._ticket = self._jobs.submit(request, key=KEY, priority=Priority.BATCH)
        self.running_changed.emit(True)
        self.changed.emit()
        return True

    def set_least(self, least: float) -> None:
        """Shows what fits at least so well."""
        if least != self._least:
            self._least = least
            self.changed.emit()

    # Picking -------------------------------------------------------------------------------------------------

    def keep(self, chosen: Iterable[Found], classes: ClassList | None) -> list[str]:
        """Makes instances of suggestions, of classes named after their phrases: one command.

        Their ids; none when the document refuses (`failed` tells).
        """
        found = list(chosen)
        if self._document is None or not found:
            return []
        try:
            made = [_instance(one, _class_of(one, classes)) for one in found]
        except AppError as error:
            self.failed.emit(error)
            return []
        ids = self._add(found, made)
        if ids:
            self.changed.emit()
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

    def _offers(self) -> Sequence[Found]:
        return self.shown

    def _forget(self) -> None:
        self._found, self._asked, self._notices = [], (), ()

    def _take(self, payload: object) -> None:
        if isinstance(payload, TextSegmentReady):
            self._notices = _notices(payload)
        elif isinstance(payload, TextSegmentItem):
            self._found = [Found(number, word) for number, word in enumerate(payload.instances, 1)]
        self.changed.emit()

    def _settle(self, result: Any) -> None:
        if result.failed:
            self._unanswered()
            self.changed.emit()
        for item in result.failed:
            self.failed.emit(item.error)

    def _unanswered(self) -> None:
        """A search that came to nothing was not asked: it does not say that there is none of it."""
        if not self._found:
            self._asked = ()


def _notices(ready: TextSegmentReady) -> tuple[str, ...]:
    told = []
    if ready.unknown:
        words = _quoted(ready.unknown)
        told.append(
            _tr("The classifier has not learned %1. The Models workspace has ones for any words.").replace("%1", words)
        )
    if ready.guessed:
        words = _quoted(ready.guessed)
        told.append(_tr("The classifier never saw pictures of %1 and guesses.").replace("%1", words))
    if ready.ignored:
        words = _quoted(ready.ignored)
        told.append(_tr("Not heeded, because the classifier has not learned it: %1.").replace("%1", words))
    return (*told, ready.notice) if ready.notice else tuple(told)


def _quoted(words: Sequence[str]) -> str:
    return ", ".join(f"“{word}”" for word in words)


def _class_of(found: Found, classes: ClassList | None) -> int | None:
    return None if classes is None else classes.ensure(bare(found.word.phrase)).id


def _instance(found: Found, class_id: int | None) -> Instance:
    word = found.word
    return Instance(new_id(), word.mask, class_id, word.predicted_iou, Source.TEXT, word.prompts)


def _tr(text: str) -> str:
    return QCoreApplication.translate("WordsSession", text)
