"""`Sorter`: what the Sort workspace asks for. Files move in the background, one operation after the other."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar

from PySide6.QtCore import QCoreApplication, QObject, Qt, Signal

from app.project import Project
from app.project.place import PARKED
from app.sorting import orders, removed
from app.sorting.folders import ClassFolder, ClassFolders
from app.sorting.journal import Kind, Mode, Operation
from app.sorting.moves import Mover, Outcome
from app.sorting.planning import is_picture
from app.texts import QT_TRANSLATE_NOOP
from inference.errors import AppError, StorageError, UsageError
from inference.paths import typed

log = logging.getLogger(__name__)
T = TypeVar("T")

MODES = (Mode.MOVE, Mode.COPY, Mode.LINK)
TOLD = 5  # failures told one by one; the rest as a number
_TELL_EVERY_S = 0.1


class Sorter(QObject):
    """Sorting in one project. Lives in the window's thread; never waits for the disk there.

    Everything a method starts ends with `finished`; operations queue up. In a project that is open for reading only
    `read_only_reason` says why every operation fails.

    Signals:
        changed(list of image ids): these are at another place, came or went. `moved` says where, for those that moved.
        moved(list of (old id, new id)): pictures moved; ids of what left the folder begin with ".winnow/".
        folders_moved(list of (old, new)): class folders inside the project's moved with all that is in them.
        classes_changed(): `classes` has other classes or counts.
        history_changed(): `undo_text`, `redo_text`.
        mode_changed(), root_changed().
        progressed(done, total): of the running operation, in pictures.
        finished(Outcome): an operation came to its end.
        failed(AppError): a file that was left where it is, or an operation that could not begin.
        busy_changed(bool)
    """

    changed = Signal(list)
    moved = Signal(list)
    folders_moved = Signal(list)
    classes_changed = Signal()
    history_changed = Signal()
    mode_changed = Signal()
    root_changed = Signal()
    progressed = Signal(int, int)
    finished = Signal(object)
    failed = Signal(object)
    busy_changed = Signal(bool)
    _home = Signal(object)  # a callable, from the background thread to this object's

    def __init__(self, project: Project, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._project = project
        self._stop = threading.Event()
        self._mover = Mover(project, self._stop)
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="sorter")
        self._running, self._closed = 0, False
        self._asked = self._worked = 0  # operations, as the window's thread and as the background thread count them
        self._classes: list[ClassFolder] = []
        self._undo: Operation | None = None
        self._redo: Operation | None = None
        self._waiting = 0
        self._told_at = 0.0
        self._mode = Mode(project.preference("sort.mode", Mode.MOVE))
        self._root = self._kept_root()
        # Queued even where the work was done at once: nobody has connected to a Sorter that is being made.
        self._home.connect(self._at_home, Qt.ConnectionType.QueuedConnection)
        self._submit(self._recover, self._recovered)

    def close(self) -> None:
        """Stops after the file that is under way; what was asked for and not begun is not done. Twice is harmless."""
        self._closed = True
        self._stop.set()
        self._worker.shutdown(wait=True, cancel_futures=True)

    # What there is ------------------------------------------------------------------------------------------------

    @property
    def root(self) -> Path:
        """The folder whose subfolders are the classes: the project's, or the one that was chosen."""
        return self._root

    def set_root(self, folder: Path | None) -> None:
        """Sorts into another folder from now on, on any disk; None: into the project's. Kept with the project."""
        root = self._project.folder if folder is None else typed(folder).absolute()
        if root == self._root:
            return
        try:
            if not root.is_dir():
                raise UsageError("The folder is not there.", root, "Choose or make another one.")
            if root.is_relative_to(self._project.store_dir):
                raise UsageError("Winnow keeps its own files there.", root, "Choose another folder.")
            self._project.set_preference("sort.root", None if folder is None else str(root))
        except AppError as error:
            self.failed.emit(error)
            return
        self._root = root
        self.root_changed.emit()
        self.refresh()

    @property
    def mode(self) -> Mode:
        """Whether filing moves, copies or makes hard links."""
        return self._mode

    def set_mode(self, mode: Mode) -> None:
        """Chosen once, kept with the project."""
        if mode not in MODES:
            raise ValueError(mode)
        if mode is not self._mode:
            try:
                self._project.set_preference("sort.mode", mode)
            except AppError as error:
                self.failed.emit(error)
                return
            self._mode = mode
            self.mode_changed.emit()

    @property
    def classes(self) -> list[ClassFolder]:
        """In natural order, parents first, as last looked at."""
        return list(self._classes)

    def class_of(self, image_id: str) -> str | None:
        """The class that a picture of the project is filed under by its place, None: unsorted."""
        return ClassFolders(self._root).class_of(self._project.folder / image_id)

    @property
    def busy(self) -> bool:
        return self._running > 0

    @property
    def undo_text(self) -> str | None:
        """What an undo takes back ("Move 3 pictures to cat"), None when there is nothing."""
        return None if self._undo is None else _words(self._undo)

    @property
    def redo_text(self) -> str | None:
        return None if self._redo is None else _words(self._redo)

    @property
    def removed_count(self) -> int:
        """How many deleted pictures can still come back."""
        return self._waiting

    @property
    def read_only_reason(self) -> str | None:
        return self._project.read_only_reason

    def refresh(self) -> None:
        """Looks at the class folders anew, in the background: something else may have changed them."""
        self._submit(lambda: None, lambda _none: None)

    # Asking for it ------------------------------------------------------------------------------------------------

    def file(self, image_ids: Iterable[str], class_name: str, mode: Mode | None = None) -> None:
        """Files pictures under a class, which is made if need be; "" takes them back to the unsorted ones.

        `mode` stands in for the chosen one. Pictures that are in the class already stay as they are.
        """
        self._order(partial(orders.file, list(image_ids), class_name, mode or self._mode))

    def file_all(self, by_class: Mapping[str, Sequence[str]]) -> None:
        """Files pictures under several classes as one operation, which one undo takes back."""
        self._order(partial(orders.file_all, {name: list(ids) for name, ids in by_class.items()}, self._mode))

    def trash(self, image_ids: Iterable[str]) -> None:
        """Deletes pictures: they wait in the project's store until `empty_removed`, and `undo` brings them back."""
        self._order(partial(orders.trash, list(image_ids)))

    def create_class(self, name: str) -> None:
        self._order(partial(orders.create, name))

    def rename_class(self, old: str, new: str) -> None:
        """Gives a class another name or another place among the nested ones. Fails when it is taken: merge then."""
        self._order(partial(orders.rename, old, new))

    def merge_classes(self, sources: Sequence[str], target: str) -> None:
        """Moves everything in the sources, classes in them included, into the target, and removes the emptied ones."""
        self._order(partial(orders.merge, list(sources), target))

    def undo(self) -> None:
        """Takes the last operation back, also one from before a restart."""
        self._submit(lambda: self._mover.undo(self._progress), self._done)

    def redo(self) -> None:
        self._submit(lambda: self._mover.redo(self._progress), self._done)

    def stop(self) -> None:
        """Ends the running operation after the file that is under way, and those that wait; what is done stays done and
        can be undone."""
        if self._running:
            self._stop.set()

    def empty_removed(self) -> None:
        """Sends deleted files to the system's trash; that can no longer be undone here."""
        self._submit(self._empty, self._done)

    # Within -------------------------------------------------------------------------------------------------------

    def _kept_root(self) -> Path:
        kept = self._project.preference("sort.root")
        return self._project.folder if kept is None else Path(kept)

    def _order(self, order: orders.Order) -> None:
        folders = ClassFolders(self._root)
        self._submit(lambda: self._carry_out(order, folders), self._done)

    def _carry_out(self, order: orders.Order, folders: ClassFolders) -> Outcome:
        planner = self._mover.planner()
        ordered = order(orders.Desk(self._project, self._mover.places, planner, folders))
        outcome = self._mover.run(ordered.kind, ordered.label, ordered.plans, self._progress)
        outcome.failed[:0] = ordered.failed
        return outcome

    def _recover(self) -> Outcome:
        if self._project.read_only:
            return Outcome()
        return self._mover.recover()

    def _recovered(self, outcome: Outcome) -> None:
        if not self._root.is_dir():
            what_now = _tr("Connect its disk, or choose another folder to sort into.")
            outcome.failed.append(StorageError(_tr("The folder to sort into is not there."), self._root, what_now))
        for error in outcome.failed[:TOLD]:
            self.failed.emit(error)

    def _empty(self) -> Outcome:
        _, failed = removed.empty(self._project, self._mover.places)
        return Outcome(failed=failed)

    def _progress(self, done: int, total: int) -> None:
        now = time.monotonic()
        if done == total or now - self._told_at >= _TELL_EVERY_S:
            self._told_at = now
            self.progressed.emit(done, total)

    def _submit(self, work: Callable[[], T], then: Callable[[T], object]) -> None:
        if self._closed:
            return
        self._running += 1
        self._asked += 1
        if self._running == 1:
            self._stop.clear()
            self.busy_changed.emit(True)
        self._worker.submit(self._work, work).add_done_callback(partial(self._bring_home, then))

    def _work(self, work: Callable[[], T]) -> T:
        try:
            return work()
        finally:
            self._worked += 1
            if self._worked == self._asked:  # the last of several tells how things are now
                self._look()

    def _look(self) -> None:
        folders = ClassFolders(self._root)
        classes, (undo, redo) = folders.scan(), self._mover.history()
        waiting = sum(is_picture(path.name) for path in removed.waiting(self._mover.places))
        self._home.emit(partial(self._seen, classes, undo, redo, waiting))

    def _seen(self, classes: list[ClassFolder], undo: Operation | None, redo: Operation | None, waiting: int) -> None:
        if classes != self._classes:
            self._classes = classes
            self.classes_changed.emit()
        if (undo, redo, waiting) != (self._undo, self._redo, self._waiting):
            self._undo, self._redo, self._waiting = undo, redo, waiting
            self.history_changed.emit()

    def _done(self, outcome: Outcome) -> None:
        if outcome.moved:
            self.moved.emit(outcome.moved)
        if outcome.folders:
            self.folders_moved.emit(outcome.folders)
        ids = [i for pair in outcome.moved for i in pair if not i.startswith(PARKED)] + outcome.added
        if ids:
            self.changed.emit(list(dict.fromkeys(ids)))
        for error in outcome.failed[:TOLD]:
            self.failed.emit(error)
        if len(outcome.failed) > TOLD:
            more = len(outcome.failed) - TOLD
            rest = _tr("One more file was left where it is.")
            if more > 1:
                rest = _tr("%n more files were left where they are.", more)
            self.failed.emit(StorageError(rest, self._root, _tr("The log names them.")))
            for error in outcome.failed[TOLD:]:
                log.warning("%s", error)
        self.finished.emit(outcome)

    def _bring_home(self, then: Callable[[T], object], future: Future[T]) -> None:
        if future.cancelled():
            return
        self._home.emit(partial(self._arrived, then, future))

    def _arrived(self, then: Callable[[T], object], future: Future[T]) -> None:
        self._running -= 1
        if not self._running:
            self.busy_changed.emit(False)
        error = future.exception()
        if isinstance(error, AppError):
            self._done(Outcome(failed=[error]))  # type: ignore[arg-type]
        else:
            then(future.result())  # a bug is raised, and seen, in this object's thread

    def _at_home(self, function: Callable[[], object]) -> None:
        if not self._closed:
            function()


