"""A lane in this process: nesting, cancelling, and one final event for every ticket."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from inference.errors import BugError, Cancelled
from inference.protocol import Priority, Ticket
from inference.worker.lane import Event, Kind, Lane
from inference.worker.local import LocalExecutor
from inference.worker.options import WorkerOptions
from tests.lane_recorder import Recorder
from tests.worker_jobs import FakeModels, Work


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def lane(recorder: Recorder) -> Iterator[Lane]:
    lane = Lane("test", LocalExecutor.with_pool(WorkerOptions(), FakeModels), recorder, gives_way=True, quiet_s=0.02)
    yield lane
    recorder.close(lane)


def submit(lane: Lane, work: Work, priority: Priority = Priority.INTERACTIVE, key: str | None = None) -> Ticket:
    return lane.submit(work, key=key, priority=priority)


def test_started_progressed_succeeded(lane: Lane, recorder: Recorder) -> None:
    ticket = submit(lane, Work("a", steps=2))
    assert recorder.final(ticket).value == "a"
    assert recorder.kinds(ticket) == [Kind.STARTED, Kind.PROGRESSED, Kind.PROGRESSED, Kind.SUCCEEDED]


def test_a_batch_gives_way_to_a_click(lane: Lane, recorder: Recorder, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    batch = submit(lane, Work("batch", steps=3, does="order", gate=str(gate)), Priority.BATCH)
    recorder.wait_for(batch, Kind.STARTED)
    later = submit(lane, Work("later", does="order"), Priority.BATCH)
    click = submit(lane, Work("click", does="order"))
    gate.touch()
    assert recorder.final(batch).value == ["click", "batch"]
    assert recorder.final(click).value[0] == "click"
    assert recorder.final(later).value == ["click", "batch", "later"]
    inside = [e.kind for e in recorder.events if e.ticket == batch]
    assert inside[:2] == [Kind.STARTED, Kind.PROGRESSED]


def test_a_click_gives_way_to_nobody(lane: Lane, recorder: Recorder, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    first = submit(lane, Work("first", steps=2, does="order", gate=str(gate)))
    second = submit(lane, Work("second", does="order"))
    gate.touch()
    assert recorder.final(second).value == ["first", "second"]
    assert recorder.kinds(first)[-1] is Kind.SUCCEEDED


def test_cancelling_the_running_one_ends_it_at_its_next_progress(
    lane: Lane, recorder: Recorder, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    ticket = submit(lane, Work(steps=5, gate=str(gate)), Priority.BATCH)
    recorder.wait_for(ticket, Kind.STARTED)
    lane.cancel(ticket)
    gate.touch()
    assert recorder.final(ticket).kind is Kind.CANCELLED
    assert recorder.kinds(ticket).count(Kind.PROGRESSED) == 1
    assert recorder.final(submit(lane, Work("next"))).value == "next"


def test_a_batch_cancelled_while_it_gives_way(lane: Lane, recorder: Recorder, tmp_path: Path) -> None:
    outer_gate, inner_gate = tmp_path / "outer", tmp_path / "inner"
    batch = submit(lane, Work("batch", steps=3, gate=str(outer_gate)), Priority.BATCH)
    recorder.wait_for(batch, Kind.STARTED)
    click = submit(lane, Work("click", steps=1, gate=str(inner_gate)))
    outer_gate.touch()
    recorder.wait_for(click, Kind.STARTED)
    lane.cancel(batch)
    inner_gate.touch()
    assert recorder.final(click).kind is Kind.SUCCEEDED
    assert recorder.final(batch).kind is Kind.CANCELLED


def test_a_failure_inside_does_not_hurt_the_batch(lane: Lane, recorder: Recorder, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    batch = submit(lane, Work("batch", steps=2, gate=str(gate)), Priority.BATCH)
    recorder.wait_for(batch, Kind.STARTED)
    click = submit(lane, Work(does="bug"))
    gate.touch()
    assert isinstance(recorder.final(click).value, BugError)
    assert recorder.final(batch).value == "batch"


def test_replaced_pending_and_unknown_tickets(lane: Lane, recorder: Recorder, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    running = submit(lane, Work("r", gate=str(gate)), key="hover")
    recorder.wait_for(running, Kind.STARTED)
    old = submit(lane, Work("old"), key="hover")
    new = submit(lane, Work("new"), key="hover")
    lane.cancel(Ticket(999, Work(), None, Priority.BATCH))
    assert recorder.final(old).kind is Kind.CANCELLED
    gate.touch()
    assert recorder.final(running).value == "r"
    assert recorder.final(new).value == "new"
    lane.cancel(new)  # finished: ignored
    assert Kind.STARTED not in recorder.kinds(old)


def test_prefetch_comes_last_and_gives_way(lane: Lane, recorder: Recorder, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    first = submit(lane, Work("click", does="order", gate=str(gate)))
    prefetch = submit(lane, Work("prefetch", steps=1, does="order"), Priority.PREFETCH, "prefetch:a")
    batch = submit(lane, Work("batch", does="order"), Priority.BATCH)
    gate.touch()
    recorder.final(first)
    assert recorder.final(batch).value == ["click", "batch"]
    assert recorder.final(prefetch).value == ["click", "batch", "prefetch"]


def test_nothing_runs_after_closing(lane: Lane, recorder: Recorder, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    running = submit(lane, Work(steps=3, gate=str(gate)), Priority.BATCH)
    recorder.wait_for(running, Kind.STARTED)
    pending = submit(lane, Work())
    lane.begin_close()
    assert recorder.kinds(pending) == [Kind.CANCELLED]
    gate.touch()
    recorder.close(lane)
    assert recorder.kinds(running)[-1] is Kind.CANCELLED
    late = submit(lane, Work())
    assert recorder.kinds(late) == [Kind.CANCELLED]


def test_a_thousand_requests_from_three_threads(lane: Lane, recorder: Recorder) -> None:
    def ask(number: int) -> None:
        for n in range(300):
            work = Work(steps=n % 2, does="bug" if n % 50 == 0 else "answer")
            key = "k" if n % 3 == 0 else None
            ticket = submit(lane, work, Priority(n % 4), key)
            if n % 7 == number:
                lane.cancel(ticket)

    askers: list[threading.Thread] = [threading.Thread(target=ask, args=(i,)) for i in range(3)]
    for thread in askers:
        thread.start()
    for thread in askers:
        thread.join()
    recorder.close(lane)
    finals = Counter(e.ticket.id for e in recorder.events if e.kind not in (Kind.STARTED, Kind.PROGRESSED))
    assert finals == dict.fromkeys(range(1, 901), 1)


def test_an_executor_that_is_cancelled_without_being_asked(recorder: Recorder) -> None:
    class Quits:
        def run(self, request: object, report: Callable, stopping: Callable) -> None:
            raise Cancelled

        def close(self, deadline: float) -> None: ...

    lane = Lane("quits", Quits(), recorder)
    event: Event = recorder.final(submit(lane, Work()))
    assert event.kind is Kind.CANCELLED
    recorder.close(lane)
