"""`Questions`: what a prompt session asked the model and has no answer to yet. No Qt."""

from __future__ import annotations

from typing import Any

from app.session.options import Cleaning
from app.session.work import Step
from inference.jobs.full_mask import FullMaskRequest
from inference.jobs.segment import SegmentRequest
from inference.protocol import Candidate, ImageRef, Priority, Ticket


class Questions:
    """Which step of the work each ticket on its way belongs to."""

    def __init__(self, jobs: Any) -> None:
        self._jobs = jobs
        self._asked: dict[int, tuple[Ticket, Step]] = {}
        self._completing: tuple[int, Step, int] | None = None  # ticket id, step, candidate
        self._latest = 0

    def waiting(self, step: Step) -> bool:
        """Whether the step is asked about."""
        return any(asked is step for _, asked in self._asked.values())

    def busy(self, step: Step) -> bool:
        """Whether the step is asked about, or a full-size mask is on its way."""
        return self._completing is not None or self.waiting(step)

    def ask(self, step: Step, image: ImageRef, model: str, cleaning: Cleaning) -> None:
        """Asks for the masks that the step's prompts may mean."""
        request = SegmentRequest(
            image, model, step.prompts, step.previous,
            threshold=cleaning.threshold, fill_holes=cleaning.fill_holes, remove_specks=cleaning.remove_specks,
        )  # fmt: skip
        ticket = self._jobs.submit(request, key="prompt", priority=Priority.INTERACTIVE)
        self._latest = ticket.id
        self._asked[ticket.id] = ticket, step

    def complete(
        self, step: Step, candidate: Candidate, image: ImageRef, size: tuple[int, int], cleaning: Cleaning
    ) -> None:
        """Asks for the mask of the step's chosen candidate in the picture's size (width, height)."""
        request = FullMaskRequest(
            image, candidate.low_res, *size, cleaning.threshold, cleaning.fill_holes, cleaning.remove_specks
        )
        ticket = self._jobs.submit(request, key="full-mask", priority=Priority.INTERACTIVE)
        self._completing = (ticket.id, step, step.index)

    def stop_completing(self) -> None:
        """The mask on its way is not wanted any more."""
        self._completing = None

    def answered(self, ticket: Ticket) -> Step | None:
        """The step that this answers; it is then no longer waited for."""
        found = self._asked.pop(ticket.id, None)
        return None if found is None else found[1]

    def completed(self, ticket: Ticket) -> tuple[Step, int] | None:
        """The step and the candidate whose full-size mask this is; it is then no longer waited for."""
        if self._completing is None or self._completing[0] != ticket.id:
            return None
        _, step, index = self._completing
        self._completing = None
        return step, index

    def is_latest(self, ticket: Ticket) -> bool:
        """Nothing was asked after it."""
        return ticket.id == self._latest

    def forget(self) -> None:
        """Whatever is on its way is of no interest any more."""
        for ticket, _ in list(self._asked.values()):
            self._jobs.cancel(ticket)
        self._asked.clear()
        self._completing = None
