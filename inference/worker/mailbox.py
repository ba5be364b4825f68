"""The queue in front of a worker: priorities, latest wins by key, cancellation, quiet time before prefetching. No Qt.

Every ticket leaves the mailbox exactly once, through `close_out` (its job ended), or by being returned from `submit`,
`cancel`, `cancel_all` or `close` as one that never ran. Whoever gets it that way announces its one final outcome, so no
ticket can have two.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from inference.protocol import Priority, Ticket

QUIET_S = 2.0
"""A prefetch starts when nothing else was asked for this long: people click in bursts; an encode cannot be split."""


class Mailbox:
    """Pending and running tickets of one lane. All methods may be called from any thread.

    Args:
        ids: where ticket numbers come from; lanes of one runner share it.
        quiet_s: seconds without other work before a `Priority.PREFETCH` request is handed out.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        ids: Iterator[int] | None = None,
        *,
        quiet_s: float = QUIET_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ids = itertools.count(1) if ids is None else ids
        self._quiet_s = quiet_s
        self._clock = clock
        self._changed = threading.Condition()
        self._pending: list[Ticket] = []  # in order of arrival; short, because previews replace each other
        self._running: dict[int, Ticket] = {}  # several when an urgent job runs inside one that gave way
        self._stopping: set[int] = set()
        self._last_work = float("-inf")
        self._closed = False

    def submit(self, request: Any, *, key: str | None, priority: Priority) -> tuple[Ticket, list[Ticket]]:
        """Queues a request; also returns the tickets that will never run because of it.

        That is the pending one of the same key, or the new one itself when the mailbox is closed.
        """
        with self._changed:
            ticket = Ticket(next(self._ids), request, key, priority)
            if self._closed:
                return ticket, [ticket]
            replaced = [t for t in self._pending if key is not None and t.key == key]
            self._pending = [t for t in self._pending if t not in replaced]
            self._pending.append(ticket)
            self._note_work(priority)
            self._changed.notify_all()
            return ticket, replaced

    def take(self, timeout: float | None = None) -> Ticket | None:
        """Waits for the next request and marks it running. None when closed, or after `timeout` seconds."""
        deadline = None if timeout is None else self._clock() + timeout
        with self._changed:
            while not self._closed:
                now = self._clock()
                ticket = self._most_urgent()
                if ticket and (wait := self._quiet_left(ticket, now)) <= 0:
                    return self._start(ticket)
                waits = [] if ticket is None else [wait]
                if deadline is not None:
                    if now >= deadline:
                        return None
                    waits.append(deadline - now)
                self._changed.wait(min(waits) if waits else None)
        return None

    def take_more_urgent(self, than: Priority) -> Ticket | None:
        """The most urgent pending request, marked running, if it goes before `than`; never waits."""
        with self._changed:
            ticket = self._most_urgent()
            if self._closed or ticket is None or ticket.priority >= than:
                return None
            return self._start(ticket)

    def close_out(self, ticket: Ticket) -> bool:
        """Forgets a running ticket; True the first time, when its outcome may be announced."""
        with self._changed:
            self._note_work(ticket.priority)
            self._stopping.discard(ticket.id)
            self._changed.notify_all()
            return self._running.pop(ticket.id, None) is not None

    def cancel(self, ticket: Ticket) -> bool:
        """True when it was pending (and is gone now); a running one is asked to stop; others are ignored."""
        with self._changed:
            if ticket in self._pending:
                self._pending.remove(ticket)
                return True
            if ticket.id in self._running:
                self._stopping.add(ticket.id)
            return False

    def cancel_all(self) -> list[Ticket]:
        """Empties the queue, asks everything that runs to stop, and returns what was pending."""
        with self._changed:
            gone, self._pending = self._pending, []
            self._stopping.update(self._running)
            return gone

    def close(self) -> list[Ticket]:
        """`cancel_all`, for good: `take` returns None from now on."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        return self.cancel_all()

    def asked_to_stop(self, ticket: Ticket) -> bool:
        """Whether a running ticket is to stop."""
        with self._changed:
            return ticket.id in self._stopping

    @property
    def closed(self) -> bool:
        with self._changed:
            return self._closed

    def counts(self) -> tuple[int, int]:
        """Pending and running requests."""
        with self._changed:
            return len(self._pending), len(self._running)

    def unfinished(self) -> int:
        """Pending and running requests that somebody waits for (prefetches are nobody's)."""
        with self._changed:
            return sum(t.priority < Priority.PREFETCH for t in (*self._pending, *self._running.values()))

    def _most_urgent(self) -> Ticket | None:
        return min(self._pending, key=lambda t: (t.priority, t.id), default=None)

    def _start(self, ticket: Ticket) -> Ticket:
        self._pending.remove(ticket)
        self._running[ticket.id] = ticket
        self._note_work(ticket.priority)
        return ticket

    def _quiet_left(self, ticket: Ticket, now: float) -> float:
        if ticket.priority < Priority.PREFETCH:
            return 0.0
        if any(t.priority < Priority.PREFETCH for t in self._running.values()):
            return self._quiet_s  # asked again when it ends
        return self._last_work + self._quiet_s - now

    def _note_work(self, priority: Priority) -> None:
        if priority < Priority.PREFETCH:
            self._last_work = self._clock()
