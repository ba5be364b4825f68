"""`Facts`: size and date of pictures in one line each, read in the background when a view first asks."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal

from inference.errors import AppError
from inference.pictures import read_size

_GATHER_MS = 60
_KEPT = 20_000


class Facts(QObject):
    """Of the pictures of one folder. `ready` carries the ids that `get` knows now."""

    ready = Signal(list)
    _came = Signal()

    def __init__(self, folder: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._folder = folder
        self._known: OrderedDict[str, str] = OrderedDict()
        self._asked: set[str] = set()
        self._new: list[str] = []
        self._lock = threading.Lock()
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="facts")
        self._soon = QTimer(self, singleShot=True, interval=_GATHER_MS)
        self._soon.timeout.connect(self._tell)
        self._came.connect(lambda: None if self._soon.isActive() else self._soon.start())

    def get(self, image_id: str) -> str:
        """ "1920 × 1080 · 2.4 MB", "" while it is not known. Never waits."""
        with self._lock:
            if image_id in self._known or image_id in self._asked:
                return self._known.get(image_id, "")
            self._asked.add(image_id)
        self._worker.submit(self._read, image_id)
        return ""

    def close(self) -> None:
        self._worker.shutdown(wait=True, cancel_futures=True)

    def _read(self, image_id: str) -> None:
        text = facts(self._folder / image_id)
        with self._lock:
            self._asked.discard(image_id)
            self._known[image_id] = text
            self._new.append(image_id)
            if len(self._known) > _KEPT:
                self._known.popitem(last=False)
        self._came.emit()

    def _tell(self) -> None:
        with self._lock:
            new, self._new = self._new, []
        self.ready.emit(new)


def facts(path: Path) -> str:
    """Pixels, size and day of a picture; what cannot be read is left out."""
    try:
        status = os.stat(path)  # noqa: PTH116
    except OSError:
        return ""
    parts = []
    with contextlib.suppress(AppError):
        parts.append("{} × {}".format(*read_size(path)))
    size = status.st_size
    parts.append(f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{max(1, round(size / 1e3))} kB")
    parts.append(time.strftime("%Y-%m-%d", time.localtime(status.st_mtime)))
    return " · ".join(parts)
