"""The strip of tools beside the canvas, with what changes them: brush size, colours, visibility of the masks."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QActionGroup
from PySide6.QtWidgets import QLabel, QSlider, QSpinBox, QToolBar, QToolButton, QVBoxLayout, QWidget

from widgets.actions import Actions
from widgets.parts import calm, label, name_rest, roomy

TOOL_ACTIONS = {
    "points": "tool_points",
    "box": "tool_box",
    "words": "tool_words",
    "everything": "tool_everything",
    "lasso": "tool_lasso",
    "polygon": "tool_polygon",
    "brush": "tool_brush",
    "eraser": "tool_eraser",
    "select": "tool_select",
}


class ToolStrip(QToolBar):
    """Vertical; one tool is checked."""

    wanted = Signal(str)

    def __init__(self, actions: Actions, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Tools"))
        self.setObjectName("tools")
        self.setProperty("role", "tools")
        self.setMovable(False)
        self.setOrientation(Qt.Orientation.Vertical)
        self.setIconSize(QSize(20, 20))
        self.toggleViewAction().setEnabled(False)
        self._actions = actions
        group = QActionGroup(self)
        for name, action_id in TOOL_ACTIONS.items():
            action = actions[action_id]
            group.addAction(action)
            action.triggered.connect(lambda _=False, name=name: self.wanted.emit(name))
            self.addAction(action)
        self.addSeparator()
        for action_id in ("accept", "next_candidate", "drop"):
            self.addAction(actions[action_id])
        self.addSeparator()
        for action_id in ("fit", "actual_size", "zoom_in", "zoom_out", "hide_masks"):
            self.addAction(actions[action_id])
        for button in self.findChildren(QToolButton):
            action = button.defaultAction()
            if action is not None:
                button.setAccessibleName(action.text())
                button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        name_rest(self)

    def show_tool(self, name: str) -> None:
        """The canvas changed to this tool."""
        action_id = TOOL_ACTIONS.get(name)
        if action_id is not None:
            self._actions[action_id].setChecked(True)


class DisplayPanel(QWidget):
    """How masks are drawn, and how large the brush is."""

    opacity_changed = Signal(int)
    brush_changed = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.opacity = QSlider(Qt.Orientation.Horizontal)
        self.opacity.setRange(0, 100)
        self.opacity.setAccessibleName(self.tr("Mask opacity"))
        self.opacity.valueChanged.connect(self.opacity_changed)
        self.brush = QSpinBox()
        self.brush.setRange(1, 2000)
        self.brush.setSuffix(" px")
        roomy(self.brush)
        self.brush.setAccessibleName(self.tr("Brush size"))
        self.brush.valueChanged.connect(self.brush_changed)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(14, 10, 14, 12)
        layout.setSpacing(6)
        for text, control in ((self.tr("Mask opacity"), self.opacity), (self.tr("Brush size"), self.brush)):
            name: QLabel = label(text, "muted")
            name.setBuddy(control)
            calm(control)
            layout.addWidget(name)
            layout.addWidget(control)
        layout.addStretch(1)
