"""`TeachSession`: trainings and measurements of the window. One of them runs at a time, the others wait for their turn.

The work is done by supervised children of the worker, which write into folders; this reads those folders in a thread of
its own, at most once a second, and tells the views what is new. A run that was started on the command line shows the
same way. Pausing is stopping: the state is written, and going on starts another child, also after a restart.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from PySide6.QtCore import QCoreApplication, QObject, QTimer, Signal

from app.session.answers import Answers
from app.session.joblist import JobList
from app.settings import Settings
from app.teaching.live import BUSY, RUNNING, STARTING, STOPPING, WAITING, Run, Turns
from app.teaching.orders import (
    ClassifierOrder,
    TrainOrder,
    TrainRequest,
    classifier_request,
    free_folder,
    request_for,
    resumed_classifier,
    runs_dir,
)
from app.teaching.runs import CLASSIFIER, Row, RunFacts, find_runs, read_facts, to_trash
from inference.errors import AppError, Cancelled, UsageError
from inference.jobs.look_at_data import LookAtDataRequest, LookAtDataResult
from inference.jobs.train_sam2 import TrainSam2Request
from inference.paths import cache_dir
from inference.protocol import Priority, Progress, Ticket

log = logging.getLogger(__name__)
T = TypeVar("T")

_READ_MS = 1000
_SETTLED_S = 3.0  # sooner than this a guess of the time left jumps about


class TeachSession(QObject):
    """The runs there are, and what is being done with them.

    Signals:
        runs_changed(): there are others, or in another order.
        run_changed(folder): another status, or how far it is.
        rows_changed(folder, anew): it has more figures; or, `anew`, others.
        taught(folder): a training came to its end.
        failed(AppError): something a person asked for cannot be done.
    """

    runs_changed = Signal()
    run_changed = Signal(object)
    rows_changed = Signal(object, bool)
    taught = Signal(object)
    failed = Signal(object)

    def __init__(
        self,
        answers: Answers,
        jobs: JobList,
        settings: Settings,
        models_dir: str | None = None,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._answers, self._jobs, self._settings, self.models_dir = answers, jobs, settings, models_dir
        self._runs: dict[Path, Run] = {}
        self._thread: ThreadPoolExecutor | None = None
        self._turns = Turns()
        self._reading = False
        self._looking: Ticket | None = None
        self._timer = QTimer(self, interval=_READ_MS)
        self._timer.timeout.connect(self._read_soon)

    # What there is --------------------------------------------------------------------------------------------------

    @property
    def runs(self) -> list[Run]:
        """The newest first."""
        return list(self._runs.values())

    def run(self, folder: Path) -> Run | None:
        return self._runs.get(folder)

    def refresh(self) -> None:
        """Looks for runs that came or went, in the background."""
        self._start(self._refresh())

    def add_folder(self, folder: Path) -> None:
        """Lists a run that is somewhere else, or a folder of runs, from now on."""
        self._start(self._add(folder))

    # What can be done -----------------------------------------------------------------------------------------------

    def train(self, order: TrainOrder | ClassifierOrder, begun: Callable[[Path], None] = lambda _: None) -> None:
        """Starts a training, or queues it behind what runs; `begun` hears its folder once the order was found good."""
        self._start(self._train(order, begun))

    def go_on(self, folder: Path) -> None:
        """Takes up a run that was stopped."""
        run = self._runs.get(folder)
        if run is None or run.busy:
            return
        try:
            classifier = run.facts.kind == CLASSIFIER
            request: TrainRequest = (
                resumed_classifier(folder, run.facts.told) if classifier else TrainSam2Request((), str(folder))
            )
        except AppError as error:
            self.failed.emit(error)
            return
        self._start(self._do(run, request))

    def pause(self, folder: Path) -> None:
        """Has a run write its state and end; `go_on` takes it up."""
        run = self._runs.get(folder)
        if run is None or run.phase not in BUSY:
            return
        run.wanted = False
        if run.turn is not None:
            run.turn.cancel()
        elif run.ticket is not None:
            self._set(run, STOPPING)
            self._jobs.cancel(run.ticket.id)

    def discard(self, folder: Path) -> None:
        """Stops a run if it goes on, and moves its folder to the system's trash."""
        run = self._runs.get(folder)
        if run is None:
            return
        run.discard = True
        if run.phase:
            self.pause(folder)
        else:
            self._start(self._remove(run))

    async def look(self, data: tuple[str, ...], split: str = "train") -> LookAtDataResult:
        """What data sets hold, with a sheet of their pictures. A newer question ends an earlier one."""
        out = cache_dir() / "looks"
        if self._looking is not None:
            self._jobs.cancel(self._looking.id)
        self._looking, answer = self._answers.ask(
            LookAtDataRequest(data, str(out), split), key="look", priority=Priority.INTERACTIVE
        )
        self._jobs.watch(self._looking, _tr("Look at the data"))
        result: LookAtDataResult = await answer
        return result

    async def measure(self, request: Any, title: str, on_start: Callable[[Ticket], None]) -> Any:
        """An evaluation, comparison or robustness test, when it is its turn; its result."""
        if (turn := self._turns.book()) is not None:
            await self._answers.of_thread(turn)
        try:
            ticket, answer = self._answers.ask(request, priority=Priority.BATCH)
            self._jobs.watch(ticket, title)
            on_start(ticket)
            return await answer
        finally:
            self._turns.give()

    def start(self, flow: Any) -> None:
        """Runs a flow of a view; what goes wrong there comes through `failed`."""
        self._start(flow)

    def stop(self, ticket: Ticket) -> None:
        self._jobs.cancel(ticket.id)

    async def in_thread(self, work: Callable[[], T]) -> T:
        """Reads or writes files beside the window."""
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="teaching")
        return await self._answers.of_thread(self._thread.submit(work))

    def close(self) -> None:
        """Ends the reading; the runner ends the children."""
        self._timer.stop()
        if self._thread is not None:
            self._thread.shutdown(wait=True, cancel_futures=True)

    # Flows ----------------------------------------------------------------------------------------------------------

    def _start(self, flow: Any) -> None:
        self._answers.start(flow)

    async def _refresh(self) -> None:
        places = [runs_dir(), *(Path(p) for p in self._settings.get("teach.folders"))]
        found = await self.in_thread(lambda: find_runs(places))
        before, runs = self._runs, {}
        for run in before.values():
            if run.phase or run.error is not None:  # its folder may not be there yet
                runs[run.folder] = run
        for facts in found:
            run = before.get(facts.folder) or Run(facts)
            run.facts = facts
            runs[facts.folder] = run
        self._runs = runs
        self.runs_changed.emit()
        await self._read()
        self._timer.start()

    async def _add(self, folder: Path) -> None:
        found = await self.in_thread(lambda: find_runs([folder]))
        if not found:
            raise UsageError(_tr("There is no run in this folder."), folder, _tr("Choose the --out of a training."))
        known = self._settings.get("teach.folders")
        if str(folder) not in known:
            self._settings.set("teach.folders", (*known, str(folder)))
        await self._refresh()

    async def _train(self, order: TrainOrder | ClassifierOrder, begun: Callable[[Path], None]) -> None:
        folder = free_folder(order.name, runs_dir())
        if isinstance(order, ClassifierOrder):
            asked = order
            request: TrainRequest = await self.in_thread(lambda: classifier_request(asked, folder))
            facts = RunFacts(folder, CLASSIFIER, told={"data": list(order.data), "preset": order.preset})
        else:
            wanted = order
            request = await self.in_thread(lambda: request_for(wanted, folder))
            facts = RunFacts(folder, told={"request": {"data": list(order.data), "preset": order.preset}})
        if folder in self._runs:
            raise UsageError(_tr("A run of this name waits already."), folder, _tr("Choose another name."))
        run = Run(facts, phase=WAITING)
        self._runs = {folder: run, **self._runs}
        self.runs_changed.emit()
        begun(folder)
        await self._do(run, request)

    async def _do(self, run: Run, request: TrainRequest) -> None:
        """A run's turn, from waiting to its end."""
        run.wanted, run.error, run.begun, run.fraction, run.seconds_left = True, None, None, None, None
        self._set(run, WAITING)
        try:
            await self._turn_of(run)
            try:
                await self._teach(run, request)
            finally:
                self._turns.give()
        except Cancelled:
            log.info("the run %s was stopped", run.folder)
        except AppError as error:
            run.error = error
            self.failed.emit(error)
        await self._settle(run)

    async def _turn_of(self, run: Run) -> None:
        """Waits for a run's turn. Cancelled when it is not wanted any more by then."""
        run.turn = self._turns.book()
        if run.turn is None:
            return
        try:
            await self._answers.of_thread(run.turn)
        except asyncio.CancelledError:
            if run.wanted:  # the window is closing
                raise
            raise Cancelled from None
        finally:
            run.turn = None

    async def _teach(self, run: Run, request: TrainRequest) -> None:
        self._set(run, STARTING)
        run.ticket, answer = self._answers.ask(
            request, priority=Priority.BATCH, on_progress=lambda progress: self._on_progress(run, progress)
        )
        self._jobs.watch(run.ticket, _tr("Teach %1").replace("%1", run.facts.name))
        self._timer.start()
        await answer
        self.taught.emit(run.folder)

    async def _settle(self, run: Run) -> None:
        """Reads what a run left, or takes it away when that was asked for."""
        run.ticket, run.fraction, run.seconds_left, run.message = None, None, None, ""
        facts = await self.in_thread(lambda: read_facts(run.folder))
        if run.discard:  # asked for at any time until now
            await self._remove(run)
            return
        run.phase = ""
        if facts is not None:
            run.facts = facts
        elif run.error is None:  # stopped before there was anything
            self._runs.pop(run.folder, None)
            self.runs_changed.emit()
            return
        self.run_changed.emit(run.folder)  # what it is now does not wait for its last figures
        await self._read()
        self.run_changed.emit(run.folder)

    async def _remove(self, run: Run) -> None:
        run.phase, run.discard = "", False
        await self.in_thread(lambda: to_trash(run.folder))
        self._runs.pop(run.folder, None)
        self.runs_changed.emit()

    # Reading --------------------------------------------------------------------------------------------------------

    def _read_soon(self) -> None:
        if not self._reading and any(run.busy for run in self._runs.values()):
            self._start(self._read(only_busy=True))
        elif not self._reading:
            self._timer.stop()

    async def _read(self, *, only_busy: bool = False) -> None:
        """Brings facts and rows up to date."""
        if self._reading and only_busy:
            return
        self._reading = True
        try:
            runs = [run for run in self._runs.values() if run.busy or not only_busy]
            for run, facts, (rows, anew) in await self.in_thread(lambda: _read_all(runs)):
                self._take(run, facts, rows, anew)
        finally:
            self._reading = False

    def _take(self, run: Run, facts: RunFacts | None, rows: list[Row], anew: bool) -> None:
        if facts is not None and facts != run.facts:
            run.facts = facts
            self.run_changed.emit(run.folder)
        if anew:
            run.rows.clear()
        if rows or anew:
            run.rows += rows
            self.rows_changed.emit(run.folder, anew)

    def _on_progress(self, run: Run, progress: Progress) -> None:
        if run.phase == STARTING and progress.payload is not None:
            run.phase = RUNNING
        now, fraction = time.monotonic(), progress.done / progress.total if progress.total else None
        run.message, run.fraction = progress.message, fraction
        if fraction is not None and run.phase == RUNNING:
            began, before = run.begun = run.begun or (now, fraction)
            passed, done = now - began, fraction - before
            run.seconds_left = passed * (1 - fraction) / done if passed > _SETTLED_S and done > 0 else None
        self.run_changed.emit(run.folder)

    def _set(self, run: Run, phase: str) -> None:
        run.phase = phase
        self.run_changed.emit(run.folder)


def _read_all(runs: Iterable[Run]) -> list[tuple[Run, RunFacts | None, tuple[list[Row], bool]]]:
    return [(run, read_facts(run.folder), run.reader.new()) for run in runs]


def _tr(text: str) -> str:
    return QCoreApplication.translate("teaching", text)
