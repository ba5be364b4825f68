"""F1: every shortcut of the table, searchable by what it does or by its key."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, Qt, Signal
from PySide6.QtWidgets import QDialog, QGridLayout, QHBoxLayout, QLineEdit, QScrollArea, QVBoxLayout, QWidget

from app.shortcuts import ACTIONS, GROUPS, Action, Shortcuts
from widgets.parts import button, label, line

_COLUMNS = 2


class ShortcutsPage(QDialog):
    """Lists the shortcuts in two columns by group."""

    edit_wanted = Signal()

    def __init__(self, shortcuts: Shortcuts, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._shortcuts = shortcuts
        self.setWindowTitle(self.tr("Keyboard shortcuts"))
        self.resize(860, 640)
        self.search = QLineEdit()
        self.search.setPlaceholderText(self.tr("Search for an action or a key"))
        self.search.setAccessibleName(self.tr("Search the shortcuts"))
        self.search.setClearButtonEnabled(True)
        self.search.textChanged.connect(self._filter)
        self._rows: list[tuple[Action, QWidget]] = []
        self._heads: dict[str, QWidget] = {}
        self._none = label(self.tr("No shortcut matches."), "muted")
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setWidget(self._listing())
        bottom = QHBoxLayout()
        bottom.addWidget(button(self.tr("Change the keys…"), self._edit, "link"))
        bottom.addStretch(1)
        close = button(self.tr("Close"), self.accept)
        bottom.addWidget(close)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(18, 16, 18, 14)
        layout.setSpacing(10)
        layout.addWidget(self.search)
        layout.addWidget(self._none)
        layout.addWidget(area, 1)
        layout.addLayout(bottom)
        self._filter("")

    def shown(self) -> list[str]:
        """The ids of the rows that match the search."""
        return [action.id for action, row in self._rows if not row.isHidden()]

    def _edit(self) -> None:
        self.accept()
        self.edit_wanted.emit()

    def _listing(self) -> QWidget:
        page = QWidget()
        columns = QHBoxLayout(page)
        columns.setContentsMargins(0, 0, 8, 0)
        columns.setSpacing(32)
        sides = [QVBoxLayout() for _ in range(_COLUMNS)]
        sizes = [0] * _COLUMNS
        for group in GROUPS:
            rows = [action for action in ACTIONS if action.group == group and self._keys(action)]
            place = sizes.index(min(sizes))
            sizes[place] += len(rows) + 2
            sides[place].addWidget(self._group(group, rows))
        for side in sides:
            side.setSpacing(14)
            side.addStretch(1)
            columns.addLayout(side, 1)
        return page

    def _group(self, group: str, rows: list[Action]) -> QWidget:
        box = QWidget()
        layout = QVBoxLayout(box)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(3)
        layout.addWidget(label(QCoreApplication.translate("actions", group), "heading"))
        layout.addWidget(line())
        for action in rows:
            row = QWidget()
            grid = QGridLayout(row)
            grid.setContentsMargins(0, 1, 0, 1)
            text = label(QCoreApplication.translate("actions", action.text).rstrip("…"))
            grid.addWidget(text, 0, 0)
            grid.setColumnStretch(0, 1)
            for place, key in enumerate(self._keys(action)):
                grid.addWidget(label(key, "keys"), 0, place + 1, Qt.AlignmentFlag.AlignRight)
            self._rows.append((action, row))
            layout.addWidget(row)
        self._heads[group] = box
        return box

    def _keys(self, action: Action) -> list[str]:
        if action.mouse:
            return [QCoreApplication.translate("actions", key) for key in action.keys]
        native = [s.toString(s.SequenceFormat.NativeText) for s in self._shortcuts.sequences(action.id)]
        return native if action.id != "accept" else native[:2]

    def _filter(self, text: str) -> None:
        wanted = text.casefold().strip()
        for action, row in self._rows:
            words = " ".join((QCoreApplication.translate("actions", action.text), *self._keys(action))).casefold()
            exact = any(wanted == key.casefold() for key in self._keys(action))
            row.setVisible(not wanted or exact or (len(wanted) > 1 and wanted in words))
        for group, box in self._heads.items():
            box.setVisible(any(not row.isHidden() for action, row in self._rows if action.group == group))
        self._none.setVisible(all(row.isHidden() for _, row in self._rows))
