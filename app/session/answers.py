"""Awaiting the answers of jobs, for flows of several steps; the signals of the runner serve everything else.

Flows run on a qasync loop, so they live in the window's own thread and event loop.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
import time
from collections.abc import Callable, Coroutine
from typing import Any, Protocol, TypeVar

from PySide6.QtCore import QCoreApplication, QEventLoop, QObject, Signal, SignalInstance

from inference.errors import AppError, BugError, Cancelled
from inference.protocol import Priority, Progress, Ticket

log = logging.getLogger(__name__)
T = TypeVar("T")

_END_S = 1.0


class Runner(Protocol):
    """What the window needs of `inference.worker.thread.ThreadRunner`."""

    started: SignalInstance
    progressed: SignalInstance
    succeeded: SignalInstance
    failed: SignalInstance
    cancelled: SignalInstance

    def submit(self, request: Any, *, key: str | None = None, priority: Priority = Priority.INTERACTIVE) -> Ticket: ...

    def cancel(self, ticket: Ticket) -> None: ...


class Answers(QObject):
    """Turns tickets into futures.

    Args:
        runner: where requests go.
        loop: the loop that flows run on.
    """

    failed = Signal(object)
    """An AppError that ended a flow and that the flow did not handle itself."""

    def __init__(self, runner: Runner, loop: asyncio.AbstractEventLoop, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._runner, self._loop = runner, loop
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._reports: dict[int, Callable[[Progress], None]] = {}
        self._flows: set[asyncio.Task[None]] = set()
        runner.progressed.connect(self._on_progress)
        runner.succeeded.connect(self._on_success)
        runner.failed.connect(self._on_failure)
        runner.cancelled.connect(self._on_cancel)

    def ask(
        self,
        request: Any,
        *,
        key: str | None = None,
        priority: Priority = Priority.INTERACTIVE,
        on_progress: Callable[[Progress], None] | None = None,
    ) -> tuple[Ticket, asyncio.Future[Any]]:
        """Submits a request; the future raises its AppError, or Cancelled."""
        ticket = self._runner.submit(request, key=key, priority=priority)
        future = self._loop.create_future()
        self._waiting[ticket.id] = future
        if on_progress:
            self._reports[ticket.id] = on_progress
        return ticket, future

    def of_thread(self, future: concurrent.futures.Future[T]) -> asyncio.Future[T]:
        """The outcome of work in a thread, to be awaited in a flow."""
        return asyncio.wrap_future(future, loop=self._loop)

    def start(self, flow: Coroutine[Any, Any, None]) -> None:
        """Runs a flow. A cancelled job ends it quietly, an AppError through `failed`."""
        task = self._loop.create_task(flow)
        self._flows.add(task)
        task.add_done_callback(self._on_flow_end)

    def close(self) -> None:
        """Ends all flows, and lets them tidy up; call it before the loop is closed."""
        for task in list(self._flows):
            task.cancel()
        deadline = time.monotonic() + _END_S
        while self._flows and time.monotonic() < deadline:
            QCoreApplication.processEvents(QEventLoop.ProcessEventsFlag.ExcludeUserInputEvents)

    def _on_flow_end(self, task: asyncio.Task[None]) -> None:
        self._flows.discard(task)
        if task.cancelled():
            return
        error = task.exception()
        if isinstance(error, AppError):
            self.failed.emit(error)
        elif error is not None and not isinstance(error, Cancelled):
            log.error("a flow failed", exc_info=error)
            self.failed.emit(BugError("Something went wrong inside Winnow.", remedy="The log has the details."))

    def _on_progress(self, ticket: Ticket, progress: Progress) -> None:
        report = self._reports.get(ticket.id)
        if report:
            report(progress)

    def _on_success(self, ticket: Ticket, result: Any) -> None:
        future = self._taken(ticket)
        if future:
            future.set_result(result)

    def _on_failure(self, ticket: Ticket, error: AppError) -> None:
        future = self._taken(ticket)
        if future:
            future.set_exception(error)

    def _on_cancel(self, ticket: Ticket) -> None:
        future = self._taken(ticket)
        if future:
            future.set_exception(Cancelled())

    def _taken(self, ticket: Ticket) -> asyncio.Future[Any] | None:
        self._reports.pop(ticket.id, None)
        future = self._waiting.pop(ticket.id, None)
        return None if future is None or future.done() else future
