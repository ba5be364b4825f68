"""Where the project of a folder may lie: beside its pictures, or in Winnow's data folder where it cannot be written."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from inference.paths import data_dir

STORE = ".winnow"
DATABASE = "project.db"


def away(folder: Path) -> Path:
    """Where the project of a folder that cannot be written is kept."""
    key = hashlib.blake2b(os.fsencode(folder.resolve()), digest_size=8).hexdigest()
    name = "".join(c if c.isascii() and c.isalnum() else "-" for c in folder.name)[:40]
    return data_dir() / "projects" / f"{name}-{key}"


def newest(folder: Path) -> Path:
    """That of the two stores which was written last; the one beside the pictures where there is none."""
    return max(folder / STORE, away(folder), key=last_changed)


def last_changed(store: Path) -> int:
    """When the database of a project was written last, in nanoseconds; -1 when there is none."""
    database, log = store / DATABASE, store / f"{DATABASE}-wal"
    if not database.exists():
        return -1
    parts = [database, log] if log.exists() and log.stat().st_size else [database]  # readers leave empty logs
    return max(part.stat().st_mtime_ns for part in parts)
