"""Noticing that another window has written into a project that this one only looks at."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal

LOOK_EVERY_MS = 1000


class Onlooker(QObject):
    """Looks at the files of a database once a second; needs an event loop.

    Signals:
        written(): something was written since the last look.
    """

    written = Signal()

    def __init__(self, database: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._files = (database, database.with_name(database.name + "-wal"))
        self._state = self._look()
        self._timer = QTimer(self, interval=LOOK_EVERY_MS)
        self._timer.timeout.connect(self._compare)
        self._timer.start()

    def stop(self) -> None:
        """Looks no more. Twice is harmless."""
        self._timer.stop()

    def _compare(self) -> None:
        state = self._look()
        if state != self._state:
            self._state = state
            self.written.emit()

    def _look(self) -> list[tuple[int, int]]:
        found = []
        for file in self._files:
            try:
                status = file.stat()
            except OSError:
                continue  # no edit yet, or the log was folded in
            found.append((status.st_mtime_ns, status.st_size))
        return found
