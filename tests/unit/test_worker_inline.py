"""The runner of the command line and of tests."""

from __future__ import annotations

import logging

import pytest

from inference.errors import BugError, Cancelled, ModelError, OutOfMemory
from inference.protocol import Progress
from inference.worker import local
from inference.worker.inline import InlineRunner
from inference.worker.local import LazyModels
from inference.worker.options import WorkerOptions
from tests.worker_jobs import FakeModels, Work


def runner() -> InlineRunner:
    return InlineRunner(FakeModels(WorkerOptions()))


def test_result_and_progress() -> None:
    seen: list[Progress] = []
    assert runner().run(Work("a", steps=3), seen.append) == "a"
    assert [(p.done, p.total, p.message) for p in seen] == [(0, 3, "a"), (1, 3, "a"), (2, 3, "a")]
    assert runner().run(Work("b", steps=1)) == "b"


def test_the_models_are_kept_between_jobs() -> None:
    inline = runner()
    inline.run(Work("a", does="order"))
    assert inline.run(Work("b", does="order")) == ["a", "b"] == inline.models.order


def test_progress_may_stop_it() -> None:
    def stop(_progress: Progress) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        runner().run(Work(steps=1), stop)


def test_expected_failures_come_out_as_they_are() -> None:
    with pytest.raises(ModelError, match="Choose another") as caught:
        runner().run(Work(does="fail"))
    assert caught.value.path == "weights.pt"


@pytest.mark.parametrize("does", ["bug", "exit"])
def test_bugs_carry_their_traceback_and_are_logged(does: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR), pytest.raises(BugError) as caught:
        runner().run(Work(does=does))
    assert caught.value.details is not None
    assert "worker_jobs.py" in caught.value.details
    assert "worker_jobs.py" in caplog.text


def test_memory_that_runs_out_frees_the_models() -> None:
    inline = runner()
    inline.run(Work("a", does="order"))
    with pytest.raises(OutOfMemory, match="not enough memory"):
        inline.run(Work(does="memory"))
    assert inline.models.released == 1
    assert inline.run(Work(does="released")) == 1  # and the next job runs


@pytest.mark.parametrize(
    "words",
    [
        "CUDA out of memory. Tried to allocate 2.00 GiB",
        "[enforce fail at alloc_cpu.cpp:117] . DefaultCPUAllocator: can't allocate memory: you tried to allocate",
        "MPS backend out of memory",
    ],
)
def test_torch_says_it_in_words(words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError(words)

    monkeypatch.setattr(local, "run_job", fail)
    with pytest.raises(OutOfMemory) as caught:
        runner().run(Work())
    assert words in (caught.value.details or "")


def test_models_that_cannot_be_made_are_tried_again() -> None:
    made: list[int] = []

    def make() -> str:
        made.append(1)
        if len(made) == 1:
            raise ModelError("The weights are damaged.")
        return "models"

    models = LazyModels(make)
    with pytest.raises(ModelError):
        models()
    assert models() == "models" == models()
    assert len(made) == 2


def test_a_failure_keeps_no_frames() -> None:
    """The local variables of the frames may be gigabytes of tensors."""
    with pytest.raises(BugError) as caught:
        runner().run(Work(does="bug"))
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None or caught.value.__context__.__traceback__ is None
