"""What every tool can be asked. The canvas forwards the pointer, Enter, Esc, undo; a tool answers what it used."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtGui import QPainter

from widgets.canvas.desk import Desk, Touch


class Tool:
    """One at a time is in the hand. Positions are in `Touch`; drawing is in widget coordinates."""

    name = ""
    cursor = Qt.CursorShape.CrossCursor
    wants_hover = False  # previews of the model under the pointer
    shows_brush = False

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    @property
    def hint(self) -> str:
        """What the status line says when the tool is taken up."""
        return ""

    @property
    def busy(self) -> bool:
        """Something is half done: a drag, an open polygon."""
        return False

    def press(self, touch: Touch) -> None: ...

    def move(self, touch: Touch) -> None: ...

    def drag(self, touch: Touch) -> None:
        """A move with a button down."""

    def release(self, touch: Touch) -> None: ...

    def double_click(self, touch: Touch) -> None:
        self.press(touch)

    def finish(self) -> bool:
        """Enter. True when the tool had a use for it."""
        return False

    def cancel(self) -> bool:
        """Esc. True when the tool had something to drop."""
        return False

    def undo(self) -> bool:
        """Takes back the last step of something half done."""
        return False

    def delete(self) -> bool:
        """Delete. True when the tool had something of its own to delete."""
        return False

    def refresh(self) -> None:
        """What it shows came from elsewhere and is another now."""

    def put_down(self) -> None:
        """Another tool or picture is chosen."""
        self.cancel()

    def draw(self, painter: QPainter) -> None: ...


def tr(text: str) -> str:
    return QCoreApplication.translate("Canvas", text)
