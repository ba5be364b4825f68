"""What the tests of the window's runner share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from PySide6.QtCore import QThread
from pytestqt.qtbot import QtBot

from inference.protocol import Ticket
from inference.worker.thread import ThreadRunner


@dataclass(frozen=True)
class ChildWork:
    """A command that reports and answers."""

    lane: ClassVar[str] = "child"
    script: str = """print('{"progress": {"done": 1, "total": 2}}'); print('{"result": 42}')"""

    def argv(self) -> list[str]:
        return ["-c", self.script]


class Watch:
    """Everything a runner says, in order."""

    def __init__(self, runner: ThreadRunner, qtbot: QtBot) -> None:
        self.said: list[tuple[str, Ticket, object]] = []
        self._qtbot = qtbot
        runner.started.connect(lambda t: self._note("started", t))
        runner.progressed.connect(lambda t, p: self._note("progressed", t, p))
        runner.succeeded.connect(lambda t, r: self._note("succeeded", t, r))
        runner.failed.connect(lambda t, e: self._note("failed", t, e))
        runner.cancelled.connect(lambda t: self._note("cancelled", t))

    def _note(self, what: str, ticket: Ticket, value: object = None) -> None:
        assert QThread.isMainThread()
        self.said.append((what, ticket, value))

    def of(self, ticket: Ticket) -> list[str]:
        return [what for what, t, _ in self.said if t == ticket]

    def wait(self, ticket: Ticket, *what: str) -> object:
        self._qtbot.waitUntil(lambda: any(w in what for w in self.of(ticket)), timeout=30_000)
        return next(v for w, t, v in self.said if t == ticket and w in what)

    def final(self, ticket: Ticket) -> tuple[str, object]:
        self.wait(ticket, "succeeded", "failed", "cancelled")
        return next((w, v) for w, t, v in self.said if t == ticket and w in ("succeeded", "failed", "cancelled"))
