"""The folder of a training run, read while it may be going on: what it is (`run.json`), and its rows of figures.

What is in it is told in docs/training.md and docs/classifiers.md. Nothing in it is trusted: a damaged file makes a run
that says so, never a window that fails.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil
from PySide6.QtCore import QCoreApplication

from inference.errors import StorageError

RUN, METRICS, STATE, BEST = "run.json", "metrics.jsonl", "state.pt", "best.safetensors"
SEGMENTER, CLASSIFIER = "sam2", "classifier"
Row = dict[str, Any]
_SLACK_S = 120.0
"""Between the start of a process and what it writes about that, by the clock."""


@dataclass(frozen=True)
class RunFacts:
    """What a run's folder says of it.

    Attributes:
        folder: where it is; its name is the run's name.
        kind: "sam2" or "classifier".
        status: running, stopped (it can go on), finished or failed.
        told: the whole of `run.json`; {} when it is missing or damaged.
        reason: why it failed, in words.
        resumable: its state is there to go on from.
        usable: there is a best checkpoint.
        report: the page that the training ended with, if it did.
    """

    folder: Path
    kind: str = SEGMENTER
    status: str = "stopped"
    told: dict[str, Any] = field(default_factory=dict)
    reason: str = ""
    resumable: bool = False
    usable: bool = False
    report: Path | None = None

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def best(self) -> Path:
        return self.folder / BEST

    @property
    def request(self) -> dict[str, Any]:
        asked = self.told.get("request")
        return asked if isinstance(asked, dict) else {}

    @property
    def pictures(self) -> dict[str, int]:
        """How many pictures train, and how many choose."""
        counts = self.told.get("pictures")
        return {k: v for k, v in counts.items() if isinstance(v, int)} if isinstance(counts, dict) else {}


def read_facts(folder: Path) -> RunFacts | None:
    """What is in a run's folder; None where there is no run."""
    try:
        told = json.loads((folder / RUN).read_text("utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        return RunFacts(folder, status="failed", reason="The run's run.json is damaged.")
    if not isinstance(told, dict):
        return RunFacts(folder, status="failed", reason="The run's run.json is damaged.")
    resumable, usable = (folder / STATE).is_file(), (folder / BEST).is_file()
    if told.get("kind") == SEGMENTER:
        return RunFacts(folder, SEGMENTER, _status(told), told, str(told.get("reason") or ""), resumable, usable)
    if "classes" in told:
        page = folder / "report" / "report.html"
        report = page if page.is_file() else None
        # runs of before there was a status ended with their report
        status = _status(told) if "status" in told else "finished" if report else "stopped"
        return RunFacts(folder, CLASSIFIER, status, told, str(told.get("reason") or ""), resumable, usable, report)
    return None


def _status(told: dict[str, Any]) -> str:
    status = str(told.get("status"))
    if status == "running" and not _alive(told):
        return "stopped"  # killed, or the machine went off
    return status if status in ("running", "finished", "failed") else "stopped"


def _alive(told: dict[str, Any]) -> bool:
    """Whether the process that wrote this still runs; another one may have its number by now."""
    try:
        process = psutil.Process(int(told["process"]))
        began = datetime.fromisoformat(str(told.get("continued") or told["started"])).timestamp()
        return process.is_running() and process.create_time() < began + _SLACK_S
    except (psutil.Error, KeyError, TypeError, ValueError, OverflowError):
        return False


def find_runs(folders: Iterable[Path]) -> list[RunFacts]:
    """The runs directly inside of folders, or that are these folders; the newest first."""
    found: dict[Path, tuple[float, RunFacts]] = {}
    for folder in folders:
        for place in (folder, *_children(folder)):
            facts = read_facts(place)
            if facts is not None:
                found.setdefault(place, (_changed(place / RUN), facts))
    return [facts for _, facts in sorted(found.values(), key=lambda pair: -pair[0])]


def _children(folder: Path) -> Sequence[Path]:
    try:
        return [place for place in folder.iterdir() if place.is_dir() and not place.name.startswith(".")]
    except OSError:
        return ()


def _changed(file: Path) -> float:
    try:
        return file.stat().st_mtime
    except OSError:
        return 0.0


class Rows:
    """Reads the rows of a `metrics.jsonl` as they come; what was read is not read again.

    A run that goes on from an earlier state drops its last rows. That is seen by the end of what was read, which is
    then another, and everything is read anew.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / METRICS
        self._offset = 0
        self._tail = b""

    def new(self) -> tuple[list[Row], bool]:
        """The rows since the last time, and whether they are to take the place of all earlier ones."""
        try:
            with self._file.open("rb") as file:
                start = self._offset - len(self._tail)
                file.seek(start)
                anew = file.read(len(self._tail)) != self._tail
                if anew:
                    file.seek(0)
                    self._offset = 0
                data = file.read()
        except OSError:
            return [], False
        whole = data[: data.rfind(b"\n") + 1]  # a line may be half written
        self._offset += len(whole)
        if whole or anew:
            self._tail = whole[-200:]
        return [row for line in whole.splitlines() if (row := _row(line)) is not None], anew


def _row(line: bytes) -> Row | None:
    try:
        row = json.loads(line)
    except ValueError:
        return None
    return row if isinstance(row, dict) and isinstance(row.get("step"), int) else None


def series(rows: Iterable[Row], key: str) -> tuple[list[float], list[float]]:
    """Steps and values of the rows that have a figure."""
    pairs = [(float(row["step"]), float(row[key])) for row in rows if isinstance(row.get(key), (int, float))]
    return [step for step, _ in pairs], [value for _, value in pairs]


def validations(rows: Iterable[Row]) -> list[Row]:
    """The rows of validations."""
    return [row for row in rows if "val_iou" in row or "val_accuracy" in row]


def score(row: Row) -> float:
    """What the best checkpoint is chosen by."""
    value = row.get("val_iou", row.get("val_accuracy"))
    return float(value) if isinstance(value, (int, float)) else 0.0


def best_of(rows: Iterable[Row]) -> Row | None:
    """The validation that chose the best checkpoint."""
    return max(validations(rows), key=score, default=None)


def best_text(rows: Iterable[Row]) -> str:
    """ "IoU 0.871" or "accuracy 0.912" of the best validation; "" without one."""
    best = best_of(rows)
    if best is None:
        return ""
    return f"{'IoU' if 'val_iou' in best else 'accuracy'} {score(best):.3f}"


def samples_of(folder: Path, row: Row) -> list[Path]:
    """The pictures drawn at a validation; they are looked for in the run's folder, wherever that is now."""
    names = row.get("samples")
    if not isinstance(names, list):
        return []
    return [folder / "samples" / Path(str(name).replace("\\", "/")).name for name in names]


def to_trash(folder: Path) -> None:
    """Moves a run's folder to the system's trash, if it is there. StorageError when that fails."""
    from send2trash import send2trash

    if not folder.exists():
        return
    try:
        send2trash(folder)
    except OSError as error:
        raise StorageError(
            _tr("The run cannot be moved to the trash (%1).").replace("%1", str(error.strerror or error)), folder,
            _tr("Close what uses its files, or delete the folder yourself."),
        ) from error  # fmt: skip


def _tr(text: str) -> str:
    return QCoreApplication.translate("teaching", text)


__all__ = [
    "CLASSIFIER",
    "SEGMENTER",
    "Row",
    "Rows",
    "RunFacts",
    "best_of",
    "best_text",
    "find_runs",
    "read_facts",
    "samples_of",
    "score",
    "series",
    "to_trash",
    "validations",
]
