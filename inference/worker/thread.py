"""The window's runner: requests go in, Qt signals come out, and nothing here ever waits. The only module with Qt.

The work is done by three `Lane`s (the model process, a helper thread, supervised children). Their threads are Python's,
not QThreads: they only wait on pipes and locks, and a QThread that is destroyed while it runs aborts the program.
"""

from __future__ import annotations

import itertools
import time
from typing import Any

from PySide6.QtCore import QCoreApplication, QObject, Qt, QTimer, Signal, Slot

from inference.protocol import Priority, Ticket, lane_of
from inference.worker.child import ChildExecutor
from inference.worker.lane import Event, Executor, Kind, Lane
from inference.worker.local import LazyModels, LocalExecutor
from inference.worker.mailbox import QUIET_S
from inference.worker.options import ModelsFactory, WorkerOptions, model_pool
from inference.worker.outbox import Outbox
from inference.worker.process import WorkerProcess

_SLICE_S = 0.008
"""Events are handed to the window for at most this long in one go: half a frame."""
_NETWORK_S = 2.0
CLOSE_S = 15.0
"""The window is out of sight by then, and a step of a training on a busy machine takes seconds."""


class ThreadRunner(QObject):
    """Implements `inference.protocol.Jobs` for the window.

    Signals come in the thread the runner lives in, through its event loop, never from within `submit` or `cancel`.
    For every ticket exactly one of `succeeded`, `failed`, `cancelled` comes, and after it nothing more; `close` brings
    the missing ones. A running job that is cancelled may still succeed, when it had no more progress to report.

    Args:
        options: for the models.
        in_process: run model jobs in a thread of this process: tests share one torch; a window would stutter.
        factory: makes the models; a module-level function.
        quiet_s: how long nothing else may have been asked for before a prefetch runs.
        children: how many supervised children run beside each other.
        child_command: what starts the program for children; tests give another.
    """

    started = Signal(object)
    progressed = Signal(object, object)
    succeeded = Signal(object, object)
    failed = Signal(object, object)
    cancelled = Signal(object)
    ready = Signal()
    """The models' libraries were imported and jobs run at full speed; again after a restart of the worker."""
    busy_changed = Signal(bool)
    _woken = Signal()

    def __init__(
        self,
        options: WorkerOptions | None = None,
        parent: QObject | None = None,
        *,
        in_process: bool = False,
        factory: ModelsFactory = model_pool,
        quiet_s: float = QUIET_S,
        children: int = 1,
        child_command: list[str] | None = None,
    ) -> None:
        super().__init__(parent)
        self._outbox = outbox = Outbox(self._woken.emit)
        self.destroyed.connect(outbox.close)  # with its parent, unclosed
        self._closed = False
        self._was_busy = False
        self._woken.connect(self._deliver, Qt.ConnectionType.QueuedConnection)
        chosen = WorkerOptions() if options is None else options
        ids = itertools.count(1)
        models: Executor = (
            LocalExecutor.with_pool(chosen, factory, outbox.ready)
            if in_process
            else WorkerProcess(chosen, factory, outbox.ready)
        )
        self._children = ChildExecutor(child_command)
        self._lanes = {
            "model": Lane("models", models, outbox.post, ids=ids, gives_way=True, quiet_s=quiet_s),
            "network": Lane("network", LocalExecutor(LazyModels(_no_models)), outbox.post, ids=ids, quiet_s=0.0),
            "child": Lane("children", self._children, outbox.post, ids=ids, threads=children, quiet_s=0.0),
        }
        application = QCoreApplication.instance()
        if application is not None:
            application.aboutToQuit.connect(self.close)

    def submit(self, request: Any, *, key: str | None = None, priority: Priority = Priority.INTERACTIVE) -> Ticket:
        """Queues a request in its lane. One with the key of a *pending* one replaces it (that one is cancelled).

        After `close` the ticket is cancelled at once.
        """
        ticket = self._lanes[lane_of(request)].submit(request, key=key, priority=priority)
        if self._closed:
            QTimer.singleShot(0, self, self._deliver)
        return ticket

    def cancel(self, ticket: Ticket) -> None:
        """Asks a pending or running job to stop. Unknown and finished tickets are ignored."""
        self._lanes[lane_of(ticket.request)].cancel(ticket)

    def cancel_all(self) -> None:
        """Asks everything to stop, in every lane."""
        for lane in self._lanes.values():
            lane.cancel_all()

    def pause(self, ticket: Ticket) -> bool:
        """Freezes a running child; False for anything else."""
        return self._children.pause(ticket.request)

    def resume(self, ticket: Ticket) -> bool:
        """Lets a paused child go on; False for anything else."""
        return self._children.resume(ticket.request)

    @property
    def busy(self) -> bool:
        """Whether something somebody waits for is pending or running (prefetches are not)."""
        return any(lane.mailbox.unfinished() for lane in self._lanes.values())

    @Slot()
    def close(self, timeout_s: float = CLOSE_S) -> bool:
        """Cancels everything, waits, and ends what does not end by itself; whether every thread ended.

        Children get `timeout_s` to write their checkpoint, downloads (which go on where they ended) two seconds, the
        model process a second and a half at most. All signals still due are emitted before this returns. A second call
        does nothing.
        """
        if self._closed:
            return True
        self._closed = True
        for lane in self._lanes.values():
            lane.begin_close()
        deadline = time.monotonic() + timeout_s
        soon = min(deadline, time.monotonic() + _NETWORK_S)
        ended = [lane.finish_close(soon if name == "network" else deadline) for name, lane in self._lanes.items()]
        self._outbox.close()
        self._hand_out(float("inf"))
        return all(ended)

    @Slot()
    def _deliver(self) -> None:
        self._outbox.woken()
        self._hand_out(_SLICE_S)

    def _hand_out(self, at_most_s: float) -> None:
        end = time.monotonic() + at_most_s
        for event in self._outbox.drain():
            self._emit(event)
            if time.monotonic() > end:
                break
        busy = self.busy
        if busy != self._was_busy:
            self._was_busy = busy
            self.busy_changed.emit(busy)

    def _emit(self, event: Event | None) -> None:
        if event is None:
            self.ready.emit()
            return
        match event.kind:
            case Kind.STARTED:
                self.started.emit(event.ticket)
            case Kind.PROGRESSED:
                self.progressed.emit(event.ticket, event.value)
            case Kind.SUCCEEDED:
                self.succeeded.emit(event.ticket, event.value)
            case Kind.FAILED:
                self.failed.emit(event.ticket, event.value)
            case Kind.CANCELLED:
                self.cancelled.emit(event.ticket)


def _no_models() -> Any:
    raise RuntimeError("a job of the network lane asked for the models")
