"""A small field at a new mask that asks what it is: type a name, Enter. Esc leaves it unlabelled."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QPoint, QStringListModel, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QCompleter, QFrame, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from app.instance import LabelClass
from widgets.parts import button, frame, label, restyle

_CHIPS = 5
_CHIP_TEXT = 90  # pixels


class LabelPopup(QFrame):
    """Lies above the canvas; never modal."""

    chosen = Signal(str, str)  # instance id, class name
    dismissed = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._room = parent
        self._instance = ""
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        box = frame("card")
        outer.addWidget(box)
        layout = QVBoxLayout(box)
        layout.setContentsMargins(10, 8, 10, 10)
        layout.setSpacing(6)
        layout.addWidget(label(self.tr("What is it?"), "muted"))
        self.name = _Name()
        self.name.setAccessibleName(self.tr("Class of the new instance"))
        self.name.setPlaceholderText(self.tr("Name, then Enter"))
        self.name.setMinimumWidth(220)
        self.name.returnPressed.connect(self._take)
        self.name.escaped.connect(self._leave)
        self._known = QStringListModel(self)
        completer = QCompleter(self._known, self)
        completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        completer.setFilterMode(Qt.MatchFlag.MatchContains)
        self.name.setCompleter(completer)
        layout.addWidget(self.name)
        self._chips = QHBoxLayout()
        self._chips.setSpacing(4)
        layout.addLayout(self._chips)
        self.hide()

    def place(self, widget: QWidget, spot: QPoint) -> QPoint:
        """A spot of a widget in this one's surroundings."""
        return widget.mapTo(self._room, spot)

    def ask(self, instance_id: str, at: QPoint, classes: tuple[LabelClass, ...]) -> None:
        """Opens beside `at` (in the parent's coordinates), held inside the parent."""
        self._instance = instance_id
        self._known.setStringList([c.name for c in classes])
        while (item := self._chips.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        for one in classes[:_CHIPS]:
            chip = button("", partial(self._choose, one.name))
            chip.ensurePolished()  # in the font that it will have
            chip.setText(chip.fontMetrics().elidedText(one.name, Qt.TextElideMode.ElideMiddle, _CHIP_TEXT))
            chip.setToolTip(one.name)
            chip.setAccessibleName(one.name)
            self._chips.addWidget(chip)
        self._chips.addStretch(1)
        self.name.clear()
        restyle(self, "role", "popup")
        self.adjustSize()
        room = self._room.rect().adjusted(8, 8, -8, -8)
        x = min(max(at.x() + 12, room.left()), max(room.left(), room.right() - self.width()))
        y = min(max(at.y() + 12, room.top()), max(room.top(), room.bottom() - self.height()))
        self.move(x, y)
        self.show()
        self.raise_()
        self.name.setFocus(Qt.FocusReason.PopupFocusReason)

    def _take(self) -> None:
        self._choose(self.name.text().strip())

    def _choose(self, name: str) -> None:
        self.hide()
        if name:
            self.chosen.emit(self._instance, name)
        else:
            self.dismissed.emit()

    def _leave(self) -> None:
        self.hide()
        self.dismissed.emit()


class _Name(QLineEdit):
    escaped = Signal()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.escaped.emit()
        else:
            super().keyPressEvent(event)
