"""How sorting goes, said until it is dismissed."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QWidget

from app.settings import Settings
from widgets.parts import frame, label, tool


class Hint(QWidget):
    """A card over the grid; whether it was dismissed is kept in the settings."""

    def __init__(self, settings: Settings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._settings = settings
        box = frame("accent-card")
        row = QHBoxLayout(box)
        row.setContentsMargins(14, 10, 8, 10)
        text = self.tr(
            "Drag pictures onto a class, or select them and press 1 to 9; drop them on “New class” to make one. "
            "After three pictures each in two classes Winnow suggests the rest: Enter accepts, X says “not this”. "
            "Nothing moves before you say so, and Ctrl+Z takes everything back."
        )
        close = tool("close", self.tr("Do not show this again"), self._dismiss, 14)
        row.addWidget(label(text, wrap=True), 1)
        row.addWidget(close, 0, Qt.AlignmentFlag.AlignTop)
        around = QHBoxLayout(self)
        around.setContentsMargins(10, 8, 10, 0)
        around.addWidget(box)
        if not settings.get("sort.hint"):
            self.hide()

    def _dismiss(self) -> None:
        self._settings.set("sort.hint", False)
        self.hide()
