"""Bugs: the log gets them, the person sees a calm dialog with a report to copy, and the window goes on."""

from __future__ import annotations

import logging
import platform
import sys
import threading
import traceback
from types import TracebackType

from PySide6.QtCore import QObject, Qt, Signal, qVersion
from PySide6.QtGui import QFontDatabase, QGuiApplication
from PySide6.QtWidgets import QApplication, QDialog, QHBoxLayout, QPlainTextEdit, QVBoxLayout, QWidget

from app.logs import log_file
from app.version import build, version
from inference.errors import AppError
from widgets.parts import button, label
from widgets.system_report import SystemReport

log = logging.getLogger(__name__)

UNSEEN = ("offscreen", "minimal")
"""Qt's platforms without a screen: a dialog there would wait for ever."""


def report_text(problem: str) -> str:
    """What a bug report wants: versions, system, the traceback, where the log is."""
    lines = (
        f"Winnow {version()} ({build() or 'from source'})",
        f"Python {platform.python_version()}, Qt {qVersion()}, {QGuiApplication.platformName()}",
        f"{platform.system()} {platform.release()} {platform.machine()}",
        f"Log: {log_file()}",
        "",
        problem.strip(),
        "",
    )
    return "\n".join(lines)


class CrashDialog(QDialog):
    """Says that it was our fault, that nothing is lost, and gives the report; `system` can add what `doctor` tells.

    With `ends` the program ends with it: it could not even start.
    """

    def __init__(
        self, problem: str, parent: QWidget | None = None, system: SystemReport | None = None, *, ends: bool = False
    ) -> None:
        super().__init__(parent)
        self._system = system
        self.setWindowTitle(self.tr("Something went wrong"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.resize(720, 440)
        self.report = QPlainTextEdit(report_text(problem))
        self.report.setReadOnly(True)
        self.report.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)  # its columns stay columns
        self.report.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.report.setAccessibleName(self.tr("Report"))
        self.copy = button(self.tr("Copy the report"), self._copy, "primary", "copy")
        text = self.tr(
            "This is a bug in Winnow. Everything you saw on the screen is saved. You can go on; if something looks "
            "odd, close the window and open it again. Please send the report to the people who make Winnow."
        )
        if ends:
            text = self.tr(
                "Winnow could not start. Your pictures and projects are as they were. The report says what is in the "
                "way; if it is nothing that you can change, please send it to the people who make Winnow."
            )
        bottom = QHBoxLayout()
        bottom.addWidget(self.copy)
        if system is not None:
            self.more = button(self.tr("Add the system report"), self._ask, icon_name="doctor")
            system.ready.connect(self._add)
            bottom.addWidget(self.more)
        bottom.addStretch(1)
        bottom.addWidget(button(self.tr("Close") if ends else self.tr("Go on"), self.accept))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(18, 16, 18, 14)
        layout.setSpacing(12)
        layout.addWidget(label(self.tr("Something went wrong"), "heading"))
        layout.addWidget(label(text, wrap=True))
        layout.addWidget(self.report, 1)
        layout.addLayout(bottom)

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self.report.toPlainText())

    def _ask(self) -> None:
        """The self-test and the weights' checksums take some seconds; the report comes when they are done."""
        if self._system is not None:
            self.more.setEnabled(False)
            self.more.setText(self.tr("Looking at the system…"))
            self._system.ask()

    def _add(self, text: str) -> None:
        if not self.more.isEnabled():  # it was asked for here
            self.report.appendPlainText(text)
            self.more.hide()


def tell_at_start(error: Exception) -> None:
    """Shows what kept the window from opening, and returns when it was read; nothing where nobody looks."""
    if QGuiApplication.platformName() in UNSEEN:
        return
    whole = str(error) if isinstance(error, AppError) else "".join(traceback.format_exception(error))
    CrashDialog(whole, ends=True).exec()


class CrashHandler(QObject):
    """Takes unhandled exceptions of the window's thread and of others; shows one dialog at a time.

    Attributes:
        system: what the dialog can add to its report, once there is something to ask.
    """

    _caught = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.system: SystemReport | None = None
        self._dialog: CrashDialog | None = None
        self._caught.connect(self._show, Qt.ConnectionType.QueuedConnection)
        self._before = (sys.excepthook, threading.excepthook)

    def install(self) -> None:
        sys.excepthook = self.handle
        threading.excepthook = lambda args: self.handle(
            args.exc_type, args.exc_value or args.exc_type(), args.exc_traceback
        )

    def uninstall(self) -> None:
        sys.excepthook, threading.excepthook = self._before

    def handle(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        """Logs an exception and has it shown; Ctrl+C in the terminal closes the program instead."""
        if issubclass(kind, KeyboardInterrupt):
            QApplication.quit()
            return
        log.critical("unhandled exception", exc_info=(kind, error, trace))
        self._caught.emit("".join(traceback.format_exception(kind, error, trace)))

    @property
    def dialog(self) -> CrashDialog | None:
        return self._dialog

    def _show(self, problem: str) -> None:
        if self._dialog is not None:
            return  # one is enough; the log has the others
        self._dialog = CrashDialog(problem, QApplication.activeWindow(), self.system)
        self._dialog.finished.connect(self._forget)
        self._dialog.open()

    def _forget(self) -> None:
        self._dialog = None
