"""`Run`: a training as the views show it, with what this window does about it; and taking turns."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path

from app.teaching.runs import Row, Rows, RunFacts
from inference.errors import AppError
from inference.protocol import Ticket

WAITING, STARTING, RUNNING, STOPPING = "waiting", "starting", "running", "stopping"
BUSY = (WAITING, STARTING, RUNNING, STOPPING)


@dataclass
class Run:
    """A run as the views show it.

    Attributes:
        facts: what its folder says.
        rows: its figures so far.
        phase: what this window does with it: one of `BUSY`, or "" when nothing.
        fraction, message, seconds_left: how far it is; None and "" while unknown.
    """

    facts: RunFacts
    rows: list[Row] = field(default_factory=list)
    phase: str = ""
    fraction: float | None = None
    message: str = ""
    seconds_left: float | None = None
    error: AppError | None = None
    reader: Rows = field(init=False)
    ticket: Ticket | None = None
    turn: Future[None] | None = None  # what it waits for
    discard: bool = False
    wanted: bool = True
    begun: tuple[float, float] | None = None  # when progress was first heard of, and how far it was

    def __post_init__(self) -> None:
        self.reader = Rows(self.facts.folder)

    @property
    def folder(self) -> Path:
        return self.facts.folder

    @property
    def status(self) -> str:
        """What this window does with it, else what its folder says."""
        return self.phase or ("failed" if self.error is not None else self.facts.status)

    @property
    def busy(self) -> bool:
        """It waits or goes on, here or elsewhere."""
        return bool(self.phase) or self.facts.status == RUNNING


class Turns:
    """Lets one flow on at a time, in the order they came."""

    def __init__(self) -> None:
        self._taken = False
        self._waiting: deque[Future[None]] = deque()

    def book(self) -> Future[None] | None:
        """None: it is the caller's turn. Else what to wait for, and to cancel when it is not wanted any more."""
        if not self._taken:
            self._taken = True
            return None
        turn: Future[None] = Future()
        self._waiting.append(turn)
        return turn

    def give(self) -> None:
        """The turn ends; the next one begins."""
        while self._waiting:
            turn = self._waiting.popleft()
            if turn.set_running_or_notify_cancel():  # its flow may have ended meanwhile
                turn.set_result(None)
                return
        self._taken = False
