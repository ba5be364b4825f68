"""Being told when something changes in a folder tree. No Qt."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path

from watchdog.events import (
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer

from inference.pictures import EXTENSIONS

log = logging.getLogger(__name__)

# Not the opening and reading of files: our own thumbnails would set those off.
_EVENTS: list[type[FileSystemEvent]] = [
    FileCreatedEvent,
    FileDeletedEvent,
    FileMovedEvent,
    FileClosedEvent,
    FileModifiedEvent,
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
]


class Watch:
    """Watches a tree until it is closed; calls back from a thread of its own.

    Args:
        notice: called with the folder in which an entry came, went or changed (relative, "" is the root), and the id
            of the picture whose content changed, or None.
    Raises OSError from the constructor when the system cannot watch so many folders.
    """

    def __init__(self, root: Path, notice: Callable[[str, str | None], None]) -> None:
        self._observer = Observer()
        self._observer.name = "library watch"
        self._observer.start()
        try:
            self._observer.schedule(_Handler(root, notice), str(root), recursive=True, event_filter=_EVENTS)
        except OSError:
            self.close()
            raise

    def close(self) -> None:
        self._observer.stop()
        if self._observer is not threading.current_thread():
            self._observer.join()


class _Handler(FileSystemEventHandler):
    def __init__(self, root: Path, notice: Callable[[str, str | None], None]) -> None:
        self._root, self._notice = root, notice

    def on_any_event(self, event: FileSystemEvent) -> None:
        for path in (event.src_path, event.dest_path):
            if path:
                self._tell(os.fsdecode(path), event)

    def _tell(self, path: str, event: FileSystemEvent) -> None:
        try:
            parts = Path(path).relative_to(self._root).parts
        except ValueError:
            return  # moved out of the tree; its old name is told too
        if any(part.startswith(".") for part in parts):
            return  # also our own database
        if not event.is_directory and Path(path).suffix.lower() not in EXTENSIONS:
            return
        content = isinstance(event, (FileClosedEvent, FileModifiedEvent, FileMovedEvent))
        self._notice("/".join(parts[:-1]), "/".join(parts) if content and not event.is_directory else None)
