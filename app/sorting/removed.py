"""Emptying what was deleted: to the system's trash, never for good."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from send2trash import send2trash
from send2trash.exceptions import TrashPermissionError

from app.project import Project
from app.project.place import PARKED
from app.project.renames import Moves
from app.sorting import journal
from app.sorting.places import REMOVED, Places
from inference.errors import AppError, StorageError

log = logging.getLogger(__name__)


def new_folder(places: Places) -> Path:
    """Where the pictures of one deletion go; nothing else does."""
    return places.removed / datetime.now().strftime("%Y%m%d-%H%M%S-%f")


def waiting(places: Places) -> list[Path]:
    """Deleted files that can still come back."""
    return sorted(_files(places))


def empty(project: Project, places: Places) -> tuple[int, list[AppError]]:
    """Sends deleted files to the system's trash. Returns how many went, and why others did not.

    Their annotations stay in the project and follow when a picture comes back under any name.
    """
    failed: list[AppError] = []
    gone: list[Path] = []
    for path in waiting(places):
        try:
            send2trash(str(path))
        except (OSError, TrashPermissionError) as error:
            failed.append(_not_trashed(path, error))
        else:
            gone.append(path)
    ids = [places.image_id(places.written(path)) for path in gone]
    head = f"{PARKED}{REMOVED}/"
    project.move_files(lambda _connection: Moves([(i, f"{PARKED}emptied/{i[len(head) :]}") for i in ids]))
    if not failed:
        project.transact(journal.forget_trash)
    for folder in list(places.removed.iterdir()) if places.removed.is_dir() else []:
        if not any(path.is_file() for path in folder.rglob("*")):
            shutil.rmtree(folder, ignore_errors=True)  # empty folders only
    return len(gone), failed


def _files(places: Places) -> Iterator[Path]:
    return (path for path in places.removed.rglob("*") if path.is_file() or path.is_symlink())


def _not_trashed(path: Path, error: Exception) -> AppError:
    log.info("%s: %s", path, error)
    return StorageError(
        "The file could not be put into the system's trash.",
        path,
        "It waits here still; delete it by hand if you want it gone.",
        str(error),
    )
