"""`PairSession`: one picture and the same prompts for two models, to see them side by side."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PySide6.QtCore import QObject, Signal

from app.session.work import best_first
from inference.errors import AppError
from inference.jobs.segment import SegmentRequest
from inference.prompts import Point, Prompts
from inference.protocol import Candidate, ImageRef, Priority, Ticket

_SIDE = 256  # of the squares that answers are compared in


@dataclass(slots=True)
class Side:
    """A model and what it answered: the best candidate, how long that took, or why there is none."""

    model: str
    candidate: Candidate | None = None
    seconds: float = 0.0
    error: AppError | None = None
    ticket: Ticket | None = None


class PairSession(QObject):
    """Asks both models whenever prompts or a model change; a later question takes the place of an earlier one.

    Args:
        image: the picture's file; `size` is its width and height, upright.
        models: two ids of the catalogue, or weights files.

    Signals:
        changed(): prompts, models or answers are others.
    """

    changed = Signal()

    def __init__(
        self,
        jobs: Any,
        image: Path,
        size: tuple[int, int],
        models: tuple[str, str],
        prompts: Prompts | None = None,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._jobs, self._image, self.size = jobs, image, size
        self._sides = [Side(model) for model in models]
        self.prompts = prompts or Prompts()
        self._closed = False
        jobs.succeeded.connect(self._on_succeeded)
        jobs.failed.connect(self._on_failed)
        self._ask((0, 1))

    @property
    def sides(self) -> tuple[Side, Side]:
        return self._sides[0], self._sides[1]

    @property
    def thinking(self) -> bool:
        return any(side.ticket is not None for side in self._sides)

    def set_model(self, side: int, model: str) -> None:
        if model != self._sides[side].model:
            self._drop(self._sides[side])
            self._sides[side] = Side(model)
            self._ask((side,))

    def add_point(self, x: float, y: float, positive: bool = True) -> None:
        """One more click, in image pixels."""
        self.set_prompts(self.prompts.with_point(Point(x, y, positive)))

    def set_prompts(self, prompts: Prompts) -> None:
        if prompts != self.prompts:
            self.prompts = prompts
            self._ask((0, 1))

    def agreement(self, threshold: float = 0.0) -> float | None:
        """IoU of the two answers with each other; None while one is missing."""
        answers = [side.candidate for side in self._sides]
        if answers[0] is None or answers[1] is None:
            return None
        one, other = (
            cv2.resize(answer.low_res, (_SIDE, _SIDE), interpolation=cv2.INTER_LINEAR) > threshold
            for answer in answers
            if answer is not None
        )
        union = np.count_nonzero(one | other)
        return float(np.count_nonzero(one & other) / union) if union else 1.0

    def close(self) -> None:
        """Answers that are still due are of no interest any more. Twice is harmless."""
        if self._closed:
            return
        self._closed = True
        for side in self._sides:
            self._drop(side)
        self._jobs.succeeded.disconnect(self._on_succeeded)
        self._jobs.failed.disconnect(self._on_failed)

    # Within ---------------------------------------------------------------------------------------------------------

    def _ask(self, sides: tuple[int, ...]) -> None:
        for number in sides:
            side = self._sides[number]
            self._drop(side)
            side.candidate, side.error = None, None
            if self.prompts:
                request = SegmentRequest(ImageRef(str(self._image)), side.model, self.prompts, full=False)
                side.ticket = self._jobs.submit(request, key=f"pair-{number}", priority=Priority.INTERACTIVE)
        self.changed.emit()

    def _drop(self, side: Side) -> None:
        if side.ticket is not None:
            ticket, side.ticket = side.ticket, None
            self._jobs.cancel(ticket)

    def _on_succeeded(self, ticket: Ticket, result: Any) -> None:
        for side in self._sides:
            if ticket == side.ticket:
                side.ticket, side.seconds = None, result.seconds
                side.candidate = best_first(result.candidates)[0]
                self.changed.emit()

    def _on_failed(self, ticket: Ticket, error: AppError) -> None:
        for side in self._sides:
            if ticket == side.ticket:
                side.ticket, side.error = None, error
                self.changed.emit()
