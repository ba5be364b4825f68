"""`Picking`: what two sessions share that search a picture and lay out what they find, for a person to keep.

None of it is in the document before it is kept; an undo of the keeping offers it again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from PySide6.QtCore import QObject, Signal

from app.document import KEEP, Document
from app.instance import Instance
from inference.errors import AppError
from inference.masks import Mask
from inference.protocol import Progress, Ticket


class Offer(Protocol):
    """Something to keep; `number` tells it apart in its picture."""

    @property
    def number(self) -> int: ...

    @property
    def mask(self) -> Mask: ...


class Picking(QObject):
    """One per window and way of searching.

    Args:
        jobs: a `Jobs` with the signals of `inference.worker.thread.ThreadRunner`.
        model: for masks.
    """

    changed = Signal()  # what is shown, said or marked
    hover_changed = Signal()
    progressed = Signal(int, int)
    running_changed = Signal(bool)
    kept = Signal(list)  # ids of new instances
    failed = Signal(object)  # AppError
    message = Signal(str)

    def __init__(self, jobs: Any, model: str, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._jobs, self._model = jobs, model
        self._document: Document | None = None
        self._generation = 0
        self._ticket: Ticket | None = None
        self._taken: dict[int, str] = {}  # number of an offer: id of the instance it has become
        self._hovered: int | None = None
        jobs.progressed.connect(self._on_progress)
        jobs.succeeded.connect(self._on_succeeded)
        jobs.failed.connect(self._on_failed)
        jobs.cancelled.connect(self._on_cancelled)

    @property
    def running(self) -> bool:
        return self._ticket is not None

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

    def stop(self) -> None:
        """Ends the search; what was found stays."""
        if self._ticket is not None:
            ticket, self._ticket = self._ticket, None
            self._jobs.cancel(ticket)
            self._unanswered()
            self.running_changed.emit(False)

    def clear(self) -> None:
        """Forgets what was found, and ends the search."""
        self.stop()
        self._generation += 1
        self._taken.clear()
        self._hovered = None
        self._forget()
        self._renew()

    def hover(self, offer: Offer | None) -> None:
        number = None if offer is None else offer.number
        if number != self._hovered:
            self._hovered = number
            self.hover_changed.emit()

    # What each session does in its way -----------------------------------------------------------------------

    def _offers(self) -> Sequence[Offer]:
        """What is shown."""
        raise NotImplementedError

    def _forget(self) -> None:
        """Nothing is found any more."""
        raise NotImplementedError

    def _take(self, payload: object) -> None:
        """What came along with a progress."""
        raise NotImplementedError

    def _settle(self, result: Any) -> None:
        """The end of a search."""
        raise NotImplementedError

    def _renew(self) -> None:
        """What is shown is another."""
        self.changed.emit()

    def _unanswered(self) -> None:
        """A search came to nothing: it was stopped, or it failed."""

    # Within --------------------------------------------------------------------------------------------------

    def _add(self, chosen: Sequence[Offer], made: Sequence[Instance]) -> list[str]:
        """Offers become instances: one command. Their ids; none when the document refuses (`failed` tells)."""
        if self._document is None:
            return []
        taken = {offer.number: instance.id for offer, instance in zip(chosen, made, strict=True)}
        self._taken |= taken
        try:
            self._document.add(list(made), KEEP)
        except AppError as error:
            for number in taken:
                del self._taken[number]
            self.failed.emit(error)
            return []
        return list(taken.values())

    def _on_progress(self, ticket: Ticket, progress: Progress) -> None:
        if ticket == self._ticket:
            if progress.payload is not None:
                self._take(progress.payload)
            self.progressed.emit(progress.done, progress.total)

    def _on_succeeded(self, ticket: Ticket, result: Any) -> None:
        if ticket == self._ticket:
            self._end()
            self._settle(result)

    def _on_failed(self, ticket: Ticket, error: AppError) -> None:
        if ticket == self._ticket:
            self._unanswered()
            self._end()
            self.failed.emit(error)

    def _on_cancelled(self, ticket: Ticket) -> None:
        if ticket == self._ticket:  # from the list of jobs
            self._unanswered()
            self._end()

    def _end(self) -> None:
        self._ticket = None
        self.running_changed.emit(False)
        self._renew()

    def _on_removed(self, ids: list[str]) -> None:
        """An undo, or a deletion: the offers are there again."""
        back = [number for number, instance_id in self._taken.items() if instance_id in ids]
        for number in back:
            del self._taken[number]
        if back:
            self._renew()

    def _on_added(self, ids: list[str]) -> None:
        """A redo brings kept offers back: they are known by their masks."""
        document = self._document
        if document is None:
            return
        known = set(self._taken.values())
        masks = {i.mask: i.id for i in map(document.get, ids) if i is not None and i.id not in known}
        again = {o.number: masks[o.mask] for o in self._offers() if o.mask in masks}
        if again:
            self._taken |= again
            self._renew()
