"""Temporary folders of exports that were killed: found and removed by the next export that goes to the same place.

A lock file lies beside each of them from before it is made until after it is gone. The system frees the lock when the
program ends, however it ends, so a folder whose lock can be taken belongs to nobody.
"""

from __future__ import annotations

import logging
import re
import shutil
import uuid
from pathlib import Path

from filelock import BaseFileLock, FileLock, Timeout

log = logging.getLogger(__name__)

_NAME = re.compile(r"(\.winnow-export-[0-9a-f]{8})(\.lock)?")


class Claim:
    """A name for a temporary folder in `parent` that nobody else has; not made yet. `release` after it is gone."""

    def __init__(self, parent: Path) -> None:
        self.folder = parent / f".winnow-export-{uuid.uuid4().hex[:8]}"
        self._lock = _lock_of(self.folder)
        try:
            self._lock.acquire(timeout=0)
        except (OSError, NotImplementedError) as error:
            log.info("%s cannot be locked: %s", self.folder, error)  # then nobody else can lock and remove it either

    def release(self) -> None:
        """Twice is harmless."""
        self._lock.release()
        _forget(self._lock)


def sweep(parent: Path) -> None:
    """Removes what killed exports left in a folder."""
    try:
        names = {match[1] for entry in parent.iterdir() if (match := _NAME.fullmatch(entry.name))}
    except OSError as error:
        log.info("%s: %s", parent, error)
        return
    for name in names:
        _remove_unless_alive(parent / name)


def _remove_unless_alive(folder: Path) -> None:
    lock = _lock_of(folder)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return
    except (OSError, NotImplementedError) as error:
        log.info("%s is left: %s", folder, error)
        return
    shutil.rmtree(folder, ignore_errors=True)
    lock.release()
    _forget(lock)
    log.info("%s of an export that was killed was removed", folder)


def _lock_of(folder: Path) -> BaseFileLock:
    return FileLock(f"{folder}.lock", thread_local=False)


def _forget(lock: BaseFileLock) -> None:
    try:
        Path(lock.lock_file).unlink(missing_ok=True)
    except OSError as error:
        log.info("%s: %s", lock.lock_file, error)
