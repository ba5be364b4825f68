"""Report pages that are one file: pictures are embedded, nothing is fetched."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from PIL import Image

from inference.evaluation.classification_page import section, table, write_page

__all__ = ["embedded", "section", "table", "tiles", "write_page"]


def embedded(png: Path, alt: str, *, photo: bool = False) -> str:
    """A section with a PNG file in it; photographs as JPEG, a fifth as large. OSError when it cannot be read."""
    kind, data = ("jpeg", _as_jpeg(png)) if photo else ("png", png.read_bytes())
    text = base64.b64encode(data).decode("ascii")
    return f'<section><img src="data:image/{kind};base64,{text}" alt="{html.escape(alt)}"></section>'


def _as_jpeg(png: Path) -> bytes:
    buffer = io.BytesIO()
    with Image.open(png) as picture:
        picture.convert("RGB").save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def tiles(figures: Iterable[Sequence[str]]) -> str:
    """Large figures with what they are below: (figure, words)."""
    shown = "".join(f'<div class="tile"><b>{html.escape(f)}</b><span>{html.escape(w)}</span></div>' for f, w in figures)
    return f'<section class="tiles">{shown}</section>'
