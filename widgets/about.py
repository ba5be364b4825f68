"""About Winnow, and the system report that the command line's `doctor` gives too."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, QUrl
from PySide6.QtGui import QDesktopServices, QFontDatabase, QGuiApplication
from PySide6.QtWidgets import QDialog, QHBoxLayout, QLabel, QPlainTextEdit, QVBoxLayout, QWidget

from app.version import build, version
from inference import paths
from widgets.icons import app_icon
from widgets.parts import button, label

LICENCES = "LICENCES.txt"
"""Of everything that a built program contains; `packaging/winnow.spec` writes it."""


class AboutDialog(QDialog):
    """What this is, which version, under which licence."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("About Winnow"))
        mark = QLabel()
        mark.setPixmap(app_icon().pixmap(QSize(72, 72)))
        words = QVBoxLayout()
        words.setSpacing(6)
        words.addWidget(label("Winnow", "title"))
        words.addWidget(label(self.tr("Version %1").replace("%1", version()), "muted"))
        made = build()
        if made is not None:
            text = self.tr("Built %1 from %2 for %3, %4").replace("%1", made.date).replace("%2", made.commit)
            words.addWidget(label(text.replace("%3", made.system).replace("%4", made.variant), "muted", wrap=True))
        words.addWidget(label(self.tr("Segment, sort and teach, on your own machine."), wrap=True))
        words.addWidget(
            label(
                self.tr("Apache licence 2.0. Built on Qt, PyTorch, Meta's Segment Anything 2, OpenCV and pycocotools."),
                "muted", wrap=True,
            )
        )  # fmt: skip
        row = QHBoxLayout()
        row.setSpacing(18)
        row.addWidget(mark, 0, Qt.AlignmentFlag.AlignTop)
        row.addLayout(words, 1)
        bottom = QHBoxLayout()
        licences = paths.program_dir() / LICENCES
        if licences.is_file():
            address = QUrl.fromLocalFile(str(licences))
            bottom.addWidget(button(self.tr("Licences of all parts"), lambda: QDesktopServices.openUrl(address)))
        bottom.addStretch(1)
        bottom.addWidget(button(self.tr("Close"), self.accept))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(22, 20, 22, 16)
        layout.setSpacing(14)
        layout.addLayout(row)
        layout.addLayout(bottom)
        self.setMinimumWidth(440)


class ReportDialog(QDialog):
    """A text to read and to copy."""

    def __init__(self, text: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("System report"))
        self.resize(780, 560)
        self.report = QPlainTextEdit(text)
        self.report.setReadOnly(True)
        self.report.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)  # its columns stay columns
        self.report.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.report.setAccessibleName(self.tr("Report"))
        bottom = QHBoxLayout()
        bottom.addWidget(button(self.tr("Copy"), self._copy, "primary", "copy"))
        bottom.addStretch(1)
        bottom.addWidget(button(self.tr("Close"), self.accept))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 14)
        layout.setSpacing(12)
        layout.addWidget(self.report, 1)
        layout.addLayout(bottom)

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self.report.toPlainText())
