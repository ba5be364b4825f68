"""`EverythingSession`: all objects of the picture laid out for picking. None is in the document before `keep`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from PySide6.QtCore import QCoreApplication, QObject, Signal

from app.document import KEEP, Document
from app.instance import Instance, Source, new_id
from app.session.pieces import Filters, Piece, Pieces, topmost
from inference.errors import AppError
from inference.everything import EverythingOptions
from inference.jobs.everything import EverythingFound, EverythingRequest
from inference.prompts import Point, Prompts
from inference.protocol import ImageRef, Priority, Progress, Ticket

KEY = "everything"
# The sliders ask for more than the search does, so that moving them back shows what is there already.
_SEARCH = EverythingOptions(pred_iou_thresh=0.25, mode="fast")


class EverythingSession(QObject):
    """One per window. `jobs` is a `Jobs` with the signals of `inference.worker.thread.ThreadRunner`."""

    changed = Signal()  # what is shown or marked
    hover_changed = Signal()
    progressed = Signal(int, int)
    running_changed = Signal(bool)
    kept = Signal(list)  # ids of new instances
    failed = Signal(object)  # AppError
    message = Signal(str)

    def __init__(self, jobs: Any, model: str = "starter", parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._jobs, self._model = jobs, model
        self._document: Document | None = None
        self._generation = 0
        self._ticket: Ticket | None = None
        self._searched = False
        self._pieces = Pieces()
        self._taken: dict[int, str] = {}  # number of a piece: id of the instance it has become
        self._marked: dict[int, None] = {}  # in the order of marking
        self._hovered: int | None = None
        self._filters = Filters()
        self._shown: list[Piece] | None = None
        jobs.progressed.connect(self._on_progress)
        jobs.succeeded.connect(self._on_succeeded)
        jobs.failed.connect(self._on_failed)
        jobs.cancelled.connect(self._on_cancelled)

    # What there is -------------------------------------------------------------------------------------------

    @property
    def running(self) -> bool:
        return self._ticket is not None

    @property
    def searched(self) -> bool:
        """This picture was searched, or is being searched."""
        return self._searched

    @property
    def filters(self) -> Filters:
        return self._filters

    @property
    def shown(self) -> list[Piece]:
        """The pieces that pass the filters and are not kept yet, large ones first."""
        if self._shown is None:
            self._shown = self._pieces.shown(self._filters, self._taken)
        return self._shown

    @property
    def total(self) -> int:
        """All pieces, shown or not."""
        return len(self._pieces) - sum(n in self._pieces.numbers() for n in self._taken)

    @property
    def marked(self) -> tuple[Piece, ...]:
        found = {piece.number: piece for piece in self.shown}
        return tuple(found[n] for n in self._marked if n in found)

    @property
    def hovered(self) -> Piece | None:
        return next((piece for piece in self.shown if piece.number == self._hovered), None)

    def at(self, x: float, y: float, below: Piece | None = None) -> Piece | None:
        """The smallest shown piece at a point of the picture; with `below`, the next larger one."""
        return topmost(self.shown, x, y, None if below is None else below.number)

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
        """Another model is asked from the next search on."""
        if model != self._model:
            self._model = model
            self.clear()

    def start(self) -> None:
        """Searches the picture. What was found before goes."""
        document = self._document
        if document is None:
            return
        self.clear()
        image = ImageRef(str(document.path), document.image_id, self._generation)
        request = EverythingRequest(image, self._model, _SEARCH, watched=True)
        self._searched = True
        self._ticket = self._jobs.submit(request, key=KEY, priority=Priority.BATCH)
        self.running_changed.emit(True)

    def stop(self) -> None:
        """Ends the search; what was found stays."""
        if self._ticket is not None:
            ticket, self._ticket = self._ticket, None
            self._jobs.cancel(ticket)
            self.running_changed.emit(False)

    def clear(self) -> None:
        """Forgets all pieces, and ends the search."""
        self.stop()
        self._generation += 1
        self._searched = False
        self._pieces = Pieces()
        self._taken.clear()
        self._marked.clear()
        self._hovered = None
        self._renew()

    def set_filters(self, **changes: Any) -> None:
        """Changes some of `Filters`."""
        filters = replace(self._filters, **changes)
        if filters != self._filters:
            self._filters = filters
            self._renew()

    # Picking -------------------------------------------------------------------------------------------------

    def hover(self, piece: Piece | None) -> None:
        number = None if piece is None else piece.number
        if number != self._hovered:
            self._hovered = number
            self.hover_changed.emit()

    def mark(self, piece: Piece, on: bool | None = None) -> None:
        """Marks a piece for what is done to several; None turns it round."""
        if on is None:
            on = piece.number not in self._marked
        if on != (piece.number in self._marked):
            if on:
                self._marked[piece.number] = None
            else:
                del self._marked[piece.number]
            self.changed.emit()

    def unmark(self) -> bool:
        """Whether anything was marked."""
        was = bool(self.marked)
        self._marked.clear()
        if was:
            self.changed.emit()
        return was

    def keep(self, pieces: Iterable[Piece], class_id: int | None = None) -> list[str]:
        """Makes instances of pieces: one command. Their ids; none when the document refuses (`failed` tells)."""
        document, chosen = self._document, list(pieces)
        if document is None or not chosen:
            return []
        made = [_instance(piece, class_id) for piece in chosen]
        taken = {piece.number: instance.id for piece, instance in zip(chosen, made, strict=True)}
        self._taken |= taken
        try:
            document.add(made, KEEP)
        except AppError as error:
            for number in taken:
                del self._taken[number]
            self.failed.emit(error)
            return []
        self._pieces.forget_steps()
        for number in taken:
            self._marked.pop(number, None)
        self._renew()
        ids = [instance.id for instance in made]
        self.kept.emit(ids)
        return ids

    def merge(self) -> bool:
        """The marked pieces become one, which is marked then."""
        made = self._pieces.merge(piece.number for piece in self.marked)
        if made is None:
            self.message.emit(_tr("Mark two or more objects first (Shift+click)."))
            return False
        self._mark_only([made])
        return True

    def split(self) -> bool:
        """The marked pieces (the one under the pointer without any) become their parts, which are marked then."""
        under = self.hovered
        chosen = self.marked or (() if under is None else (under,))
        made = [number for piece in chosen for number in self._pieces.split(piece.number)]
        if not made:
            told = _tr("There is nothing to split.") if chosen else _tr("Mark an object first (Shift+click).")
            self.message.emit(told)
            return False
        self._mark_only(made)
        return True

    @property
    def can_undo(self) -> bool:
        """Something was merged or split, and not kept since."""
        return self._pieces.changed_by_hand

    def undo(self) -> bool:
        """Takes the last merge or split back."""
        if not self._pieces.undo():
            return False
        self._mark_only([])
        return True

    # Within --------------------------------------------------------------------------------------------------

    def _mark_only(self, numbers: Iterable[int]) -> None:
        self._marked = dict.fromkeys(numbers)
        self._renew()

    def _renew(self) -> None:
        self._shown = None
        self.changed.emit()

    def _on_progress(self, ticket: Ticket, progress: Progress) -> None:
        if ticket != self._ticket:
            return
        if isinstance(progress.payload, EverythingFound):
            self._pieces.take(progress.payload.masks)
            self._renew()
        self.progressed.emit(progress.done, progress.total)

    def _on_succeeded(self, ticket: Ticket, result: Any) -> None:
        if ticket == self._ticket:
            self._pieces.settle(result.masks)
            self._renew()
            self._end()
            if not len(self._pieces):
                self.message.emit(_tr("No objects were found."))

    def _on_failed(self, ticket: Ticket, error: AppError) -> None:
        if ticket == self._ticket:
            self._end()
            self.failed.emit(error)

    def _on_cancelled(self, ticket: Ticket) -> None:
        if ticket == self._ticket:  # from the list of jobs
            self._end()

    def _end(self) -> None:
        self._ticket = None
        self.running_changed.emit(False)

    def _on_removed(self, ids: list[str]) -> None:
        """An undo, or a deletion: the pieces can be picked again."""
        back = [number for number, instance_id in self._taken.items() if instance_id in ids]
        for number in back:
            del self._taken[number]
        if back:
            self._renew()

    def _on_added(self, ids: list[str]) -> None:
        """A redo brings kept pieces back: they are known by their masks."""
        document = self._document
        if document is None:
            return
        known = set(self._taken.values())
        masks = {i.mask: i.id for i in map(document.get, ids) if i is not None and i.id not in known}
        again = {p.number: masks[p.mask] for p in self.shown if p.mask in masks}
        if again:
            self._taken |= again
            self._renew()


def _instance(piece: Piece, class_id: int | None) -> Instance:
    prompts = None if piece.point is None else Prompts((Point(*piece.point),))
    return Instance(new_id(), piece.mask, class_id, piece.score, Source.EVERYTHING, prompts)


def _tr(text: str) -> str:
    return QCoreApplication.translate("EverythingSession", text)
