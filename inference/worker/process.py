"""Runs jobs in a worker process of our own, so that importing torch and loading models never hold up the window.

Why a process: while a thread imports torch it holds the interpreter's lock for more than half a second at a time
(`docs/worker.md` has the figures), and a crash or the system's memory killer takes this process instead of the window.
A process that died fails the job that ran in it; the next job starts a new one.
"""

from __future__ import annotations

import logging
import multiprocessing
import pickle
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from typing import Any

from inference.errors import AppError, Cancelled, ModelError, OutOfMemory
from inference.protocol import Progress
from inference.worker import host
from inference.worker.child import describe_exit
from inference.worker.options import ModelsFactory, WorkerOptions, model_pool

log = logging.getLogger(__name__)

Report = Callable[[Progress], None]

CLOSE_GRACE_S = 1.5
"""A model job holds nothing worth waiting for (files are renamed into place at their end), so closing is quick."""
KILLED = 9
_EXIT_S = 1.0


class WorkerProcess:
    """An `inference.worker.lane.Executor` whose jobs run in a spawned process; it starts with the first job.

    Args:
        options: for the models.
        factory: makes the models, there; a module-level function.
        on_ready: called (on the lane's thread) when the models were made, again after each restart.
    """

    def __init__(
        self,
        options: WorkerOptions,
        factory: ModelsFactory = model_pool,
        on_ready: Callable[[], None] | None = None,
    ) -> None:
        self._options = options
        self._factory = factory
        self._on_ready = on_ready
        self._link: _Link | None = None
        self._lock = threading.Lock()  # the link, between the lane's thread and the one that closes
        self._closing = threading.Event()
        self._idle = threading.Event()
        self._idle.set()
        self._depth = 0

    @property
    def pid(self) -> int | None:
        """The process' number while there is one."""
        link = self._link
        return None if link is None else link.process.pid

    def run(self, request: Any, report: Report, stopping: Callable[[], bool] = lambda: False) -> Any:
        """The job's result. ModelError or OutOfMemory when the process died of it; otherwise what the job raised."""
        if stopping() or self._closing.is_set():
            raise Cancelled
        pickled = pickle.dumps(request, protocol=pickle.HIGHEST_PROTOCOL)
        self._idle.clear()
        self._depth += 1
        try:
            answer = self._ask(pickled, report)
        finally:
            self._depth -= 1
            if not self._depth:
                self._idle.set()
        if isinstance(answer, (AppError, Cancelled)):
            raise answer
        return pickle.loads(answer)  # noqa: S301 - from our own process, over an inherited pipe

    def close(self, deadline: float) -> None:
        """Lets a running job end at its next progress for a moment, then ends the process in any case."""
        self._closing.set()
        self._idle.wait(max(0.0, min(deadline - time.monotonic(), CLOSE_GRACE_S)))
        with self._lock:
            if self._link is not None:
                self._link.kill()  # the lane's thread, if it waits for an answer, sees the connection end
        self._idle.wait(_EXIT_S)
        with self._lock:
            if self._link is not None:
                self._link.end()
                self._link = None

    def _ask(self, pickled: bytes, report: Report) -> bytes | AppError | Cancelled:
        link = self._linked()
        if not self._begin(link, pickled):
            self._drop(link)  # it died since its last job, which is no fault of this one
            link = self._linked()
            if not self._begin(link, pickled):
                return self._died(link)
        try:
            return self._answer(link, report)
        except (EOFError, OSError):
            return self._died(link)
        except BaseException:
            # The two sides no longer agree on whose turn it is.
            link.kill()
            self._drop(link)
            raise

    def _begin(self, link: _Link, pickled: bytes) -> bool:
        """Sends the request and waits until its job begins; False when the process is gone."""
        try:
            link.connection.send(("run",))
            link.connection.send_bytes(pickled)
            while (message := link.connection.recv())[0] != "begun":
                self._note(*message)
        except (EOFError, OSError):
            return False
        return True

    def _answer(self, link: _Link, report: Report) -> bytes | AppError | Cancelled:
        while True:
            kind, *rest = link.connection.recv()
            match kind:
                case "progress":
                    self._reply(link, rest[0], report)
                case "result":
                    return link.connection.recv_bytes()
                case "error":
                    error: AppError = rest[0]
                    return error
                case "cancelled":
                    return Cancelled()
                case _:
                    self._note(kind, *rest)

    def _note(self, kind: str, *rest: Any) -> None:
        if kind == "ready" and self._on_ready:
            self._on_ready()
        elif kind == "log":
            name, level, text = rest
            logging.getLogger(name).log(level, "%s", text)

    def _reply(self, link: _Link, progress: Progress, report: Report) -> None:
        try:
            report(progress)
        except Cancelled:
            link.connection.send(("cancel",))
        else:
            link.connection.send(("cancel" if self._closing.is_set() else "continue",))

    def _linked(self) -> _Link:
        with self._lock:
            if self._closing.is_set():
                raise Cancelled
            if self._link is not None and not self._link.process.is_alive():
                self._link.end()  # it died between two jobs: nobody's job failed
                self._link = None
            if self._link is None:
                self._link = _Link.start(self._options, self._factory)
            return self._link

    def _died(self, link: _Link) -> AppError | Cancelled:
        status = self._drop(link)
        if self._closing.is_set():
            return Cancelled()
        log.error("the model process %s", describe_exit(status))
        if status == -KILLED:
            return OutOfMemory(
                "The system ended the model process, most likely because memory ran out.",
                remedy="Close other programs or choose a smaller model; Winnow has started the models anew.",
            )
        return ModelError(
            f"The model process {describe_exit(status)}.",
            remedy="Winnow starts it anew; if it happens again, choose another model or device in the settings.",
        )

    def _drop(self, link: _Link) -> int:
        with self._lock:
            if self._link is link:
                self._link = None
            return link.end()


class _Link:
    """A process and the connection to it."""

    def __init__(self, process: SpawnProcess, connection: Connection) -> None:
        self.process = process
        self.connection = connection
        self._status: int | None = None

    @classmethod
    def start(cls, options: WorkerOptions, factory: ModelsFactory) -> _Link:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=host.main, args=(theirs, options, factory), name="winnow-models", daemon=True)
        try:
            process.start()
        except OSError as error:
            ours.close()
            raise ModelError(f"The model process could not start: {error}.", remedy="Restart the program.") from error
        finally:
            theirs.close()  # or its end would never be seen here
        return cls(process, ours)

    def kill(self) -> None:
        """Ends the process now; the connection stays for the thread that may be reading it."""
        if self._status is None and self.process.is_alive():
            self.process.kill()

    def end(self) -> int:
        """Makes sure that it is gone; its exit status (negative: the signal). A second call only returns that."""
        if self._status is None:
            self.process.join(_EXIT_S)  # its connection ends a moment before the process does
            self.kill()
            self.process.join()
            self._status = int(self.process.exitcode or 0)
            self.connection.close()
            if self.process.exitcode is not None:
                self.process.close()
        return self._status
