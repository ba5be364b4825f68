"""`Mover`: moves files so that a crash at any moment leaves each in exactly one place, and so that all can be undone.

The order: the steps are written to the project's journal (one transaction), a file is moved, and the step is closed in
the transaction that gives the picture's row its new id. Steps are closed some at a time; `recover` asks the disk about
those that a crash left open. Nothing here knows the window: it is called from a worker's thread or a command.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from app.project import Project, queries
from app.project.renames import Moves
from app.sorting import files, journal
from app.sorting.journal import Kind, Mode, Operation, Plan, State, Step
from app.sorting.places import Places
from app.sorting.planning import Planner, bundle_of, is_picture
from app.sorting.steps import AFTER, BEFORE, Carrier
from inference.errors import AppError, StorageError

log = logging.getLogger(__name__)

CLOSE_AFTER, CLOSE_AFTER_S = 64, 0.1  # steps and seconds: what a crash leaves to be asked about
Progress = Callable[[int, int], None]
_Which = Callable[[sqlite3.Connection], Operation | None]


@dataclass(slots=True)
class Outcome:
    """What came of an operation.

    Attributes:
        moved: (old id, new id) of pictures in order; ids of pictures outside the folder begin with `PARKED`.
        folders: the same for class folders that moved with all that is in them.
        added: ids of copies and links.
        failed: what could not be done and why, a picture each.
    """

    operation: int | None = None
    moved: list[tuple[str, str]] = field(default_factory=list)
    folders: list[tuple[str, str]] = field(default_factory=list)
    added: list[str] = field(default_factory=list)
    failed: list[AppError] = field(default_factory=list)
    stopped: bool = False


class Mover:
    """Moves files of one project, one operation at a time; from one thread."""

    def __init__(self, project: Project, stop: threading.Event | None = None) -> None:
        self._project = project
        self._stop = stop or threading.Event()
        self.places = Places(project.folder, project.store_dir)
        self._carrier = Carrier(self.places, self._note_written)
        self._unsettled = True

    # Operations ---------------------------------------------------------------------------------------------------

    def planner(self) -> Planner:
        """For one operation: it remembers the folders as it has seen them."""
        with self._project.reading() as connection:
            return Planner(self.places, queries.known_ids(connection))

    def run(self, kind: Kind, label: str, plans: Sequence[Plan], progress: Progress | None = None) -> Outcome:
        """Carries a new operation out. Raises StorageError when the journal cannot be written; then nothing is moved.

        Files that cannot be moved are listed in the outcome and stay where they are.
        """
        self.settle()
        if not plans:
            return Outcome()
        return self._perform(self._project.transact(lambda c: journal.begin(c, kind, label, plans)), progress)

    def undo(self, progress: Progress | None = None) -> Outcome:
        """Takes the last operation back. What can no longer be taken back is listed and left."""
        return self._turn(journal.next_undo, back=True, progress=progress)

    def redo(self, progress: Progress | None = None) -> Outcome:
        return self._turn(journal.next_redo, back=False, progress=progress)

    def history(self) -> tuple[Operation | None, Operation | None]:
        """What an undo and a redo would be about; from any thread."""
        if self._project.read_only:
            return None, None
        with self._project.reading() as connection:
            return journal.next_undo(connection), journal.next_redo(connection)

    def recover(self) -> Outcome:
        """Finishes or takes back what a crash has left half done. Raises StorageError."""
        with self._project.reading() as connection:
            steps = journal.under_way(connection)
        outcome = Outcome()
        ledger = _Ledger(self._project, self.places, outcome)
        for step in steps:
            try:
                state = self._carrier.outcome(step)
            except OSError as error:  # a disk that is not there now: asked again at the next start
                outcome.failed.append(files.as_app_error(error, self.places.path(step.ends[0])))
                continue
            log.info("step %d of operation %d was open: %s", step.id, step.operation, state)
            ledger.add(step, state)
        ledger.flush()
        self._unsettled = bool(outcome.failed)
        return outcome

    def settle(self) -> None:
        """As `recover`, unless everything is closed already."""
        if self._unsettled:
            self.recover()

    # Within -------------------------------------------------------------------------------------------------------

    def _turn(
        self, which: Callable[[sqlite3.Connection], Operation | None], *, back: bool, progress: Progress | None
    ) -> Outcome:
        self.settle()

        def opened(connection: sqlite3.Connection) -> list[Step]:
            operation = which(connection)
            return [] if operation is None else journal.turn(connection, operation.id, back=back)

        return self._perform(self._project.transact(opened), progress)

    def _perform(self, steps: Sequence[Step], progress: Progress | None) -> Outcome:
        outcome = Outcome(steps[0].operation if steps else None)
        ledger = _Ledger(self._project, self.places, outcome)
        groups = _groups(steps)
        planner = self.planner()
        self._unsettled = True
        try:
            for number, group in enumerate(groups):
                if self._stop.is_set():
                    outcome.stopped = True
                    ledger.add_all(group, None)
                else:
                    self._carry(group, planner, ledger)
                    if progress is not None:
                        progress(number + 1, len(groups))
        finally:
            ledger.flush()
            self._unsettled = False
        return outcome

    def _carry(self, group: list[Step], planner: Planner, ledger: _Ledger) -> None:
        """A picture first; what goes along with it stays where it stays."""
        leader = group[0]
        error: AppError | None = None
        if leader.backwards and leader.mode is Mode.MOVE and planner.is_annotated(self.places.path(leader.source)):
            group = self._renamed(group, planner)  # another picture of that name is missing, its annotations are not
        while True:
            leader = group[0]
            try:
                self._carrier.carry(leader)
            except FileExistsError:
                if leader.mode is Mode.RENAME:
                    error = StorageError("There is such a folder already.", leader.ends[1], "Merge the two instead.")
                    break
                try:
                    group = self._renamed(group, planner)
                except AppError as failure:
                    error = failure
                    break
                continue
            except AppError as failure:
                error = failure
            except OSError as failure:
                error = files.as_app_error(failure, *map(self.places.path, leader.ends))
            break
        if error is not None:
            ledger.fail(group, error)
            return
        ledger.done(leader)
        for follower in group[1:]:
            try:
                self._carrier.carry(follower)
            except (AppError, OSError) as failure:
                ends = map(self.places.path, follower.ends)
                told = files.as_app_error(failure, *ends) if isinstance(failure, OSError) else failure
                ledger.fail([follower], told)
            else:
                ledger.done(follower)

    def _renamed(self, group: Sequence[Step], planner: Planner) -> list[Step]:
        """The group with other names, in the journal first: theirs were taken meanwhile."""
        goals = [self.places.path(step.ends[1]) for step in group]
        folder = goals[0].parent
        planner.forget(folder)
        names = planner.free(folder, bundle_of(goals))
        steps = [step.to(self.places.written(folder / name)) for step, name in zip(group, names, strict=True)]
        self._project.transact(lambda connection: journal.retarget(connection, steps))
        return steps

    def _note_written(self, step: Step, identity: str) -> None:
        self._project.transact(lambda connection: journal.note_written(connection, step, identity))


def recover(project: Project) -> None:
    """What opening a project does about sorting that was cut short; what cannot be asked now (a disk that is not there)
    stays open and is told by whoever sorts next."""
    try:
        with project.reading() as connection:
            if not journal.under_way(connection):
                return
        for error in Mover(project).recover().failed:
            log.warning("%s", error)
    except AppError as error:
        log.warning("%s", error)


class _Ledger:
    """Closes steps some at a time, with the rows of their pictures in the same transaction."""

    def __init__(self, project: Project, places: Places, outcome: Outcome) -> None:
        self._project, self._places, self._outcome = project, places, outcome
        self._closed: list[tuple[Step, State | None]] = []
        self._since = time.monotonic()

    def done(self, step: Step) -> None:
        self.add(step, AFTER[step.state])

    def fail(self, group: Iterable[Step], error: AppError) -> None:
        self._outcome.failed.append(error)
        self.add_all(group, error)

    def add_all(self, group: Iterable[Step], error: AppError | None) -> None:
        """Steps that did not happen. One whose file is gone can never happen again."""
        for step in group:
            gone = error is not None and not os.path.lexists(self._places.path(step.ends[0]))
            self.add(step, None if gone else BEFORE[step.state])

    def add(self, step: Step, state: State | None) -> None:
        self._closed.append((step, state))
        if len(self._closed) >= CLOSE_AFTER or time.monotonic() - self._since >= CLOSE_AFTER_S:
            self.flush()

    def flush(self) -> None:
        """Makes what was done durable. Raises StorageError; the steps stay open then, and `recover` closes them."""
        closed, self._closed = self._closed, []
        self._since = time.monotonic()
        moves = self._moves(closed)
        happened = [step for step, state in closed if state is AFTER[step.state]]
        files.sync_folders({self._places.path(end).parent for step in happened for end in step.ends})

        def write(connection: sqlite3.Connection) -> Moves:
            for step, state in closed:
                journal.settle(connection, step, state)
            for operation in {step.operation for step, _ in closed}:
                journal.close(connection, operation)
            return moves

        if closed:
            self._project.move_files(write)

    def _moves(self, closed: Iterable[tuple[Step, State | None]]) -> Moves:
        pairs, folders = [], []
        for step, state in closed:
            if state is not AFTER[step.state]:
                continue
            ids = self._places.image_id(step.ends[0]), self._places.image_id(step.ends[1])
            if step.mode is Mode.MOVE and is_picture(step.ends[1]):
                pairs.append(ids)
            elif step.mode is Mode.RENAME:
                folders.append(ids)
            elif step.mode in (Mode.COPY, Mode.LINK) and not step.backwards and step.leader is None:
                self._outcome.added.append(ids[1])
        self._outcome.moved += pairs
        self._outcome.folders += folders
        return Moves(pairs, folders)


def _groups(steps: Sequence[Step]) -> list[list[Step]]:
    """A picture with what goes along with it, in the order in which groups are carried out."""
    groups: dict[int, list[Step]] = {}
    for step in sorted(steps, key=lambda step: step.id):
        groups.setdefault(step.leader or step.id, []).append(step)
    found = list(groups.values())
    return found[::-1] if steps and steps[0].backwards else found
