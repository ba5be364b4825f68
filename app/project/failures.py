"""SQLite's errors as `StorageError`s that say what happened to the project and what to do."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from inference.errors import StorageError


class DamagedProjectError(StorageError):
    """The project's database is no database any more. `app.project.backups` knows what can be restored."""


_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_WORDS: dict[int, tuple[str, str]] = {
    sqlite3.SQLITE_FULL: (
        "The disk is full; the last change was not saved and is not shown.",
        "Free some space and do it again.",
    ),
    sqlite3.SQLITE_BUSY: (
        "Another program holds the project; the last change was not saved and is not shown.",
        "Close the other program and do it again.",
    ),
    sqlite3.SQLITE_READONLY: (
        "The project cannot be written; the last change was not saved and is not shown.",
        "Change the permissions of the folder, then open it again.",
    ),
    sqlite3.SQLITE_CANTOPEN: (
        "The project's database cannot be opened.",
        "Look at the permissions of the folder and at the free space of the disk.",
    ),
    sqlite3.SQLITE_IOERR: (
        "The disk reports an error; the last change was not saved and is not shown.",
        "Look after the disk, its connection and its free space, then do it again.",
    ),
}
_WORDS[sqlite3.SQLITE_LOCKED] = _WORDS[sqlite3.SQLITE_BUSY]
_WORDS[sqlite3.SQLITE_PERM] = _WORDS[sqlite3.SQLITE_READONLY]


def gone(path: Path) -> StorageError:
    """The database is not where it was when it was opened; what reads or writes it is refused."""
    return StorageError(
        "The folder's project is not where it was; changes are not saved.",
        path,
        "Put the folder back or connect its disk again, or open the folder where it is now.",
    )


def storage_error(error: sqlite3.Error, path: Path) -> StorageError:
    """The failure for the person; SQLite's own words go to its details."""
    code = (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF  # the primary code of an extended one
    details = f"{getattr(error, 'sqlite_errorname', type(error).__name__)}: {error}"
    if code in _DAMAGED:
        return DamagedProjectError(
            "The project's database is damaged.", path, "Restore the newest backup; nothing was deleted.", details
        )
    message, remedy = _WORDS.get(
        code, (f"The project's database reports an error ({error}).", "Open the folder again.")
    )
    return StorageError(message, path, remedy, details)
