"""A lane: threads that take requests from one mailbox, have an executor run them, and announce what happens. No Qt."""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from inference.errors import AppError, Cancelled
from inference.protocol import Priority, Progress, Ticket
from inference.worker.failures import as_app_error
from inference.worker.mailbox import QUIET_S, Mailbox

log = logging.getLogger(__name__)

Report = Callable[[Progress], None]
"""Called by an executor at every progress of a job; may run other jobs inside, and raises `Cancelled`."""


_ENDING_S = 1.0
"""What it takes a thread to end after its job was ended by force."""


class Kind(StrEnum):
    """What can happen to a ticket; the last three are final, and exactly one of them comes."""

    STARTED = "started"
    PROGRESSED = "progressed"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened. `value` is the Progress, the result or the AppError."""

    kind: Kind
    ticket: Ticket
    value: Any = None


Sink = Callable[[Event], None]
"""Where events go; called from any thread."""


class Executor(Protocol):
    """Runs one request at a time (more inside `report`, when the lane's job gives way)."""

    def run(self, request: Any, report: Report, stopping: Callable[[], bool]) -> Any:
        """The result; raises the job's failure or `Cancelled`. `stopping` tells that the job is to end soon."""

    def close(self, deadline: float) -> None:
        """Called from another thread, once, after the mailbox closed: ends what runs, at the latest at `deadline`.

        That is a time of `time.monotonic()`. It may return before the end.
        """


class Lane:
    """One kind of work.

    Args:
        name: for thread names and logs.
        executor: what runs the requests.
        sink: gets the events.
        ids: ticket numbers, shared by the lanes of one runner.
        gives_way: more urgent requests run inside a job's progress call.
        threads: how many requests run beside each other.
        quiet_s: see `Mailbox`.
    """

    def __init__(
        self,
        name: str,
        executor: Executor,
        sink: Sink,
        *,
        ids: Iterator[int] | None = None,
        gives_way: bool = False,
        threads: int = 1,
        quiet_s: float = QUIET_S,
    ) -> None:
        self.name = name
        self.executor = executor
        self.mailbox = Mailbox(itertools.count(1) if ids is None else ids, quiet_s=quiet_s)
        self._sink = sink
        self._gives_way = gives_way
        self._wanted = threads
        self._starting = threading.Lock()
        self._threads: list[threading.Thread] = []

    def submit(self, request: Any, *, key: str | None, priority: Priority) -> Ticket:
        """Queues; the threads start with the first request."""
        ticket, gone = self.mailbox.submit(request, key=key, priority=priority)
        self._announce_cancelled(gone)
        with self._starting:
            if not self._threads and not self.mailbox.closed:
                self._start()
        return ticket

    def cancel(self, ticket: Ticket) -> None:
        """Ends a pending request; asks a running one to end."""
        if self.mailbox.cancel(ticket):
            self._announce_cancelled([ticket])

    def cancel_all(self) -> None:
        """Ends what is pending; asks what runs to end."""
        self._announce_cancelled(self.mailbox.cancel_all())

    def begin_close(self) -> None:
        """The first half of closing: no new work, everything is asked to end. Returns at once."""
        self._announce_cancelled(self.mailbox.close())

    def finish_close(self, deadline: float) -> bool:
        """The second half: waits for the threads until `deadline` (`time.monotonic()`) or so; whether all ended."""
        if self._threads:
            self.executor.close(deadline)
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()) + _ENDING_S)
        alive = [t.name for t in self._threads if t.is_alive()]
        if alive:
            log.warning("still running when the program closed: %s", ", ".join(alive))
        return not alive

    def _start(self) -> None:
        for number in range(self._wanted):
            # Daemons: a thread that hangs in a foreign library must not keep the closed program alive.
            thread = threading.Thread(target=self._work, name=f"winnow-{self.name}-{number}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def _work(self) -> None:
        while (ticket := self.mailbox.take()) is not None:
            self._run(ticket)

    def _run(self, ticket: Ticket) -> None:
        self._sink(Event(Kind.STARTED, ticket))
        event = self._outcome(ticket)
        if self.mailbox.close_out(ticket):
            self._sink(event)

    def _outcome(self, ticket: Ticket) -> Event:
        def report(progress: Progress) -> None:
            self._sink(Event(Kind.PROGRESSED, ticket, progress))
            self._give_way(ticket)
            if self.mailbox.asked_to_stop(ticket):
                raise Cancelled

        def stopping() -> bool:
            return self.mailbox.asked_to_stop(ticket)

        try:
            return Event(Kind.SUCCEEDED, ticket, self.executor.run(ticket.request, report, stopping))
        except Cancelled:
            return Event(Kind.CANCELLED, ticket)
        except AppError as error:
            return Event(Kind.FAILED, ticket, as_app_error(error, ticket.request))
        except (Exception, SystemExit) as failure:  # noqa: BLE001 - a job's bug must not end the lane; it is logged there
            return Event(Kind.FAILED, ticket, as_app_error(failure, ticket.request))

    def _give_way(self, ticket: Ticket) -> None:
        while self._gives_way and (urgent := self.mailbox.take_more_urgent(ticket.priority)):
            self._run(urgent)

    def _announce_cancelled(self, tickets: list[Ticket]) -> None:
        for ticket in tickets:
            self._sink(Event(Kind.CANCELLED, ticket))
