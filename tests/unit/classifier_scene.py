"""Small class folders for the tests of classifiers: noise with a colour and a shape for each class."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np

COLOURS = {"grass": (40, 200, 40), "sea": (220, 80, 30), "fire": (30, 60, 230)}  # as OpenCV has them: blue first
FAST: dict[str, Any] = {
    "model": "small-vit",
    "image_size": 16,
    "options": {"patch": 4, "dim": 16, "depth": 1, "heads": 2},
    "batch": 8,
    "learning_rate": 0.2,
    "warmup_epochs": 0.0,
    "mix_chance": 0.5,
    "bfloat16": False,
    "threads": 1,
    "log_steps": 2,
    "ema": 0.5,
    "validation_share": 0.2,
    "test_share": 0.2,
}


def write_classes(folder: Path, count: int = 12, size: int = 20, classes: tuple[str, ...] = tuple(COLOURS)) -> Path:
    """`folder/<class>/00.png`…: `count` pictures a class."""
    rng = np.random.default_rng(5)
    for name in classes:
        (folder / name).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            pixels = rng.integers(0, 60, (size, size + 4, 3)).astype(np.float32)
            pixels[3:-3, 3:-3] += np.array(COLOURS.get(name, (120, 120, 120)), np.float32) * rng.uniform(0.5, 0.7)
            cv2.imwrite(str(folder / name / f"{number:02}.png"), pixels.clip(0, 255).astype(np.uint8))
    return folder


def zipped(folder: Path, file: Path, inside: str = "") -> Path:
    """The folder's files as a zip, below `inside`."""
    with zipfile.ZipFile(file, "w") as archive:
        for path in sorted(folder.rglob("*.png")):
            archive.write(path, f"{inside}{path.relative_to(folder).as_posix()}")
    return file
