"""How far a long move of files is, with a way to end it; a short one passes unseen."""

from __future__ import annotations

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QWidget

from widgets.parts import button, label

_UNSEEN_MS = 500


class MovingBar(QWidget):
    """Hidden while nothing moves.

    Signals:
        stop_wanted(): end it after the picture that is under way.
    """

    stop_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.said = label()
        self.progress = QProgressBar()
        self.progress.setTextVisible(False)
        self.progress.setAccessibleName(self.tr("Pictures moved"))
        self.stop = button(self.tr("Stop"), self._ask_to_stop)
        self.stop.setToolTip(self.tr("What has moved stays where it is now; undo takes it back."))
        layout = QHBoxLayout(self)
        layout.setContentsMargins(12, 6, 12, 6)
        layout.setSpacing(10)
        layout.addWidget(self.said)
        layout.addWidget(self.progress, 1)
        layout.addWidget(self.stop)
        self._soon = QTimer(self, singleShot=True, interval=_UNSEEN_MS)
        self._soon.timeout.connect(self.show)
        self.hide()

    def show_moving(self, done: int, total: int) -> None:
        """How many pictures of the running operation have moved; (0, 0) when nothing moves any more."""
        if not total:
            self._soon.stop()
            self.hide()
            self.stop.setEnabled(True)
            return
        if self.isHidden() and not self._soon.isActive():
            self._soon.start()
        if self.stop.isEnabled():
            text = self.tr("Moving files: %1 of %2")
            self.said.setText(text.replace("%1", f"{done:,}").replace("%2", f"{total:,}"))
        self.progress.setRange(0, total)
        self.progress.setValue(done)

    def _ask_to_stop(self) -> None:
        self.stop.setEnabled(False)
        self.said.setText(self.tr("Stopping…"))
        self.stop_wanted.emit()
