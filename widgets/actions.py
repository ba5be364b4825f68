"""The QActions of the window, made from the table in `app.shortcuts` and kept in step with the person's own keys."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from PySide6.QtCore import QCoreApplication, QObject, Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QWidget

from app.shortcuts import ACTIONS, Action, Shortcuts, Where, action
from widgets.icons import icon


class Actions(QObject):
    """One QAction for each row that is not the mouse's.

    Args:
        window: owns them; rows with where="window" hold everywhere in it.
        annotate: the workspaces whose keys rows with where="annotate", "sort" and "pictures" are.
    """

    def __init__(self, window: QWidget, annotate: QWidget, shortcuts: Shortcuts) -> None:
        super().__init__(window)
        self._shortcuts = shortcuts
        self._actions: dict[str, QAction] = {}
        self.workspace = ""
        """The one that is shown: actions that mean something in several are for this one."""
        for row in ACTIONS:
            if not row.mouse:
                self._actions[row.id] = self._made(row, window if row.where == "window" else annotate)
        shortcuts.changed.connect(self._refresh)

    def __getitem__(self, action_id: str) -> QAction:
        return self._actions[action_id]

    def __contains__(self, action_id: str) -> bool:
        return action_id in self._actions

    def connect_all(self, slots: Mapping[str, Callable[[], object]], workspace: str = "") -> None:
        """Calls a function without arguments when its action is triggered; only in one workspace if one is named."""
        for action_id, slot in slots.items():
            self._actions[action_id].triggered.connect(
                lambda _checked=False, slot=slot: slot() if workspace in ("", self.workspace) else None
            )

    def put_on_canvas(self, canvas: QWidget) -> None:
        """Rows with where="canvas" hold while the canvas has the focus; elsewhere Tab and Esc mean other things."""
        self._put_on(canvas, "canvas")

    def put_on_grid(self, grid: QWidget) -> None:
        """Rows with where="grid" hold while the grid has the focus; on a button Enter and Space mean the button."""
        self._put_on(grid, "grid")

    def _put_on(self, widget: QWidget, where: Where) -> None:
        for row in ACTIONS:
            if row.where == where and not row.mouse:
                made = self._actions[row.id]
                made.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
                widget.addAction(made)

    def enable(self, ids: Iterable[str], enabled: bool) -> None:
        for action_id in ids:
            self._actions[action_id].setEnabled(enabled)

    def _made(self, row: Action, owner: QWidget) -> QAction:
        made = QAction(QCoreApplication.translate("actions", row.text), owner)
        made.setObjectName(row.id)
        made.setCheckable(row.checkable)
        if row.icon:
            made.setIcon(icon(row.icon))
        if row.where in ("annotate", "sort", "pictures"):
            made.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        if row.where not in ("canvas", "grid"):
            owner.addAction(made)
        made.setShortcuts(self._shortcuts.sequences(row.id))
        self._explain(made)
        return made

    def _refresh(self, action_id: str) -> None:
        if action_id in self._actions:
            self._actions[action_id].setShortcuts(self._shortcuts.sequences(action_id))
            self._explain(self._actions[action_id])

    def _explain(self, made: QAction) -> None:
        row, hint = action(made.objectName()), self._shortcuts.hint(made.objectName())
        text = QCoreApplication.translate("actions", row.text).rstrip("…")
        made.setToolTip(f"{text} ({hint})" if hint else text)
