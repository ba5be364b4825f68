"""`EverythingSession`: all objects of the picture laid out for picking. None is in the document before `keep`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from PySide6.QtCore import QCoreApplication, QObject

from app.instance import Instance, Source, new_id
from app.session.picking import Picking
from app.session.pieces import Filters, Piece, Pieces, topmost
from inference.everything import EverythingOptions
from inference.jobs.everything import EverythingFound, EverythingRequest
from inference.prompts import Point, Prompts
from inference.protocol import ImageRef, Priority

KEY = "everything"
# The sliders ask for more than the search does, so that moving them back shows what is there already.
_SEARCH = EverythingOptions(pred_iou_thresh=0.25, mode="fast")


class EverythingSession(Picking):
    """One per window. `jobs` is a `Jobs` with the signals of `inference.worker.thread.ThreadRunner`."""

    def __init__(self, jobs: Any, model: str = "starter", parent: QObject | None = None) -> None:
        super().__init__(jobs, model, parent)
        self._searched = False
        self._pieces = Pieces()
        self._marked: dict[int, None] = {}  # in the order of marking
        self._filters = Filters()
        self._shown: list[Piece] | None = None

    # What there is -------------------------------------------------------------------------------------------

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

    def set_filters(self, **changes: Any) -> None:
        """Changes some of `Filters`."""
        filters = replace(self._filters, **changes)
        if filters != self._filters:
            self._filters = filters
            self._renew()

    # Picking -------------------------------------------------------------------------------------------------

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
        chosen = list(pieces)
        if self._document is None or not chosen:
            return []
        ids = self._add(chosen, [_instance(piece, class_id) for piece in chosen])
        if ids:
            self._pieces.forget_steps()
            for piece in chosen:
                self._marked.pop(piece.number, None)
            self._renew()
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

    def _offers(self) -> Sequence[Piece]:
        return self.shown

    def _forget(self) -> None:
        self._searched = False
        self._pieces = Pieces()
        self._marked.clear()

    def _take(self, payload: object) -> None:
        if isinstance(payload, EverythingFound):
            self._pieces.take(payload.masks)
            self._renew()

    def _settle(self, result: Any) -> None:
        self._pieces.settle(result.masks)
        self._renew()
        if not len(self._pieces):
            self.message.emit(_tr("No objects were found."))


def _instance(piece: Piece, class_id: int | None) -> Instance:
    prompts = None if piece.point is None else Prompts((Point(*piece.point),))
    return Instance(new_id(), piece.mask, class_id, piece.score, Source.EVERYTHING, prompts)


def _tr(text: str) -> str:
    return QCoreApplication.translate("EverythingSession", text)
