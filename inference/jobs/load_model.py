"""Loads a model so that the first click does not wait for it; importing torch is part of that."""

from __future__ import annotations

import time
from dataclasses import dataclass

from inference.jobs.segment import device_words
from inference.protocol import Context


@dataclass(frozen=True, slots=True)
class LoadModelRequest:
    """Asks for a model of the catalogue, or a path to weights, to be ready."""

    model: str


@dataclass(frozen=True, slots=True)
class LoadModelResult:
    """It is. `device` says where it runs, `seconds` what loading took (next to nothing when it was there)."""

    model: str
    device: str
    seconds: float


def run(request: LoadModelRequest, context: Context) -> LoadModelResult:
    """Raises ModelError when the model cannot be found, verified or built; the worker goes on without it."""
    start = time.perf_counter()
    context.progress(0, 1, "Loading the model")
    segmenter = context.models.segmenter(request.model)
    return LoadModelResult(request.model, device_words(segmenter.device), time.perf_counter() - start)
