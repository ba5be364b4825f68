"""One thread behind an object: work goes there, what comes of it is handed over in the object's own thread."""

from __future__ import annotations

import functools
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from PySide6.QtCore import QObject, Signal

from inference.errors import AppError

T = TypeVar("T")


class Background(QObject):
    """Lives in the thread that its results come back to; that one needs an event loop.

    Signals:
        failed(AppError): of some work; what should have followed it does not. Or of what followed.
    """

    failed = Signal(object)
    _home = Signal(object)  # a callable, from any thread to this object's

    def __init__(self, name: str, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._closed = False
        self._home.connect(self._at_home)

    def run(self, work: Callable[[], T], then: Callable[[T], object]) -> None:
        """Runs `work` in the thread, then `then` with its result here; nothing once this is closed."""
        if not self._closed:
            self._thread.submit(work).add_done_callback(functools.partial(self._done, then))

    def bring(self, function: Callable[[], object]) -> None:
        """Runs something here soon; from any thread."""
        self._home.emit(function)

    def close(self) -> None:
        """Finishes what is under way; nothing follows it any more."""
        self._closed = True
        self._thread.shutdown(wait=True, cancel_futures=True)

    def _done(self, then: Callable[[T], object], future: Future[T]) -> None:
        if future.cancelled():
            return
        if isinstance(error := future.exception(), AppError):
            self.bring(functools.partial(self.failed.emit, error))
        else:
            self.bring(lambda: then(future.result()))  # a bug is raised, and seen, in this object's thread

    def _at_home(self, function: Callable[[], object]) -> None:
        if self._closed:
            return
        try:
            function()
        except AppError as error:
            self.failed.emit(error)
