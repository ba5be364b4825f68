"""The two models every engine measurement runs with, and a 12-megapixel photograph."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from inference import paths, warnings_allowed
from inference.engines.architecture import ArchConfig, build_model, configs, load_checkpoint, save_checkpoint
from inference.engines.device import thread_count

WIDTH, HEIGHT = 4000, 3000
STARTER = "winnow-starter.safetensors"


def models() -> Iterator[tuple[str, Any, ArchConfig]]:
    """(name, model, config): SAM 2.1 tiny with random weights (same time, same equality), and the built-in one."""
    warnings_allowed.allow()
    torch.set_num_threads(thread_count())
    torch.manual_seed(0)
    tiny = configs["sam2.1-tiny"]
    yield "SAM 2.1 tiny, random weights", build_model(tiny), tiny
    weights = paths.checkpoint(STARTER)
    if weights.is_file():
        yield "built-in model", *load_checkpoint(weights)
    else:
        config = configs["winnow-starter"]
        yield "built-in configuration, random weights", build_model(config), config


def stored(model: Any, config: ArchConfig, folder: Path) -> Path:
    """The model as a file that a pool loads."""
    return save_checkpoint(model, config, folder / f"{config.name}.safetensors", half=False)


def photo(folder: Path) -> Path:
    """A JPEG of 4000 × 3000 pixels, enlarged from a sample photograph (or drawn, where there is none)."""
    samples = sorted(paths.resource("samples").glob("*.jpg"))
    source = (
        Image.open(samples[0]).convert("RGB") if samples else Image.effect_mandelbrot((800, 600), (-2, -1, 1, 1), 50)
    )
    file = folder / "photo.jpg"
    source.convert("RGB").resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC).save(file, quality=92)
    return file
