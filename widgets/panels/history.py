"""The undo history of the shown picture and of the classes; a click on a row goes back or forward to it."""

from __future__ import annotations

from PySide6.QtCore import QSize
from PySide6.QtGui import QUndoStack
from PySide6.QtWidgets import QTabWidget, QUndoView, QVBoxLayout, QWidget

from widgets.icons import icon


class HistoryPanel(QWidget):
    """Two lists, because classes belong to the project and not to one picture."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.picture, self.classes = QUndoView(), QUndoView()
        tabs = QTabWidget()
        tabs.setDocumentMode(True)
        names = ((self.picture, self.tr("Picture")), (self.classes, self.tr("Classes")))
        for view, name in names:
            view.setEmptyLabel(self.tr("As it was opened"))
            view.setCleanIcon(icon("history"))
            view.setIconSize(QSize(14, 14))
            view.setAccessibleName(self.tr("Undo history: %1").replace("%1", name))
            tabs.addTab(view, name)
        tabs.setAccessibleName(self.tr("Undo history"))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 4, 4, 4)
        layout.addWidget(tabs)

    def set_stacks(self, picture: QUndoStack | None, classes: QUndoStack | None) -> None:
        self.picture.setStack(picture)  # type: ignore[arg-type]
        self.classes.setStack(classes)  # type: ignore[arg-type]
