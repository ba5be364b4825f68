"""The report of a classifier, and the comparison of two, as a page with its pictures beside it."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from inference.pages import page

_HEADLINES = (
    ("accuracy", "accuracy"),
    ("top5", "top-5"),
    ("macro_precision", "macro precision"),
    ("macro_recall", "macro recall"),
    ("macro_f1", "macro F1"),
    ("calibration_error", "calibration error"),
)


def write_report(figures: Mapping[str, Any], title: str, subtitle: str, pictures: Sequence[str], out: Path) -> None:
    """`out/report.html`. `pictures` are names of files in `out`. OSError when it cannot be written."""
    tiles = "".join(
        f'<div class="tile"><b>{figures[key]:.4f}</b><span>{label}</span></div>' for key, label in _HEADLINES
    )
    rows = [
        (name, *(f"{row[k]:.4f}" for k in ("precision", "recall", "f1")), f"{row['pictures']:,}")
        for name, row in figures["per_class"].items()
    ]
    parts = [
        f'<section class="tiles">{tiles}</section>',
        *(picture(name) for name in pictures),
        section("Most confused", _list(figures["confused"] or ["Nothing was taken for anything else."])),
        section("Classes", table(("class", "precision", "recall", "F1", "pictures"), rows)),
        section("How it was trained", table(("", ""), [(k, str(v)) for k, v in figures.get("run", {}).items()])),
    ]
    write_page(out / "report.html", title, subtitle, parts)


def write_page(file: Path, title: str, subtitle: str, parts: Iterable[str]) -> None:
    """A page of sections (HTML that is already escaped)."""
    file.write_text(page("classifier_report.html", title, subtitle, sections="\n".join(parts)), "utf-8")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Cells are escaped; all but the first column are numbers when they look like it."""
    top = "".join(f"<th>{html.escape(cell)}</th>" for cell in head)
    body = "".join("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"


def section(title: str, body: str) -> str:
    """`title` is escaped, `body` is HTML."""
    return f"<section><h2>{html.escape(title)}</h2>{body}</section>"


def picture(name: str) -> str:
    """A picture that lies beside the page."""
    return f'<section><img src="{html.escape(name)}" alt="{html.escape(Path(name).stem.replace("_", " "))}"></section>'


def _list(rows: Iterable[str]) -> str:
    return "<ol>" + "".join(f"<li>{html.escape(row)}</li>" for row in rows) + "</ol>"
