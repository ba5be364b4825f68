"""What a batch leaves beside its pictures: scores as CSV and JSON, and a gallery that is one HTML file."""

from __future__ import annotations

import base64
import csv
import html
import io
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from string import Template
from typing import Any
from urllib.parse import quote

from app.cutouts.ledger import Ledger, Record
from app.cutouts.places import NONE_OF_THESE
from app.cutouts.settings import CutoutSettings
from app.subjects.outputs import storing, write_whole
from inference import paths
from inference.errors import AppError

MARK = "Cut out by Winnow"
_EMBEDDED = 400  # pictures whose small ones are inside the page; a page of thousands would not open
_BARS = 3


def write_reports(
    ledger: Ledger, records: Sequence[Record], failures: Sequence[AppError], settings: CutoutSettings, title: str
) -> Path:
    """Writes `scores.csv`, `results.json` and `index.html` about these pictures, and returns the last.

    A file of one of these names that comes from elsewhere is kept: the report then gets a number. StorageError when
    they cannot be written.
    """
    items = settings.classify.prompt_set.names if settings.classify else ()
    scores = _save(ledger.out, "scores.csv", scores_csv(records, items))
    results = {
        "made_by": MARK,
        "settings": settings.to_json(),
        "pictures": [_as_row(record) for record in records],
        "failures": [{"path": f.path, "message": f.message, "remedy": f.remedy} for f in failures],
    }
    _save(ledger.out, "results.json", json.dumps(results, indent=1).encode())
    page = gallery(ledger, records, failures, title, scores.name)
    return _save(ledger.out, "index.html", page.encode("utf-8", "backslashreplace"))


def scores_csv(records: Sequence[Record], items: Sequence[str]) -> bytes:
    """One line a picture, one column an item. UTF-8 with a mark, which spreadsheets need."""
    buffer = io.StringIO(newline="")
    table = csv.writer(buffer)
    table.writerow(["picture", "cutout", "mask_score", *(["label", "confidence", "prompt", *items] if items else [])])
    for record in records:
        row: list[object] = [record.source, record.file, "" if record.score is None else f"{record.score:.4f}"]
        if items:
            best = max(record.scores.values(), default=0.0)
            row += [record.label or NONE_OF_THESE, f"{best:.4f}", record.prompt]
            row += [f"{record.scores.get(item, 0.0):.4f}" for item in items]
        table.writerow([_plain(cell) for cell in row])
    return buffer.getvalue().encode("utf-8-sig", "backslashreplace")


def gallery(
    ledger: Ledger, records: Sequence[Record], failures: Sequence[AppError], title: str, scores: str = "scores.csv"
) -> str:
    """The page: a card a picture, grouped by label, the picture before the cut when pointed at; failures at the end.

    `scores` is the name of the table beside it.
    """
    labels = Counter(record.label or NONE_OF_THESE for record in records if record.scores)
    groups: dict[str, list[Record]] = {label: [] for label, _ in labels.most_common()}
    for record in records:
        groups.setdefault((record.label or NONE_OF_THESE) if record.scores else "", []).append(record)
    embedded = {record.source for record in records[:_EMBEDDED]}
    sections = "".join(
        gallery_section(label, [_card(ledger, r, r.source in embedded) for r in members])
        for label, members in groups.items()
        if members
    )
    return gallery_page(
        title,
        f"{len(records):,} picture{'' if len(records) == 1 else 's'}"
        + (f", {len(failures):,} not done" if failures else ""),
        "point at a picture to see it before the cut",
        labels,
        sections,
        scores,
        failures,
        MARK,
    )


