"""What lies on the desk: the open project with its pictures, and the one that is shown."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QCoreApplication, QObject, Signal

from app.document import Document
from app.instance import ImageState
from app.library import FolderModel, ImageModel, ThumbnailService
from app.project import DamagedProjectError, Project
from app.project.locate import locate
from app.project.place import require_readable
from app.recent import RecentFolders
from app.session.answers import Runner
from app.settings import Settings
from inference.errors import AppError
from inference.jobs.prefetch import PrefetchRequest
from inference.protocol import ImageRef, Priority, Ticket

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Opened:
    """An open folder: its project, its pictures as lists for views, and their thumbnails."""

    project: Project
    images: ImageModel
    folders: FolderModel
    thumbnails: ThumbnailService

    def close(self) -> None:
        """Stops everything in the background and lets the folder go."""
        self.images.close()
        self.thumbnails.close()
        self.project.close()
        for part in (self.folders, self.images, self.thumbnails, self.project):
            part.deleteLater()


class Desk(QObject):
    """One per window.

    Args:
        runner: for preparing pictures.
    """

    opened = Signal(object)
    """An `Opened`, or None when the folder was closed."""
    closing = Signal()
    """The folder is about to go; let go of its documents."""
    shown = Signal(object)
    """The `Document` that is shown now, or None."""
    damaged = Signal(object, object, object)
    """A DamagedProjectError: its folder (Path), the error, its newest backup (Path or None)."""
    unreadable = Signal(object)
    """Why the picture that should be shown cannot be; nothing is shown then."""
    lost = Signal(bool)
    """The open folder is not there any more, or is there again."""
    failed = Signal(object)
    message = Signal(str)

    def __init__(
        self, runner: Runner, settings: Settings, recent: RecentFolders, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._runner, self._settings, self._recent = runner, settings, recent
        self._opened: Opened | None = None
        self._document: Document | None = None
        self._current: str | None = None
        self._direction = 1
        self._model = ""
        self._preparing: list[Ticket] = []

    # What there is ------------------------------------------------------------------------------------------------

    @property
    def project(self) -> Project | None:
        return self._opened.project if self._opened else None

    @property
    def images(self) -> ImageModel | None:
        return self._opened.images if self._opened else None

    @property
    def document(self) -> Document | None:
        """The shown picture; None also for one that cannot be read."""
        return self._document

    @property
    def current(self) -> str | None:
        """The id of the shown picture, readable or not."""
        return self._current

    # Folders ------------------------------------------------------------------------------------------------------

    def open(self, paths: Iterable[str | Path]) -> bool:
        """Opens a folder, or the folder of pictures with the first of them shown. False when it cannot."""
        try:
            folder, first = locate(paths)
            project = self.project
            if project is not None and first is not None and folder.is_relative_to(project.folder):
                first = project.image_id_of(folder / first)  # it is among those on the desk
            elif project is None or project.folder != folder or project.read_only:
                self._open_folder(folder)
        except AppError as error:
            self.failed.emit(error)
            return False
        if first is not None:
            self.show(first)
        elif self._current is None:
            self._show_first()
        return True

    def reopen(self) -> None:
        """Opens the folder anew, with the same picture: what kept it from being edited may be gone."""
        if self._opened is None:
            return
        project, current = self._opened.project, self._current
        folder = project.folder
        try:
            if not project.read_only:
                require_readable(folder)  # or nothing would be open any more
                self.close()
            self._open_folder(folder)
        except AppError as error:
            self.failed.emit(error)
            return
        if current is not None:
            self.show(current)

    def restore(self, folder: Path, backup: Path) -> None:
        """Puts a backup in the place of a damaged project and opens it; the damaged file is kept beside it."""
        try:
            kept = Project.restore(folder, backup)
        except AppError as error:
            self.failed.emit(error)
            return
        if kept is not None:
            self.message.emit(_tr("The damaged project was kept as %1.").replace("%1", kept.name))
        self.open([folder])

    def close(self) -> None:
        """Puts the folder away. Everything is on disk already."""
        if self._opened is None:
            return
        self._forget_preparing()
        self.closing.emit()
        old, self._opened = self._opened, None
        self._document = self._current = None
        self.shown.emit(None)
        self.opened.emit(None)
        old.close()

    def _open_folder(self, folder: Path) -> None:
        try:
            project = Project.open(folder)
        except DamagedProjectError as error:
            self.damaged.emit(folder, error, next(iter(Project.backups(folder)), None))
            raise
        self.close()
        limit = int(self._settings.get("library.thumbnail_cache_mb")) << 20
        thumbnails = ThumbnailService(folder, disk_bytes=limit)
        images = ImageModel(project, thumbnails)
        name = folder.name or str(folder)
        self._opened = Opened(project, images, FolderModel(images, name), thumbnails)
        project.failed.connect(self.failed)
        project.image_moved.connect(self._on_moved)
        images.failed.connect(self.failed)
        images.lost.connect(self._on_lost)
        images.rowsInserted.connect(lambda *_: self._show_first() if self._current is None else None)
        images.scan_finished.connect(self._on_scanned)
        self._recent.add(folder)
        self.opened.emit(self._opened)

    def _on_scanned(self) -> None:
        images = self.images
        if images is None:
            return
        for problem in images.problems[:3]:
            self.failed.emit(problem)
        if not images.total:
            self.message.emit(_tr("There are no pictures in this folder or below it."))
        elif self._document is not None:
            self._prepare()  # the neighbours are known only now

    # Pictures -----------------------------------------------------------------------------------------------------

    def show(self, image_id: str) -> None:
        """Shows a picture of the open folder; one that cannot be read says why and the desk stays usable."""
        if self._opened is None or image_id == self._current:
            return
        self._leave()
        self._current = image_id
        try:
            self._document = self._opened.project.document(image_id)
        except AppError as error:
            self._document = None
            self._forget_preparing()
            self.shown.emit(None)
            self.unreadable.emit(error)
            return
        self._opened.project.undo_group.setActiveStack(self._document.undo_stack)
        self.shown.emit(self._document)
        self._prepare()

    def step(self, by: int) -> None:
        """Shows the next picture of the list, or the one before."""
        images = self.images
        if images is None:
            return
        self._direction = 1 if by > 0 else -1
        wanted = images.next_of(self._current, by)
        if wanted is None or wanted == self._current:
            self.message.emit(_tr("This is the last picture.") if by > 0 else _tr("This is the first picture."))
        else:
            self.show(wanted)

    def show_end(self, *, last: bool) -> None:
        """Shows the first or the last picture of the list."""
        images = self.images
        if images is not None and images.rowCount():
            self.show(images.image_id(images.rowCount() - 1 if last else 0))

    def show_next_todo(self) -> None:
        """Shows the next picture that is not done, starting over at the top."""
        images = self.images
        if images is None:
            return
        ids = images.shown_ids()
        here = images.row_of(self._current) if self._current else -1
        for image_id in (*ids[here + 1 :], *ids[: max(here, 0)]):
            if images.summary(image_id).state is ImageState.TODO:
                self.show(image_id)
                return
        self.message.emit(_tr("No other picture is to do."))

    def mark(self, state: ImageState) -> None:
        """Gives the shown picture a state; the state it has already takes it back to "to do"."""
        if self._document is not None:
            try:
                self._document.set_state(ImageState.TODO if self._document.state is state else state)
            except AppError as error:
                self.failed.emit(error)

    def done_and_next(self) -> None:
        document = self._document
        if document is not None and document.state is not ImageState.DONE:
            self.mark(ImageState.DONE)
        self.step(1)

    def set_model(self, model: str) -> None:
        """Pictures are prepared for this model from now on."""
        self._model = model
        self._prepare()

    # Classes --------------------------------------------------------------------------------------------------------

    def undo_classes(self) -> None:
        """Takes the last change of the classes back, in every picture."""
        if self._opened is not None:
            self._opened.project.stack.undo()

    def redo_classes(self) -> None:
        if self._opened is not None:
            self._opened.project.stack.redo()

    # Within -------------------------------------------------------------------------------------------------------

    def _show_first(self) -> None:
        images = self.images
        if images is not None and images.rowCount():
            self.show(images.image_id(0))

    def _leave(self) -> None:
        document = self._document
        if document is None or document.read_only or not self._settings.get("labels.done_when_leaving"):
            return
        if len(document) and document.state is ImageState.TODO:
            self.mark(ImageState.DONE)

    def _on_lost(self, lost: bool) -> None:
        self.lost.emit(lost)
        document, current = self._document, self._current
        if not lost and current is not None and (document is None or document.problem is not None):
            self._current = None
            self.show(current)

    def _on_moved(self, old: str, new: str) -> None:
        if self._current == old:
            self._current = new
            self.shown.emit(self._document)

    def _prepare(self) -> None:
        """Encodes the shown picture soon, and its neighbours when nothing else runs."""
        self._forget_preparing()
        if self._document is None or not self._model or not self._settings.get("compute.prefetch"):
            return
        self._ask_for(self._document.image_id, Priority.HOVER, "prepare")
        images = self.images
        for step in (self._direction, 2 * self._direction, -self._direction):
            neighbour = images.next_of(self._document.image_id, step) if images is not None else None
            if neighbour is not None and neighbour != self._document.image_id:
                self._ask_for(neighbour, Priority.PREFETCH, f"prefetch:{neighbour}")

    def _ask_for(self, image_id: str, priority: Priority, key: str) -> None:
        assert self._opened is not None
        image = ImageRef(str(self._opened.project.path_of(image_id)), image_id)
        self._preparing.append(self._runner.submit(PrefetchRequest(image, self._model), key=key, priority=priority))

    def _forget_preparing(self) -> None:
        for ticket in self._preparing:
            self._runner.cancel(ticket)
        self._preparing.clear()


def _tr(text: str) -> str:
    return QCoreApplication.translate("Desk", text)
