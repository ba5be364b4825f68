"""`Hover`: the preview of what a click under the pointer would give, before there is one."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QObject, Signal

from app.session.work import best_first
from inference.errors import AppError, UsageError
from inference.jobs.segment import SegmentRequest
from inference.prompts import Point, Prompts
from inference.protocol import Candidate, ImageRef, Priority, Ticket

KEY = "hover"
"""Of its questions in the mailbox, where the latest position wins."""


class Hover(QObject):
    """Asks about one position after the other; an answer that comes too late is left aside."""

    changed = Signal()

    def __init__(self, jobs: Any, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._jobs = jobs
        self._enabled = True
        self._broken = False  # this model cannot answer on this picture
        self._waiting = False
        self._place = (0, "")  # generation of the picture, model
        self.preview: Candidate | None = None

    def set_enabled(self, enabled: bool) -> None:
        self._enabled = enabled
        if not enabled:
            self.clear()

    def move_to(self, generation: int, model: str) -> None:
        """Another picture or another model: what was asked before is of no use."""
        self._place, self._broken = (generation, model), False
        self.clear()

    def ask(self, image: ImageRef, model: str, x: float, y: float) -> None:
        """The pointer rests here. Low-resolution logits only, so it is cheap."""
        if self._enabled and not self._broken:
            self._waiting = True
            request = SegmentRequest(image, model, Prompts((Point(x, y),)), full=False)
            self._jobs.submit(request, key=KEY, priority=Priority.HOVER)

    def clear(self) -> None:
        """The pointer is gone, or the preview is no longer of use."""
        self._waiting = False
        if self.preview is not None:
            self.preview = None
            self.changed.emit()

    def take(self, ticket: Ticket, candidates: tuple[Candidate, ...]) -> None:
        """An answer."""
        if self._waiting and candidates and self._asked_here(ticket):
            self.preview = best_first(candidates)[0]
            self.changed.emit()

    def fail(self, ticket: Ticket, error: AppError) -> bool:
        """Stops asking, not once more for every movement of the pointer. Whether the failure is worth telling."""
        if not self._asked_here(ticket) or isinstance(error, UsageError):
            return False
        self._broken = True
        self.clear()
        return True

    def _asked_here(self, ticket: Ticket) -> bool:
        request = ticket.request
        return isinstance(request, SegmentRequest) and (request.image.generation, request.model) == self._place
