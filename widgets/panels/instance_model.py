"""The instances of the shown document as a table, topmost first. Reads the document; edits go through its commands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from PySide6.QtCore import QModelIndex, Qt
from PySide6.QtGui import QColor, QPalette

from app.document import Document
from app.instance import Instance, LabelClass
from app.labels import ClassList
from inference.masks import Mask
from widgets.icons import icon
from widgets.panels.dragged_rows import DraggedRows, Index
from widgets.parts import area_text, reported, swatch
from widgets.theme import current_colors

NAME, SCORE, AREA, VISIBLE, LOCKED = range(5)
IdRole = Qt.ItemDataRole.UserRole
ColorOf = Callable[[Instance], str]
"""The colour of an instance, "#rrggbb"."""


class InstanceModel(DraggedRows):
    """Rows by id.

    Args:
        color_of: the same colours as on the canvas.
        alike: which instances a class typed for one of them is meant for.
    """

    MIME = "application/x-winnow-instance-order"

    def __init__(self, color_of: ColorOf, alike: Callable[[str], Sequence[str]] = lambda one: (one,)) -> None:
        super().__init__()
        self._color_of, self._alike = color_of, alike
        self._document: Document | None = None
        self._classes: ClassList | None = None
        self._order: list[str] = []
        self._areas: dict[str, tuple[Mask, int]] = {}

    def set_document(self, document: Document | None, classes: ClassList | None) -> None:
        """Shows another picture's instances."""
        if self._document is not None:
            for signal in (self._document.added, self._document.removed, self._document.reordered):
                signal.disconnect(self._reset)
            self._document.changed.disconnect(self._on_changed)
        if self._classes is not None:
            self._classes.changed.disconnect(self.refresh)
        self._document, self._classes = document, classes
        self._areas.clear()
        if document is not None:
            for signal in (document.added, document.removed, document.reordered):
                signal.connect(self._reset)
            document.changed.connect(self._on_changed)
        if classes is not None:
            classes.changed.connect(self.refresh)
        self._reset()

    @property
    def document(self) -> Document | None:
        return self._document

    def id_at(self, row: int) -> str:
        return self._order[row]

    def row_of(self, instance_id: str) -> int:
        """-1 when it is not here."""
        return self._order.index(instance_id) if instance_id in self._order else -1

    def refresh(self) -> None:
        """Colours or names are others now."""
        if self._order:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self._order) - 1, LOCKED))

    # What Qt asks ---------------------------------------------------------------------------------------------------

    def rowCount(self, parent: Index = QModelIndex()) -> int:
        return 0 if parent.isValid() else len(self._order)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: ARG002
        return LOCKED + 1

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation is not Qt.Orientation.Horizontal:
            return None
        texts = (self.tr("Instance"), self.tr("Score"), self.tr("Area"), self.tr("Visible"), self.tr("Locked"))
        if role == Qt.ItemDataRole.DisplayRole and section < VISIBLE:
            return texts[section]
        if role == Qt.ItemDataRole.TextAlignmentRole and section in (SCORE, AREA):
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        if role in (Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleTextRole):
            return texts[section]
        return None

    def flags(self, index: Index) -> Qt.ItemFlag:
        flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemIsDragEnabled
        if not index.isValid():
            return Qt.ItemFlag.ItemIsDropEnabled
        return flags | Qt.ItemFlag.ItemIsEditable if index.column() == NAME else flags

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        instance = self._instance(index.row())
        if instance is None:
            return None
        column = index.column()
        match role:
            case Qt.ItemDataRole.DisplayRole | Qt.ItemDataRole.EditRole:
                return self._text(instance, column, edit=role == Qt.ItemDataRole.EditRole)
            case Qt.ItemDataRole.DecorationRole:
                return self._picture(instance, column)
            case Qt.ItemDataRole.AccessibleTextRole | Qt.ItemDataRole.ToolTipRole:
                return self._spoken(instance, column)
            case Qt.ItemDataRole.TextAlignmentRole if column in (SCORE, AREA):
                return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
            case Qt.ItemDataRole.ForegroundRole if column in (SCORE, AREA) or not instance.visible:
                return _muted()
            case _ if role == IdRole:
                return instance.id
        return None

    def setData(self, index: Index, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        """A typed class name: the instance gets that class, which is added when there is none."""
        instance, document, classes = self._instance(index.row()), self._document, self._classes
        if role != Qt.ItemDataRole.EditRole or instance is None or document is None or classes is None:
            return False
        with reported(self.failed):
            name = str(value).strip()
            document.set_class(self._alike(instance.id), classes.ensure(name).id if name else None)
            return True
        return False

    # Reordering by dragging -----------------------------------------------------------------------------------------

    def key(self, row: int) -> str:
        return self._order[row]

    def move_rows(self, keys: Sequence[str], place: int) -> None:
        """Puts instances before the row `place` (topmost first)."""
        if self._document is None:
            return
        chosen = [i for i in self._order if i in keys]
        before = [i for i in self._order[:place] if i not in keys]
        after = [i for i in self._order[place:] if i not in keys]
        self._document.reorder(reversed([*before, *chosen, *after]))

    # Within ---------------------------------------------------------------------------------------------------------

    def _instance(self, row: int) -> Instance | None:
        if self._document is None or not 0 <= row < len(self._order):
            return None
        return self._document.get(self._order[row])

    def _class(self, instance: Instance) -> LabelClass | None:
        return self._classes.get(instance.class_id) if self._classes is not None else None

    def _text(self, instance: Instance, column: int, *, edit: bool) -> str:
        if column == NAME:
            label = self._class(instance)
            return label.name if label else "" if edit else self.tr("Unlabelled")
        if column == SCORE:
            return "" if instance.score is None else f"{instance.score:.2f}"
        return area_text(self._area(instance)) if column == AREA else ""

    def _spoken(self, instance: Instance, column: int) -> str:
        if column == VISIBLE:
            return self.tr("Visible: click to hide") if instance.visible else self.tr("Hidden: click to show")
        if column == LOCKED:
            return self.tr("Locked: click to unlock") if instance.locked else self.tr("Not locked: click to lock")
        text = self._text(instance, column, edit=False)
        return f"{text}\n{instance.note}" if column == NAME and instance.note else text

    def _picture(self, instance: Instance, column: int) -> Any:
        if column == NAME:
            return swatch(QColor(self._color_of(instance)))
        if column == VISIBLE:
            return icon("eye") if instance.visible else icon("eye-off", QPalette.ColorRole.PlaceholderText)
        if column == LOCKED:
            return icon("lock") if instance.locked else icon("unlock", QPalette.ColorRole.PlaceholderText)
        return None

    def _area(self, instance: Instance) -> int:
        known = self._areas.get(instance.id)
        if known is None or known[0] is not instance.mask:
            known = self._areas[instance.id] = (instance.mask, instance.mask.area)
        return known[1]

    def _reset(self, _ids: object = None) -> None:
        self.beginResetModel()
        self._order = [i.id for i in reversed(self._document.instances)] if self._document is not None else []
        self.endResetModel()

    def _on_changed(self, ids: list[str]) -> None:
        for row in filter(lambda r: r >= 0, map(self.row_of, ids)):
            self.dataChanged.emit(self.index(row, 0), self.index(row, LOCKED))


def _muted() -> QColor:
    return QColor(current_colors().muted)
