"""Jobs in a real worker process: what comes back, and what happens when it dies."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from inference.errors import BugError, Cancelled, ModelError, OutOfMemory
from inference.paths import program_dir
from inference.protocol import Priority, Progress
from inference.worker.lane import Kind, Lane
from inference.worker.options import WorkerOptions
from inference.worker.process import WorkerProcess
from tests.lane_recorder import Recorder
from tests.worker_jobs import FakeModels, Work, broken_models

OPTIONS = WorkerOptions(models_dir="models", force_device="cpu")


def ignore(_progress: Progress) -> None:
    """Nobody listens."""


def now() -> float:
    return time.monotonic()


@pytest.fixture(scope="module")
def worker() -> Iterator[WorkerProcess]:
    process = WorkerProcess(OPTIONS, FakeModels)
    yield process
    process.close(now() + 5)


@pytest.fixture
def lane() -> Iterator[tuple[Lane, Recorder]]:
    recorder = Recorder()
    lane = Lane("process", WorkerProcess(OPTIONS, FakeModels), recorder, gives_way=True, quiet_s=0.02)
    yield lane, recorder
    recorder.close(lane)


@pytest.mark.keeps_threads
class TestAnswers:
    """One process for all of these."""

    def test_another_process_with_our_options(self, worker: WorkerProcess) -> None:
        answer = worker.run(Work(does="process"), ignore)
        assert answer["pid"] == worker.pid != os.getpid()
        assert answer["options"] == OPTIONS

    def test_arrays_go_through_unchanged(self, worker: WorkerProcess) -> None:
        array = np.arange(3 * 256 * 256, dtype=np.float32).reshape(3, 256, 256)
        answer = worker.run(Work(does="array", array=array), ignore)
        assert answer.dtype == np.float32
        np.testing.assert_array_equal(answer, array * 2)

    def test_progress(self, worker: WorkerProcess) -> None:
        seen: list[int] = []
        assert worker.run(Work("a", steps=5), lambda p: seen.append(p.done)) == "a"
        assert seen == [0, 1, 2, 3, 4]

    def test_requests_inside_progress(self, worker: WorkerProcess) -> None:
        inside: list[object] = []

        def report(progress: Progress) -> None:
            if progress.done == 1:
                inside.append(worker.run(Work("click", steps=1), lambda p: inside.append(p.message)))

        assert worker.run(Work("batch", steps=3), report) == "batch"
        assert inside == ["click", "click"]

    def test_cancel(self, worker: WorkerProcess) -> None:
        def stop(_progress: Progress) -> None:
            raise Cancelled

        with pytest.raises(Cancelled):
            worker.run(Work(steps=1), stop)
        assert worker.run(Work("next"), ignore) == "next"

    def test_failures(self, worker: WorkerProcess) -> None:
        with pytest.raises(ModelError, match="Choose another") as expected:
            worker.run(Work(does="fail"), ignore)
        assert expected.value.path == "weights.pt"
        with pytest.raises(BugError) as bug:
            worker.run(Work(does="bug"), ignore)
        assert "worker_jobs.py" in (bug.value.details or "")
        with pytest.raises(BugError, match="cannot be pickled"):
            worker.run(Work(does="unpicklable"), ignore)
        with pytest.raises(OutOfMemory):
            worker.run(Work(does="memory"), ignore)
        assert worker.run(Work(does="released"), ignore) == 1
        assert worker.run(Work("next"), ignore) == "next"

    def test_a_request_that_cannot_be_sent(self, worker: WorkerProcess) -> None:
        pid = worker.pid
        with pytest.raises(Exception, match="pickle"):
            worker.run(Work(array=lambda: None), ignore)
        assert worker.run(Work(does="process"), ignore)["pid"] == pid

    def test_logs_come_to_our_log(self, worker: WorkerProcess, caplog: pytest.LogCaptureFixture) -> None:
        with caplog.at_level(logging.ERROR), pytest.raises(BugError):
            worker.run(Work(does="bug"), ignore)
        assert "KeyError" in caplog.text

    def test_a_listener_that_fails_costs_the_process_but_not_the_next_job(self, worker: WorkerProcess) -> None:
        def fail(_progress: Progress) -> None:
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            worker.run(Work(steps=1), fail)
        assert worker.run(Work("next"), ignore) == "next"


@pytest.mark.parametrize(
    ("does", "kind", "says"),
    [("die", OutOfMemory, "memory ran out"), ("crash", ModelError, "crashed .SIGABRT.")],
)
def test_a_death_fails_its_job_and_the_pending_ones_go_on(
    lane: tuple[Lane, Recorder], does: str, kind: type[Exception], says: str, tmp_path: Path
) -> None:
    work, recorder = lane
    gate = tmp_path / "gate"
    doomed = work.submit(Work(steps=1, does=does, gate=str(gate)), key=None, priority=Priority.INTERACTIVE)
    after = work.submit(Work("after"), key=None, priority=Priority.INTERACTIVE)
    gate.touch()
    failure = recorder.final(doomed).value
    assert type(failure) is kind
    with pytest.raises(kind, match=says):
        raise failure
    assert recorder.final(after).value == "after"


def test_a_death_inside_a_batch_fails_both_and_nothing_else(lane: tuple[Lane, Recorder], tmp_path: Path) -> None:
    work, recorder = lane
    gate = tmp_path / "gate"
    batch = work.submit(Work("batch", steps=2, gate=str(gate)), key=None, priority=Priority.BATCH)
    recorder.wait_for(batch, Kind.STARTED)
    doomed = work.submit(Work(does="crash"), key=None, priority=Priority.INTERACTIVE)
    click = work.submit(Work("click"), key=None, priority=Priority.INTERACTIVE)
    last = work.submit(Work("last"), key=None, priority=Priority.BATCH)
    gate.touch()
    assert recorder.final(doomed).kind is Kind.FAILED
    assert recorder.final(batch).kind is Kind.FAILED
    assert recorder.final(click).value == "click"
    assert recorder.final(last).value == "last"


def test_a_death_between_two_jobs_fails_neither() -> None:
    ready: list[bool] = []
    worker = WorkerProcess(OPTIONS, FakeModels, on_ready=lambda: ready.append(True))
    first = worker.run(Work("a", does="order"), ignore)
    assert worker.pid is not None
    process = psutil.Process(worker.pid)
    process.kill()
    while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.005)
    assert first == worker.run(Work("a", does="order"), ignore) == ["a"]  # new models
    assert ready == [True, True]
    worker.close(now() + 5)


def test_models_that_cannot_be_made_fail_every_job_that_asks_for_them() -> None:
    worker = WorkerProcess(OPTIONS, broken_models)
    for _ in range(2):
        with pytest.raises(ModelError, match="Download them again") as caught:
            worker.run(Work(does="order"), ignore)
        assert caught.value.path == "models"
    assert worker.run(Work("needs none"), ignore) == "needs none"
    worker.close(now() + 5)


def test_closing_ends_a_job_that_does_not_listen() -> None:
    worker = WorkerProcess(OPTIONS, FakeModels)
    outcome: list[object] = []
    begun = threading.Event()

    def run() -> None:
        try:
            worker.run(Work(steps=1, does="deaf"), lambda _p: begun.set())
        except Cancelled as cancelled:
            outcome.append(cancelled)

    thread = threading.Thread(target=run)
    thread.start()
    assert begun.wait(20)
    worker.close(now() + 0.1)
    thread.join(5)
    assert len(outcome) == 1
    assert worker.pid is None
    with pytest.raises(Cancelled):
        worker.run(Work(), ignore)


def test_it_dies_with_the_window_even_by_sigkill() -> None:
    """In the middle of a job that would take an hour."""
    script = """
        import sys
        from inference.worker.process import WorkerProcess
        from inference.worker.options import WorkerOptions
        from tests.worker_jobs import FakeModels, Work

        if __name__ == "__main__":
            worker = WorkerProcess(WorkerOptions(), FakeModels)
            worker.run(Work(steps=1, does="deaf"), lambda _p: print(worker.pid, flush=True))
    """
    window = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)], cwd=program_dir(), stdout=subprocess.PIPE, text=True
    )
    assert window.stdout is not None
    worker = psutil.Process(int(window.stdout.readline()))
    window.send_signal(signal.SIGKILL)
    window.wait(5)
    window.stdout.close()
    gone, _alive = psutil.wait_procs([worker], timeout=10)
    assert gone
