"""The items of a prompt set as a table: name, synonyms, prompts of its own, "none of these", least score."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem, QWidget

from inference.prompt_items import PLACE, PromptItem
from widgets.theme import current_colors

NAME, SYNONYMS, TEMPLATES, NEGATIVE, THRESHOLD = range(5)
_OR = " | "


class ItemsTable(QTableWidget):
    """There is always an empty row at the end to write another item into; a row without a name is no item."""

    edited = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(0, THRESHOLD + 1, parent)
        self.setHorizontalHeaderLabels(
            [
                self.tr("Item"),
                self.tr("Synonyms"),
                self.tr("Own prompts"),
                self.tr("None of these"),
                self.tr("At least"),
            ]
        )
        tips = (
            self.tr("What the pictures can show; also the name of its class."),
            self.tr("Other words for it, with commas between."),
            self.tr("Prompts in place of prefixes and postfixes, {} is the item; | between several."),
            self.tr("A picture that fits this best is none of the other items."),
            self.tr("A picture that fits less than this, in percent, is not taken for it."),
        )
        for column, tip in enumerate(tips):
            head = self.horizontalHeaderItem(column)
            assert head is not None
            head.setToolTip(tip)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(28)
        self.setShowGrid(False)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setTabKeyNavigation(False)
        self.setAccessibleName(self.tr("Items"))
        header = self.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        for column, width in ((NEGATIVE, 100), (THRESHOLD, 72)):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.Fixed)
            self.setColumnWidth(column, width)
        self.itemChanged.connect(self._on_edit)

    def set_items(self, items: Sequence[PromptItem]) -> None:
        blocked = self.blockSignals(True)
        self.setRowCount(0)
        for item in items:
            self._add(item)
        self._add(PromptItem(""))
        self.blockSignals(blocked)

    def written(self) -> tuple[PromptItem, ...]:
        """The rows that have a name."""
        rows = (self._item(row) for row in range(self.rowCount()))
        return tuple(item for item in rows if item.name.strip())

    def mark(self, unknown: Sequence[str], guessed: Sequence[str]) -> None:
        """Shows which names the model has not learned, and which it knows from texts only."""
        blocked = self.blockSignals(True)
        warning, faint = QColor(current_colors().warning), QColor(current_colors().muted)
        said = {
            name: (faint, self.tr("A guess: the built-in model knows this word from texts, not from pictures."))
            for name in guessed
        }
        said |= {name: (warning, self.tr("The built-in model has not learned this word.")) for name in unknown}
        for row in range(self.rowCount()):
            cell = self._cell(row, NAME)
            color, tip = said.get(cell.text(), (None, ""))
            cell.setData(Qt.ItemDataRole.ForegroundRole, color)
            cell.setToolTip(tip)
        self.blockSignals(blocked)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Delete and self.state() != QAbstractItemView.State.EditingState:
            rows = sorted({index.row() for index in self.selectedIndexes()}, reverse=True)
            for row in rows:
                if row < self.rowCount() - 1:
                    self.removeRow(row)
            self.edited.emit()
        else:
            super().keyPressEvent(event)

    def _add(self, item: PromptItem) -> None:
        row = self.rowCount()
        self.insertRow(row)
        least = "" if item.threshold is None else f"{item.threshold * 100:g} %"
        texts = (item.name, ", ".join(item.synonyms), _OR.join(item.templates), "", least)
        for column, text in enumerate(texts):
            cell = QTableWidgetItem(text)
            if column == NEGATIVE:
                cell.setFlags(
                    Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemIsUserCheckable
                )
                cell.setCheckState(Qt.CheckState.Checked if item.negative else Qt.CheckState.Unchecked)
            self.setItem(row, column, cell)

    def _item(self, row: int) -> PromptItem:
        cells = [self._cell(row, column) for column in range(THRESHOLD + 1)]
        templates = tuple(t for text in cells[TEMPLATES].text().split("|") if PLACE in (t := text.strip()))
        return PromptItem(
            cells[NAME].text(),
            tuple(word for text in cells[SYNONYMS].text().split(",") if (word := text.strip())),
            templates,
            cells[NEGATIVE].checkState() == Qt.CheckState.Checked,
            _share(cells[THRESHOLD].text()),
        )

    def _cell(self, row: int, column: int) -> QTableWidgetItem:
        cell = self.item(row, column)
        assert cell is not None
        return cell

    def _on_edit(self, cell: QTableWidgetItem) -> None:
        if cell.row() == self.rowCount() - 1 and cell.column() == NAME and cell.text().strip():
            blocked = self.blockSignals(True)
            self._add(PromptItem(""))
            self.blockSignals(blocked)
        self.edited.emit()


def _share(text: str) -> float | None:
    """ "60 %" as 0.6; None for nothing and for what is no number."""
    try:
        value = float(text.strip().removesuffix("%").replace(",", "."))
    except ValueError:
        return None
    return min(max(value / 100, 0.0), 1.0)
