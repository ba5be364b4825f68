"""The instances panel: colour, class, score, area, visible, locked; order by dragging; a filter; a menu on each row."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QItemSelection, QItemSelectionModel, QModelIndex, QPoint, QSortFilterProxyModel, Qt, Signal
from PySide6.QtGui import QAction, QColor, QIcon, QKeyEvent, QPaintEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QCompleter,
    QHBoxLayout,
    QHeaderView,
    QInputDialog,
    QLineEdit,
    QMenu,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTreeView,
    QVBoxLayout,
    QWidget,
)

from app.document import Document
from app.labels import ClassList
from app.selection import Selection
from widgets.panels.instance_model import AREA, LOCKED, NAME, SCORE, VISIBLE, ColorOf, InstanceModel
from widgets.parts import label, paint_words, reported, swatch, words_height

_LEAST_LINES = 3


class InstancesPanel(QWidget):
    """Shows and edits the instances of one document.

    Args:
        selection: shared with the canvas.
        color_of: the same colours as on the canvas.
        actions: of the window, for the menu (delete, union …).
        accept_key: the key that accepts a mask now, "" for none.
    """

    failed = Signal(object)
    class_wanted = Signal(object)  # class id or None, for the selected instances

    def __init__(
        self,
        selection: Selection,
        color_of: ColorOf,
        actions: list[QAction],
        accept_key: Callable[[], str] = lambda: "",
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._selection, self._actions, self._accept_key = selection, actions, accept_key
        self._classes: ClassList | None = None
        self._syncing, self._usable = False, True
        self.model = InstanceModel(color_of, self._alike)
        self.model.setParent(self)
        self.model.failed.connect(self.failed)
        self._proxy = QSortFilterProxyModel(self)
        self._proxy.setSourceModel(self.model)
        self._proxy.setFilterKeyColumn(NAME)
        self._proxy.setFilterCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self.filter = QLineEdit()
        self.filter.setPlaceholderText(self.tr("Filter by class"))
        self.filter.setAccessibleName(self.tr("Filter instances by class"))
        self.filter.setClearButtonEnabled(True)
        self.filter.textChanged.connect(self._on_filter)
        self._count = label(role="muted")
        self.view = _View()
        self._set_up_view()
        top = QHBoxLayout()
        top.addWidget(self.filter, 1)
        top.addWidget(self._count)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 0)
        layout.setSpacing(6)
        layout.addLayout(top)
        layout.addWidget(self.view, 1)
        selection.changed.connect(self._show_selection)
        self.model.modelReset.connect(self._after_reset)
        self._after_reset()

    def set_usable(self, usable: bool) -> None:
        """Whether the picture can be worked on; nothing is advised on one that cannot be shown."""
        self._usable = usable
        self._after_reset()

    def set_document(self, document: Document | None, classes: ClassList | None) -> None:
        self._classes = classes
        self.view.classes = classes
        self._usable = True
        self.model.set_document(document, classes)

    def _set_up_view(self) -> None:
        view = self.view
        view.setModel(self._proxy)
        view.setAccessibleName(self.tr("Instances, topmost first"))
        header = view.header()
        # A few rows, or the words in their place, are seen however little height there is for the panel.
        view.setMinimumHeight(header.sizeHint().height() + words_height(view, _LEAST_LINES))
        header.setStretchLastSection(False)
        header.setMinimumSectionSize(26)
        header.setSectionResizeMode(NAME, QHeaderView.ResizeMode.Stretch)
        for column, width in ((SCORE, 46), (AREA, 90), (VISIBLE, 28), (LOCKED, 28)):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.Fixed)
            header.resizeSection(column, width)
        view.clicked.connect(self._on_click)
        view.space.connect(lambda: self._flip_selected("visible"))
        view.customContextMenuRequested.connect(self._show_menu)
        view.selectionModel().selectionChanged.connect(self._on_view_selection)

    # Selection, both ways ---------------------------------------------------------------------------------------------

    def _on_view_selection(self, *_: object) -> None:
        if not self._syncing:
            rows = self.view.selectionModel().selectedRows(NAME)
            self._syncing = True
            self._selection.set(self.model.id_at(self._proxy.mapToSource(index).row()) for index in rows)
            self._syncing = False

    def _show_selection(self) -> None:
        if self._syncing:
            return
        self._syncing = True
        chosen = QItemSelection()
        last = QModelIndex()
        for instance_id in self._selection.ids:
            row = self.model.row_of(instance_id)
            index = self._proxy.mapFromSource(self.model.index(row, NAME)) if row >= 0 else QModelIndex()
            if index.isValid():
                chosen.select(index, index.siblingAtColumn(LOCKED))
                last = index
        flag = QItemSelectionModel.SelectionFlag
        self.view.selectionModel().select(chosen, flag.ClearAndSelect | flag.Rows)
        if last.isValid():
            self.view.selectionModel().setCurrentIndex(last, flag.NoUpdate)
            self.view.scrollTo(last)
        self._syncing = False

    def _after_reset(self) -> None:
        total, shown = self.model.rowCount(), self._proxy.rowCount()
        self._count.setText(str(total) if total == shown else f"{shown} / {total}")
        self.view.say("" if shown else self._why_empty(total))
        self._show_selection()

    def _why_empty(self, total: int) -> str:
        if total:
            return self.tr("No instance matches the filter.")
        document = self.model.document
        if document is None or not self._usable:
            return ""
        if document.read_only:
            return self.tr("Nothing here.")
        if key := self._accept_key():
            return self.tr("Nothing here yet. Click an object, then press %1 to keep its mask.").replace("%1", key)
        return self.tr("Nothing here yet. Click an object, then accept its mask.")

    def _on_filter(self, text: str) -> None:
        self._proxy.setFilterFixedString(text)
        # Between rows that are not shown there is no telling what "here" means.
        self.view.setDragEnabled(not text)
        self._after_reset()

    def _alike(self, instance_id: str) -> tuple[str, ...]:
        """What is done to one of the selected instances is done to all of them."""
        return tuple(self._selection.ids) if instance_id in self._selection else (instance_id,)

    # Edits ------------------------------------------------------------------------------------------------------------

    def _on_click(self, index: QModelIndex) -> None:
        field = {VISIBLE: "visible", LOCKED: "locked"}.get(index.column())
        if field is None:
            return
        clicked = self.model.id_at(self._proxy.mapToSource(index).row())
        self._flip([clicked] if clicked not in self._selection else list(self._selection.ids), field, clicked)

    def _flip_selected(self, field: str) -> None:
        if self._selection.ids:
            self._flip(list(self._selection.ids), field, self._selection.ids[-1])

    def _flip(self, ids: list[str], field: str, like: str) -> None:
        document = self.model.document
        instance = document.get(like) if document is not None else None
        if document is None or instance is None:
            return
        with reported(self.failed):
            if field == "visible":
                document.set_visible(ids, not instance.visible)
            else:
                document.set_locked(ids, not instance.locked)

    def _move_to(self, place: int) -> None:
        with reported(self.failed):
            self.model.move_rows(list(self._selection.ids), place)

    def _move_by(self, step: int) -> None:
        rows = sorted(map(self.model.row_of, self._selection.ids))
        if rows:
            self._move_to(max(0, rows[0] - 1) if step < 0 else min(self.model.rowCount(), rows[-1] + 2))

    def _write_note(self) -> None:
        document, ids = self.model.document, list(self._selection.ids)
        first = document.get(ids[0]) if document is not None and ids else None
        if document is None or first is None:
            return
        text, agreed = QInputDialog.getMultiLineText(
            self, self.tr("Note"), self.tr("Note on the instance:"), first.note
        )
        if agreed:
            with reported(self.failed):
                document.set_instance_note(ids, text.strip())

    # Menu -------------------------------------------------------------------------------------------------------------

    def _show_menu(self, position: QPoint) -> None:
        if self._selection.ids:
            self.menu().popup(self.view.viewport().mapToGlobal(position))

    def menu(self) -> QMenu:
        """What can be done with the selected instances."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        classes = menu.addMenu(self.tr("Class"))
        for one in self._classes.all() if self._classes is not None else ():
            entry = classes.addAction(one.name)
            entry.setIcon(QIcon(swatch(QColor(one.color))))
            entry.triggered.connect(lambda _=False, class_id=one.id: self.class_wanted.emit(class_id))
        classes.addSeparator()
        classes.addAction(self.tr("None")).triggered.connect(lambda: self.class_wanted.emit(None))
        menu.addAction(self.tr("Note…")).triggered.connect(self._write_note)
        menu.addSeparator()
        menu.addAction(self.tr("Show / hide")).triggered.connect(lambda: self._flip_selected("visible"))
        menu.addAction(self.tr("Lock / unlock")).triggered.connect(lambda: self._flip_selected("locked"))
        menu.addSeparator()
        menu.addAction(self.tr("To the top")).triggered.connect(lambda: self._move_to(0))
        menu.addAction(self.tr("Up")).triggered.connect(lambda: self._move_by(-1))
        menu.addAction(self.tr("Down")).triggered.connect(lambda: self._move_by(1))
        menu.addAction(self.tr("To the bottom")).triggered.connect(lambda: self._move_to(self.model.rowCount()))
        menu.addSeparator()
        menu.addActions(self._actions)
        return menu


