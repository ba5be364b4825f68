"""Work in threads whose results come back as a signal. What was started before `forget` is never heard of again."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any

from PySide6.QtCore import QObject, Qt, Signal

from inference.errors import AppError


class Background(QObject):
    """A few threads. `done` carries what was asked and its result, `failed` what was asked and an AppError.

    Anything else that a piece of work raises is a bug, and is raised again in the thread of the event loop.
    """

    done = Signal(object, object)
    failed = Signal(object, object)
    _finished = Signal(int, object, object)

    def __init__(self, threads: int, name: str, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._generation = 0
        self._closed = False
        self._futures: set[Future[Any]] = set()
        self._finished.connect(self._deliver, Qt.ConnectionType.QueuedConnection)
        # Also when nobody called `close`: a widget that is destroyed leaves no threads behind.
        self.destroyed.connect(partial(self._executor.shutdown, wait=True, cancel_futures=True))

    @property
    def busy(self) -> bool:
        return bool(self._futures)

    def start(self, what: Hashable, work: Callable[[], Any]) -> None:
        """Runs `work` in a thread, after what was started before."""
        if self._closed:
            return
        generation = self._generation
        future = self._executor.submit(work)
        self._futures.add(future)
        future.add_done_callback(lambda finished: self._announce(generation, what, finished))

    def forget(self) -> None:
        """Drops what waits; what runs ends unheard."""
        self._generation += 1
        for future in self._futures:
            future.cancel()
        self._futures.clear()

    def close(self) -> None:
        """Waits for what runs. Nothing is emitted afterwards."""
        self._closed = True
        self.forget()
        self._executor.shutdown(wait=True, cancel_futures=True)

    def _announce(self, generation: int, what: Hashable, future: Future[Any]) -> None:
        """In the thread that did the work."""
        if not future.cancelled() and not self._closed and generation == self._generation:
            self._finished.emit(generation, what, future)

    def _deliver(self, generation: int, what: Hashable, future: Future[Any]) -> None:
        self._futures.discard(future)
        if generation != self._generation or self._closed:
            return
        error = future.exception()
        if error is None:
            self.done.emit(what, future.result())
        elif isinstance(error, AppError):
            self.failed.emit(what, error)
        else:
            raise error
