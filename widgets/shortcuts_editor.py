"""Keys of one's own: press the new key for an action; what it would be taken from is said first."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, QItemSelectionModel, QModelIndex, Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import (
    QHBoxLayout,
    QHeaderView,
    QKeySequenceEdit,
    QLineEdit,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from app.shortcuts import ACTIONS, GROUPS, Shortcuts, action
from widgets.parts import button, label

_ID = Qt.ItemDataRole.UserRole


class ShortcutsEditor(QWidget):
    """A list of actions, and a field for the key of the chosen one."""

    def __init__(self, shortcuts: Shortcuts, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._shortcuts = shortcuts
        self._items: dict[str, QTreeWidgetItem] = {}
        self.list = QTreeWidget()
        self.list.setHeaderLabels([self.tr("Action"), self.tr("Keys")])
        self.list.header().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self.list.header().setStretchLastSection(False)
        self.list.header().resizeSection(1, 170)
        self.list.setAccessibleName(self.tr("Actions and their keys"))
        self.list.currentItemChanged.connect(lambda *_: self._show_current())
        self.search = QLineEdit()
        self.search.setPlaceholderText(self.tr("Search for an action"))
        self.search.setAccessibleName(self.tr("Search the actions"))
        self.search.textChanged.connect(self._filter)
        self.key = QKeySequenceEdit()
        self.key.setMaximumSequenceLength(1)
        self.key.setAccessibleName(self.tr("New key"))
        self.key.keySequenceChanged.connect(lambda _: self._explain())
        self.assign = button(self.tr("Set"), lambda: self._assign(add=False), "primary")
        self.add = button(self.tr("Add"), lambda: self._assign(add=True))
        self.clear = button(self.tr("No key"), self._clear)
        self.reset = button(self.tr("Reset"), self._reset)
        self.hint = label(role="muted", wrap=True)
        row = QHBoxLayout()
        row.setSpacing(6)
        row.addWidget(self.key, 1)
        for made in (self.assign, self.add, self.clear, self.reset):
            row.addWidget(made)
        bottom = QHBoxLayout()
        bottom.addWidget(self.hint, 1)
        bottom.addWidget(button(self.tr("Reset all keys"), shortcuts.reset_all, "link"))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addWidget(self.search)
        layout.addWidget(self.list, 1)
        layout.addLayout(row)
        layout.addLayout(bottom)
        self._fill()
        shortcuts.changed.connect(lambda _: self._refresh())
        self.choose("tool_points")

    def choose(self, action_id: str) -> None:
        """Selects the row of an action."""
        item = self._item(action_id)
        if item is not None:
            self.list.setCurrentItem(item, 0, QItemSelectionModel.SelectionFlag.ClearAndSelect)

    @property
    def current(self) -> str | None:
        item = self.list.currentItem()
        return item.data(0, _ID) if item is not None else None

    def _fill(self) -> None:
        for group in GROUPS:
            rows = [row for row in ACTIONS if row.group == group and not row.mouse]
            if not rows:
                continue
            head = QTreeWidgetItem([QCoreApplication.translate("actions", group)])
            head.setFlags(Qt.ItemFlag.ItemIsEnabled)
            self.list.addTopLevelItem(head)
            for row in rows:
                item = QTreeWidgetItem([QCoreApplication.translate("actions", row.text).rstrip("…"), ""])
                item.setData(0, _ID, row.id)
                head.addChild(item)
                self._items[row.id] = item
            head.setExpanded(True)
        self._refresh()

    def _refresh(self) -> None:
        for row in ACTIONS:
            item = self._item(row.id)
            if item is not None:
                keys = [s.toString(s.SequenceFormat.NativeText) for s in self._shortcuts.sequences(row.id)]
                item.setText(1, ", ".join(keys))
                font = item.font(1)
                font.setBold(not self._shortcuts.is_default(row.id))
                item.setFont(1, font)
        self._show_current()

    def _item(self, action_id: str) -> QTreeWidgetItem | None:
        return self._items.get(action_id)

    def _filter(self, text: str) -> None:
        shown: set[int] = set()
        for item in self._items.values():
            item.setHidden(text.casefold() not in item.text(0).casefold())
            head = item.parent()
            if head is not None and not item.isHidden():
                shown.add(self.list.indexOfTopLevelItem(head))
        for n in range(self.list.topLevelItemCount()):
            self.list.setRowHidden(n, QModelIndex(), n not in shown)

    def _show_current(self) -> None:
        self.key.clear()
        known = self.current is not None
        for widget in (self.key, self.clear, self.reset):
            widget.setEnabled(known)
        self._explain()

    def _explain(self) -> None:
        sequence, current = self.key.keySequence(), self.current
        typed = not sequence.isEmpty() and current is not None
        self.assign.setEnabled(typed)
        self.add.setEnabled(typed)
        if not typed or current is None:
            self.hint.setText(self.tr("Choose an action, click into the field and press the new key."))
            return
        others = self._shortcuts.conflicts(current, _portable(sequence))
        names = ", ".join(f"“{QCoreApplication.translate('actions', action(o).text)}”" for o in others)
        text = self.tr("%1 belongs to %2, which loses it.") if others else self.tr("%1 is free.")
        shown = sequence.toString(QKeySequence.SequenceFormat.NativeText)
        self.hint.setText(text.replace("%1", shown).replace("%2", names))

    def _assign(self, *, add: bool) -> None:
        current, key = self.current, _portable(self.key.keySequence())
        if current is None or not key:
            return
        for other in self._shortcuts.conflicts(current, key):
            kept = [k for k in self._shortcuts.keys(other) if _portable(QKeySequence(k)) != key]
            self._shortcuts.set_keys(other, kept)
        self._shortcuts.set_keys(current, [*self._shortcuts.keys(current), key] if add else [key])

    def _clear(self) -> None:
        if self.current is not None:
            self._shortcuts.set_keys(self.current, [])

    def _reset(self) -> None:
        if self.current is not None:
            self._shortcuts.reset(self.current)


def _portable(sequence: QKeySequence) -> str:
    return sequence.toString(QKeySequence.SequenceFormat.PortableText)
