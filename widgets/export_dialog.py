"""The export dialog: choose a format and what goes into it, see how much that is, write it, read what was lost."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

from PySide6.QtCore import QTimer, QUrl
from PySide6.QtGui import QCloseEvent, QDesktopServices, QHideEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QDialog,
    QFileDialog,
    QHBoxLayout,
    QLineEdit,
    QScrollArea,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from app.formats import FORMATS, ExportSummary, ProjectSource, export, format_of
from app.formats.background import Background
from app.formats.options import ExportOptions
from app.formats.select import Tally, digest, split_counts, tally, totals
from app.project import Project
from inference.errors import AppError
from widgets.export_form import ChoiceForm, FormatList, OptionForm, of_format
from widgets.export_pages import RunningPage, SummaryPage
from widgets.parts import button, frame, label, line, named, restyle


def open_in_file_manager(folder: str) -> None:
    """Shows a folder with the desktop's own program."""
    QDesktopServices.openUrl(QUrl.fromLocalFile(folder))


class ExportDialog(QDialog):
    """Exports a project.

    Args:
        project: the open project; it is only read, in a thread of the dialog.
        show_folder: opens the finished export.
    """

    def __init__(
        self,
        project: Project,
        parent: QWidget | None = None,
        *,
        show_folder: Callable[[str], None] = open_in_file_manager,
    ) -> None:
        super().__init__(parent)
        self._source = ProjectSource(project)
        self._tally: Tally | None = None
        self._task: Background | None = None
        self._closing = False
        self._out_edited = False
        self.setWindowTitle(self.tr("Export data set"))
        self.resize(920, 720)
        self.formats = FormatList(FORMATS)
        self.choices = ChoiceForm(self._source.classes())
        self.form = OptionForm()
        self.out = QLineEdit()
        self.overwrite = QCheckBox(self.tr("Write into a folder that is not empty"))
        self.count = label(self.tr("Counting…"), "muted", wrap=True)
        self.problem = label("", wrap=True)
        self.start = button(self.tr("Export"), self._start, "primary")
        self.running, self.summary = RunningPage(), SummaryPage()
        self.pages = QStackedWidget()
        self._section = label("", "section")
        self._message = frame("message")
        self._later = QTimer(self, singleShot=True, interval=30)  # many edits, one count
        self._build()
        self._connect(show_folder)
        self.formats.choose(FORMATS[0].id)
        self._run(lambda progress: tally(digest(self._source, progress)), self._counted)

    # What is chosen -----------------------------------------------------------------------------------------------

    def options(self) -> ExportOptions:
        """What the controls say. UsageError where they make no sense."""
        return self.choices.options(self.form.values(), overwrite=self.overwrite.isChecked())

    def _format_changed(self) -> None:
        form = format_of(self.formats.format_id())
        self.choices.show_format(form)
        self.form.show_table(form.options)
        self._section.setText(self.tr("Options of %1").replace("%1", of_format(form.title)))
        self._section.setVisible(bool(form.options))
        if not self._out_edited:
            self.out.setText(str(_default_out(self._source.folder, form.id)))
        self._later.start()

    def _choose_out(self) -> None:
        start = Path(self.out.text()).parent
        chosen = QFileDialog.getExistingDirectory(self, self.tr("Folder for the export"), str(start))
        if chosen:
            self.out.setText(chosen)
            self._out_edited = True

    # How much that is ---------------------------------------------------------------------------------------------

    def _counted(self, found: Tally) -> None:
        self._tally = found
        self._recount()

    def _recount(self) -> None:
        if self._tally is None:
            return
        try:
            options = self.options()
            images, instances = totals(self._tally, self._source.classes(), options)
        except AppError as error:
            self.count.setText(" ".join(p for p in (error.message, error.remedy) if p))
            self.start.setEnabled(False)
            return
        parts = [
            self.tr("Pictures: %1").replace("%1", f"{images:,}"),
            self.tr("instances: %1").replace("%1", f"{instances:,}"),
        ]
        parts += [f"{name} {count:,}" for name, count in split_counts(images, options.split).items()]
        self.count.setText(" · ".join(parts) if images else self.tr("No picture fits this choice."))
        self.start.setEnabled(images > 0 and self._task is None)

    # Writing --------------------------------------------------------------------------------------------------------

    def _start(self) -> None:
        out = self.out.text().strip()
        if not out:
            self._say(self.tr("Choose a folder for the export."))
            return
        form, options = format_of(self.formats.format_id()), self.options()
        self.running.begin(of_format(form.title))
        self.pages.setCurrentWidget(self.running)
        work = partial(export, self._source, form.id, Path(out), options)
        self._run(lambda progress: work(progress), self._written)

    def _written(self, summary: ExportSummary) -> None:
        self.summary.show_summary(summary, of_format(format_of(summary.format).title))
        self.pages.setCurrentWidget(self.summary)

    def _failed(self, error: AppError) -> None:
        self._back()
        self._say(str(error))

    def _back(self) -> None:
        self.pages.setCurrentIndex(0)
        self._later.start()
        self.start.setFocus()

    def _run(self, work: Callable[..., object], then: Callable[..., None]) -> None:
        self._task = task = Background(work, self)
        task.progressed.connect(self.running.show_progress)
        task.succeeded.connect(then)
        task.failed.connect(self._failed)
        task.cancelled.connect(self._back)
        task.finished.connect(self._task_ended)
        self.start.setEnabled(False)
        task.start()

    def _task_ended(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            task.wait()
            task.deleteLater()
        if self._closing:
            super().reject()
        else:
            self._later.start()

    def _stop(self) -> None:
        if self._task is not None:
            self._task.stop()

    def reject(self) -> None:
        """Escape and Close: a running export is stopped first, and leaves nothing behind."""
        if self._task is None:
            super().reject()
            return
        self._closing = True
        self._stop()

    def hideEvent(self, event: QHideEvent) -> None:
        """The window around it closes: nothing may run on without it. Minimising is no reason."""
        if self._task is not None and not event.spontaneous():
            self._task.stop()
            self._task.wait()
        super().hideEvent(event)

    def closeEvent(self, event: QCloseEvent) -> None:
        if self._task is not None:
            event.ignore()
            self.reject()
        else:
            super().closeEvent(event)

    # How it looks ---------------------------------------------------------------------------------------------------

    def _say(self, text: str) -> None:
        self.problem.setText(text)
        self._message.setVisible(bool(text))

    def _connect(self, show_folder: Callable[[str], None]) -> None:
        self.formats.currentRowChanged.connect(lambda _: self._format_changed())
        self.choices.changed.connect(self._edited)
        self.form.changed.connect(self._edited)
        self.overwrite.toggled.connect(lambda _: self._edited())
        self._later.timeout.connect(self._recount)
        self.out.textEdited.connect(self._edited_out)
        self.running.stopped.connect(self._stop)
        self.summary.again.connect(self._back)
        self.summary.closed.connect(self.accept)
        self.summary.folder_wanted.connect(show_folder)

    def _edited(self) -> None:
        self._say("")
        self._later.start()

    def _edited_out(self) -> None:
        self._out_edited = True
        self._say("")

    def _build(self) -> None:
        self.pages.addWidget(self._settings_page())
        self.pages.addWidget(self.running)
        self.pages.addWidget(self.summary)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.pages)

    def _settings_page(self) -> QWidget:
        page = QWidget()
        right = QVBoxLayout()
        right.setContentsMargins(20, 16, 20, 16)
        right.setSpacing(12)
        for widget in (label(self.tr("What goes in"), "section"), self.choices, line(), self._section, self.form):
            right.addWidget(widget)
        right.addStretch(1)
        inner = QWidget()
        inner.setLayout(right)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setWidget(inner)
        inner.setAutoFillBackground(False)
        middle = QHBoxLayout()
        middle.setSpacing(0)
        middle.addWidget(self.formats)
        middle.addWidget(scroll, 1)
        column = QVBoxLayout(page)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._message_box())
        column.addLayout(middle, 1)
        column.addWidget(self._bottom())
        return page

    def _message_box(self) -> QWidget:
        restyle(self._message, "kind", "error")
        row = QHBoxLayout(self._message)
        row.setContentsMargins(16, 8, 16, 8)
        row.addWidget(self.problem)
        self._message.hide()
        return self._message

    def _bottom(self) -> QWidget:
        bar = frame("bar")
        named(self.out, self.tr("Folder for the export"))
        browse = button(self.tr("Browse…"), self._choose_out)
        where = QHBoxLayout()
        caption = label(self.tr("&Folder"))
        caption.setBuddy(self.out)
        where.addWidget(caption)
        where.addWidget(self.out, 1)
        where.addWidget(browse)
        last = QHBoxLayout()
        last.addWidget(self.count, 1)
        last.addWidget(button(self.tr("Close"), self.reject))
        last.addWidget(self.start)
        column = QVBoxLayout(bar)
        column.setContentsMargins(16, 12, 16, 12)
        column.addLayout(where)
        column.addWidget(self.overwrite)
        column.addLayout(last)
        return bar


def _default_out(folder: Path | None, format_id: str) -> Path:
    """Beside the pictures' folder, or in the person's home where that cannot be written."""
    if folder is None or not os.access(folder.parent, os.W_OK):
        return Path.home() / f"winnow-{format_id}"
    return folder.parent / f"{folder.name}-{format_id}"
