"""A folder of plain colours and a runner whose classifier sees nothing but colour, for tests of the Sort workspace."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from inference.errors import AppError
from inference.jobs.embed import EmbedItem, EmbedRequest, EmbedResult
from inference.jobs.embed_text import EmbedTextRequest, EmbedTextResult
from inference.pictures import content_key, read_rgb
from inference.protocol import Progress, Ticket
from tests.widgets.window_kit import EquationRunner

COLORS = {"red": (200, 30, 30), "green": (30, 200, 30), "blue": (30, 30, 200)}


def colors(folder: Path, each: int = 6) -> Path:
    """`each` pictures of every colour, "red 1.png" to "blue 6.png", no two of them the same."""
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(0)
    for name, color in COLORS.items():
        for number in range(1, each + 1):
            coarse = random.integers(-25, 25, (6, 8, 3)).repeat(15, axis=0).repeat(15, axis=1)
            pixels = np.clip(np.array(color) + coarse, 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / f"{name} {number}.png")
    return folder


class ColorRunner(EquationRunner):
    """Answers the requests of sorting as well: a picture's embedding is its mean colour, a word's the one it names."""

    def _answer(self, ticket: Ticket, result: Any = None) -> None:
        request = ticket.request
        if isinstance(request, EmbedTextRequest):
            result = _words(request)
        elif isinstance(request, EmbedRequest):
            for done, path in enumerate(request.paths, 1):
                self.progressed.emit(ticket, Progress(done, len(request.paths), path, _seen(path)))
            result = EmbedResult(request.model, "colours", (), "equation", 0.0)
        super()._answer(ticket, result)


def _seen(path: str) -> EmbedItem:
    try:
        mean = read_rgb(path).reshape(-1, 3).mean(axis=0)
    except AppError as error:
        return EmbedItem(path, error=error)
    return EmbedItem(path, content_key(path), _unit(mean).astype(np.float16))


def _words(request: EmbedTextRequest) -> EmbedTextResult:
    rows = [_unit(sum(np.array(c) for name, c in COLORS.items() if name in text)) for text in request.texts]
    unknown = tuple(word for word in request.words if not any(name in word for name in COLORS))
    tokens = tuple(tuple(range(len(text.split()) + 2)) for text in request.texts)
    return EmbedTextResult(np.stack(rows).astype(np.float32), "colours", 20.0, None, False, unknown, (), tokens, 77)


def _unit(values: Any) -> np.ndarray:
    row = np.zeros(8) + 1e-3
    row[:3] += np.broadcast_to(values, 3)
    return row / np.linalg.norm(row)
