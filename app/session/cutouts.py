"""A batch of cut-outs in the window: the models work in their process, files are written in threads, nothing waits.

Pausing is stopping: what is done is in the ledger, and going on asks for the rest.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from PySide6.QtCore import QObject, Signal, SignalInstance

from app.cutouts.ledger import Record
from app.cutouts.reports import write_reports
from app.cutouts.run import BatchRun, Outcome
from app.cutouts.settings import CutoutSettings
from app.formats.background import Background
from app.formats.export import ProgressCall
from app.order import image_key
from app.subjects.inputs import pictures
from inference.errors import AppError, UsageError
from inference.jobs.cutout import CutoutItem, Ready
from inference.protocol import Priority, Progress, Ticket

TRIED = 10
"""Pictures of a dry run."""


class Runner(Protocol):
    """What the session needs of `inference.worker.thread.ThreadRunner`."""

    progressed: SignalInstance
    succeeded: SignalInstance
    failed: SignalInstance
    cancelled: SignalInstance

    def submit(self, request: Any, *, key: str | None = None, priority: Priority = ...) -> Ticket: ...

    def cancel(self, ticket: Ticket) -> None: ...


class State(StrEnum):
    """What the session is doing."""

    IDLE = "idle"
    PREPARING = "preparing"
    RUNNING = "running"
    STOPPING = "stopping"
    PAUSED = "paused"


@dataclass(frozen=True, slots=True)
class Order:
    """What was asked for: the pictures of a folder, to an output; `dry` tries a few and keeps nothing."""

    folder: Path
    out: Path
    settings: CutoutSettings
    dry: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Ending:
    """What came of an order: how many are done of how many there are, the gallery, and what failed."""

    order: Order
    done: int
    total: int
    failures: tuple[AppError, ...]
    page: Path | None
    whole: bool


@dataclass(slots=True)
class _Work:
    order: Order
    batch: BatchRun
    total: int
    missing: list[AppError]
    records: list[Record] = field(default_factory=list)
    failures: list[AppError] = field(default_factory=list)
    scratch: Path | None = None


class CutoutSession(QObject):
    """Runs one order at a time.

    Signals:
        outcome(Outcome): a picture is done or failed.
        counted(done, failed, total): after each; what earlier runs did counts as done.
        ready(Ready): the models are loaded.
        state_changed(State).
        ended(Ending): it is over; `whole` unless it was stopped.
        failed(AppError): it could not begin, or had to end.
    """

    outcome = Signal(object)
    counted = Signal(int, int, int)
    ready = Signal(object)
    state_changed = Signal(object)
    ended = Signal(object)
    failed = Signal(object)
    _from_thread = Signal(object)

    def __init__(self, runner: Runner, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._runner = runner
        self._state = State.IDLE
        self._order: Order | None = None
        self._work: _Work | None = None
        self._ticket: Ticket | None = None
        self._task: Background | None = None
        self._pausing = False
        self._closed = False
        self._from_thread.connect(self._on_outcome)
        runner.progressed.connect(self._on_progress)
        runner.succeeded.connect(lambda ticket, _result: self._on_end(ticket, whole=True))
        runner.failed.connect(lambda ticket, error: self._on_end(ticket, whole=False, error=error))
        runner.cancelled.connect(lambda ticket: self._on_end(ticket, whole=False))

    @property
    def state(self) -> State:
        return self._state

    def start(self, order: Order) -> None:
        """Begins, unless something runs."""
        if self._state in (State.IDLE, State.PAUSED):
            self._order, self._pausing = order, False
            self._set(State.PREPARING)
            self._in_background(partial(_prepared, order, self._from_thread.emit), self._begin)

    def pause(self) -> None:
        """Stops after the picture that is being worked on; `resume` goes on with the rest."""
        if self._state is State.RUNNING:
            self._pausing = True
            self._stop_job()

    def resume(self) -> None:
        if self._state is State.PAUSED and self._order is not None:
            self.start(self._order)

    def stop(self) -> None:
        """Ends it; what is done stays."""
        self._pausing = False
        if self._state is State.RUNNING:
            self._stop_job()
        elif self._state is State.PREPARING and self._task is not None:
            self._task.stop()
        elif self._state is State.PAUSED:
            self._set(State.IDLE)

    def close(self) -> None:
        """Ends it now and waits for the threads: the window goes."""
        self._closed = True
        if self._ticket is not None:
            self._runner.cancel(self._ticket)
            self._ticket = None
        if self._task is not None:
            self._task.stop()
            self._task.wait()
        if self._work is not None:
            self._work.batch.cancel()
            _tidy(self._work)
            self._work = None

    # Steps ----------------------------------------------------------------------------------------------------------

    def _begin(self, work: _Work) -> None:
        if self._closed:
            _tidy(work)
            return
        self._work = work
        self._count()
        if not work.batch.images:
            self._finish(whole=True)
            return
        self._set(State.RUNNING)
        self._ticket = self._runner.submit(work.batch.request, priority=Priority.BATCH)

    def _stop_job(self) -> None:
        self._set(State.STOPPING)
        if self._ticket is not None:
            self._runner.cancel(self._ticket)

    def _on_progress(self, ticket: Ticket, progress: Progress) -> None:
        if ticket != self._ticket or self._work is None:
            return
        if isinstance(progress.payload, Ready):
            self.ready.emit(progress.payload)
        elif isinstance(progress.payload, CutoutItem):
            try:
                self._work.batch.take(progress.payload)
            except AppError:  # said at the end
                self._stop_job()

    def _on_outcome(self, outcome: Outcome) -> None:
        if self._work is None:
            return
        if outcome.record is not None:
            self._work.records.append(outcome.record)
        if outcome.error is not None:
            self._work.failures.append(outcome.error)
        self._count()
        self.outcome.emit(outcome)

    def _on_end(self, ticket: Ticket, *, whole: bool, error: AppError | None = None) -> None:
        if ticket != self._ticket:
            return
        self._ticket = None
        if error is not None:
            self.failed.emit(error)
        self._finish(whole=whole)

    def _finish(self, *, whole: bool) -> None:
        """Everything that is decided is written, then the reports."""
        self._set(State.STOPPING)
        work = self._work
        assert work is not None
        self._in_background(lambda _progress: work.batch.close(), lambda _none: self._report(whole=whole))

    def _report(self, *, whole: bool) -> None:
        """All outcomes were posted before this, so they have arrived."""
        work = self._work
        if work is None:  # closed meanwhile
            return
        if work.batch.stopped is not None:
            self.failed.emit(work.batch.stopped)
            whole = False
        records = sorted([*work.batch.finished, *work.records], key=lambda record: image_key(record.source))
        failures = [*work.missing, *work.failures]
        kept = work.order.dry or not records or work.batch.stopped is not None

        def write(_progress: ProgressCall) -> Path | None:
            title = work.order.folder.name
            return None if kept else write_reports(work.batch.ledger, records, failures, work.order.settings, title)

        self._in_background(
            write, lambda page: self._over(Ending(work.order, len(records), work.total, tuple(failures), page, whole))
        )

    def _over(self, ending: Ending) -> None:
        if self._work is not None:
            _tidy(self._work)
        self._work = None
        self._set(State.PAUSED if self._pausing and not ending.whole else State.IDLE)
        self.ended.emit(ending)

    def _count(self) -> None:
        if self._work is not None:
            done = len(self._work.records) + len(self._work.batch.finished)
            self.counted.emit(done, len(self._work.failures), self._work.total)

    def _in_background(self, work: Callable[[ProgressCall], Any], then: Callable[[Any], object]) -> None:
        self._task = task = Background(work, self)
        task.succeeded.connect(then)
        task.failed.connect(self._could_not)
        task.cancelled.connect(lambda: self._set(State.IDLE))
        task.finished.connect(partial(self._forget, task))
        task.start()

    def _forget(self, task: Background) -> None:
        task.wait()
        task.deleteLater()
        if self._task is task:
            self._task = None

    def _could_not(self, error: AppError) -> None:
        if self._work is not None:
            _tidy(self._work)
        self._work = None
        self._set(State.IDLE)
        self.failed.emit(error)

    def _set(self, state: State) -> None:
        if state is not self._state:
            self._state = state
            self.state_changed.emit(state)


def _prepared(order: Order, done: Callable[[Outcome], None], progress: ProgressCall) -> _Work:
    """The pictures, and the output made ready; in a thread."""
    order.settings.check()
    files, missing = pictures([order.folder], without=order.out)
    if not files:
        raise missing[0] if missing else UsageError("There are no pictures here.", order.folder, "Open another folder.")
    if order.dry:
        files = files[:TRIED]
    scratch = Path(tempfile.mkdtemp(prefix="winnow-try-")) if order.dry else None
    progress(0, len(files), "")
    batch = BatchRun(files, scratch or order.out, order.settings, done, [order.folder])
    return _Work(order, batch, len(files), missing, scratch=scratch)


def _tidy(work: _Work) -> None:
    if work.scratch is not None:
        shutil.rmtree(work.scratch, ignore_errors=True)
