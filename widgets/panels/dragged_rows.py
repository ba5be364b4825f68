"""A table whose rows are dragged to another place of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from PySide6.QtCore import QAbstractTableModel, QByteArray, QMimeData, QModelIndex, QPersistentModelIndex, Qt, Signal

from widgets.parts import reported

Index = QModelIndex | QPersistentModelIndex


class DraggedRows(QAbstractTableModel):
    """Half of a model: what dragging takes. The other half knows the rows and moves them.

    Attributes:
        MIME: what a dragged row is, for this model only.
    """

    failed = Signal(object)
    MIME: ClassVar[str]

    def key(self, row: int) -> str:
        """What a row is known by wherever it stands; without a comma."""
        raise NotImplementedError

    def move_rows(self, keys: Sequence[str], place: int) -> None:
        """Puts rows before the row `place`, in their order. Raises AppError."""
        raise NotImplementedError

    def supportedDropActions(self) -> Qt.DropAction:
        return Qt.DropAction.MoveAction

    def mimeTypes(self) -> list[str]:
        return [self.MIME]

    def mimeData(self, indexes: Sequence[QModelIndex]) -> QMimeData:
        mime = QMimeData()
        keys = map(self.key, sorted({index.row() for index in indexes}))
        mime.setData(self.MIME, QByteArray(",".join(keys).encode()))
        return mime

    def dropMimeData(self, data: QMimeData, action: Qt.DropAction, row: int, column: int, parent: Index) -> bool:  # noqa: ARG002
        if data.hasFormat(self.MIME):
            place = row if row >= 0 else (parent.row() if parent.isValid() else self.rowCount())
            with reported(self.failed):
                self.move_rows(data.data(self.MIME).toStdString().split(","), place)
        return False  # what the rows are of has told us; the view must not remove any
