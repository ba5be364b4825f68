"""Work in a thread of its own for dialogs: progress a few times a second, and exactly one answer."""

from __future__ import annotations

import logging
import threading
import time
import traceback
from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject, QThread, Signal

from app.formats.export import ProgressCall
from inference.errors import AppError, BugError, Cancelled

log = logging.getLogger(__name__)

_EVERY_S = 0.05


class Background(QThread):
    """Runs `work(progress)`; `progress` raises `Cancelled` inside it after `stop()`.

    Signals:
        progressed(done, total, message).
        succeeded(result), failed(AppError), cancelled(): one of them ends it.
    """

    progressed = Signal(int, int, str)
    succeeded = Signal(object)
    failed = Signal(object)
    cancelled = Signal()

    def __init__(self, work: Callable[[ProgressCall], Any], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._work = work
        self._stop = threading.Event()
        self._next = 0.0

    def stop(self) -> None:
        """Asks for the end; the answer is `cancelled` unless the work was done already."""
        self._stop.set()

    def run(self) -> None:
        try:
            result = self._work(self._report)
        except Cancelled:
            self.cancelled.emit()
        except AppError as error:
            self.failed.emit(error)
        except Exception as error:
            log.exception("a bug in a background task")
            what = f"Winnow failed unexpectedly: {type(error).__name__}: {error}"
            self.failed.emit(BugError(what, None, "Please report it.", traceback.format_exc()))
        else:
            self.succeeded.emit(result)

    def _report(self, done: int, total: int, message: str) -> None:
        if self._stop.is_set():
            raise Cancelled
        now = time.monotonic()
        if now >= self._next or done == total:
            self._next = now + _EVERY_S
            self.progressed.emit(done, total, message)
