"""The long jobs as the jobs panel shows them: what, how far, how long still. Clicks and prefetches are not."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from PySide6.QtCore import QCoreApplication, QObject, Signal

from app.session.answers import Runner
from inference.protocol import Priority, Progress, Ticket, lane_of

_SETTLED_S = 1.5
"""Sooner than this a guess of the time left jumps about."""


@dataclass(frozen=True, slots=True)
class JobRow:
    """A long job. `fraction` is 0..1, None while unknown; `seconds_left` likewise."""

    ticket: Ticket
    title: str
    message: str = ""
    fraction: float | None = None
    seconds_left: float | None = None
    started_at: float | None = None
    stopping: bool = False


class JobList(QObject):
    """Follows the runner. `changed` carries the ticket's id, as do `added` and `removed`."""

    added = Signal(int)
    changed = Signal(int)
    removed = Signal(int)

    def __init__(self, runner: Runner, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._runner = runner
        self._rows: dict[int, JobRow] = {}
        runner.started.connect(self._on_start)
        runner.progressed.connect(self._on_progress)
        runner.succeeded.connect(self._on_end)
        runner.failed.connect(self._on_end)
        runner.cancelled.connect(self._on_end)

    @property
    def rows(self) -> tuple[JobRow, ...]:
        return tuple(self._rows.values())

    def get(self, ticket_id: int) -> JobRow | None:
        return self._rows.get(ticket_id)

    def watch(self, ticket: Ticket, title: str = "") -> None:
        """Lists a job from its submission on, also while it waits for its turn."""
        if ticket.id not in self._rows:
            self._rows[ticket.id] = JobRow(ticket, title or _title(ticket.request), _tr("Waiting"))
            self.added.emit(ticket.id)

    def cancel(self, ticket_id: int) -> None:
        row = self._rows.get(ticket_id)
        if row is not None:
            self._change(replace(row, stopping=True, message=_tr("Stopping…")))
            self._runner.cancel(row.ticket)

    def _on_start(self, ticket: Ticket) -> None:
        if ticket.priority is Priority.BATCH or lane_of(ticket.request) != "model":
            self.watch(ticket)
        row = self._rows.get(ticket.id)
        if row is not None:
            self._change(replace(row, started_at=time.monotonic(), message=""))

    def _on_progress(self, ticket: Ticket, progress: Progress) -> None:
        row = self._rows.get(ticket.id)
        if row is None or row.stopping:
            return
        fraction = min(progress.done / progress.total, 1.0) if progress.total else None
        self._change(
            replace(row, message=progress.message, fraction=fraction, seconds_left=_left(row.started_at, fraction))
        )

    def _on_end(self, ticket: Ticket, _outcome: object = None) -> None:
        if self._rows.pop(ticket.id, None) is not None:
            self.removed.emit(ticket.id)

    def _change(self, row: JobRow) -> None:
        self._rows[row.ticket.id] = row
        self.changed.emit(row.ticket.id)


def _left(started_at: float | None, fraction: float | None) -> float | None:
    if started_at is None or not fraction:
        return None
    passed = time.monotonic() - started_at
    return passed * (1 - fraction) / fraction if passed > _SETTLED_S else None


def _title(request: object) -> str:
    """What a job says of itself, else its class's name in words."""
    own = getattr(request, "title", None)
    if isinstance(own, str):
        return own
    name = type(request).__name__.removesuffix("Request")
    words = "".join(f" {c.lower()}" if c.isupper() else c for c in name).strip().capitalize()
    return QCoreApplication.translate("jobs", words)


def _tr(text: str) -> str:
    return QCoreApplication.translate("jobs", text)
