"""What the application and the models say to each other: frozen, picklable messages, and the `Jobs` protocol.

A job is a plain function `run(request, context)` in the module that defines the request's class
(`inference/jobs/NAME.py`); `run_job` finds it. Modules of requests never import torch at their top,
so that views can build requests before torch is there.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from inference.masks import Mask

Lane = Literal["model", "network", "child"]
"""Where a request runs, its class attribute `lane`: beside the models (the default), in a helper thread, or in a
supervised process of the program's own command line (`request.argv() -> list[str]`)."""


class Priority(IntEnum):
    """Lower runs first. A running batch gives way to anything more urgent at every `context.progress`."""

    INTERACTIVE = 0
    HOVER = 1
    BATCH = 2
    PREFETCH = 3


@dataclass(frozen=True, slots=True)
class Ticket:
    """The receipt of a submitted request. `id` is unique in its runner, and all that tickets are compared by."""

    id: int
    request: Any = field(compare=False)  # may hold arrays, which have no plain equality
    key: str | None = field(compare=False)
    priority: Priority = field(compare=False)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a job is. `total` is 0 while unknown. `payload` carries partial results (picklable), if any."""

    done: int
    total: int
    message: str = ""
    payload: Any = None


@dataclass(frozen=True, slots=True)
class ImageRef:
    """A picture as the worker needs it: where it is, and which showing of it asks.

    `image_id` is the project's key of the picture (its relative path) and `generation` counts its showings:
    answers carry both, and receivers drop the stale ones.
    """

    path: str
    image_id: str = ""
    generation: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """One of a model's answers to a prompt.

    Attributes:
        score: the IoU the model predicts for it, 0..1.
        low_res: (h, w) float32 logits for the next refinement and for previews; they cover the whole picture
            squeezed to the model's square, so x and y have their own scale.
        mask: the full-size mask; None until it is asked for.
    """

    score: float
    low_res: npt.NDArray[np.float32]
    mask: Mask | None = None


class Context(Protocol):
    """What a running job sees of the worker."""

    @property
    def models(self) -> Any:
        """The `inference.engines.pool.ModelPool` that owns loaded models on this worker."""

    def progress(self, done: int, total: int, message: str = "", payload: Any = None) -> None:
        """Reports; runs more urgent requests first; raises `inference.errors.Cancelled` when asked to stop."""


class Jobs(Protocol):
    """Where requests go. Exactly one of succeeded, failed, cancelled follows for every ticket."""

    def submit(self, request: Any, *, key: str | None = None, priority: Priority = Priority.INTERACTIVE) -> Ticket:
        """Queues a request. One with the key of a *pending* one replaces it (that one is cancelled)."""

    def cancel(self, ticket: Ticket) -> None:
        """Asks a pending or running job to stop. Unknown and finished tickets are ignored."""


def lane_of(request: Any) -> Lane:
    """The lane that a request's class asks for; "model" when it says nothing."""
    lane: Lane = getattr(type(request), "lane", "model")
    if lane not in ("model", "network", "child"):
        raise ValueError(f"{type(request).__name__} asks for a lane that does not exist: {lane!r}")
    return lane


def run_job(request: Any, context: Context) -> Any:
    """Calls the `run` of the module that defines the request's class."""
    return sys.modules[type(request).__module__].run(request, context)
