"""The classes panel: add, rename everywhere, merge, colour, hot-key, supercategory."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QModelIndex, QObject, QPoint, Qt, QTimer, Signal
from PySide6.QtGui import QAction, QColor, QIcon, QKeyEvent, QKeySequence
from PySide6.QtWidgets import (
    QAbstractItemView,
    QColorDialog,
    QHBoxLayout,
    QHeaderView,
    QLineEdit,
    QMenu,
    QMessageBox,
    QTreeView,
    QVBoxLayout,
    QWidget,
)

from app.instance import LabelClass
from app.labels import HOTKEYS
from app.project.project import Project
from app.texts import QT_TRANSLATE_NOOP, counted
from widgets.icons import icon
from widgets.panels.class_model import COUNT, GROUP, HOTKEY, NAME, ClassModel
from widgets.parts import label, reported, swatch, tool

_COUNT_MS = 250
_LOSE = (
    QT_TRANSLATE_NOOP("ClassesPanel", "An instance loses its class when %1 is removed. This can be undone."),
    QT_TRANSLATE_NOOP("ClassesPanel", "%n instances lose their class when %1 is removed. This can be undone."),
)


class ClassesPanel(QWidget):
    """Shows and edits the classes of the open project.

    Args:
        undo, redo: of the classes, for the menu and the keys.
        has_targets: whether instances are selected that a double-click would give the class to; else it renames.
    """

    failed = Signal(object)
    current_changed = Signal(object)
    """The class that new instances get: its id, or None."""
    assign = Signal(object)
    """A class was double-clicked or its menu asked: give it to the selected instances."""

    def __init__(
        self,
        undo: QAction,
        redo: QAction,
        has_targets: Callable[[], bool] = lambda: True,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._has_targets = has_targets
        self._project: Project | None = None
        self._current: int | None = None
        self._undo, self._redo = undo, redo
        self.model = ClassModel()
        self.model.setParent(self)
        self.model.failed.connect(self.failed)
        self.view = QTreeView()
        self._set_up_view()
        self.view.installEventFilter(self)
        self.name = QLineEdit()
        self.name.setPlaceholderText(self.tr("New class"))
        self.name.setAccessibleName(self.tr("Name of a new class"))
        self.name.returnPressed.connect(self.add_typed)
        self._empty = label("", "muted", wrap=True)
        self._empty.setAlignment(Qt.AlignmentFlag.AlignTop)
        self._empty.setMinimumHeight(2 * self._empty.fontMetrics().lineSpacing())
        self._add = tool("plus", self.tr("Add this class"), self.add_typed, 16)
        row = QHBoxLayout()
        row.setSpacing(4)
        row.addWidget(self.name, 1)
        row.addWidget(self._add)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.setSpacing(6)
        layout.addWidget(self._empty, 1)
        layout.addWidget(self.view, 1)
        layout.addLayout(row)
        self._counting = QTimer(self, singleShot=True, interval=_COUNT_MS)
        self._counting.timeout.connect(self.model.count_again)
        self.model.modelReset.connect(self._after_reset)
        self._after_reset()

    def set_project(self, project: Project | None) -> None:
        if self._project is not None:
            self._project.images_changed.disconnect(self._counting.start)
        self._project = project
        self._current = None
        self.model.set_classes(project.classes if project is not None else None)
        if project is not None:
            project.images_changed.connect(self._counting.start)
        self.setEnabled(project is not None)
        read_only = project is not None and project.read_only
        for control in (self.name, self._add):
            control.setEnabled(not read_only)
        how = self.tr("No classes yet. Type a name, or accept a mask and name it then.")
        self._empty.setText(self.tr("No classes yet.") if read_only else how)

    # The current class ------------------------------------------------------------------------------------------------

    @property
    def current(self) -> int | None:
        return self._current

    def set_current(self, class_id: int | None) -> None:
        """New instances get this class."""
        changed = class_id != self._current
        self._current = class_id
        self._show_current()
        if changed:
            self.current_changed.emit(class_id)

    def _show_current(self) -> None:
        index = self.model.index(self.model.row_of(self._current), NAME)
        if index.isValid():
            if index.row() != self.view.currentIndex().row():
                self.view.setCurrentIndex(index)
        else:
            self.view.clearSelection()
            self.view.setCurrentIndex(QModelIndex())

    def _on_row(self, index: QModelIndex) -> None:
        row = self.model.at(index.row())
        if row is not None and row.id != self._current:
            self.set_current(row.id)

    def _after_reset(self) -> None:
        empty = self.model.rowCount() == 0
        self._empty.setVisible(empty)
        self.view.setVisible(not empty)
        if self._project is not None and self._current is not None:
            known = self._project.classes.known(self._current)
            if known != self._current:
                self.set_current(known)
        self._show_current()

    # Edits ------------------------------------------------------------------------------------------------------------

    def add_typed(self) -> None:
        """Adds the class that was typed, and makes it the current one."""
        text = self.name.text().strip()
        if not text or self._project is None:
            return
        with reported(self.failed):
            made = self._project.classes.ensure(text)
            self.name.clear()
            self.set_current(made.id)

    def rename(self, row: LabelClass) -> None:
        self.view.edit(self.model.index(self.model.row_of(row.id), NAME))

    def pick_color(self, row: LabelClass) -> None:
        color = QColorDialog.getColor(QColor(row.color), self, self.tr("Colour of “%1”").replace("%1", row.name))
        if color.isValid() and self._project is not None:
            with reported(self.failed):
                self._project.classes.set_color(row.id, color.name())

    def set_hotkey(self, row: LabelClass, key: str | None) -> None:
        if self._project is not None:
            with reported(self.failed):
                self._project.classes.set_hotkey(row.id, key)

    def merge(self, sources: list[LabelClass], target: LabelClass) -> None:
        """Makes all instances of some classes those of another, in every picture."""
        if self._project is not None:
            with reported(self.failed):
                self._project.classes.merge([s.id for s in sources], target.id)

    def remove(self, rows: list[LabelClass]) -> None:
        """Removes classes after asking, where instances would lose theirs. Can be undone in any case."""
        used = sum(self.model.usage(row.id) for row in rows)
        if self._project is None or (used and not self._agreed(rows, used)):
            return
        with reported(self.failed):
            for row in rows:
                self._project.classes.remove(row.id)

    def _agreed(self, rows: list[LabelClass], used: int) -> bool:
        names = ", ".join(f"“{row.name}”" for row in rows)
        text = counted("ClassesPanel", _LOSE, used).replace("%1", names)
        answer = QMessageBox.question(self, self.tr("Remove class"), text)
        return answer is QMessageBox.StandardButton.Yes

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """The keys of undo and redo, pressed in the list, are about the classes and not about the picture."""
        if isinstance(event, QKeyEvent) and event.type() in (QEvent.Type.ShortcutOverride, QEvent.Type.KeyPress):
            meant = self._undo if event.matches(QKeySequence.StandardKey.Undo) else self._redo
            if meant is self._undo or event.matches(QKeySequence.StandardKey.Redo) or _is_ctrl_y(event):
                event.accept()
                if event.type() == QEvent.Type.KeyPress:
                    meant.trigger()
                return True
        return super().eventFilter(watched, event)

    # Menu -------------------------------------------------------------------------------------------------------------

    def _chosen(self) -> list[LabelClass]:
        rows = (self.model.at(index.row()) for index in self.view.selectionModel().selectedRows(NAME))
        return [row for row in rows if row is not None]

    def _show_menu(self, position: QPoint) -> None:
        if self._chosen():
            self.menu().popup(self.view.viewport().mapToGlobal(position))

    def menu(self) -> QMenu:
        """What can be done with the selected classes."""
        chosen, menu = self._chosen(), QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        if len(chosen) == 1:
            row = chosen[0]
            menu.addAction(icon("tag"), self.tr("Give to the selected instances")).triggered.connect(
                lambda: self.assign.emit(row.id)
            )
            menu.addAction(icon("pencil"), self.tr("Rename everywhere")).triggered.connect(lambda: self.rename(row))
            menu.addAction(icon("palette"), self.tr("Colour…")).triggered.connect(lambda: self.pick_color(row))
            group = menu.addAction(self.tr("Supercategory"))
            group.triggered.connect(lambda: self.view.edit(self.model.index(self.model.row_of(row.id), GROUP)))
            self._add_keys(menu.addMenu(icon("keyboard"), self.tr("Hot-key")), row)
        self._add_merging(menu.addMenu(icon("merge"), self.tr("Merge into")), chosen)
        menu.addSeparator()
        menu.addAction(icon("trash"), self.tr("Remove")).triggered.connect(lambda: self.remove(chosen))
        menu.addSeparator()
        menu.addActions([self._undo, self._redo])
        return menu

    def _add_keys(self, menu: QMenu, row: LabelClass) -> None:
        for key in (*HOTKEYS, None):
            entry = menu.addAction(key or self.tr("None"))
            entry.setCheckable(True)
            entry.setChecked(row.hotkey == key)
            entry.triggered.connect(lambda _=False, key=key: self.set_hotkey(row, key))

    def _add_merging(self, menu: QMenu, chosen: list[LabelClass]) -> None:
        others = self._project.classes.all() if self._project is not None else ()
        for other in others:
            if len(chosen) > 1 or other.id != chosen[0].id:
                entry = menu.addAction(QIcon(swatch(QColor(other.color))), other.name)
                entry.triggered.connect(lambda _=False, other=other: self.merge(chosen, other))
        menu.setEnabled(not menu.isEmpty())

    def _set_up_view(self) -> None:
        view = self.view
        view.setModel(self.model)
        view.setAccessibleName(self.tr("Classes"))
        view.setRootIsDecorated(False)
        view.setUniformRowHeights(True)
        view.setAllColumnsShowFocus(True)
        view.setTabKeyNavigation(False)
        view.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        view.setEditTriggers(QAbstractItemView.EditTrigger.EditKeyPressed)
        view.setDragDropMode(QAbstractItemView.DragDropMode.InternalMove)
        view.setDragDropOverwriteMode(False)
        view.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        view.customContextMenuRequested.connect(self._show_menu)
        view.doubleClicked.connect(self._on_double_click)
        view.selectionModel().currentRowChanged.connect(lambda now, _before: self._on_row(now))
        header = view.header()
        header.setStretchLastSection(False)
        header.setMinimumSectionSize(28)
        header.setSectionResizeMode(NAME, QHeaderView.ResizeMode.Stretch)
        for column, width in ((HOTKEY, 38), (COUNT, 50), (GROUP, 78)):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.Fixed)
            header.resizeSection(column, width)

    def _on_double_click(self, index: QModelIndex) -> None:
        row = self.model.at(index.row())
        if row is None:
            return
        if index.column() == NAME and self._has_targets():
            self.assign.emit(row.id)
        elif index.column() == NAME:
            self.rename(row)
        elif index.column() in (HOTKEY, GROUP):
            self.view.edit(index)


def _is_ctrl_y(event: QKeyEvent) -> bool:
    return event.key() == Qt.Key.Key_Y and event.modifiers() == Qt.KeyboardModifier.ControlModifier
