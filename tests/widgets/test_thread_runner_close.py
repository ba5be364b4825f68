"""Closing: at any moment, with anything running, quietly, and with one final signal for every ticket."""

from __future__ import annotations

import random
import sys
import time
from collections import Counter

import pytest
from PySide6.QtCore import QObject, QTimer
from pytestqt.qtbot import QtBot

from inference.protocol import Priority, Ticket
from inference.worker.thread import ThreadRunner
from tests.widgets.runner_watch import ChildWork
from tests.worker_jobs import FakeModels, NetworkWork, Work

SLEEPY = "import time; print('{\"progress\": {}}', flush=True); time.sleep(60)"


def make(in_process: bool, parent: QObject | None = None) -> ThreadRunner:
    return ThreadRunner(
        None, parent, in_process=in_process, factory=FakeModels, quiet_s=0.0, child_command=[sys.executable]
    )


def count_finals(runner: ThreadRunner) -> Counter[int]:
    finals: Counter[int] = Counter()

    def note(ticket: Ticket, *_: object) -> None:
        finals[ticket.id] += 1

    for signal in (runner.succeeded, runner.failed, runner.cancelled):
        signal.connect(note)
    return finals


@pytest.mark.parametrize("in_process", [True, False], ids=["thread", "process"])
@pytest.mark.parametrize("seed", range(4))
def test_at_random_moments(qtbot: QtBot, seed: int, in_process: bool) -> None:
    chance = random.Random(seed)
    for _ in range(12 if in_process else 3):
        runner = make(in_process)
        finals = count_finals(runner)
        tickets = []
        for n in range(chance.randrange(25)):
            work = chance.choice([Work(steps=n), Work(steps=2000), Work(does="bug"), NetworkWork(steps=n)])
            tickets.append(runner.submit(work, key=chance.choice([None, "k"]), priority=Priority(n % 4)))
            if chance.random() < 0.2:
                runner.cancel(chance.choice(tickets))
        qtbot.wait(chance.randrange(3 if in_process else 400))
        assert runner.close()
        assert finals == dict.fromkeys((t.id for t in tickets), 1)


@pytest.mark.parametrize("in_process", [True, False], ids=["thread", "process"])
def test_before_anything_ran(qtbot: QtBot, in_process: bool) -> None:
    runner = make(in_process)
    assert runner.close()
    assert runner.close()
    finals = count_finals(runner)
    ticket = runner.submit(Work())
    runner.cancel(ticket)
    runner.cancel_all()
    qtbot.wait(1)
    assert not runner.busy
    assert finals == {ticket.id: 1}  # also what comes after the end is cancelled


def test_a_deaf_job_and_a_sleepy_child_end_by_force(qtbot: QtBot) -> None:
    runner = make(in_process=False)
    finals = count_finals(runner)
    reported: list[Ticket] = []
    runner.progressed.connect(lambda ticket, _p: reported.append(ticket))
    tickets = [runner.submit(Work(steps=1, does="deaf")), runner.submit(ChildWork(SLEEPY)), runner.submit(Work())]
    qtbot.waitUntil(lambda: len(set(reported)) == 2, timeout=30_000)
    begun = time.monotonic()
    assert runner.close(timeout_s=0.3)
    assert time.monotonic() - begun < 20  # not the hour the job would take
    assert finals == dict.fromkeys((t.id for t in tickets), 1)


def test_while_the_process_is_still_starting(qtbot: QtBot) -> None:
    for delay in (0, 5, 40):
        runner = make(in_process=False)
        finals = count_finals(runner)
        ticket = runner.submit(Work(does="deaf"))
        qtbot.wait(delay)
        assert runner.close(timeout_s=0.0)
        assert finals == {ticket.id: 1}


def test_from_within_a_slot(qtbot: QtBot) -> None:
    runner = make(in_process=True)
    finals = count_finals(runner)
    runner.succeeded.connect(lambda *_: runner.close())
    tickets = [runner.submit(Work(str(n))) for n in range(20)]
    qtbot.waitUntil(lambda: len(finals) == 20)
    assert finals == dict.fromkeys((t.id for t in tickets), 1)


def test_a_runner_deleted_with_its_window(qtbot: QtBot) -> None:
    """Nobody closed it: no crash, no message; its threads end when the interpreter does, or here by hand."""
    window = QObject()
    runner = make(in_process=True, parent=window)
    runner.submit(Work(steps=50))
    window.deleteLater()
    qtbot.wait(20)
    for lane in runner._lanes.values():
        lane.begin_close()
        lane.finish_close(time.monotonic() + 5)


def test_the_end_of_the_application_closes_it(qtbot: QtBot, qapp: object) -> None:
    runner = make(in_process=True)
    runner.submit(Work(steps=100_000))
    QTimer.singleShot(10, qapp.quit)  # type: ignore[attr-defined]
    qapp.exec()  # type: ignore[attr-defined]
    assert not runner.busy
