"""`ClassAware`: prompting with a model taught one class. Each click decides its own sign, boxes tell what they hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QObject, Signal

from app.instance import Instance
from app.session.class_map import ClassMap, Verdict, apart, bounded, within
from app.session.work import best_first
from inference.errors import AppError
from inference.jobs.segment import SegmentRequest
from inference.masks import Mask
from inference.prompts import Box, Prompts
from inference.protocol import Candidate, ImageRef, Priority, Ticket

KEY = "class-map"


@dataclass(frozen=True)
class ClassOptions:
    """How it is done. Without `on` nothing of it is.

    Attributes:
        within_box: masks keep to the box they were asked for with.
        apart: instances do not overlap; the highest score wins a pixel.
    """

    on: bool = False
    within_box: bool = True
    apart: bool = True


class ClassAware(QObject):
    """One per prompt session, which tells it the picture and the model, and asks it about clicks and masks.

    Signals:
        changed(): there is another map, or none; or other options hold.
        failed(AppError): the model could not answer.
    """

    changed = Signal()
    failed = Signal(object)

    def __init__(self, jobs: Any, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._jobs = jobs
        self.options = ClassOptions()
        self.map: ClassMap | None = None
        self.looking = False
        self._image: ImageRef | None = None
        self._size = (0, 0)
        self._model = ""
        self._ticket: Ticket | None = None
        self._told: tuple[Box, float, ClassMap, Verdict] | None = None
        jobs.succeeded.connect(self._on_succeeded)
        jobs.failed.connect(self._on_failed)
        jobs.cancelled.connect(self._on_cancelled)

    def set_options(self, options: ClassOptions) -> None:
        if options != self.options:
            turned = options.on != self.options.on
            self.options = options
            if turned:
                self._ask()
            self.changed.emit()

    def move_to(self, image: ImageRef | None, size: tuple[int, int], model: str) -> None:
        """Another picture of `size` (width, height), or another model."""
        self._image, self._size, self._model = image, size, model
        self._ask()
        self.changed.emit()

    # What it says ---------------------------------------------------------------------------------------------------

    def sign(self, x: float, y: float, wanted: bool = True) -> bool:
        """The sign of a click: what the map says, unless the person said no, or there is no map."""
        if not self.options.on or self.map is None or not wanted:
            return wanted
        return self.map.sign(x, y)

    def verdict(self, box: Box, threshold: float) -> Verdict | None:
        """What a box holds; None without a map. Asked again at every paint, so the last answer is kept."""
        if not self.options.on or self.map is None:
            return None
        told = self._told
        if told is None or told[:2] != (box, threshold) or told[2] is not self.map:
            told = self._told = box, threshold, self.map, self.map.verdict(box, threshold)
        return told[3]

    def answers(self, candidates: Sequence[Candidate], box: Box | None) -> tuple[Candidate, ...]:
        """A model's answers, kept to the box of their prompts."""
        if not self._bounds(box):
            return tuple(candidates)
        assert box is not None
        return bounded(candidates, box, *self._size)

    def mask(self, mask: Mask, box: Box | None) -> Mask:
        """A full-size mask, kept to the box of its prompts."""
        return within(mask, box) if box is not None and self._bounds(box) else mask

    def apart(self, new: Instance, others: Sequence[Instance]) -> tuple[Instance, list[Instance]]:
        """The new instance and the changed others, when they are kept from overlapping."""
        return apart(new, others) if self.options.on and self.options.apart else (new, [])

    # Within ---------------------------------------------------------------------------------------------------------

    def _bounds(self, box: Box | None) -> bool:
        return box is not None and self.options.on and self.options.within_box

    def _ask(self) -> None:
        self.map, self._told = None, None
        if self._ticket is not None:
            ticket, self._ticket = self._ticket, None
            self._jobs.cancel(ticket)
        self.looking = self.options.on and self._image is not None
        if self.looking:
            whole = Prompts((), Box(0, 0, *self._size))
            request = SegmentRequest(self._image, self._model, whole, full=False)  # type: ignore[arg-type]
            self._ticket = self._jobs.submit(request, key=KEY, priority=Priority.INTERACTIVE)

    def _on_succeeded(self, ticket: Ticket, result: Any) -> None:
        if ticket == self._ticket:
            self._ticket, self.looking = None, False
            self.map = ClassMap(best_first(result.candidates)[0].low_res, *self._size)
            self.changed.emit()

    def _on_failed(self, ticket: Ticket, error: AppError) -> None:
        if ticket == self._ticket:
            self._ticket, self.looking = None, False
            self.changed.emit()
            self.failed.emit(error)

    def _on_cancelled(self, ticket: Ticket) -> None:
        if ticket == self._ticket:
            self._ticket, self.looking = None, False
            self.changed.emit()
