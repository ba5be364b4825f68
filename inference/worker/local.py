"""Runs jobs right here, in the calling thread: the command line, helper threads, tests."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from inference.errors import AppError, Cancelled
from inference.protocol import Progress, run_job
from inference.worker.failures import as_app_error
from inference.worker.options import ModelsFactory, WorkerOptions, model_pool

Report = Callable[[Progress], None]


class LocalContext:
    """A job's view of the worker that runs it (`inference.protocol.Context`)."""

    def __init__(self, models: Callable[[], Any], report: Report) -> None:
        self._models = models
        self._report = report

    @property
    def models(self) -> Any:
        return self._models()

    def progress(self, done: int, total: int, message: str = "", payload: Any = None) -> None:
        self._report(Progress(done, total, message, payload))


class LazyModels:
    """Makes the models once, when the first job asks for them; a failure to make them is tried again next time."""

    def __init__(self, make: Callable[[], Any], on_made: Callable[[], None] | None = None) -> None:
        self._make = make
        self._on_made = on_made
        self._models: Any = None
        self._lock = threading.RLock()

    def __call__(self) -> Any:
        with self._lock:
            if self._models is None:
                self._models = self._make()
                if self._on_made:
                    self._on_made()
            return self._models

    @property
    def made(self) -> Any:
        """The models if they were made, else None."""
        return self._models


class LocalExecutor:
    """An `inference.worker.lane.Executor` in the lane's own thread."""

    def __init__(self, models: LazyModels) -> None:
        self._models = models
        self._closing = threading.Event()

    @classmethod
    def with_pool(
        cls,
        options: WorkerOptions,
        factory: ModelsFactory = model_pool,
        on_ready: Callable[[], None] | None = None,
    ) -> LocalExecutor:
        """With the real models, made by `factory(options)` at the first need; then `on_ready` is called."""
        return cls(LazyModels(lambda: factory(options), on_ready))

    def run(self, request: Any, report: Report, stopping: Callable[[], bool] = lambda: False) -> Any:
        """The job's result. Raises AppError for every failure, `Cancelled` when it was asked to stop."""
        if stopping():
            raise Cancelled
        try:
            return run_job(request, LocalContext(self._models, report))
        except (Cancelled, AppError):
            raise
        except (Exception, SystemExit) as failure:  # noqa: BLE001 - logged and carried on as a BugError
            raise as_app_error(failure, request, self._models.made) from None

    def close(self, deadline: float) -> None:
        """Nothing to do: a running job ends at its next progress, and a thread cannot be ended from outside."""