class _View(QTreeView):
    space = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.classes: ClassList | None = None
        self.setRootIsDecorated(False)
        self.setUniformRowHeights(True)
        self.setAllColumnsShowFocus(True)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.DoubleClicked | QAbstractItemView.EditTrigger.EditKeyPressed)
        self.setDragDropMode(QAbstractItemView.DragDropMode.InternalMove)
        self.setDragDropOverwriteMode(False)
        self.setDropIndicatorShown(True)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.setTabKeyNavigation(False)
        self.setItemDelegateForColumn(NAME, _NameDelegate(self))
        self.words = ""

    def say(self, text: str) -> None:
        """Words in place of rows."""
        self.words = text
        self.viewport().update()

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        paint_words(self, self.words)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Space:
            self.space.emit()
            return
        super().keyPressEvent(event)


class _NameDelegate(QStyledItemDelegate):
    """Typing a class, with the known ones offered."""

    def createEditor(self, parent: QWidget, option: QStyleOptionViewItem, index: QModelIndex) -> QWidget:  # type: ignore[override]  # noqa: ARG002
        editor = QLineEdit(parent)
        editor.setAccessibleName(self.tr("Class of the instance"))
        view = self.parent()
        names = [c.name for c in view.classes.all()] if isinstance(view, _View) and view.classes is not None else []
        completer = QCompleter(names, editor)
        completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        completer.setFilterMode(Qt.MatchFlag.MatchContains)
        editor.setCompleter(completer)
        return editor