def gallery_page(
    title: str,
    subtitle: str,
    hint: str,
    labels: Counter[str],
    sections: str,
    table: str,
    failures: Sequence[AppError],
    mark: str,
) -> str:
    """The page of a gallery, as other commands fill it too.

    Args:
        labels: what the buttons choose by, with how many pictures each.
        sections: of `gallery_section`.
        table: the name of the table beside it.
        mark: what the page is known by as one of ours.
    """
    chips = "".join(
        f'<button data-group="{html.escape(label)}">{html.escape(label)} <b>{count}</b></button>'
        for label, count in labels.most_common()
    )
    page = Template(paths.resource("cutouts.html").read_text(encoding="utf-8"))
    return page.substitute(
        title=html.escape(title),
        subtitle=subtitle,
        hint=hint,
        chips=chips,
        sections=sections,
        scores=table,
        failures=_failures(failures),
        mark=mark,
    )


def gallery_section(label: str, cards: Sequence[str]) -> str:
    """Cards below a heading; without a label there is none."""
    heading = f"<h2>{html.escape(label)} <small>{len(cards):,}</small></h2>" if label else ""
    return f'<section data-group="{html.escape(label)}">{heading}<div class="grid">{"".join(cards)}</div></section>'


def _card(ledger: Ledger, record: Record, embedded: bool) -> str:
    name = Path(record.source).name
    after = _picture(ledger, f"{record.thumbnail}-after.webp", embedded)
    before = _picture(ledger, f"{record.thumbnail}-before.webp", embedded)
    bars = sorted(record.scores.items(), key=lambda pair: -pair[1])[:_BARS]
    return gallery_card(quote(_utf8(record.file)), name, before, after, bars)


def gallery_card(link: str, name: str, before: str, after: str, bars: Sequence[tuple[str, float]]) -> str:
    """A picture with what was made of it; `before` shows while it is pointed at. `bars` are shares 0..1 with words."""
    told = "".join(
        f'<li><i style="width:{max(value, 0) * 100:.1f}%"></i><span>{html.escape(item)}</span><b>{value:.0%}</b></li>'
        for item, value in bars
    )
    return (
        f'<a class="card" href="{html.escape(link)}" data-name="{html.escape(name.lower())}">'
        f'<span class="shot"><img class="after" loading="lazy" src="{after}" alt="{html.escape(name)}">'
        f'<img class="before" loading="lazy" src="{before}" alt=""></span>'
        f'<span class="name">{html.escape(name)}</span>' + (f"<ul>{told}</ul>" if told else "") + "</a>"
    )


def _picture(ledger: Ledger, name: str, embedded: bool) -> str:
    data = ledger.thumbnail(name) if embedded else None
    if data is None:
        return quote(f"{ledger.folder.name}/thumbnails/{name}")
    return "data:image/webp;base64," + base64.b64encode(data).decode()


def _failures(failures: Sequence[AppError]) -> str:
    if not failures:
        return ""
    rows = "".join(
        f"<li><b>{html.escape(Path(f.path).name if f.path else '')}</b> {html.escape(f.message)}</li>" for f in failures
    )
    return f'<section class="failures"><h2>Not done <small>{len(failures):,}</small></h2><ul>{rows}</ul></section>'


def _as_row(record: Record) -> dict[str, Any]:
    return {
        "picture": record.source,
        "cutout": record.file,
        "label": record.label,
        "scores": {item: round(value, 6) for item, value in record.scores.items()},
        "prompt": record.prompt,
        "mask_score": record.score,
        "seconds": record.seconds,
    }


def _plain(cell: object) -> str:
    """A cell that no spreadsheet takes for a formula."""
    text = str(cell)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def _utf8(name: str) -> str:
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _save(out: Path, name: str, data: bytes) -> Path:
    target = out / name
    stem, suffix = target.stem, target.suffix
    number = 2
    while target.exists() and not _is_ours(target):
        target, number = out / f"{stem}-{number}{suffix}", number + 1
    return write_whole(target, data)


def _is_ours(file: Path) -> bool:
    with storing(file), file.open("rb") as opened:
        head = opened.read(4000)
    return MARK.encode() in head or b"picture,cutout,mask_score" in head
