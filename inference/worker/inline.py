"""The runner of the command line and of tests: a request runs here and now, and its failure is raised."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from inference.protocol import Progress, lane_of
from inference.worker.child import ChildExecutor
from inference.worker.local import LazyModels, LocalExecutor
from inference.worker.options import WorkerOptions, model_pool


class InlineRunner:
    """Runs requests one after the other in the calling thread.

    Args:
        models: what jobs see as `context.models`; made from `options` at the first need when it is None.
        options: for the models made here.
    """

    def __init__(self, models: Any = None, *, options: WorkerOptions | None = None) -> None:
        chosen = WorkerOptions() if options is None else options
        self._models = LazyModels(lambda: model_pool(chosen) if models is None else models)
        self._local = LocalExecutor(self._models)

    @property
    def models(self) -> Any:
        """The models the jobs see; made now when this is the first use."""
        return self._models()

    def run(self, request: Any, on_progress: Callable[[Progress], None] | None = None) -> Any:
        """The job's result. Raises its AppError (a BugError for bugs).

        `on_progress` gets every progress, and stops the job when it raises `Cancelled`, which then comes out here.
        """
        report = on_progress or _ignore
        if lane_of(request) == "child":
            return ChildExecutor().run(request, report)
        return self._local.run(request, report)


def _ignore(_progress: Progress) -> None:
    """Nobody listens."""
