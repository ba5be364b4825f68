"""Copies of a project's database, made through SQLite's backup API while it is in use, and putting one back."""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
from datetime import datetime
from pathlib import Path

from app.project.database import reading
from app.project.failures import DamagedProjectError, storage_error
from inference.errors import StorageError, UsageError

log = logging.getLogger(__name__)

FOLDER = "backups"
KEEP = 8
DAYS = 14
_STAMP = "%Y%m%d-%H%M%S-%f"


def backups(store: Path) -> list[Path]:
    """A project's backups, newest first."""
    return sorted((store / FOLDER).glob("project-*.db"), reverse=True)


def back_up(database: Path, keep: int = KEEP, days: int = DAYS) -> Path | None:
    """Copies a database beside itself unless nothing changed since the newest copy; old copies go.

    The newest `keep` stay, and of each of the newest `days` days that have any the last one: an afternoon of opening
    and closing does not push out what was there last week.

    A damaged database is never copied, so it cannot push good copies out.

    Returns: the copy, or None when there was nothing to do.
    Raises: DamagedProjectError, StorageError.
    """
    folder = database.parent / FOLDER
    known = backups(database.parent)
    if not database.exists() or (known and _same_state(database, known[0])):
        return None
    target = folder / f"project-{datetime.now().strftime(_STAMP)}.db"
    part = target.with_suffix(".part")
    try:
        folder.mkdir(exist_ok=True)
        with reading(database) as source, contextlib.closing(sqlite3.connect(part)) as copy:
            _require_sound(source, database)
            _copy(source, copy)
        _sync(part)
        part.replace(target)
        for old in _too_many([target, *known], keep, days):
            old.unlink(missing_ok=True)
    except OSError as error:
        raise StorageError(
            f"No backup could be made ({error.strerror}).", folder, "Free some space; the project itself is fine."
        ) from error
    except sqlite3.Error as error:
        raise storage_error(error, database) from error
    finally:
        part.unlink(missing_ok=True)
    return target


def _too_many(newest_first: list[Path], keep: int, days: int) -> list[Path]:
    """The backups that go. Days are those in the names, which copying a folder does not change."""
    last_of_day: dict[str, Path] = {}
    for backup in newest_first:
        last_of_day.setdefault(backup.stem.split("-")[1], backup)
    stay = {*newest_first[: max(keep, 1)], *list(last_of_day.values())[:days]}
    return [backup for backup in newest_first if backup not in stay]


def restore(database: Path, backup: Path, *, aside: str = "damaged") -> Path | None:
    """Puts a backup in the place of a database that nobody has open; that one is moved aside, not deleted.

    `aside` begins its new name.

    Returns: where the old one is now (None when there was none). Raises UsageError, DamagedProjectError, StorageError.
    """
    if not backup.is_file():
        raise UsageError("The backup is not there.", backup, "Choose another one.")
    with reading(backup) as source:
        _require_sound(source, backup)
    put_by = database.with_name(f"{aside}-{datetime.now().strftime(_STAMP)}.db")
    fresh = database.with_name("restoring.db")
    try:
        with reading(backup) as source, contextlib.closing(sqlite3.connect(fresh)) as copy:
            _copy(source, copy)
        _sync(fresh)
        moved = _move_aside(database, put_by)
        fresh.replace(database)
    except OSError as error:
        raise StorageError(
            f"The backup could not be put back ({error.strerror}).", database, "Free some space and try again."
        ) from error
    except sqlite3.Error as error:
        raise storage_error(error, database) from error
    finally:
        fresh.unlink(missing_ok=True)
    return put_by if moved else None


def _move_aside(database: Path, aside: Path) -> bool:
    """With its log, which belongs to it and would spoil the one that takes its place."""
    moved = False
    for ending in ("-wal", "-shm", "-journal", ""):
        part = database.with_name(database.name + ending)
        if part.exists():
            part.replace(aside.with_name(aside.name + ending))
            moved = True
    return moved


def _copy(source: sqlite3.Connection, target: sqlite3.Connection) -> None:
    source.backup(target)
    target.execute("PRAGMA journal_mode = DELETE")  # one file, without the log's companions


def _require_sound(connection: sqlite3.Connection, path: Path) -> None:
    words = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if words != "ok":
        raise DamagedProjectError(
            "The project's database is damaged.", path, "Restore the newest backup; nothing was deleted.", str(words)
        )


def _same_state(database: Path, backup: Path) -> bool:
    """Whether nothing was written since the backup was made."""
    log_file = database.with_name(database.name + "-wal")
    parts = [database, log_file] if log_file.exists() and log_file.stat().st_size else [database]
    return max(p.stat().st_mtime_ns for p in parts) <= backup.stat().st_mtime_ns


def _sync(path: Path) -> None:
    with path.open("rb+") as stream:
        os.fsync(stream.fileno())
