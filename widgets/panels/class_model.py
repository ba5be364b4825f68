"""The classes of a project as a table: colour and name, hot-key, how many instances, supercategory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QModelIndex, Qt
from PySide6.QtGui import QColor

from app.instance import LabelClass
from app.labels import ClassList
from widgets.panels.dragged_rows import DraggedRows, Index
from widgets.parts import reported, swatch
from widgets.theme import current_colors

NAME, HOTKEY, COUNT, GROUP = range(4)
IdRole = Qt.ItemDataRole.UserRole


class ClassModel(DraggedRows):
    """Rows in the person's order."""

    MIME = "application/x-winnow-class"

    def __init__(self) -> None:
        super().__init__()
        self._classes: ClassList | None = None
        self._rows: tuple[LabelClass, ...] = ()
        self._usage: dict[int | None, int] = {}

    def set_classes(self, classes: ClassList | None) -> None:
        if self._classes is not None:
            self._classes.changed.disconnect(self._reset)
        self._classes = classes
        if classes is not None:
            classes.changed.connect(self._reset)
        self._reset()

    def count_again(self) -> None:
        """Instances came or went."""
        if self._classes is not None and self._rows:
            with reported(self.failed):
                self._usage = self._classes.usage()
            self.dataChanged.emit(self.index(0, COUNT), self.index(len(self._rows) - 1, COUNT))

    def at(self, row: int) -> LabelClass | None:
        return self._rows[row] if 0 <= row < len(self._rows) else None

    def row_of(self, class_id: int | None) -> int:
        """-1 when it is not here."""
        return next((n for n, row in enumerate(self._rows) if row.id == class_id), -1)

    def usage(self, class_id: int | None) -> int:
        return self._usage.get(class_id, 0)

    # What Qt asks ---------------------------------------------------------------------------------------------------

    def rowCount(self, parent: Index = QModelIndex()) -> int:
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: ARG002
        return GROUP + 1

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation is Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return (self.tr("Class"), self.tr("Key"), self.tr("Count"), self.tr("Group"))[section]
        if orientation is Qt.Orientation.Horizontal and role == Qt.ItemDataRole.ToolTipRole and section == GROUP:
            return self.tr("Supercategory, as in COCO")
        return None

    def flags(self, index: Index) -> Qt.ItemFlag:
        if not index.isValid():
            return Qt.ItemFlag.ItemIsDropEnabled
        flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemIsDragEnabled
        return flags if index.column() == COUNT else flags | Qt.ItemFlag.ItemIsEditable

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        row = self.at(index.row())
        if row is None:
            return None
        column = index.column()
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.EditRole):
            return (row.name, row.hotkey or "", str(self.usage(row.id)), row.supercategory)[column]
        if role == Qt.ItemDataRole.DecorationRole and column == NAME:
            return swatch(QColor(row.color))
        if role == Qt.ItemDataRole.TextAlignmentRole and column == COUNT:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        if role == Qt.ItemDataRole.TextAlignmentRole and column == HOTKEY:
            return Qt.AlignmentFlag.AlignCenter
        if role == Qt.ItemDataRole.ForegroundRole and column != NAME:
            return QColor(current_colors().muted)
        return row.id if role == IdRole else None

    def setData(self, index: Index, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        """Renames everywhere, gives another hot-key (empty: none) or supercategory."""
        row, classes, text = self.at(index.row()), self._classes, str(value).strip()
        if role != Qt.ItemDataRole.EditRole or row is None or classes is None:
            return False
        with reported(self.failed):
            if index.column() == NAME:
                classes.rename(row.id, text)
            elif index.column() == HOTKEY:
                classes.set_hotkey(row.id, text or None)
            elif index.column() == GROUP:
                classes.set_supercategory(row.id, text)
            return True
        return False

    def key(self, row: int) -> str:
        return str(self._rows[row].id)

    def move_rows(self, keys: Sequence[str], place: int) -> None:
        """Each is one step of the classes' history."""
        if self._classes is None:
            return
        for class_id in map(int, keys):
            above = self.row_of(class_id) < place
            self._classes.move(class_id, place - above)
            place += not above

    def _reset(self) -> None:
        self.beginResetModel()
        self._rows = self._classes.all() if self._classes is not None else ()
        self._usage = {}
        if self._classes is not None:
            with reported(self.failed):
                self._usage = self._classes.usage()
        self.endResetModel()
