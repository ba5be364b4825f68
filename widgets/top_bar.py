"""The bar on top: which workspace, which picture, undo, export, which model."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QAction, QActionGroup
from PySide6.QtWidgets import QButtonGroup, QLabel, QMenu, QSizePolicy, QToolBar, QToolButton, QWidget

from app.session.shelf import Shelf
from widgets.actions import Actions
from widgets.icons import app_icon, icon
from widgets.parts import action_tool, label, name_rest

WORKSPACES = ("annotate", "sort", "models")


class TopBar(QToolBar):
    """Belongs to all workspaces."""

    workspace_wanted = Signal(str)

    def __init__(self, actions: Actions, shelf: Shelf, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Bar"))
        self.setObjectName("top")
        self.setMovable(False)
        self.setIconSize(QSize(18, 18))
        self.toggleViewAction().setEnabled(False)
        self._shelf = shelf
        self._workspaces = QButtonGroup(self)
        mark = QLabel()
        mark.setPixmap(app_icon().pixmap(QSize(22, 22)))
        mark.setContentsMargins(4, 0, 8, 0)
        self.addWidget(mark)
        texts = (self.tr("Annotate"), self.tr("Sort"), self.tr("Models"))
        for number, (name, text) in enumerate(zip(WORKSPACES, texts, strict=True)):
            self.addWidget(self._workspace_button(number, name, text))
        self.addSeparator()
        self.addWidget(action_tool(actions["open_folder"]))
        self._previous, self._next = action_tool(actions["previous"]), action_tool(actions["next"])
        self.picture = label()
        self.picture.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.picture.setMinimumWidth(150)
        self.picture.setMaximumWidth(360)
        one = (
            self._previous,
            self.picture,
            self._next,
            action_tool(actions["done_next"]),
            action_tool(actions["flag"]),
        )
        self._of_one_picture = [self.addWidget(widget) for widget in one]
        self._of_one_picture.append(self.addSeparator())
        self.addWidget(action_tool(actions["undo"]))
        self.addWidget(action_tool(actions["redo"]))
        space = QWidget()
        space.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.addWidget(space)
        self.model = self._model_button()
        self._model_action = self.addWidget(self.model)
        self.addWidget(action_tool(actions["export"]))
        self.addWidget(action_tool(actions["settings"]))
        self.addWidget(action_tool(actions["shortcuts"]))
        name_rest(self)
        shelf.current_changed.connect(lambda _: self.show_model())
        shelf.loading.connect(lambda _: self.show_model(loading=True))
        shelf.loaded.connect(lambda _model, _device: self.show_model())
        self.show_model()
        self.show_picture("", "")

    def show_workspace(self, name: str) -> None:
        self._workspaces.button(WORKSPACES.index(name)).setChecked(True)
        for action in self._of_one_picture:
            action.setVisible(name == "annotate")
        self._model_action.setVisible(name != "sort")  # there it is chosen beside the suggestions

    def show_picture(self, name: str, place: str) -> None:
        """The name of the picture and "3 of 24"."""
        shown = self.picture.fontMetrics().elidedText(name, Qt.TextElideMode.ElideMiddle, 240)
        self.picture.setText(f"{shown}   {place}".strip() if name else self.tr("No picture"))
        self.picture.setToolTip(name)
        self.picture.setEnabled(bool(name))

    def show_model(self, *, loading: bool = False) -> None:
        """The model in use, and whether it is being loaded."""
        title = self._shelf.title()
        self.model.setText(self.tr("%1 · loading…").replace("%1", title) if loading else title)
        self.model.setAccessibleName(self.tr("Model: %1").replace("%1", title))

    def _workspace_button(self, number: int, name: str, text: str) -> QToolButton:
        made = QToolButton()
        made.setText(text)
        made.setCheckable(True)
        made.setProperty("role", "segment")
        made.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        made.setAccessibleName(self.tr("Workspace: %1").replace("%1", text))
        made.clicked.connect(lambda: self.workspace_wanted.emit(name))
        self._workspaces.addButton(made, number)
        return made

    def _model_button(self) -> QToolButton:
        made = QToolButton()
        made.setIcon(icon("chip"))
        made.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        made.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        made.setProperty("role", "menu")
        made.setToolTip(self.tr("The model that answers your clicks"))
        made.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        menu = QMenu(made)
        menu.aboutToShow.connect(lambda: self._fill(menu))
        made.setMenu(menu)
        return made

    def _fill(self, menu: QMenu) -> None:
        menu.clear()
        group = QActionGroup(menu)
        for spec in self._shelf.usable():
            entry = QAction(spec.title, menu)
            entry.setCheckable(True)
            entry.setChecked(spec.id == self._shelf.current)
            entry.triggered.connect(lambda _=False, model=spec.id: self._shelf.use(model))
            group.addAction(entry)
            menu.addAction(entry)
        menu.addSeparator()
        more = menu.addAction(icon("download"), self.tr("More models…"))
        more.triggered.connect(lambda: self.workspace_wanted.emit("models"))
