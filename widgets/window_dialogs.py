"""What the window opens beside itself: settings, shortcuts, export, the system report, about, and file choosers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, Qt, QUrl, Signal
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QDialog, QFileDialog, QWidget

from app.teaching.runs import SEGMENTER
from inference.pictures import EXTENSIONS
from widgets.about import AboutDialog, ReportDialog
from widgets.services import Services
from widgets.settings_dialog import SettingsDialog
from widgets.shortcuts_page import ShortcutsPage
from widgets.system_report import SystemReport


class Dialogs(QObject):
    """Opens them on a window; they belong to it and go when they are closed."""

    failed = Signal(object)
    message = Signal(str)
    models_wanted = Signal()

    def __init__(self, window: QWidget, services: Services) -> None:
        super().__init__(window)
        self._window, self._services = window, services
        self._report = SystemReport(services, self)
        self._report.ready.connect(lambda text: _open(ReportDialog(text, self._window)))

    def show_settings(self) -> SettingsDialog:
        """Opens the settings beside the window; they hold at once."""
        dialog = SettingsDialog(self._services.settings, self._services.shortcuts, self._window)
        dialog.failed.connect(self.failed)
        _open(dialog)
        return dialog

    def show_shortcuts(self) -> ShortcutsPage:
        """F1."""
        page = ShortcutsPage(self._services.shortcuts, self._window)
        page.edit_wanted.connect(lambda: self.show_settings().show_shortcuts())
        _open(page)
        return page

    def show_about(self) -> None:
        AboutDialog(self._window).open()

    def export(self) -> None:
        project = self._services.desk.project
        if project is not None:
            from widgets.export_dialog import ExportDialog  # the formats are a tenth of the time until the window shows

            _open(ExportDialog(project, parent=self._window))

    def cut_out(self) -> None:
        """The subjects of the folder's pictures, on another background."""
        project, shelf = self._services.desk.project, self._services.shelf
        if project is None:
            return
        from widgets.cutout_dialog import CutoutDialog

        masks = sorted(shelf.usable(), key=lambda spec: spec.id != shelf.current)
        words = sorted(shelf.classifiers(), key=lambda spec: spec.id != shelf.classifier)
        _open(CutoutDialog(project.folder, self._services.runner, masks, words, self._window))

    def compare_models(self) -> None:
        """Two models side by side on the shown picture, asked what was asked last."""
        document, shelf, session = self._services.desk.document, self._services.shelf, self._services.session
        if document is None or document.problem is not None:
            return
        from widgets.split_view import SplitDialog

        runs = [run.facts for run in self._services.teaching.runs if run.facts.usable and run.facts.kind == SEGMENTER]
        choices = [(spec.title, spec.id) for spec in shelf.usable()]
        choices += [(self.tr("%1 (run)").replace("%1", facts.name), str(facts.best)) for facts in runs]
        others = [*(str(facts.best) for facts in runs), *(model for _title, model in choices if model != shelf.current)]
        models = shelf.current, others[0] if others else shelf.current
        size = document.width, document.height
        _open(SplitDialog(self._services.runner, document.path, size, choices, models, session.prompts, self._window))

    def edit_prompts(self, image_id: str) -> None:
        """The prompt editor, with live scores on a picture ("" for none)."""
        from widgets.sort.prompt_editor import PromptEditor

        if self._services.desk.project is not None:
            editor = PromptEditor(self._services.sorting, image_id or None, self._window)
            editor.models_wanted.connect(self.models_wanted)
            _open(editor)

    def ask_for_report(self) -> None:
        """Looks at the system in the background and shows what it found."""
        self.message.emit(self.tr("Looking at the system…"))
        self._report.ask()

    def show_in_folder(self) -> None:
        """Opens the shown picture's folder in the system's file manager."""
        document = self._services.desk.document
        if document is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(document.path.parent)))

    def choose_folder(self, then: Callable[[list[str | Path]], object]) -> None:
        folder = QFileDialog.getExistingDirectory(self._window, self.tr("Open folder"), self._last_place())
        if folder:
            then([folder])

    def choose_pictures(self, then: Callable[[list[str | Path]], object]) -> None:
        kinds = " ".join(f"*{suffix}" for suffix in sorted(EXTENSIONS))
        files, _ = QFileDialog.getOpenFileNames(
            self._window, self.tr("Open picture"), self._last_place(), self.tr("Pictures (%1)").replace("%1", kinds)
        )
        then(list(files))

    def _last_place(self) -> str:
        recent = self._services.recent.all()
        return str(recent[0]) if recent else ""


def _open(dialog: QDialog) -> None:
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.open()