def _words(operation: Operation) -> str:
    one, many = _WORDS[operation.kind]
    text = _tr(one) if operation.pictures == 1 else _tr(many, operation.pictures)
    return text.replace("%1", operation.label or _tr("the unsorted pictures"))


_WORDS: dict[Kind, tuple[str, str]] = {
    Kind.MOVE: (
        QT_TRANSLATE_NOOP("Sorter", "Move one picture to %1"),
        QT_TRANSLATE_NOOP("Sorter", "Move %n pictures to %1"),
    ),
    Kind.COPY: (
        QT_TRANSLATE_NOOP("Sorter", "Copy one picture to %1"),
        QT_TRANSLATE_NOOP("Sorter", "Copy %n pictures to %1"),
    ),
    Kind.LINK: (
        QT_TRANSLATE_NOOP("Sorter", "Link one picture to %1"),
        QT_TRANSLATE_NOOP("Sorter", "Link %n pictures to %1"),
    ),
    Kind.TRASH: (QT_TRANSLATE_NOOP("Sorter", "Delete one picture"), QT_TRANSLATE_NOOP("Sorter", "Delete %n pictures")),
    Kind.CREATE: (QT_TRANSLATE_NOOP("Sorter", "New class %1"),) * 2,
    Kind.RENAME: (QT_TRANSLATE_NOOP("Sorter", "Rename class to %1"),) * 2,
    Kind.MERGE: (QT_TRANSLATE_NOOP("Sorter", "Merge classes into %1"),) * 2,
}
"""What the history says of one picture, and of several."""


def _tr(text: str, count: int = -1) -> str:
    return QCoreApplication.translate("Sorter", text, None, count)
