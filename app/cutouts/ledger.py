"""What was done: one line a finished picture, on disk before it counts, so that a batch goes on where it was cut off.

The ledger lies in `.winnow-cutouts/` of the output with the small pictures of the gallery. It also knows which files
in the output are the batch's own: no other is ever replaced.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from app.subjects.outputs import storing

FOLDER = ".winnow-cutouts"
_FILE = "ledger.jsonl"


@dataclass(frozen=True, slots=True)
class Record:
    """A finished picture.

    Attributes:
        source: its absolute path.
        size, mtime_ns: of the source when it was read.
        file: the cut-out, relative to the output, posix.
        fingerprint: of the settings that made it.
        label: the item it was filed under; None when there are no items, or it is none of them.
        scores: item to value; empty without items.
        prompt: the prompt that fitted best.
        score: the IoU the model predicted for the mask; None without one.
        seconds: the models took.
    """

    source: str
    size: int
    mtime_ns: int
    file: str
    fingerprint: str
    label: str | None = None
    scores: dict[str, float] = field(default_factory=dict)
    prompt: str = ""
    score: float | None = None
    seconds: float = 0.0

    @property
    def thumbnail(self) -> str:
        """The stem of its small pictures."""
        return hashlib.blake2b(os.fsencode(self.source), digest_size=10).hexdigest()


class Ledger:
    """The records of an output folder, by source; the last one of a source counts.

    Not safe for threads: `BatchRun` holds a lock.
    """

    def __init__(self, out: Path) -> None:
        self.out = out
        self.folder = out / FOLDER
        self.is_new = not (self.folder / _FILE).is_file()
        self.records: dict[str, Record] = {}
        self._cut_off = False
        for line in () if self.is_new else self._lines():
            record = _record(line)
            if record is not None:
                self.records[record.source] = record

    @property
    def files(self) -> dict[str, str]:
        """Every file of the batch, in lower case, with its source."""
        return {record.file.casefold(): record.source for record in self.records.values()}

    def finished(self, source: Path, fingerprint: str) -> Record | None:
        """The record of a picture that is done: same picture, same settings, its file still there."""
        record = self.records.get(str(source))
        if record is None or record.fingerprint != fingerprint or not (self.out / record.file).is_file():
            return None
        try:
            status = source.stat()
        except OSError:
            return None
        return record if (status.st_size, status.st_mtime_ns) == (record.size, record.mtime_ns) else None

    def claim(self, record: Record) -> Record | None:
        """Notes, before a file is written, whose it will be: known as the batch's own when the run ends in between.

        Returns what was known of the picture before. StorageError when the line cannot be written.
        """
        before = self.records.get(record.source)
        if before is None or before.file != record.file:
            self.add(replace(record, fingerprint=""))  # equals no settings, so the picture is not finished
        return before

    def add(self, record: Record) -> None:
        """Appends a line. StorageError when it cannot be written."""
        line = json.dumps(asdict(record), ensure_ascii=True) + "\n"
        if self._cut_off:  # in the middle of a line, by the end of an earlier run
            line, self._cut_off = "\n" + line, False
        with storing(self.out):
            self.folder.mkdir(parents=True, exist_ok=True)
            with (self.folder / _FILE).open("a", encoding="utf-8") as file:
                file.write(line)
        self.records[record.source] = record

    def save_thumbnail(self, name: str, data: bytes) -> None:
        folder = self.folder / "thumbnails"
        with storing(folder):
            folder.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(data)

    def thumbnail(self, name: str) -> bytes | None:
        try:
            return (self.folder / "thumbnails" / name).read_bytes()
        except OSError:
            return None

    def _lines(self) -> list[str]:
        with storing(self.out):
            text = (self.folder / _FILE).read_text(encoding="utf-8", errors="replace")
        self._cut_off = not text.endswith("\n")
        return text.splitlines()


def _record(line: str) -> Record | None:
    """A line's record; None for one that was cut off, or that leads out of the folder."""
    try:
        data: dict[str, Any] = json.loads(line)
        record = Record(**data)
        inside = Path(record.file)
    except (ValueError, TypeError):
        return None
    return None if inside.is_absolute() or ".." in inside.parts or inside.drive else record
