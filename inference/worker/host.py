"""The inside of the worker process: runs the requests that `process.WorkerProcess` sends, one at a time.

The two sides talk in turns over one connection, so there is no queue here: while a job reports progress the other side
may send a more urgent request, which runs right there, before it answers "continue" or "cancel".

to the host:    ("run",) and the pickled request; ("continue",) ("cancel",)
from the host:  ("begun",) ("ready",) ("progress", Progress) ("error", AppError) ("cancelled",)
                ("result",) and the pickled result
                ("log", logger, level, text)
"""

from __future__ import annotations

import faulthandler
import logging
import os
import pickle
import signal
import sys
import threading
from multiprocessing import parent_process
from multiprocessing.connection import Connection, wait
from typing import Any

from inference.errors import AppError, Cancelled
from inference.protocol import Progress
from inference.worker.failures import as_app_error
from inference.worker.local import LocalExecutor
from inference.worker.options import ModelsFactory, WorkerOptions
from inference.worker.priority import yield_to_the_window


def main(connection: Connection, options: WorkerOptions, factory: ModelsFactory) -> None:
    """The process' entry: serves until the other side closes the connection or dies."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C in the terminal is the window's to answer
    if sys.stderr is not None:
        faulthandler.enable()
    _die_with_the_window()
    yield_to_the_window()
    host = _Host(connection)
    _forward_logs(host)
    host.executor = LocalExecutor.with_pool(options, factory, on_ready=lambda: host.send("ready"))
    try:
        host.serve()
    except (EOFError, OSError):
        return  # the window closed or died; nobody is there to tell


class _Host:
    executor: LocalExecutor

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._sending = threading.RLock()  # log records come from any thread, and while sending

    def send(self, *message: Any) -> None:
        with self._sending:
            self._connection.send(message)

    def serve(self) -> None:
        while True:
            (kind,) = self._connection.recv()
            if kind == "run":
                self._run()

    def _run(self) -> None:
        pickled = self._connection.recv_bytes()
        request: Any = None
        result = b""
        answer: tuple[Any, ...]
        self.send("begun")
        try:
            request = pickle.loads(pickled)  # noqa: S301 - from our own window, over an inherited pipe
            result = pickle.dumps(self.executor.run(request, self._report), protocol=pickle.HIGHEST_PROTOCOL)
            answer = ("result",)
        except (EOFError, BrokenPipeError):
            raise
        except Cancelled:
            answer = ("cancelled",)
        except AppError as error:
            answer = ("error", error)
        except Exception as failure:  # noqa: BLE001 - a request or result that cannot be pickled; logged and told
            answer = ("error", as_app_error(failure, request))
        with self._sending:
            self.send(*answer)
            if answer[0] == "result":
                self._connection.send_bytes(result)  # apart: it may be large, and pickling it twice costs copies

    def _report(self, progress: Progress) -> None:
        self.send("progress", progress)
        while True:
            (kind,) = self._connection.recv()
            if kind == "cancel":
                raise Cancelled
            if kind == "continue":
                return
            self._run()


def _die_with_the_window() -> None:
    """Ends this process when its parent is gone, even by SIGKILL and in the middle of a job."""
    parent = parent_process()
    if parent is None:
        return

    def watch() -> None:
        wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, name="winnow-parent-watch", daemon=True).start()


class _Forward(logging.Handler):
    """Sends log records to the window's log."""

    def __init__(self, host: _Host) -> None:
        super().__init__(logging.INFO)
        self._host = host

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._host.send("log", record.name, record.levelno, self.format(record))
        except (OSError, ValueError):
            self.handleError(record)


def _forward_logs(host: _Host) -> None:
    root = logging.getLogger()
    root.addHandler(_Forward(host))
    root.setLevel(logging.INFO)
    logging.captureWarnings(True)
