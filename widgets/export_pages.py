"""What the export dialog shows while it writes and when it is done."""

from __future__ import annotations

import time
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QHBoxLayout,
    QHeaderView,
    QProgressBar,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from app.formats import ExportSummary, Note, Severity
from widgets.parts import button, bytes_text, label, left_text, named

_LISTED = 5000  # rows a person may want to scroll through; the command line's --json tells all


class RunningPage(QWidget):
    """A progress bar with what is left, and a way to stop."""

    stopped = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.heading = label("", "heading")
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        named(self.bar, self.tr("Progress of the export"))
        self.message = label("", "muted")
        self.cancel = button(self.tr("Cancel"), self._stop)
        self._began = 0.0
        column = QVBoxLayout(self)
        column.setContentsMargins(48, 24, 48, 24)
        column.setSpacing(12)
        column.addStretch(2)
        for widget in (self.heading, self.bar, self.message):
            column.addWidget(widget)
        column.addWidget(self.cancel, 0, Qt.AlignmentFlag.AlignRight)
        column.addStretch(3)

    def begin(self, title: str) -> None:
        self._began = time.monotonic()
        self.heading.setText(self.tr("Writing %1").replace("%1", title))
        self.message.setText(self.tr("Counting…"))
        self.bar.setRange(0, 0)
        self.cancel.setEnabled(True)
        self.cancel.setFocus()

    def show_progress(self, done: int, total: int, message: str) -> None:
        self.bar.setRange(0, total)
        self.bar.setValue(done)
        if not total:
            return
        parts = [self.tr("%1 of %2").replace("%1", f"{done:,}").replace("%2", f"{total:,}")]
        spent = time.monotonic() - self._began
        if done and spent > 2:
            parts.append(left_text(spent / done * (total - done)))
        metrics = self.message.fontMetrics()
        room = max(120, self.message.width() - metrics.horizontalAdvance(" · ".join(parts)) - 24)
        parts.append(metrics.elidedText(message, Qt.TextElideMode.ElideMiddle, room))
        self.message.setText(" · ".join(parts))

    def _stop(self) -> None:
        self.cancel.setEnabled(False)
        self.message.setText(self.tr("Stopping; nothing is left behind…"))
        self.stopped.emit()


class SummaryPage(QWidget):
    """What was written, and per picture what the format could not hold."""

    again = Signal()
    folder_wanted = Signal(str)
    closed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.heading = label("", "heading")
        self.line = label("", "muted", wrap=True)
        self.verdict = label("", wrap=True)
        self.notes = QTreeWidget()
        self.open_folder = button(self.tr("Open folder"), self._open, icon_name="folder-open")
        self.close_button = button(self.tr("Close"), lambda: self.closed.emit(), "primary")
        self._out = ""
        self._build()

    def show_summary(self, summary: ExportSummary, title: str) -> None:
        self._out = summary.out
        self.heading.setText(
            self.tr("%1 written").replace("%1", title) if summary.ok else self.tr("Written, except for some pictures")
        )
        self.line.setText(_line(summary))
        self.verdict.setText(self._verdict(summary))
        self.notes.clear()
        self.notes.setVisible(bool(summary.notes))
        order = {Severity.FAILED: 0, Severity.LOSS: 1, Severity.INFO: 2}
        for note in sorted(summary.notes, key=lambda n: order[n.severity])[:_LISTED]:
            self.notes.addTopLevelItem(self._row(note))
        self.close_button.setFocus()

    def _verdict(self, summary: ExportSummary) -> str:
        if not summary.notes:
            return self.tr("The format held everything.")
        parts = []
        for count, text in (
            (len(summary.failed), self.tr("%1 not written")),
            (len(summary.losses), self.tr("%1 with losses")),
            (len(summary.notes) - len(summary.failed) - len(summary.losses), self.tr("%1 to know")),
        ):
            if count:
                parts.append(text.replace("%1", f"{count:,}"))
        return " · ".join(parts)

    def _row(self, note: Note) -> QTreeWidgetItem:
        words = {
            Severity.FAILED: self.tr("not written"), Severity.LOSS: self.tr("loss"), Severity.INFO: self.tr("note"),
        }  # fmt: skip
        row = QTreeWidgetItem([words[note.severity], note.image_id or self.tr("all"), note.message])
        for column in range(3):
            row.setToolTip(column, note.message if column == 2 else row.text(column))
        return row

    def _open(self) -> None:
        self.folder_wanted.emit(self._out)

    def _build(self) -> None:
        self.notes.setColumnCount(3)
        self.notes.setHeaderLabels([self.tr("Kind"), self.tr("Picture"), self.tr("What")])
        self.notes.setRootIsDecorated(False)
        self.notes.setUniformRowHeights(True)
        self.notes.header().setStretchLastSection(True)
        self.notes.header().setSectionResizeMode(0, QHeaderView.ResizeMode.ResizeToContents)
        self.notes.header().resizeSection(1, 200)
        named(self.notes, self.tr("What to know about each picture"))
        row = QHBoxLayout()
        row.addWidget(self.open_folder)
        row.addWidget(button(self.tr("Export again…"), lambda: self.again.emit()))
        row.addStretch(1)
        row.addWidget(self.close_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 20, 20, 16)
        column.setSpacing(8)
        for widget in (self.heading, self.line, self.verdict):
            column.addWidget(widget)
        column.addWidget(self.notes, 1)
        column.addStretch(0)
        column.addLayout(row)


def _line(summary: ExportSummary) -> str:
    parts = [f"Pictures: {summary.images:,}", f"instances: {summary.instances:,}", bytes_text(summary.bytes)]
    parts += [f"{name} {count:,}" for name, count in summary.splits.items()]
    return " · ".join(parts) + f"\n{Path(summary.out)}"
