"""Small real jobs for the tests of the worker: a module of its own, because a worker process imports it by name."""

from __future__ import annotations

import os
import signal
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from inference.errors import ModelError
from inference.protocol import Context
from inference.worker.options import WorkerOptions


@dataclass(frozen=True)
class Work:
    """Does what `does` says, after `steps` reports of progress.

    `gate` is a file: before each step the job waits until it exists, so that tests decide when it goes on.
    """

    name: str = ""
    steps: int = 0
    does: str = "answer"
    gate: str | None = None
    array: Any = field(default=None, compare=False)


@dataclass(frozen=True)
class NetworkWork(Work):
    lane: ClassVar[str] = "network"


class FakeModels:
    """Counts instead of computing."""

    def __init__(self, options: WorkerOptions) -> None:
        self.options = options
        self.order: list[str] = []
        self.released = 0

    def release(self) -> None:
        self.released += 1


class Unpicklable:
    def __reduce__(self) -> Any:
        raise TypeError("this cannot be pickled")


def broken_models(options: WorkerOptions) -> Any:
    """A factory that fails as a bad checkpoint would."""
    raise ModelError("The weights are damaged.", path=options.models_dir, remedy="Download them again.")


def run(request: Work, context: Context) -> Any:
    for step in range(request.steps):
        _wait_for(request.gate)
        context.progress(step, request.steps, request.name)
    _wait_for(request.gate)
    match request.does:
        case "answer":
            return request.name
        case "array":
            return np.asarray(request.array) * 2
        case "order":
            context.models.order.append(request.name)
            return list(context.models.order)
        case "process":
            return {"pid": os.getpid(), "options": context.models.options, "threads": threading.active_count()}
        case "released":
            return context.models.released
        case "fail":
            raise ModelError("It does not fit.", path="weights.pt", remedy="Choose another.")
        case "bug":
            raise KeyError("a bug")
        case "exit":
            raise SystemExit(3)
        case "memory":
            raise MemoryError
        case "die":
            os.kill(os.getpid(), signal.SIGKILL)
        case "crash":
            os.abort()
        case "unpicklable":
            return Unpicklable()
        case "deaf":
            time.sleep(3600)
    return None


def _wait_for(gate: str | None) -> None:
    while gate is not None and not Path(gate).exists():
        time.sleep(0.002)
