"""The window's runner, with a real event loop: signals, lanes, nesting across the process, and floods."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QEventLoop
from pytestqt.qtbot import QtBot

from inference.errors import BugError, ModelError
from inference.protocol import Priority, Progress, Ticket
from inference.worker.options import WorkerOptions
from inference.worker.thread import ThreadRunner
from tests.widgets.runner_watch import ChildWork, Watch
from tests.worker_jobs import FakeModels, NetworkWork, Work


@pytest.fixture(params=["thread", "process"])
def runner(request: pytest.FixtureRequest, qapp: object) -> Iterator[ThreadRunner]:
    runner = ThreadRunner(
        WorkerOptions(force_device="cpu"),
        in_process=request.param == "thread",
        factory=FakeModels,
        quiet_s=0.02,
        child_command=[sys.executable],
    )
    yield runner
    assert runner.close()


@pytest.fixture
def watch(runner: ThreadRunner, qtbot: QtBot) -> Watch:
    return Watch(runner, qtbot)


def test_a_job_from_start_to_end(runner: ThreadRunner, watch: Watch, qtbot: QtBot) -> None:
    with qtbot.waitSignal(runner.ready, timeout=30_000):
        ticket = runner.submit(Work("a", steps=1, does="order"))
        assert watch.said == []  # never from within submit
    assert watch.final(ticket) == ("succeeded", ["a"])
    assert watch.of(ticket) == ["started", "progressed", "succeeded"]


def test_failures_are_told_and_the_next_job_runs(runner: ThreadRunner, watch: Watch) -> None:
    expected, bug, good = (runner.submit(Work("x", does=d)) for d in ("fail", "bug", "answer"))
    assert isinstance(watch.final(expected)[1], ModelError)
    assert isinstance(watch.final(bug)[1], BugError)
    assert watch.final(good) == ("succeeded", "x")


def test_clicking_works_while_a_folder_runs(runner: ThreadRunner, watch: Watch, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    batch = runner.submit(Work("batch", steps=4, does="order", gate=str(gate)), priority=Priority.BATCH)
    watch.wait(batch, "started")
    hover = [runner.submit(Work(f"hover {n}", does="order"), key="hover", priority=Priority.HOVER) for n in range(3)]
    click = runner.submit(Work("click", does="order"))
    gate.touch()
    assert watch.final(batch) == ("succeeded", ["click", "hover 2", "batch"])
    assert [watch.final(h)[0] for h in hover] == ["cancelled", "cancelled", "succeeded"]
    assert watch.final(click)[0] == "succeeded"


def test_cancel_pending_and_running(runner: ThreadRunner, watch: Watch, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    running = runner.submit(Work(steps=9, gate=str(gate)), priority=Priority.BATCH)
    watch.wait(running, "started")
    pending = runner.submit(Work(), priority=Priority.BATCH)
    runner.cancel(pending)
    runner.cancel(running)
    assert watch.of(pending) == []  # never from within cancel
    gate.touch()
    assert watch.final(pending)[0] == watch.final(running)[0] == "cancelled"
    assert watch.of(pending) == ["cancelled"]


def test_a_download_runs_beside_the_models(runner: ThreadRunner, watch: Watch, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    blocked = runner.submit(Work("model", gate=str(gate)))
    assert watch.final(runner.submit(NetworkWork("bytes", steps=2))) == ("succeeded", "bytes")
    assert "succeeded" not in watch.of(blocked)
    gate.touch()
    assert watch.final(blocked) == ("succeeded", "model")


def test_a_child_runs_beside_the_models(runner: ThreadRunner, watch: Watch) -> None:
    ticket = runner.submit(ChildWork())
    assert watch.final(ticket) == ("succeeded", 42)
    assert watch.wait(ticket, "progressed") == Progress(1, 2)


def test_pause_and_resume_a_child(runner: ThreadRunner, watch: Watch) -> None:
    script = "import time; print('{\"progress\": {}}', flush=True); time.sleep(60)"
    ticket = runner.submit(ChildWork(script))
    other = runner.submit(Work())
    assert not runner.pause(other)
    watch.wait(ticket, "progressed")
    assert runner.pause(ticket)
    assert runner.resume(ticket)
    runner.cancel(ticket)
    assert watch.final(ticket)[0] == "cancelled"
    assert not runner.resume(ticket)


def test_busy(runner: ThreadRunner, watch: Watch, qtbot: QtBot, tmp_path: Path) -> None:
    said: list[bool] = []
    runner.busy_changed.connect(said.append)
    assert not runner.busy
    ticket = runner.submit(Work(gate=str(tmp_path / "gate")))
    assert runner.busy
    qtbot.waitUntil(lambda: said == [True])
    (tmp_path / "gate").touch()
    watch.final(ticket)
    qtbot.waitUntil(lambda: said == [True, False])
    assert not runner.busy


def test_a_flood_of_progress_does_not_slow_the_window(runner: ThreadRunner, watch: Watch) -> None:
    ticket = runner.submit(Work("flood", steps=3000))
    assert watch.final(ticket) == ("succeeded", "flood")
    done = [v.done for w, t, v in watch.said if w == "progressed" and isinstance(v, Progress)]
    assert done == sorted(done)
    assert done[-1] == 2999  # superseded ones may be left out, the last one not


def test_a_slot_with_an_event_loop_of_its_own(runner: ThreadRunner, watch: Watch, qtbot: QtBot) -> None:
    """A dialog opened by a slot: the other answers still come, while it is open."""
    loop = QEventLoop()
    tickets: list[Ticket] = []

    def answer(ticket: Ticket, result: object) -> None:
        if ticket == tickets[0]:
            loop.exec()
        elif ticket == tickets[-1]:
            loop.quit()

    runner.succeeded.connect(answer)
    tickets += [runner.submit(Work(str(n))) for n in range(5)]
    assert watch.final(tickets[-1])[0] == "succeeded"
    assert Counter(w for w, _, _ in watch.said)["succeeded"] == 5


def test_exceptions_in_a_slot_do_not_stop_the_signals(runner: ThreadRunner, watch: Watch, qtbot: QtBot) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("a slot's bug")

    runner.started.connect(fail)
    with qtbot.captureExceptions() as caught:
        ticket = runner.submit(Work("a"))
        assert watch.final(ticket) == ("succeeded", "a")
    assert len(caught) == 1
