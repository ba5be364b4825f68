"""What an export did, and what a format could not hold, per file."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Severity(StrEnum):
    """`failed`: the picture is not in the export. `loss`: something is missing from it. `info`: worth knowing."""

    FAILED = "failed"
    LOSS = "loss"
    INFO = "info"


@dataclass(frozen=True)
class Note:
    """One thing to say about one picture (`image_id`; empty for the whole export)."""

    image_id: str
    severity: Severity
    message: str


@dataclass(frozen=True)
class ExportSummary:
    """The outcome of one export.

    Attributes:
        images: pictures written. instances: instances written.
        splits: pictures in each split; empty without a split.
        files, bytes: what lies in the output folder because of this export.
    """

    format: str
    out: str
    images: int
    instances: int
    files: int
    bytes: int
    splits: dict[str, int]
    notes: tuple[Note, ...]

    @property
    def failed(self) -> tuple[Note, ...]:
        return tuple(n for n in self.notes if n.severity is Severity.FAILED)

    @property
    def losses(self) -> tuple[Note, ...]:
        return tuple(n for n in self.notes if n.severity is Severity.LOSS)

    @property
    def ok(self) -> bool:
        """Whether every chosen picture was written."""
        return not self.failed

    def to_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "format": self.format,
            "out": self.out,
            "images": self.images,
            "instances": self.instances,
            "files": self.files,
            "bytes": self.bytes,
            "splits": self.splits,
            "notes": [{"image": n.image_id, "severity": n.severity.value, "message": n.message} for n in self.notes],
        }


@dataclass
class Notes:
    """Collects notes while an export runs."""

    items: list[Note] = field(default_factory=list)

    def info(self, image_id: str, message: str) -> None:
        self.items.append(Note(image_id, Severity.INFO, message))

    def loss(self, image_id: str, message: str) -> None:
        self.items.append(Note(image_id, Severity.LOSS, message))

    def failed(self, image_id: str, message: str) -> None:
        self.items.append(Note(image_id, Severity.FAILED, message))


def counted(number: int, singular: str, plural: str | None = None) -> str:
    """`1 hole`, `3 holes`."""
    return f"{number} {singular if number == 1 else plural or singular + 's'}"
