"""What went wrong, or is worth knowing, in a bar that stops nobody: message, remedy, details, and what can be done."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPlainTextEdit, QVBoxLayout, QWidget

from inference.errors import AppError, BugError
from widgets.parts import Picture, button, label, tool

Kind = Literal["error", "warning", "info"]
_ICONS = {"error": "error", "warning": "warning", "info": "info"}
_SHOWN = 3
_INFO_MS = 8000


class Message(QFrame):
    """One message. `text` is what happened, `remedy` what to do, `details` what only a report wants."""

    closed = Signal()

    def __init__(
        self, kind: Kind, text: str, remedy: str = "", details: str = "", parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.kind, self.text, self.remedy = kind, text, remedy
        self.setProperty("role", "message")
        self.setProperty("kind", kind)
        self.setAccessibleName(f"{text} {remedy}".strip())
        self._row = QHBoxLayout()
        self._row.setSpacing(10)
        said = label(f"<b>{_escaped(text)}</b> {_escaped(remedy)}".strip(), wrap=True)
        said.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._row.addWidget(Picture(_ICONS[kind], 18))
        self._row.addWidget(said, 1)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(14, 8, 10, 8)
        outer.addLayout(self._row)
        if details:
            self._add_details(outer, details)
        self._close = tool("close", self.tr("Dismiss this message"), self.closed.emit, 14)
        self._row.addWidget(self._close)

    def offer(self, text: str, do: Callable[[], object]) -> None:
        """Adds a button that does something about it and closes the message."""

        def act() -> None:
            self.closed.emit()
            do()

        self._row.insertWidget(self._row.count() - 1, button(text, act))

    def _add_details(self, outer: QVBoxLayout, details: str) -> None:
        text = QPlainTextEdit(details)
        text.setReadOnly(True)
        text.setMaximumHeight(140)
        text.setAccessibleName(self.tr("Details"))
        text.hide()
        outer.addWidget(text)
        copy = button(self.tr("Copy"), lambda: QGuiApplication.clipboard().setText(details), "link")
        show = button(self.tr("Details"), lambda: text.setVisible(text.isHidden()), "link")
        self._row.addWidget(show)
        self._row.addWidget(copy)


class MessageBar(QWidget):
    """Up to three messages, the newest on top. The same message is not shown twice."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(0)
        self._messages: list[Message] = []

    @property
    def messages(self) -> tuple[Message, ...]:
        """Newest first."""
        return tuple(self._messages)

    def show_error(self, error: AppError) -> Message:
        """An expected failure with its file and remedy."""
        where = f"{error.path}: " if error.path else ""
        kind: Kind = "error"
        details = error.details or ""
        if isinstance(error, BugError) and not error.remedy:
            return self.show_message(
                kind, where + error.message, self.tr("Please report it with the details."), details
            )
        return self.show_message(kind, where + error.message, error.remedy or "", details)

    def show_message(self, kind: Kind, text: str, remedy: str = "", details: str = "") -> Message:
        for known in self._messages:
            if (known.kind, known.text, known.remedy) == (kind, text, remedy):
                return known
        message = Message(kind, text, remedy, details, self)
        message.closed.connect(lambda: self.drop(message))
        self._messages.insert(0, message)
        self._layout.insertWidget(0, message)
        if kind == "info":
            QTimer.singleShot(_INFO_MS, message, lambda: self.drop(message))
        for old in self._messages[_SHOWN:]:
            self.drop(old)
        return message

    def clear(self) -> None:
        for message in list(self._messages):
            self.drop(message)

    def drop(self, message: Message) -> None:
        """Takes a message away that does not hold any more."""
        if message in self._messages:
            self._messages.remove(message)
            self._layout.removeWidget(message)
            message.hide()
            message.deleteLater()


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
