"""What is wrong with a prompt set, a line each; many of them scroll."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from inference.prompt_checks import Problem
from widgets.parts import Picture, button, label

_HIGHEST = 130
_SHOWN, _NAMED = 20, 6


class ProblemList(QScrollArea):
    """As high as its lines, up to a limit; out of sight while nothing is wrong.

    Signals:
        models_wanted(): a model that knows any word.
    """

    models_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAccessibleName(self.tr("What is wrong with the prompts"))
        inside = QWidget()
        self._rows = QVBoxLayout(inside)
        self._rows.setContentsMargins(0, 0, 0, 0)
        self._rows.setSpacing(6)
        self.setWidget(inside)
        self.hide()

    def show_problems(self, problems: Sequence[Problem], unknown: Sequence[str]) -> None:
        """In place of what was shown. `unknown`: words the built-in model has not learned."""
        while (item := self._rows.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.hide()
                widget.deleteLater()
        errors = sum(problem.severity == "error" for problem in problems)
        for problem in problems[:errors]:
            self._add(problem.message, "error")
        if unknown:
            names = ", ".join(f"“{word}”" for word in unknown[:_NAMED]) + ("…" if len(unknown) > _NAMED else "")
            text = self.tr("The built-in model has not learned %1. Larger models know any word.").replace("%1", names)
            row = self._add(text, "warning")
            row.addWidget(button(self.tr("Get ViT-B-32…"), self.models_wanted.emit, "link"))
        for problem in problems[errors : max(errors, _SHOWN)]:
            self._add(problem.message, "warning")
        self._fit()
        self.setVisible(bool(problems or unknown))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if event.size().width() != event.oldSize().width():
            self._fit()

    def _add(self, text: str, picture: str) -> QHBoxLayout:
        box = QWidget()
        row = QHBoxLayout(box)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        row.addWidget(Picture(picture, 16), 0, Qt.AlignmentFlag.AlignTop)
        row.addWidget(label(text, "muted", wrap=True), 1)
        self._rows.addWidget(box)
        return row

    def _fit(self) -> None:
        width = self.viewport().width()
        height = sum(self._height(place, width) + self._rows.spacing() for place in range(self._rows.count()))
        self.setFixedHeight(min(max(height - self._rows.spacing(), 0), _HIGHEST))

    def _height(self, place: int, width: int) -> int:
        item = self._rows.itemAt(place)
        assert item is not None
        return item.heightForWidth(width) if item.hasHeightForWidth() else item.sizeHint().height()
