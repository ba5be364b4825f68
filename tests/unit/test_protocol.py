"""The messages: they cross process borders, and tickets are compared by number alone."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from inference import errors
from inference.errors import AppError, Cancelled, ModelError
from inference.protocol import Candidate, ImageRef, Priority, Progress, Ticket, lane_of
from tests.worker_jobs import NetworkWork, Work


def test_tickets_are_compared_by_their_number() -> None:
    first = Ticket(1, Work(array=np.zeros(3)), "k", Priority.HOVER)
    assert first == Ticket(1, Work(array=np.ones(3)), None, Priority.BATCH)
    assert first != Ticket(2, first.request, "k", Priority.HOVER)
    assert len({first, Ticket(1, None, None, Priority.HOVER)}) == 1


def test_messages_are_picklable() -> None:
    for message in (ImageRef("a.jpg", "a", 3), Progress(1, 2, "m", {"x": 1}), Work("a")):
        assert pickle.loads(pickle.dumps(message)) == message
    candidate = pickle.loads(pickle.dumps(Candidate(0.5, np.ones((2, 2), np.float32))))
    assert candidate.low_res.tolist() == [[1, 1], [1, 1]]


def every_app_error() -> list[type[AppError]]:
    found = [AppError]
    for kind in found:
        found += kind.__subclasses__()
    return [k for k in found if k.__module__ == errors.__name__]


@pytest.mark.parametrize("kind", every_app_error())
def test_errors_survive_pickling(kind: type[AppError]) -> None:
    error = pickle.loads(pickle.dumps(kind("It broke.", "a/b.png", "Mend it.", "line 1\nline 2")))
    assert type(error) is kind
    assert str(error) == "a/b.png: It broke. Mend it."
    assert error.details == "line 1\nline 2"


def test_cancelled_is_no_app_error() -> None:
    assert not issubclass(Cancelled, AppError)
    assert isinstance(pickle.loads(pickle.dumps(Cancelled())), Cancelled)


def test_lanes() -> None:
    assert lane_of(Work()) == "model"
    assert lane_of(NetworkWork()) == "network"
    with pytest.raises(ValueError, match="elsewhere"):
        lane_of(type("Odd", (), {"lane": "elsewhere"})())


def test_an_error_says_which_file_and_what_to_do() -> None:
    assert str(ModelError("It broke.")) == "It broke."
