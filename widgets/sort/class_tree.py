"""The left side's list: trays, then the class folders as a tree, then “+”. Every row is a place to drop pictures on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import (
    QBrush,
    QColor,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDragMoveEvent,
    QDropEvent,
    QPainter,
    QPen,
    QStandardItem,
    QStandardItemModel,
)
from PySide6.QtWidgets import (
    QAbstractItemView,
    QLineEdit,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTreeView,
    QWidget,
)

from app.sorting.folders import ClassFolder
from widgets.icons import painted
from widgets.sort.grid import MIME
from widgets.theme import current_colors

Index = QModelIndex | QPersistentModelIndex
NEW = "new"
CLASS = "class:"
_KeyRole, _CountRole, _ColorRole, _IconRole, _HotkeyRole, _KindRole = (Qt.ItemDataRole.UserRole + n for n in range(6))
_ROW = 30
_UNFOLD_MS = 600


@dataclass(frozen=True, slots=True)
class Tray:
    """A row above the classes. `droppable`: pictures can be dropped on it."""

    key: str
    title: str
    icon: str
    droppable: bool = False
    tip: str = ""


class ClassTree(QTreeView):
    """Rows have keys: a tray's own, "class:NAME", and "new" for the last one.

    Signals:
        chosen(key): a row was chosen to be shown.
        dropped(key): the pictures of the grid were dropped on a row.
        new_clicked(): the last row was clicked.
        given(class name): a double click asks for the selected pictures to be filed there.
        renamed(old name, new name): typed in place.
        menu_wanted(class name, global position).
    """

    chosen = Signal(str)
    dropped = Signal(str)
    new_clicked = Signal()
    given = Signal(str)
    renamed = Signal(str, str)
    menu_wanted = Signal(str, object)

    def __init__(self, trays: Sequence[Tray], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._items: dict[str, QStandardItem] = {}
        self._names: tuple[str, ...] = ()
        self._target: str | None = None
        self._model = QStandardItemModel(self)
        self._trays = {tray.key: tray for tray in trays}
        self.setModel(self._model)
        self.setItemDelegate(_RowDelegate(self))
        self.setProperty("role", "nav")
        self.setHeaderHidden(True)
        self.setIndentation(16)
        self.setUniformRowHeights(True)
        self.setAcceptDrops(True)
        self.setMouseTracking(True)
        self.setDragDropMode(QAbstractItemView.DragDropMode.DropOnly)
        self.setEditTriggers(QAbstractItemView.EditTrigger.EditKeyPressed)
        self.setExpandsOnDoubleClick(False)
        self.setTabKeyNavigation(False)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.setAccessibleName(self.tr("Trays and classes"))
        self.customContextMenuRequested.connect(self._ask_for_menu)
        self.doubleClicked.connect(self._on_double)
        for tray in trays:
            self._model.appendRow(self._row(tray.key, tray.title, icon=tray.icon, tip=tray.tip))
        self._new = self._row(NEW, self.tr("New class"), icon="plus")
        self._new.setToolTip(self.tr("Click to name a class, or drop pictures here to make one for them."))
        self._model.appendRow(self._new)
        self.selectionModel().currentChanged.connect(self._on_current)
        self.clicked.connect(self._on_click)
        self._unfold = QTimer(self, singleShot=True, interval=_UNFOLD_MS)
        self._unfold.timeout.connect(self._unfold_target)

    # What is shown --------------------------------------------------------------------------------------------------

    def show_classes(self, classes: Sequence[ClassFolder], colors: Mapping[str, str], keys: Mapping[str, str]) -> None:
        """The classes in their order, parents first. Rows that stay keep their place, fold and choice."""
        names = tuple(folder.name for folder in classes)
        if names != self._names:
            self._rebuild(classes)
        self._names = names
        for folder in classes:
            item = self._items[CLASS + folder.name]
            item.setData(folder.total, _CountRole)
            item.setData(colors.get(folder.name, ""), _ColorRole)
            item.setData(keys.get(folder.name, ""), _HotkeyRole)
            item.setToolTip(
                self.tr("%1: drop pictures here, or press its key.").replace("%1", folder.name)
                if folder.name in keys
                else self.tr("%1: drop pictures here.").replace("%1", folder.name)
            )

    def show_count(self, key: str, count: int | None) -> None:
        """How many pictures a tray holds; None while that is not known."""
        self._items[key].setData(count, _CountRole)

    @property
    def current(self) -> str:
        """The key of the chosen row."""
        return str(self.currentIndex().data(_KeyRole) or "")

    def choose(self, key: str) -> None:
        item = self._items.get(key)
        if item is not None:
            self.setCurrentIndex(item.index())

    def rename(self, name: str) -> None:
        """Opens the field to rename a class."""
        item = self._items.get(CLASS + name)
        if item is not None:
            self.edit(item.index())

    # Dropping -------------------------------------------------------------------------------------------------------

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if event.mimeData().hasFormat(MIME):
            event.acceptProposedAction()

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        if not event.mimeData().hasFormat(MIME):
            event.ignore()
            return
        self._aim(self._key_at(event.position().toPoint()))
        event.setAccepted(self._target is not None)

    def dragLeaveEvent(self, _event: QDragLeaveEvent) -> None:
        self._aim(None)

    def dropEvent(self, event: QDropEvent) -> None:
        key = self._key_at(event.position().toPoint()) if event.mimeData().hasFormat(MIME) else None
        self._aim(None)
        event.setDropAction(Qt.DropAction.CopyAction)  # the view that drags must not think of removing rows
        event.setAccepted(key is not None)
        if key is not None:
            # After the drag has ended: a question to the person must not open inside it.
            QTimer.singleShot(0, self, lambda: self.dropped.emit(key))

    def target(self) -> str | None:
        """The key of the row that a drop would go to now."""
        return self._target

    # Within ---------------------------------------------------------------------------------------------------------

    def _row(self, key: str, text: str, *, icon: str = "", tip: str = "") -> QStandardItem:
        item = QStandardItem(text)
        item.setData(key, _KeyRole)
        item.setData(icon, _IconRole)
        item.setToolTip(tip)
        item.setEditable(key.startswith(CLASS))
        self._items[key] = item
        return item

    def _rebuild(self, classes: Sequence[ClassFolder]) -> None:
        folded = {
            n for n in self._names if (i := self._items[CLASS + n]).hasChildren() and not self.isExpanded(i.index())
        }
        chosen = self.current
        blocked = self.selectionModel().blockSignals(True)
        first = len(self._trays)
        self._model.removeRows(first, self._model.rowCount() - first - 1)  # the last is “+”
        for name in self._names:
            del self._items[CLASS + name]
        for folder in classes:
            item = self._row(CLASS + folder.name, folder.title)
            above = self._items.get(CLASS + folder.parent) if folder.parent else None
            if above is not None:
                above.appendRow(item)
            else:
                self._model.insertRow(self._model.rowCount() - 1, item)
        self.expandAll()
        for name in folded:
            if (item_ := self._items.get(CLASS + name)) is not None:
                self.setExpanded(item_.index(), False)
        if chosen in self._items:
            self.choose(chosen)
        self.selectionModel().blockSignals(blocked)
        if chosen and chosen not in self._items:  # its class is gone
            self.choose(next(iter(self._trays)))
        self.viewport().update()

    def commitData(self, editor: QWidget) -> None:
        """A name that was typed is a wish: the row follows when the folder is renamed."""
        if isinstance(editor, QLineEdit):
            key, new = str(self.currentIndex().data(_KeyRole)), editor.text().strip()
            old = key.removeprefix(CLASS)
            head, slash, tail = old.rpartition("/")
            if key.startswith(CLASS) and new and new != tail:
                self.renamed.emit(old, f"{head}{slash}{new}")

    def _on_current(self, current: Index, _previous: Index) -> None:
        key = str(current.data(_KeyRole) or "")
        if key and key != NEW:
            self.chosen.emit(key)

    def _on_click(self, index: QModelIndex) -> None:
        if index.data(_KeyRole) == NEW:
            self.new_clicked.emit()

    def _on_double(self, index: QModelIndex) -> None:
        key = str(index.data(_KeyRole) or "")
        if key.startswith(CLASS):
            self.given.emit(key.removeprefix(CLASS))

    def _ask_for_menu(self, at: object) -> None:
        key = str(self.indexAt(at).data(_KeyRole) or "")  # type: ignore[arg-type]
        if key.startswith(CLASS):
            self.menu_wanted.emit(key.removeprefix(CLASS), self.viewport().mapToGlobal(at))  # type: ignore[call-overload]

    def _key_at(self, point: object) -> str | None:
        key = self.indexAt(point).data(_KeyRole)  # type: ignore[arg-type]
        if not isinstance(key, str) or (key in self._trays and not self._trays[key].droppable):
            return None
        return key

    def _aim(self, key: str | None) -> None:
        if key != self._target:
            self._target = key
            self._unfold.start()
            self.viewport().update()

    def _unfold_target(self) -> None:
        item = self._items.get(self._target or "")
        if item is not None and item.hasChildren():
            self.expand(item.index())


class _RowDelegate(QStyledItemDelegate):
    """An icon or the class's colour, the name, its key and how many pictures there are."""

    def __init__(self, tree: ClassTree) -> None:
        super().__init__(tree)
        self._tree = tree

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:  # noqa: ARG002
        return QSize(100, _ROW)

    def updateEditorGeometry(self, editor: QWidget, option: QStyleOptionViewItem, index: Index) -> None:  # noqa: ARG002
        editor.setGeometry(option.rect.adjusted(20, 1, -2, -1))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colors, rect = current_colors(), option.rect.adjusted(0, 1, -4, -1)
        key = str(index.data(_KeyRole))
        target = key == self._tree.target()
        selected = bool(option.state & QStyle.StateFlag.State_Selected)
        hover = bool(option.state & QStyle.StateFlag.State_MouseOver)
        ground = colors.accent_soft if selected or target else colors.hover if hover else ""
        if ground:
            painter.setPen(QPen(QColor(colors.accent), 1.6) if target else QPen(Qt.PenStyle.NoPen))
            painter.setBrush(QColor(ground))
            painter.drawRoundedRect(QRectF(rect).adjusted(1, 0.5, -1, -0.5), 6, 6)
        if key == NEW and not target:
            painter.setPen(QPen(QColor(colors.strong_border), 1, Qt.PenStyle.DashLine))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(QRectF(rect).adjusted(1.5, 1.5, -1.5, -1.5), 6, 6)
        self._paint_mark(painter, rect, index)
        right = self._paint_count(painter, rect, index)
        right = self._paint_key(painter, rect, right, str(index.data(_HotkeyRole) or ""))
        font = option.font
        font.setBold(selected)
        painter.setFont(font)
        painter.setPen(QColor(colors.muted if key == NEW else colors.text))
        room = QRect(rect.left() + 28, rect.top(), right - rect.left() - 32, rect.height())
        text = painter.fontMetrics().elidedText(str(index.data()), Qt.TextElideMode.ElideRight, room.width())
        painter.drawText(room, Qt.AlignmentFlag.AlignVCenter, text)
        painter.restore()

    def _paint_mark(self, painter: QPainter, rect: QRect, index: Index) -> None:
        name, color = str(index.data(_IconRole) or ""), str(index.data(_ColorRole) or "")
        if name:
            ratio = painter.device().devicePixelRatioF()
            tint = QColor(current_colors().muted)
            painter.drawPixmap(rect.left() + 7, rect.center().y() - 7, painted(name, tint, 16, ratio))
        elif color:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QBrush(QColor(color)))
            painter.drawRoundedRect(QRectF(rect.left() + 9, rect.center().y() - 5.5, 12, 12), 3.5, 3.5)

    def _paint_count(self, painter: QPainter, rect: QRect, index: Index) -> int:
        """Returns where there is room up to."""
        count = index.data(_CountRole)
        if not isinstance(count, int):
            return rect.right() - 6
        text = f"{count:,}"
        painter.setPen(QColor(current_colors().muted))
        painter.drawText(rect.adjusted(0, 0, -8, 0), Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, text)
        return rect.right() - 14 - painter.fontMetrics().horizontalAdvance(text)

    def _paint_key(self, painter: QPainter, rect: QRect, right: int, key: str) -> int:
        if not key:
            return right
        colors = current_colors()
        cap = QRectF(right - 17, rect.center().y() - 8, 17, 17)
        painter.setPen(QPen(QColor(colors.strong_border), 1))
        painter.setBrush(QColor(colors.field))
        painter.drawRoundedRect(cap, 4, 4)
        painter.setPen(QColor(colors.muted))
        painter.drawText(cap, Qt.AlignmentFlag.AlignCenter, key)
        return right - 22
