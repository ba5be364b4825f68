"""`Project`: a folder of pictures with everything that was made on them. Opening a folder is opening a project."""

from __future__ import annotations

import functools
import json
import logging
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from PySide6.QtCore import QLockFile, QObject, Signal
from PySide6.QtGui import QUndoGroup

from app.commands import DocumentChange, History
from app.document import Document
from app.instance import AnnotatedImage, ImageRecord, ImageSummary
from app.labels import ClassEdit, ClassList, Relabelled
from app.project import backups, changes, homes, place, queries, relocate
from app.project.background import Background
from app.project.database import Database
from app.project.examine import examined
from app.project.onlooker import Onlooker
from app.project.readonly import ReadOnlyDatabase
from app.project.renames import Moves, Renames
from inference import paths
from inference.errors import AppError, ImageError, StorageError, UsageError
from inference.pictures import content_key

log = logging.getLogger(__name__)
T = TypeVar("T")


class Project(QObject):
    """One open folder. Lives in the thread that opened it; `annotated` and `summary` may be called from any.

    Signals:
        images_changed(list of image ids): instances, classes, state or note of these pictures changed.
        image_moved(old id, new id): annotations followed a file.
        failed(AppError): something in the background, or an undo, did not work.
    """

    images_changed = Signal(list)
    image_moved = Signal(str, str)
    failed = Signal(object)

    def __init__(
        self,
        folder: Path,
        where: place.Place,
        database: Database | ReadOnlyDatabase,
        lock: QLockFile | None,
        reason: str | None,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._folder, self._place, self._database, self._lock, self._reason = folder, where, database, lock, reason
        self._documents: dict[str, Document] = {}
        self._renames = Renames()
        self._seen: dict[str, ImageSummary] = {}  # as another window's edits were last taken over
        self._background = Background("project", self)
        self._background.failed.connect(self.failed)
        self._onlooker: Onlooker | None = None
        self._closed = False
        self.undo_group = QUndoGroup(self)
        self.stack = self._new_stack()
        with database.reading() as connection:
            self.classes = ClassList(self, queries.classes(connection), self.stack, self)
        self.classes.relabelled.connect(self._relabelled)

    @classmethod
    def open(cls, folder: str | Path, *, read_only: bool = False, parent: QObject | None = None) -> Project:
        """Opens a folder.

        A second window on a folder, and `read_only`, give a project that refuses edits; `read_only_reason` says why.
        A folder that cannot be written keeps its project in the person's data folder (`kept_elsewhere` says so).

        Sorting that a crash has cut short is brought to its end first.

        Raises:
            UsageError: no such folder.
            DamagedProjectError: the database is damaged; `backups.backups(...)` and `Project.restore` help.
            StorageError: unreadable, full, or written by a newer Winnow.
        """
        from app.sorting.moves import recover  # which is made of projects

        folder = paths.typed(folder).absolute()
        if read_only:
            where = place.find_existing(folder)
            return cls(folder, where, ReadOnlyDatabase(where.database), None, "It was opened for reading only.", parent)
        where = place.find(folder)
        lock, reason = place.lock(where.store)
        if lock is None:
            project = cls(folder, where, ReadOnlyDatabase(where.database), None, reason, parent)
            project._onlooker = Onlooker(where.database, project)
            project._onlooker.written.connect(project._look_over)
            return project
        database = None
        try:
            homes.take_away(folder, where)
            homes.bring_back(folder, where)
            begun = where.database.exists()
            database = Database(where.database, shared=where.shared)
            project = cls(folder, where, database, lock, None, parent)
        except BaseException:
            if database is not None:
                database.close()
            lock.unlock()
            raise
        if begun:  # a crash may have kept the last closing from making its backup, and sorting from its end
            try:
                recover(project)
            except BaseException:
                project.close()  # which gives the lock back
                raise
            project.in_background(project._back_up, _ignore)
        return project

    @staticmethod
    def backups(folder: str | Path) -> list[Path]:
        """The backups of a folder's project, newest first."""
        return backups.backups(place.find_existing(paths.typed(folder).absolute()).store)

    @staticmethod
    def restore(folder: str | Path, backup: Path) -> Path | None:
        """Puts a backup in the place of a damaged database, which is kept beside it under the returned name.

        Raises StorageError when another window has the folder open.
        """
        where = place.find(paths.typed(folder).absolute())
        lock, reason = place.lock(where.store)
        if lock is None:
            raise StorageError("The backup cannot be put back.", where.database, reason)
        try:
            return backups.restore(where.database, backup)
        finally:
            lock.unlock()

    # What it is -------------------------------------------------------------------------------------------------

    @property
    def folder(self) -> Path:
        return self._folder

    @property
    def store_dir(self) -> Path:
        """Where the database, its lock and its backups are."""
        return self._place.store

    @property
    def kept_elsewhere(self) -> str | None:
        """Why the project is in the person's data folder and not beside the pictures; None when it is beside them."""
        return self._place.elsewhere

    @property
    def read_only(self) -> bool:
        return self._reason is not None

    @property
    def read_only_reason(self) -> str | None:
        """Why edits are refused, in words for the person; None when they are not."""
        return self._reason

    @property
    def in_place(self) -> bool:
        """Whether the folder and the database that was opened are where they were. From any thread."""
        return self._folder.is_dir() and (not isinstance(self._database, Database) or self._database.in_place)

    def path_of(self, image_id: str) -> Path:
        """The file of a picture. UsageError for an id that leaves the folder."""
        parts = PurePosixPath(image_id).parts
        if not parts or ".." in parts or Path(image_id).is_absolute():
            raise UsageError("The picture is not inside the open folder.", image_id, "Open the folder it is in.")
        return self._folder.joinpath(*parts)

    def image_id_of(self, path: str | Path) -> str:
        """The id of a file inside the folder. UsageError for one outside."""
        try:
            return Path(path).absolute().relative_to(self._folder).as_posix()
        except ValueError:
            raise UsageError("The picture is not inside the open folder.", path, "Open the folder it is in.") from None

    # Pictures ---------------------------------------------------------------------------------------------------

    def document(self, image_id: str) -> Document:
        """The one document of a picture, with the undo history it has had since the project was opened.

        Raises ImageError for a picture that cannot be read and that the project knows nothing about; one that it does
        know opens with its annotations and says what is wrong (`Document.problem`).
        """
        image_id = PurePosixPath(image_id).as_posix()
        known = self._documents.get(image_id)
        if known is not None:
            self._look_again(known)
            return known
        path = self.path_of(image_id)
        with self._database.reading() as connection:
            record = queries.record(connection, image_id)
            found = queries.instances(connection, image_id, self._place.database)
        record, problem = examined(path, record, image_id, bool(found))
        document = Document(self, record, path, found, problem=problem, parent=self)
        document.edited.connect(self._edited)
        self._adopt_stack(document.undo_stack)
        self._documents[image_id] = document
        return document

    def opened(self, image_id: str) -> Document | None:
        """The document of a picture if it was asked for before."""
        return self._documents.get(image_id)

    def summary(self, image_ids: Iterable[str] | None = None) -> dict[str, ImageSummary]:
        """One line a picture, by id; pictures that the project knows nothing about are left out."""
        with self._database.reading() as connection:
            return queries.summaries(connection, image_ids)

    def annotated(self) -> Iterator[AnnotatedImage]:
        """Every picture that the project knows with its instances, by path; one at a time in memory.

        All as they were at one moment, except on a network share: there a reader that takes its time would keep every
        edit from being written.
        """
        if self._place.shared:
            yield from queries.annotated_in_turns(self._database.reading, self._place.database)
            return
        with self._database.reading() as connection:
            yield from queries.annotated(connection, self._place.database)

    def follow_moves(self, present: Sequence[str], done: Callable[[], object] | None = None) -> None:
        """Looks in the background whether pictures that are gone are among those present under another name."""
        if not self.read_only:
            self.in_background(lambda: self._find_moves(present), lambda pairs: self._move(pairs, done))
        elif done is not None:
            done()

    def in_background(self, work: Callable[[], T], then: Callable[[T], object]) -> None:
        """Runs `work` in the project's background thread, then `then` with its result in this object's thread."""
        self._background.run(work, then)

    def close(self) -> None:
        """Finishes what is under way, makes a backup and lets the folder go. Twice is harmless."""
        if self._closed:
            return
        self._closed = True
        if self._onlooker is not None:
            self._onlooker.stop()
        self._background.close()
        if isinstance(self._database, Database):
            try:
                self._database.fold_log()
                self._back_up()
            except AppError as error:
                log.warning("%s", error)
        self._database.close()
        if self._lock is not None:
            place.unlock(self._lock)

    # For documents and classes ----------------------------------------------------------------------------------

    def write(self, change: DocumentChange) -> None:
        """Makes one change of a picture durable. Raises StorageError; then nothing is written."""
        image_id = change.record.image_id
        unknown = self._writable().write(lambda c: changes.write_document(c, self._renames.renewed(change)))
        if unknown:
            self.in_background(lambda: self._remember_content(image_id), _ignore)

    def known_class(self, class_id: int | None) -> int | None:
        return self.classes.known(class_id)

    def write_classes(self, edit: ClassEdit) -> Sequence[Relabelled]:
        return self._writable().write(lambda connection: changes.write_classes(connection, edit))

    def new_class_id(self) -> int:
        with self._database.reading() as connection:
            return changes.next_class_id(connection)

    def class_usage(self) -> dict[int | None, int]:
        with self._database.reading() as connection:
            return queries.class_usage(connection)

    # For sorting ------------------------------------------------------------------------------------------------

    def reading(self) -> AbstractContextManager[sqlite3.Connection]:
        """A reader of the database that sees one state of it; from any thread."""
        return self._database.reading()

    def transact(self, change: Callable[[sqlite3.Connection], T]) -> T:
        """Runs `change` in one durable transaction; from any thread. Raises StorageError; then nothing is written."""
        return self._writable().write(change)

    def move_files(self, change: Callable[[sqlite3.Connection], Moves]) -> None:
        """As `transact`; annotations of what `change` says was moved go along in the same transaction, and documents
        once this object's thread comes to it."""
        moves = self.transact(lambda connection: self._renames.move_rows(connection, change))
        self._background.bring(functools.partial(self._files_moved, moves))

    def preference(self, name: str, default: Any = None) -> Any:
        """A JSON value that is kept with the folder."""
        with self._database.reading() as connection:
            kept = queries.preference(connection, name)
        return default if kept is None else json.loads(kept)

    def set_preference(self, name: str, value: Any) -> None:
        """Raises StorageError."""
        self.transact(lambda connection: changes.keep_preference(connection, name, json.dumps(value)))

    # Within -----------------------------------------------------------------------------------------------------

    def _writable(self) -> Database:
        if isinstance(self._database, Database):
            return self._database
        raise StorageError("The project is open for reading only.", self._folder, self._reason)

    def _new_stack(self) -> History:
        stack = History(self)
        self._adopt_stack(stack)
        return stack

    def _adopt_stack(self, stack: History) -> None:
        stack.failed.connect(self.failed)
        self.undo_group.addStack(stack)

    def _look_again(self, document: Document) -> None:
        """The file may have gone, come back or changed since the document was opened."""
        record = ImageRecord(document.image_id, document.width, document.height, document.state, document.note)
        problem: AppError | None
        try:
            _, problem = examined(document.path, record, document.image_id, len(document) > 0)
        except ImageError as error:
            problem = error
        if str(problem) != str(document.problem):
            document.moved(document.image_id, document.path, problem)

    def _relabelled(self, touched: list[Relabelled]) -> None:
        by_image: dict[str, dict[str, int | None]] = {}
        for one in touched:
            by_image.setdefault(one.image_id, {})[one.instance_id] = one.now
        for image_id, news in by_image.items():
            if (document := self._documents.get(image_id)) is not None:
                document.relabelled(news)
        self.images_changed.emit(list(by_image))

    def _back_up(self) -> None:
        backups.back_up(self._place.database)

    def _remember_content(self, image_id: str) -> None:
        path = self.path_of(image_id)
        try:
            size, content = path.stat().st_size, content_key(path)
        except (OSError, ImageError) as error:
            log.info("%s: its content is not known: %s", path, error)
            return
        self._writable().post(lambda c: changes.remember_content(c, image_id, size, content)).result()

    def _find_moves(self, present: Sequence[str]) -> list[tuple[str, str]]:
        with self._database.reading() as connection:
            known, taken = queries.contents(connection), queries.known_ids(connection)
        return relocate.moved_pictures(self._folder, known, taken, present)

    def _move(self, pairs: Sequence[tuple[str, str]], done: Callable[[], object] | None) -> None:
        for old, new in pairs:
            if self._writable().write(functools.partial(changes.move_image, old=old, new=new)):
                self._take_along(old, new)
                self.images_changed.emit([old, new])
        if done is not None:
            done()

    def _files_moved(self, moves: Moves) -> None:
        pairs = dict(moves.files)
        for old, new in moves.folders:
            pairs |= {i: new + i[len(old) :] for i in self._documents if i.startswith(old + "/") and i not in pairs}
        for old, new in pairs.items():
            self._renames.arrived(old)
            if not new.startswith(place.PARKED):
                self._take_along(old, new)
            elif (document := self._documents.get(old)) is not None:
                self._look_again(document)  # it says that its file is gone, and refuses edits until an undo
        self.images_changed.emit([i for pair in pairs.items() for i in pair if not i.startswith(place.PARKED)])

    def _take_along(self, old: str, new: str) -> None:
        """Takes the documents of both names along; the one that shows the file wins."""
        gone, shown = self._documents.pop(old, None), self._documents.get(new)
        if shown is not None:
            with self._database.reading() as connection:
                record = queries.record(connection, new)
                found = queries.instances(connection, new, self._place.database)
            if record is not None:
                shown.reloaded(record, found)
            self._look_again(shown)
        elif gone is not None:
            self._documents[new] = gone
            gone.moved(new, self.path_of(new))
        self.image_moved.emit(old, new)

    def _look_over(self) -> None:
        """Another window has written: reads again what this one shows."""
        opened = tuple(self._documents)
        self.in_background(lambda: self._read_again(opened), self._take_over)

    def _read_again(self, opened: Sequence[str]) -> queries.State:
        with self._database.reading() as connection:
            return queries.state(connection, opened, self._place.database)

    def _take_over(self, now: queries.State) -> None:
        self.classes.reloaded(now.classes)
        for image_id, (record, found) in now.documents.items():
            self._documents[image_id].reloaded(record, found)
        before, self._seen = self._seen, now.summaries
        changed = [i for i in {**before, **now.summaries} if before.get(i) != now.summaries.get(i)]
        if changed:
            self.images_changed.emit(changed)

    def _edited(self, image_id: str) -> None:
        self.images_changed.emit([image_id])


def _ignore(_result: object) -> None:
    """Nothing follows."""
