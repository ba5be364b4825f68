"""Encodes a picture before anyone asks: the neighbours of the open one, while the worker is idle."""

from __future__ import annotations

import time
from dataclasses import dataclass

from inference.jobs.segment import encoded
from inference.protocol import Context, ImageRef


@dataclass(frozen=True, slots=True)
class PrefetchRequest:
    """Asks for the embedding of `image` by `model`. Submit with `Priority.PREFETCH` and the key `prefetch:IMAGE_ID`."""

    image: ImageRef
    model: str


@dataclass(frozen=True, slots=True)
class PrefetchResult:
    """Done: the next prompt on `image` finds its embedding."""

    image: ImageRef
    seconds: float
    from_cache: bool


def run(request: PrefetchRequest, context: Context) -> PrefetchResult:
    """Gives way and can be stopped before the model is loaded, and between reading and encoding."""
    start = time.perf_counter()
    found = encoded(request.model, request.image.path, context)
    return PrefetchResult(request.image, time.perf_counter() - start, found.from_cache)
