"""On the left of the Models workspace: its pages, and every run there is with how it stands."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPalette
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QListWidget,
    QListWidgetItem,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from app.teaching.live import Run
from app.teaching.runs import best_text
from widgets.icons import icon
from widgets.models.words import status_text
from widgets.parts import label, named, paint_words, tool

_ROLE = Qt.ItemDataRole.UserRole
_SECOND, _FRACTION = _ROLE + 1, _ROLE + 2
PAGES = ("models", "teach", "classify", "measure")


class Rail(QWidget):
    """Pages above, runs below; several runs are chosen with Ctrl and Shift.

    Signals:
        page_wanted(str): one of `PAGES`.
        runs_wanted(list of Path): one run, or several to compare.
        folder_wanted(): a run from elsewhere is to be listed.
    """

    page_wanted = Signal(str)
    runs_wanted = Signal(list)
    folder_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(8, 10, 8, 8)
        outer.setSpacing(6)
        self.pages = QListWidget()
        named(self.pages, self.tr("Pages of this workspace"))
        texts = (self.tr("All models"), self.tr("Teach a model…"), self.tr("Teach a classifier…"), self.tr("Measure…"))
        for page, text, picture in zip(PAGES, texts, ("chip", "sparkles", "tag", "target"), strict=True):
            item = QListWidgetItem(icon(picture), text, self.pages)
            item.setData(_ROLE, page)
        self.pages.setFixedHeight(len(PAGES) * self.pages.sizeHintForRow(0) + 4)
        self.pages.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.pages.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        outer.addWidget(self.pages)
        head = QHBoxLayout()
        head.addWidget(label(self.tr("Runs"), "section"), 1)
        head.addWidget(tool("folder-plus", self.tr("List a run from another folder…"), self.folder_wanted.emit, 14))
        outer.addLayout(head)
        self.runs = _Runs()
        named(self.runs, self.tr("Runs"), self.tr("Ctrl+click or Shift+click several runs to compare them."))
        self.runs.setItemDelegate(_RunDelegate(self.runs))
        self.runs.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.runs.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        outer.addWidget(self.runs, 1)
        self.pages.itemSelectionChanged.connect(self._on_page)
        self.pages.itemClicked.connect(lambda _: self._on_page())
        self.runs.itemSelectionChanged.connect(self._on_runs)

    # What is shown --------------------------------------------------------------------------------------------------

    def show_runs(self, runs: Sequence[Run]) -> None:
        """All runs, the newest first; what was chosen stays chosen."""
        chosen = set(self.chosen())
        self.runs.blockSignals(True)
        self.runs.clear()
        for run in runs:
            item = QListWidgetItem(run.facts.name, self.runs)
            item.setData(_ROLE, run.folder)
            _tell(item, run)
            item.setSelected(run.folder in chosen)
        self.runs.blockSignals(False)
        if chosen - {run.folder for run in runs}:
            self._on_runs()

    def show_run(self, run: Run) -> None:
        """How one run stands now."""
        for row in range(self.runs.count()):
            if self.runs.item(row).data(_ROLE) == run.folder:
                _tell(self.runs.item(row), run)

    def chosen(self) -> list[Path]:
        """The chosen runs, from top to bottom."""
        rows = sorted(index.row() for index in self.runs.selectedIndexes())
        return [self.runs.item(row).data(_ROLE) for row in rows]

    def choose_page(self, page: str) -> None:
        self.pages.setCurrentRow(PAGES.index(page))

    def choose_run(self, folder: Path) -> None:
        """Shows a run; the keys go on in the list, and not to the first button of its page."""
        self.runs.setFocus()
        for row in range(self.runs.count()):
            if self.runs.item(row).data(_ROLE) == folder:
                self.runs.setCurrentRow(row)

    # Within ---------------------------------------------------------------------------------------------------------

    def _on_page(self) -> None:
        item = self.pages.currentItem()
        if item is not None and item.isSelected():
            self.runs.blockSignals(True)
            self.runs.clearSelection()
            self.runs.blockSignals(False)
            self.page_wanted.emit(str(item.data(_ROLE)))

    def _on_runs(self) -> None:
        chosen = self.chosen()
        if chosen:
            self.pages.blockSignals(True)
            self.pages.clearSelection()
            self.pages.blockSignals(False)
            self.runs_wanted.emit(chosen)
        elif not self.pages.selectedItems():
            self.choose_page("models")
            self._on_page()


class _Runs(QListWidget):
    def paintEvent(self, event: object) -> None:
        super().paintEvent(event)  # type: ignore[arg-type]
        if not self.count():
            paint_words(self, self.tr("Nothing was taught yet."))


def _tell(item: QListWidgetItem, run: Run) -> None:
    second = " · ".join(part for part in (status_text(run), best_text(run.rows)) if part)
    if item.data(_SECOND) != second:
        item.setData(_SECOND, second)
        item.setData(Qt.ItemDataRole.AccessibleTextRole, f"{run.facts.name}: {second}")
        item.setToolTip(f"{run.folder}\n{second}")
    fraction = run.fraction if run.phase else None
    if item.data(_FRACTION) != fraction:
        item.setData(_FRACTION, fraction)


class _RunDelegate(QStyledItemDelegate):
    """The name, how it stands in a quieter line, and a thin bar while it goes on."""

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        return QSize(super().sizeHint(option, index).width(), 2 * option.fontMetrics.height() + 20)

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        self.initStyleOption(option, index)
        name, option.text = option.text, ""
        style = option.widget.style()
        style.drawControl(QStyle.ControlElement.CE_ItemViewItem, option, painter, option.widget)
        box, high = option.rect.adjusted(10, 7, -10, -6), option.fontMetrics.height()
        painter.save()
        painter.setPen(option.palette.color(QPalette.ColorRole.Text))
        shown = option.fontMetrics.elidedText(name, Qt.TextElideMode.ElideMiddle, box.width())
        painter.drawText(box.adjusted(0, 0, 0, high - box.height()), Qt.AlignmentFlag.AlignVCenter, shown)
        color = QColor(option.palette.color(QPalette.ColorRole.Text))
        color.setAlphaF(0.65)
        painter.setPen(color)
        second = option.fontMetrics.elidedText(str(index.data(_SECOND) or ""), Qt.TextElideMode.ElideRight, box.width())
        below = box.adjusted(0, high + 2, 0, 2 * high + 2 - box.height())
        painter.drawText(below, Qt.AlignmentFlag.AlignVCenter, second)
        fraction = index.data(_FRACTION)
        if fraction is not None:
            bar = QRectF(box.left(), option.rect.bottom() - 4, box.width(), 2.5)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(option.palette.color(QPalette.ColorRole.Mid))
            painter.drawRect(bar)
            painter.setBrush(option.palette.color(QPalette.ColorRole.Accent))
            painter.drawRect(QRectF(bar.left(), bar.top(), bar.width() * float(fraction), bar.height()))
        painter.restore()
