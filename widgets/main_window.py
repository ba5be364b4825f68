"""The main window: workspaces over one folder, the bar on top, messages, jobs and status. It joins parts, no more."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QByteArray, QSize, Qt, Signal
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QMainWindow, QStackedWidget, QVBoxLayout, QWidget

from app.document import Document
from app.instance import ImageState
from app.samples import copy_samples
from app.session.desk import Opened
from app.teaching.orders import class_folders, project_data
from inference.errors import AppError
from inference.protocol import Ticket
from inference.weights.cards import taught_one_class
from widgets import window_menus
from widgets.actions import Actions
from widgets.annotate import Annotate
from widgets.message_bar import Message, MessageBar
from widgets.models.workspace import ModelsWorkspace
from widgets.models_card import ModelsCard
from widgets.models_page import ModelsPage
from widgets.panels.jobs import JobsPanel
from widgets.parts import reported
from widgets.saving import Saving
from widgets.services import Services
from widgets.settings_dialog import SettingsDialog
from widgets.shortcuts_page import ShortcutsPage
from widgets.sort.workspace import SortWorkspace
from widgets.status import StatusBar
from widgets.top_bar import WORKSPACES, TopBar
from widgets.welcome import Welcome, local_paths, take_as_copy
from widgets.window_dialogs import Dialogs
from widgets.window_menus import CLASS_KEYS, NEEDS_FOLDER, NEEDS_PICTURE, NEEDS_SORTING


class MainWindow(QMainWindow):
    """One window on at most one folder.

    Args:
        services: everything that is not a widget.
    """

    failed = Signal(object)

    def __init__(self, services: Services) -> None:
        super().__init__()
        self._services = services
        self._missing: Message | None = None  # that the shown picture's file is gone
        self.setWindowTitle("Winnow")
        self.setAcceptDrops(True)
        self.setMinimumSize(900, 600)
        settings, shelf, jobs = services.settings, services.shelf, services.jobs
        self.annotate = Annotate(services.session, services.everything, services.words, settings)
        self.actions_ = Actions(self, self, services.shortcuts)
        self.annotate.build(self.actions_)
        self.sort = SortWorkspace(services.sorting, shelf, settings, self.actions_)
        self._wanted = "annotate"
        self.welcome = Welcome(services.recent, ModelsCard(shelf, jobs, settings))
        models = ModelsPage(shelf, jobs, ModelsCard(shelf, jobs, settings, among_models=True))
        self.models = ModelsWorkspace(
            services.teaching, shelf, models,
            lambda: project_data(services.desk.project), lambda: class_folders(services.sorting.sorter),
        )  # fmt: skip
        self.top = TopBar(self.actions_, shelf)
        self.addToolBar(Qt.ToolBarArea.TopToolBarArea, self.top)
        self.messages, self.notices = MessageBar(), MessageBar()
        self.jobs = JobsPanel(jobs)
        self.dialogs = Dialogs(self, services)
        self.status = StatusBar()
        self.setStatusBar(self.status)
        self._saving = Saving(services.desk, self.notices, self.status, self)
        self.stack = QStackedWidget()
        for page in (self.welcome, self.annotate, self.sort, self.models):
            self.stack.addWidget(page)
        self._lay_out()
        window_menus.fill(
            self.menuBar(),
            self.actions_,
            self.annotate.panel_actions(),
            services.recent,
            lambda f: self.open_paths([f]),
        )
        self._connect()
        self._restore()
        self._show_folder(None)
        self._show_model()

    # Workspaces -----------------------------------------------------------------------------------------------------

    @property
    def workspace(self) -> str:
        """ "annotate", "sort" or "models"."""
        return self._wanted

    def show_workspace(self, name: str) -> None:
        """ "annotate" or "sort" (the welcome page while no folder is open), or "models"."""
        page: QWidget = {"annotate": self.annotate, "sort": self.sort, "models": self.models}[name]
        if page is not self.models and self._services.desk.project is None:
            page = self.welcome
        self._wanted = self.actions_.workspace = name
        self.stack.setCurrentWidget(page)
        self.top.show_workspace(name)
        self._enable()
        self._show_zoom()
        if page is self.annotate:
            self.annotate.canvas.setFocus()
        elif page is self.sort:
            self.sort.enter()
        elif page is self.models:
            self.models.enter()
        elif page is self.welcome:
            self.welcome.drop.folder.setFocus()

    # Opening --------------------------------------------------------------------------------------------------------

    def open_paths(self, paths: Sequence[str | Path]) -> None:
        """Opens a folder or pictures."""
        if paths and self._services.desk.open(paths):
            self.show_workspace("sort" if self.workspace == "sort" else "annotate")

    def open_sample(self, name: str) -> None:
        """Copies the sample photographs to a folder of the person's own and opens one, or all."""
        with reported(self.failed):
            folder = copy_samples()
            self.open_paths([folder / name] if name else [folder])

    def choose_folder(self) -> None:
        self.dialogs.choose_folder(self.open_paths)

    def choose_pictures(self) -> None:
        self.dialogs.choose_pictures(self.open_paths)

    # Events ---------------------------------------------------------------------------------------------------------

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if local_paths(event.mimeData().urls()):
            take_as_copy(event)

    def dropEvent(self, event: QDropEvent) -> None:
        take_as_copy(event)
        self.open_paths(local_paths(event.mimeData().urls()))

    def closeEvent(self, event: QCloseEvent) -> None:
        """Everything is saved already; running jobs are stopped."""
        settings = self._services.settings
        self.annotate.properties.set_document(None)  # writes a note that is being typed
        with reported(self.failed):
            if not self.isFullScreen():
                settings.set("window.geometry", bytes(self.saveGeometry().toBase64().data()).decode("ascii"))
            settings.set("window.docks", self.annotate.layout_text())
            settings.set("window.workspace", self.workspace)
            settings.set("sort.layout", self.sort.layout_text())
        self.hide()  # a training that writes its checkpoint takes some seconds
        self._services.close()
        self.annotate.canvas.close_down()
        super().closeEvent(event)

    # Building -------------------------------------------------------------------------------------------------------

    def _lay_out(self) -> None:
        middle = QWidget()
        layout = QVBoxLayout(middle)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.notices)
        layout.addWidget(self.messages)
        layout.addWidget(self.stack, 1)
        layout.addWidget(self.jobs)
        self.setCentralWidget(middle)

    def _connect(self) -> None:
        services, annotate, desk = self._services, self.annotate, self._services.desk
        for source in (annotate, self.sort, self.models, desk, services.shelf, services.answers, self.dialogs, self):
            source.failed.connect(self.messages.show_error)
        for talker in (annotate, self.sort, self.models, desk, self.dialogs):
            talker.message.connect(self.status.say)
        desk.opened.connect(self._show_folder)
        desk.closing.connect(lambda: annotate.set_document(None, None))
        desk.closing.connect(lambda: self.sort.set_opened(None))
        self.sort.annotate_wanted.connect(self._annotate)
        for source in (self.sort, self.dialogs):
            source.models_wanted.connect(lambda: self.show_workspace("models"))
        self.sort.prompts_wanted.connect(self.dialogs.edit_prompts)
        self.sort.history_shown.connect(self._show_history)
        desk.shown.connect(self._show_document)
        desk.unreadable.connect(annotate.show_problem)
        desk.damaged.connect(self._offer_backup)
        desk.lost.connect(self._saving.show_lost)
        annotate.browser.wanted.connect(desk.show)
        annotate.canvas.cursor_moved.connect(self._show_cursor)
        annotate.canvas.cursor_left.connect(lambda: self.status.show_cursor(None, None))
        annotate.canvas.view_changed.connect(lambda _scale: self._show_zoom())
        annotate.canvas.picture_loaded.connect(lambda _usable: self._show_zoom())
        self.welcome.open_folder.connect(self.choose_folder)
        self.welcome.open_picture.connect(self.choose_pictures)
        self.welcome.open_sample.connect(self.open_sample)
        self.welcome.open_paths.connect(self.open_paths)
        self.top.workspace_wanted.connect(self.show_workspace)
        for card in self.findChildren(ModelsCard):
            card.more.connect(lambda: self.show_workspace("models"))
        shelf = services.shelf
        shelf.current_changed.connect(self._use_model)
        shelf.loading.connect(lambda _: self._show_model(self.tr("loading…")))
        shelf.loaded.connect(lambda _model, device: self._show_model(device or self.tr("not loaded")))
        services.runner.succeeded.connect(self._on_result)
        self._connect_actions()

    def _connect_actions(self) -> None:
        desk, dialogs = self._services.desk, self.dialogs
        self.actions_.connect_all(
            {
                "open_folder": self.choose_folder, "open_picture": self.choose_pictures,
                "open_samples": lambda: self.open_sample(""), "close_folder": self._close_folder,
                "show_in_folder": dialogs.show_in_folder, "export": dialogs.export, "cut_out": dialogs.cut_out,
                "settings": dialogs.show_settings, "compare_models": dialogs.compare_models,
                "quit": self.close, "previous": lambda: desk.step(-1), "next": lambda: desk.step(1),
                "first": lambda: desk.show_end(last=False), "last": lambda: desk.show_end(last=True),
                "next_todo": desk.show_next_todo, "done_next": desk.done_and_next,
                "flag": lambda: desk.mark(ImageState.FLAGGED), "find": self._find,
                "undo_classes": desk.undo_classes, "redo_classes": desk.redo_classes,
                "workspace_annotate": lambda: self.show_workspace("annotate"),
                "workspace_sort": lambda: self.show_workspace("sort"),
                "workspace_models": lambda: self.show_workspace("models"),
                "reset_layout": self.annotate.reset_layout, "shortcuts": dialogs.show_shortcuts,
                "doctor": dialogs.ask_for_report, "about": dialogs.show_about,
            }
        )  # fmt: skip
        self.actions_["full_screen"].toggled.connect(
            lambda on: self.setWindowState(
                self.windowState() | Qt.WindowState.WindowFullScreen
                if on
                else self.windowState() & ~Qt.WindowState.WindowFullScreen
            )
        )

    def _restore(self) -> None:
        settings = self._services.settings
        if not self.restoreGeometry(QByteArray.fromBase64(settings.get("window.geometry").encode("ascii"))):
            self.resize(QSize(1360, 860).boundedTo(self.screen().availableSize()))
        self.annotate.restore_layout(settings.get("window.docks"))
        self.sort.restore_layout(settings.get("sort.layout"))
        name = settings.get("window.workspace")
        self.show_workspace(name if name in WORKSPACES else "annotate")

    # Showing --------------------------------------------------------------------------------------------------------

    def _show_folder(self, opened: Opened | None) -> None:
        self.annotate.set_opened(opened)
        self.sort.set_opened(opened)
        if opened is None:
            self.setWindowTitle("Winnow")
        else:
            project = opened.project
            self.setWindowTitle(f"{project.folder.name or project.folder} – Winnow")
            for signal in (opened.images.modelReset, opened.images.scan_finished, opened.images.pictures_changed):
                signal.connect(self._show_place)
        if self.workspace != "models":
            self.show_workspace(self.workspace)  # the welcome page where no folder is open
        self._saving.show()
        self.status.show_cache(None, 0)
        self._enable()

    def _show_document(self, document: Document | None) -> None:
        desk = self._services.desk
        self._services.everything.set_document(document)
        self._services.words.set_document(document)
        self.annotate.set_document(document, desk.current)
        self._services.session.set_document(document)
        self.messages.clear()
        self.status.show_cache(None, 0)
        self._show_place()
        self._enable()

    def _show_place(self) -> None:
        desk = self._services.desk
        images, current = desk.images, desk.current
        if images is None or current is None:
            self.top.show_picture("", "")
            return
        row = images.row_of(current)
        place = f"{row + 1:,} / {images.rowCount():,}" if row >= 0 else ""
        self.top.show_picture(current.rpartition("/")[2], place)
        if row < 0 and desk.document is not None and not desk.document.path.exists():
            self._missing = self.messages.show_message(
                "warning",
                self.tr("%1: the file is not there any more.").replace("%1", str(desk.document.path)),
                self.tr("What you made on it is kept, and is there again when the file is."),
            )
        elif self._missing is not None:
            self.messages.drop(self._missing)
            self._missing = None

    def _show_cursor(self, x: float, y: float, rgb: tuple[int, int, int] | None) -> None:
        """The pixel under the pointer; beside the picture there is none."""
        document = self._services.desk.document
        inside = document is not None and 0 <= x < document.width and 0 <= y < document.height
        self.status.show_cursor((x, y) if inside else None, rgb)

    def _show_zoom(self) -> None:
        """The scale of the picture; what cannot be shown has none."""
        canvas, here = self.annotate.canvas, self.stack.currentWidget() is self.annotate
        self.status.show_zoom(canvas.view.device_scale if here and canvas.picture_usable else None)

    def _show_model(self, device: str = "") -> None:
        self.status.show_model(self._services.shelf.title(), device)

    def _use_model(self, model: str) -> None:
        self._services.session.set_model(model)
        spec = self._services.shelf.spec(model)
        if spec is not None and spec.path is not None and taught_one_class(spec.path):
            self.annotate.class_bar.offer()
        self._services.everything.set_model(model)
        self._services.words.set_model(model)
        self._services.desk.set_model(model)
        self._show_model()

    def _on_result(self, _ticket: Ticket, result: object) -> None:
        """Says how the shown picture was prepared."""
        image = getattr(result, "image", None)
        if image is not None and hasattr(result, "from_cache") and image.image_id == self._services.desk.current:
            self.status.show_cache(result.from_cache, getattr(result, "seconds", 0.0))

    def _enable(self) -> None:
        desk, here = self._services.desk, self.stack.currentWidget() is self.annotate
        sorts = self.stack.currentWidget() is self.sort
        self.actions_.enable(NEEDS_PICTURE, here and desk.current is not None)
        self.actions_.enable(CLASS_KEYS, (here and desk.current is not None) or sorts)
        self.actions_.enable(NEEDS_SORTING, sorts)
        self.actions_.enable(NEEDS_FOLDER, desk.project is not None)
        if here:
            self.annotate.show_undo()
        elif sorts:
            self.sort.show_undo()
        else:
            self._show_history("", "")

    def _show_history(self, undo: str, redo: str) -> None:
        """What undo and redo do outside the canvas."""
        if self.workspace == "annotate" and self.stack.currentWidget() is self.annotate:
            return
        for name, text, word in (("undo", undo, self.tr("Undo")), ("redo", redo, self.tr("Redo"))):
            self.actions_[name].setEnabled(bool(text) and self.workspace == "sort")
            self.actions_[name].setText(f"{word} {text}".strip())

    def _offer_backup(self, folder: Path, error: AppError, backup: Path | None) -> None:
        message = self.messages.show_error(error)
        if backup is not None:
            text = self.tr("Put back the backup %1").replace("%1", backup.name)
            message.offer(text, lambda: self._restore_backup(folder, backup))

    def _restore_backup(self, folder: Path, backup: Path) -> None:
        self._services.desk.restore(folder, backup)
        self.show_workspace("annotate")

    def show_settings(self) -> SettingsDialog:
        """Opens the settings beside the window; they hold at once."""
        return self.dialogs.show_settings()

    def show_shortcuts(self) -> ShortcutsPage:
        """F1."""
        return self.dialogs.show_shortcuts()

    def _annotate(self, image_id: str) -> None:
        self._services.desk.show(image_id)
        self.show_workspace("annotate")

    def _find(self) -> None:
        if self.stack.currentWidget() is self.sort:
            self.sort.search.field.setFocus(Qt.FocusReason.ShortcutFocusReason)
            return
        self.show_workspace("annotate")
        self.annotate.browser.name.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def _close_folder(self) -> None:
        self._services.desk.close()
        self.show_workspace("annotate")
