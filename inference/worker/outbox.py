"""Brings events from worker threads to the window's thread, in order, without Qt knowledge of its own.

The threads hold this and never the QObject: Python's garbage collector runs in any thread, and a QObject that it
destroys in a wrong one crashes the program.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator

from inference.worker.lane import Event, Kind


class Outbox:
    """A queue of events with one pending wake-up at most; None stands for "the models are ready".

    Args:
        wake: asks the window's thread to call `drain` soon; called from any thread.
    """

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake: Callable[[], None] | None = wake
        self._events: deque[Event | None] = deque()
        self._lock = threading.Lock()
        self._woken = False

    def post(self, event: Event | None) -> None:
        """From any thread."""
        self._events.append(event)
        self._wake_once()

    def ready(self) -> None:
        """From any thread: the models were made."""
        self.post(None)

    def woken(self) -> None:
        """The wake-up arrived; the next event asks for another."""
        with self._lock:
            self._woken = False

    def close(self) -> None:
        """No wake-ups from now on: a thread that hung may come back when the window is long gone."""
        with self._lock:
            self._wake = None

    def drain(self) -> Iterator[Event | None]:
        """The waiting events; progress that is followed by newer progress of the same job is left out."""
        while self._events:
            event = self._events.popleft()
            if self._events:
                self._wake_once()  # the receiver may stop here, or run an event loop of its own (a dialog)
            if not self._superseded(event):
                yield event

    def _wake_once(self) -> None:
        with self._lock:
            if self._wake is not None and not self._woken:
                self._woken = True
                self._wake()

    def _superseded(self, event: Event | None) -> bool:
        following = self._events[0] if self._events else None
        return (
            event is not None
            and following is not None
            and event.kind is following.kind is Kind.PROGRESSED
            and event.ticket == following.ticket
            and event.value.payload is None
        )
