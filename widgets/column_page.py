"""A page of one column in the middle of the window, scrolled when it is long."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QScrollArea, QVBoxLayout, QWidget


class ColumnPage(QScrollArea):
    """Its parts go into `column`, one below the other.

    Args:
        width: of the column at most, in pixels.
    """

    def __init__(self, width: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWidgetResizable(True)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        page, middle = QWidget(), QWidget()
        self.setWidget(page)
        middle.setMaximumWidth(width)
        sides = QHBoxLayout(page)
        sides.addStretch(1)
        sides.addWidget(middle, 100)
        sides.addStretch(1)
        self.column = QVBoxLayout(middle)
        self.column.setContentsMargins(24, 24, 24, 24)
