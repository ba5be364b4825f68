"""Report pages that are one file: pictures are embedded, nothing is fetched."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterable, Sequence
from pathlib import Path

from inference.evaluation.classification_page import section, table, write_page

__all__ = ["embedded", "section", "table", "tiles", "write_page"]


def embedded(png: bytes | Path, alt: str, caption: str = "") -> str:
    """A section with a PNG in it. OSError when the file cannot be read."""
    data = base64.b64encode(png if isinstance(png, bytes) else png.read_bytes()).decode("ascii")
    title = f"<h2>{html.escape(caption)}</h2>" if caption else ""
    return f'<section>{title}<img src="data:image/png;base64,{data}" alt="{html.escape(alt)}"></section>'


def tiles(figures: Iterable[Sequence[str]]) -> str:
    """Large figures with what they are below: (figure, words)."""
    shown = "".join(f'<div class="tile"><b>{html.escape(f)}</b><span>{html.escape(w)}</span></div>' for f, w in figures)
    return f'<section class="tiles">{shown}</section>'
