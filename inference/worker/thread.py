"""The window's runner: requests go in, Qt signals come out, and nothing here ever waits. The only module with Qt.

The work is done by three `Lane`s (the model process, a helper thread, supervised children). Their threads are Python's,
not QThreads: they only wait on pipes and locks, and a QThread that is destroyed while it runs aborts the program.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections import deque
from typing import Any

from PySide6.QtCore import QCoreApplication, QObject, Qt, Signal, Slot

from inference.protocol import Priority, Ticket, lane_of
from inference.worker.child import ChildExecutor
from inference.worker.lane import Event, Executor, Kind, Lane
from inference.worker.local import LazyModels, LocalExecutor
from inference.worker.mailbox import QUIET_S
from inference.worker.options import ModelsFactory, WorkerOptions, model_pool
from inference.worker.process import WorkerProcess

_SLICE_S = 0.008
"""Events are handed to the window for at most this long in one go: half a frame."""


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
        self._events: deque[Event | None] = deque()  # None: the models are ready
        self._waking = threading.Lock()
        self._awake = False
        self._closed = False
        self._was_busy = False
        self._woken.connect(self._deliver, Qt.ConnectionType.QueuedConnection)
        chosen = WorkerOptions() if options is None else options
        ids = itertools.count(1)
        models: Executor = (
            LocalExecutor.with_pool(chosen, factory, self._on_ready)
            if in_process
            else WorkerProcess(chosen, factory, self._on_ready)
        )
        self._children = ChildExecutor(child_command)
        self._lanes = {
            "model": Lane("models", models, self._post, ids=ids, gives_way=True, quiet_s=quiet_s),
            "network": Lane("network", LocalExecutor(LazyModels(_no_models)), self._post, ids=ids, quiet_s=0.0),
            "child": Lane("children", self._children, self._post, ids=ids, threads=children, quiet_s=0.0),
        }
        application = QCoreApplication.instance()
        if application is not None:
            application.aboutToQuit.connect(self.close)

    def submit(self, request: Any, *, key: str | None = None, priority: Priority = Priority.INTERACTIVE) -> Ticket:
        """Queues a request in its lane. One with the key of a *pending* one replaces it (that one is cancelled).

        After `close` the ticket is cancelled at once.
        """
        return self._lanes[lane_of(request)].submit(request, key=key, priority=priority)

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
    def close(self, timeout_s: float = 5.0) -> bool:
        """Cancels everything, waits, and ends what does not end by itself; whether every thread ended.

        Children get `timeout_s` to write their checkpoint, the model process a second and a half at most. All signals
        still due are emitted before this returns. A second call does nothing.
        """
        if self._closed:
            return True
        for lane in self._lanes.values():
            lane.begin_close()
        deadline = time.monotonic() + timeout_s
        ended = [lane.finish_close(deadline) for lane in self._lanes.values()]
        with self._waking:
            self._closed = True
        self._hand_out(float("inf"))
        return all(ended)

    def _on_ready(self) -> None:
        self._enqueue(None)

    def _post(self, event: Event) -> None:
        self._enqueue(event)

    def _enqueue(self, event: Event | None) -> None:
        """From any thread."""
        self._events.append(event)
        self._wake()

    def _wake(self) -> None:
        """Has `_deliver` called by the event loop. Not after `close`: a thread that hung may come back much later."""
        with self._waking:
            if not self._awake and not self._closed:
                self._awake = True
                self._woken.emit()

    @Slot()
    def _deliver(self) -> None:
        with self._waking:
            self._awake = False
        self._hand_out(_SLICE_S)

    def _hand_out(self, at_most_s: float) -> None:
        end = time.monotonic() + at_most_s
        while self._events:
            event = self._events.popleft()
            if self._events:
                self._wake()  # a slot may run an event loop of its own (a dialog), or the slice may end
            if event is None:
                self.ready.emit()
            elif event.kind is not Kind.PROGRESSED or event.value.payload is not None or not self._superseded(event):
                self._emit(event)
            if time.monotonic() > end:
                break
        self._note_busy()

    def _superseded(self, event: Event) -> bool:
        """Whether a newer progress of the same job waits next: a flood of them shall not slow the window."""
        try:
            following = self._events[0]
        except IndexError:
            return False
        return following is not None and following.kind is Kind.PROGRESSED and following.ticket == event.ticket

    def _emit(self, event: Event) -> None:
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

    def _note_busy(self) -> None:
        busy = self.busy
        if busy != self._was_busy:
            self._was_busy = busy
            self.busy_changed.emit(busy)


def _no_models() -> Any:
    raise RuntimeError("a job of the network lane asked for the models")
