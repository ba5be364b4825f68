"""What a batch leaves beside its pictures: a table of all instances, and a gallery that is one HTML file."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from app.cutouts.reports import gallery_card, gallery_page, gallery_section
from app.words.outputs import Done, WordsFolder
from inference.errors import AppError
from inference.text_segment import PART_NAMES

MARK = "Found by Winnow"
NOTHING = "nothing found"
TABLE, PAGE = "instances.csv", "index.html"
_HINT = "point at a picture to see it without the masks, click for its figure"


def write_reports(folder: WordsFolder, done: Sequence[Done], failures: Sequence[AppError], title: str) -> Path:
    """Writes `instances.csv` and `index.html`, and returns the latter. StorageError when they cannot be written."""
    folder.save(TABLE, table(done))
    return folder.save(PAGE, page(done, failures, title).encode("utf-8", "backslashreplace"))


def table(done: Sequence[Done]) -> bytes:
    """One line an instance. UTF-8 with a mark, which spreadsheets need."""
    buffer = io.StringIO(newline="")
    rows = csv.writer(buffer)
    rows.writerow(["picture", "phrase", "score", *PART_NAMES, "predicted_iou", "x", "y", "width", "height", "area"])
    for one in done:
        for found in one.data["instances"]:
            parts = [found["parts"][name] for name in PART_NAMES]
            told = [found["score"], *parts, found["predicted_iou"], *found["box"], found["area"]]
            rows.writerow([_plain(one.data["picture"]), _plain(found["phrase"]), *told])
    return buffer.getvalue().encode("utf-8-sig", "backslashreplace")


def page(done: Sequence[Done], failures: Sequence[AppError], title: str) -> str:
    """A card a picture, below each phrase that was found in it."""
    groups: dict[str, list[Done]] = {}
    for one in done:
        for phrase in [phrase for phrase, count in one.data["counts"].items() if count] or [NOTHING]:
            groups.setdefault(phrase, []).append(one)
    order = sorted(groups, key=lambda phrase: (phrase == NOTHING, -len(groups[phrase])))
    sections = "".join(gallery_section(phrase, [_card(one, phrase) for one in groups[phrase]]) for phrase in order)
    found = sum(len(one.data["instances"]) for one in done)
    subtitle = f"{found:,} found in {len(done):,} pictures" + (f", {len(failures):,} not done" if failures else "")
    labels = Counter({phrase: len(groups[phrase]) for phrase in order})
    return gallery_page(title, subtitle, _HINT, labels, sections, TABLE, failures, MARK)


def _card(one: Done, phrase: str) -> str:
    files = {kind: quote(file) for kind, file in one.data["files"].items()}
    best: dict[str, float] = {}
    for found in one.data["instances"]:
        if found["phrase"] == phrase:
            best[f"{phrase} {len(best) + 1}"] = found["score"]
    name = Path(one.data["picture"]).name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    bars = sorted(best.items(), key=lambda pair: -pair[1])[:3]
    return gallery_card(files["figure"], name, files["before"], files["after"], bars)


def _plain(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell
