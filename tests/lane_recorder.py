"""Records a lane's events and waits for them."""

from __future__ import annotations

import threading
import time

from inference.protocol import Ticket
from inference.worker.lane import Event, Kind, Lane

PATIENCE_S = 30.0
FINAL = (Kind.SUCCEEDED, Kind.FAILED, Kind.CANCELLED)


class Recorder:
    """A `Sink`."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._came = threading.Condition()

    def __call__(self, event: Event) -> None:
        with self._came:
            self.events.append(event)
            self._came.notify_all()

    def kinds(self, ticket: Ticket) -> list[Kind]:
        return [e.kind for e in self.events if e.ticket == ticket]

    def wait_for(self, ticket: Ticket, *kinds: Kind) -> Event:
        with self._came:
            found = self._came.wait_for(
                lambda: next((e for e in self.events if e.ticket == ticket and e.kind in kinds), None), PATIENCE_S
            )
        assert found is not None, f"{ticket} only saw {self.kinds(ticket)}"
        return found

    def final(self, ticket: Ticket) -> Event:
        return self.wait_for(ticket, *FINAL)

    @staticmethod
    def close(lane: Lane, timeout_s: float = 5.0) -> None:
        lane.begin_close()
        assert lane.finish_close(time.monotonic() + timeout_s)
