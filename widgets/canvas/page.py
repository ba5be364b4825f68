"""What stands on the canvas in place of a picture that cannot be shown: what happened, which file, what to do."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from inference.errors import AppError


class Page(QWidget):
    """Centred, calm, and its text can be copied."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(self.tr("Picture cannot be shown"))
        self._title, self._path, self._remedy = QLabel(self), QLabel(self), QLabel(self)
        font = self._title.font()
        font.setPointSizeF(font.pointSizeF() * 1.35)
        font.setBold(True)
        self._title.setFont(font)
        layout = QVBoxLayout(self)
        layout.setSpacing(8)
        layout.addStretch()
        for label in (self._title, self._path, self._remedy):
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setAlignment(Qt.AlignmentFlag.AlignCenter)
            label.setWordWrap(True)
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            layout.addWidget(label)
        self._path.setEnabled(False)
        layout.addStretch()
        layout.setContentsMargins(32, 32, 32, 32)
        self.hide()

    def tell(self, error: AppError) -> None:
        """Shows a failure."""
        self._title.setText(error.message)
        # Long paths break anywhere, not only at spaces.
        self._path.setText("\u200b/\u200b".join((error.path or "").split("/")))
        self._path.setVisible(bool(error.path))
        self._remedy.setText(error.remedy or "")
        self.setAccessibleDescription(str(error))
        self.show()
        self.raise_()

    @property
    def text(self) -> str:
        """What it says."""
        said = (self._title.text(), self._path.text().replace("\u200b", ""), self._remedy.text())
        return " ".join(part for part in said if part)
