"""What a worker is told about models and memory when it starts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

GIB = 1 << 30


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """Settings of the worker; they travel to its process once, at its start.

    Attributes:
        models_dir: where weights are; None for the default place.
        force_device: "cpu", "cuda", "mps", or None for the best one.
        cache_bytes: limit of the embeddings kept in memory; None for the pool's default.
        disk_cache_dir: folder of the embeddings kept on disk; None for none.
        disk_cache_bytes: limit of that folder; None for the pool's default.
        max_pixels: pictures with more are refused; None for the default limit.
        clip_device: where models of words and pictures run; None for the same device.
    """

    models_dir: str | None = None
    force_device: str | None = None
    cache_bytes: int | None = None
    disk_cache_dir: str | None = None
    disk_cache_bytes: int | None = None
    max_pixels: int | None = None
    clip_device: str | None = None


ModelsFactory = Callable[[WorkerOptions], Any]
"""Makes what jobs see as `context.models`. Called once, on the worker; must be importable by name for a process."""


def model_pool(options: WorkerOptions) -> Any:
    """The real thing: an `inference.engines.pool.ModelPool`. This is where torch is imported first."""
    from inference.engines.pool import ModelPool  # not at the top: torch

    if options.max_pixels is not None:
        from inference.pictures import set_max_pixels

        set_max_pixels(options.max_pixels)
    given: dict[str, Any] = {
        "models_dir": options.models_dir,
        "force_device": options.force_device,
        "cache_bytes": options.cache_bytes,
        "disk_cache_dir": options.disk_cache_dir,
        "disk_cache_bytes": options.disk_cache_bytes,
        "clip_device": options.clip_device,
    }
    return ModelPool(**{name: value for name, value in given.items() if value is not None})
