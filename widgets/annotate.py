"""The Annotate workspace: the canvas with its tools in the middle, panels around it that can be moved and closed."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QByteArray, QEvent, QObject, Qt, QTimer, Signal
from PySide6.QtGui import QAction, QShowEvent
from PySide6.QtWidgets import QDockWidget, QHBoxLayout, QMainWindow, QTabWidget, QVBoxLayout, QWidget

from app.colors import instance_color
from app.document import Document
from app.instance import Instance
from app.selection import Selection
from app.session.desk import Opened
from app.session.everything import EverythingSession
from app.session.options import Options
from app.session.prompting import PromptSession
from app.session.words import WordsSession
from app.settings import Settings
from inference.errors import AppError
from widgets.actions import Actions
from widgets.canvas import Canvas
from widgets.class_bar import ClassBar
from widgets.everything_bar import EverythingBar
from widgets.label_popup import LabelPopup
from widgets.labelling import Labelling
from widgets.panels.browser import Browser
from widgets.panels.classes import ClassesPanel
from widgets.panels.history import HistoryPanel
from widgets.panels.instances import InstancesPanel
from widgets.panels.properties import PropertiesPanel
from widgets.parts import label
from widgets.tool_strip import DisplayPanel, ToolStrip
from widgets.words_bar import WordsBar

_DISPLAY = ("canvas.opacity", "canvas.outline", "canvas.color_by", "canvas.crosshair", "canvas.labels", "canvas.boxes")
_MASKS = ("masks.threshold", "masks.holes_share", "masks.specks_share")
_EDITING = ("delete", "duplicate", "union", "subtract", "intersect", "fill_holes", "split_parts")
_LAYOUT = 1
"""The version of the arrangement of panels; a saved one of another version is not restored."""


class Annotate(QMainWindow):
    """Shows one document; the desk says which.

    Args:
        session: the prompts of the instance being made.
        everything: all objects of the picture, laid out for picking.
        words: what words name in it.
        undo_classes, redo_classes: of the window, for the classes' menu.
    """

    failed = Signal(object)
    message = Signal(str)

    def __init__(
        self,
        session: PromptSession,
        everything: EverythingSession,
        words: WordsSession,
        settings: Settings,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setWindowFlags(Qt.WindowType.Widget)
        self.setDockOptions(
            QMainWindow.DockOption.AnimatedDocks
            | QMainWindow.DockOption.AllowTabbedDocks
            | QMainWindow.DockOption.AllowNestedDocks
        )
        self.setTabPosition(Qt.DockWidgetArea.AllDockWidgetAreas, QTabWidget.TabPosition.North)
        self._session, self._everything, self._words, self._settings = session, everything, words, settings
        self._opened: Opened | None = None
        self._document: Document | None = None
        self._arranged, self._kept_layout = False, ""
        self.selection = Selection(parent=self)
        self.canvas = Canvas()
        self.canvas.set_session(session)
        self.canvas.set_everything(everything)
        self.canvas.set_words(words)

    def build(self, actions: Actions) -> None:
        """Makes panels and tools; the actions come from the window that this is part of."""
        self._actions = actions
        settings = self._settings
        self.strip = ToolStrip(actions)
        self.strip.wanted.connect(self._use_tool)
        self.browser = Browser(settings)
        edits = [actions[i] for i in ("refine", *_EDITING)]
        self.instances = InstancesPanel(self.selection, self._color_of, edits, lambda: self._key_text("accept"))
        self.classes = ClassesPanel(actions["undo_classes"], actions["redo_classes"], lambda: bool(self.selection.ids))
        self.properties = PropertiesPanel()
        self.history = HistoryPanel()
        self.display = DisplayPanel()
        middle = QWidget()
        # Not on the canvas itself, where Enter, Tab and Esc are the canvas's keys.
        self.popup = LabelPopup(middle)
        self.labelling = Labelling(self.canvas, self._session, self.selection, self.classes, self.popup, settings)
        row = QHBoxLayout(middle)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(self.strip)
        column = QVBoxLayout()
        column.setSpacing(0)
        self.everything_bar = EverythingBar(self._everything)
        self.everything_bar.hide()
        column.addWidget(self.everything_bar)
        self.words_bar = WordsBar(self._words)
        self.words_bar.hide()
        column.addWidget(self.words_bar)
        self.class_bar = ClassBar(self._session, settings)
        column.addWidget(self.class_bar)
        column.addWidget(self.canvas, 1)
        row.addLayout(column, 1)
        self.setCentralWidget(middle)
        self._add_docks()
        self._connect()
        self._first_layout = self.saveState(_LAYOUT)
        self._apply(_DISPLAY[0])
        self._apply(_MASKS[0])
        self._apply("canvas.hover_preview")
        self._apply("canvas.brush_size")
        self._apply("canvas.lasso_asks")

    # What is shown --------------------------------------------------------------------------------------------------

    def set_opened(self, opened: Opened | None) -> None:
        """Another folder, or none."""
        self._opened = opened
        self.set_document(None, None)  # lets go of the old folder's documents and classes while they are there
        classes = opened.project.classes if opened else None
        self.canvas.set_classes(classes)
        self.everything_bar.set_classes(classes)
        self.browser.set_opened(opened)
        self.classes.set_project(opened.project if opened else None)
        self.history.set_stacks(None, opened.project.stack if opened else None)

    def set_document(self, document: Document | None, image_id: str | None) -> None:
        """Another picture. None with an id is one that cannot be read; `show_problem` then says why."""
        self._document = document
        classes = self._opened.project.classes if self._opened else None
        self.selection.set_document(document)
        self.canvas.set_document(document, self.selection)
        self.instances.set_document(document, classes)
        self.properties.set_document(document)
        self.labelling.set_document(document, classes)
        self.history.set_stacks(
            document.undo_stack if document is not None else None, self._opened.project.stack if self._opened else None
        )
        self.browser.set_current(image_id)
        self._on_tool(self.canvas.tool)

    def show_problem(self, error: AppError) -> None:
        """The picture cannot be read: says so where it would be."""
        self.canvas.show_problem(error)

    # Layout ---------------------------------------------------------------------------------------------------------

    def panel_actions(self) -> list[QAction]:
        """Show or hide each panel."""
        return [dock.toggleViewAction() for dock in self._docks.values()]

    def layout_text(self) -> str:
        """The arrangement of the panels, to be kept. One that was never shown is the one that was given."""
        if not self._arranged:
            return self._kept_layout
        return bytes(self.saveState(_LAYOUT).toBase64().data()).decode("ascii")

    def restore_layout(self, text: str) -> None:
        """An arrangement kept earlier, for when this is first shown; one that does not fit any more is left aside."""
        self._kept_layout = text

    def reset_layout(self) -> None:
        self._kept_layout = ""
        self.restoreState(self._first_layout, _LAYOUT)
        self._first_sizes()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if not self._arranged:
            self._arranged = True
            QTimer.singleShot(0, self, self._arrange)  # sizes hold only once there is a size to share out

    def leave_canvas(self) -> None:
        """F6: from the canvas to the panels, from a panel back to the canvas."""
        if self.canvas.hasFocus() or self.canvas.isAncestorOf(self.focusWidget() or self.canvas):
            if self.instances.view.isVisible():
                self.instances.view.setFocus(Qt.FocusReason.ShortcutFocusReason)
            else:
                self.canvas.leave()
        else:
            self.canvas.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Esc in a field of a panel goes back to the canvas."""
        if event.type() == QEvent.Type.KeyPress and event.key() == Qt.Key.Key_Escape:  # type: ignore[attr-defined]
            self.canvas.setFocus(Qt.FocusReason.ShortcutFocusReason)
            return True
        return super().eventFilter(watched, event)

    # Within ---------------------------------------------------------------------------------------------------------

    def _add_docks(self) -> None:
        left, right = Qt.DockWidgetArea.LeftDockWidgetArea, Qt.DockWidgetArea.RightDockWidgetArea
        rows = (
            ("browser", self.tr("Pictures"), self.browser, left),
            ("instances", self.tr("Instances"), self.instances, right),
            ("classes", self.tr("Classes"), self.classes, right),
            ("properties", self.tr("Picture"), self.properties, right),
            ("history", self.tr("History"), self.history, right),
            ("display", self.tr("Display"), self.display, right),
        )
        self._docks: dict[str, QDockWidget] = {}
        for name, title, widget, area in rows:
            dock = QDockWidget(title, self)
            dock.setObjectName(name)
            dock.setTitleBarWidget(_title_bar(title))
            widget.setProperty("role", "panel")
            widget.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
            dock.setWidget(widget)
            self.addDockWidget(area, dock)
            self._docks[name] = dock
        self.tabifyDockWidget(self._docks["properties"], self._docks["history"])
        self.tabifyDockWidget(self._docks["history"], self._docks["display"])
        self._docks["properties"].raise_()
        for action in self.panel_actions():
            action.setEnabled(False)  # until there is an arrangement that they could change
        for name in ("properties", "history", "display"):
            self._docks[name].setTitleBarWidget(QWidget())  # the tabs say it

    def _arrange(self) -> None:
        for action in self.panel_actions():
            action.setEnabled(True)
        kept = QByteArray.fromBase64(self._kept_layout.encode("ascii"))
        if kept.isEmpty() or not self.restoreState(kept, _LAYOUT):
            self._first_sizes()

    def _first_sizes(self) -> None:
        docks = self._docks
        stacked = [docks["instances"], docks["classes"], docks["properties"]]
        self.resizeDocks([docks["browser"], docks["instances"]], [268, 320], Qt.Orientation.Horizontal)
        self.resizeDocks(stacked, [250, 200, 260], Qt.Orientation.Vertical)

    def _connect(self) -> None:
        sessions = (self._session, self._everything, self._words)
        for source in (self.instances, self.classes, self.properties, self.labelling, self.canvas, *sessions):
            source.failed.connect(self.failed)
        for talker in (self.labelling, self.canvas, *sessions):
            talker.message.connect(self.message)
        self.instances.class_wanted.connect(self.labelling.assign)
        self.canvas.tool_changed.connect(self.strip.show_tool)
        self.canvas.tool_changed.connect(self._on_tool)
        self.words_bar.keep_wanted.connect(self.canvas.accept)
        self.words_bar.searched.connect(self.canvas.setFocus)
        self.canvas.brush_changed.connect(self._on_brush)
        self.canvas.lasso_changed.connect(lambda asks: self._settings.set("canvas.lasso_asks", asks))
        self.canvas.undo_changed.connect(self.show_undo)
        self.canvas.picture_loaded.connect(self.instances.set_usable)
        self.canvas.masks_hidden.connect(self._actions["hide_masks"].setChecked)
        self.canvas.set_key_texts(self._key_text)
        self.display.opacity_changed.connect(lambda value: self._settings.set("canvas.opacity", value))
        self.display.brush_changed.connect(lambda value: self._settings.set("canvas.brush_size", value))
        self._settings.changed.connect(lambda key, _value: self._apply(key))
        for field in (self.instances.filter, self.classes.name, self.browser.name):
            field.installEventFilter(self)
        self.strip.show_tool(self.canvas.tool)
        canvas, actions = self.canvas, self._actions
        actions.put_on_canvas(canvas)
        actions.connect_all(
            {
                "accept": canvas.accept, "next_candidate": canvas.next_candidate, "drop": canvas.drop,
                "refine": canvas.refine, "undo": canvas.undo, "redo": canvas.redo, "cut": canvas.cut,
                "copy": canvas.copy, "paste": canvas.paste, "duplicate": canvas.duplicate,
                "select_all": canvas.select_all, "delete": canvas.delete_selected, "union": canvas.union,
                "subtract": canvas.subtract, "intersect": canvas.intersect, "fill_holes": canvas.fill_holes,
                "split_parts": canvas.split_parts, "smaller": canvas.smaller_brush, "larger": canvas.larger_brush,
                "hide_masks": canvas.toggle_masks, "fit": canvas.fit, "actual_size": canvas.actual_size,
                "zoom_in": canvas.zoom_in, "zoom_out": canvas.zoom_out,
                "zoom_to_selection": canvas.zoom_to_selection, "leave_canvas": self.leave_canvas,
                "clear_class": self.labelling.clear_class,
            },
            "annotate",
        )  # fmt: skip
        for number in "123456789":
            actions.connect_all({f"class_{number}": partial(self.labelling.use_hotkey, number)}, "annotate")
        self.class_bar.turned.connect(actions["class_aware"].setChecked)
        actions["class_aware"].triggered.connect(self.class_bar.turn)
        actions["class_aware"].setChecked(self.class_bar.on)
        actions["crosshair"].toggled.connect(lambda on: self._settings.set("canvas.crosshair", on))
        actions["color_by_instance"].toggled.connect(
            lambda on: self._settings.set("canvas.color_by", "instance" if on else "class")
        )

    def _use_tool(self, name: str) -> None:
        self.canvas.set_tool(name)
        if name == "words":
            self.words_bar.take_up()
        else:
            self.canvas.setFocus()

    def _on_tool(self, name: str) -> None:
        """The bar is there while its tool is in the hand; on a picture that was not searched the search begins."""
        if name == "everything" and self._document is not None:
            self.everything_bar.take_up()
        else:
            self.everything_bar.hide()
        if name == "words" and self._document is not None:
            self.words_bar.show()
        else:
            self.words_bar.hide()

    def _on_brush(self, size: float) -> None:
        self._settings.set("canvas.brush_size", round(size))

    def show_undo(self) -> None:
        canvas, actions = self.canvas, self._actions
        if actions.workspace != "annotate":
            return
        actions["undo"].setEnabled(canvas.can_undo())
        actions["redo"].setEnabled(canvas.can_redo())
        actions["undo"].setText(self.tr("Undo %1").replace("%1", canvas.undo_text()).strip())
        actions["redo"].setText(self.tr("Redo %1").replace("%1", canvas.redo_text()).strip())

    def _key_text(self, action_id: str) -> str:
        return self._actions[action_id].shortcut().toString() if action_id in self._actions else ""

    def _color_of(self, instance: Instance) -> str:
        classes = self._opened.project.classes if self._opened else None
        return instance_color(instance, classes, self._settings.get("canvas.color_by"))

    def _apply(self, key: str) -> None:
        """A setting is another now."""
        get = self._settings.get
        if key in _DISPLAY:
            self.canvas.set_display(
                opacity=get("canvas.opacity") / 100, outline=get("canvas.outline"), color_by=get("canvas.color_by"),
                labels=get("canvas.labels"), boxes=get("canvas.boxes"), crosshair=get("canvas.crosshair"),
            )  # fmt: skip
            self._actions["crosshair"].setChecked(get("canvas.crosshair"))
            self._actions["color_by_instance"].setChecked(get("canvas.color_by") == "instance")
            self.display.opacity.setValue(get("canvas.opacity"))
            self.instances.model.refresh()
        elif key in _MASKS:
            threshold, holes, specks = (get(one) for one in _MASKS)
            self._session.set_options(Options(threshold, holes, specks))
        elif key == "canvas.lasso_asks":
            self.canvas.set_lasso_as_prompt(get(key))
        elif key == "canvas.hover_preview":
            self._session.set_hover_enabled(get(key))
        elif key == "canvas.brush_size":
            self.display.brush.setValue(get(key))
            if round(self.canvas.brush_size) != get(key):
                self.canvas.set_brush_size(get(key))


def _title_bar(text: str) -> QWidget:
    bar = QWidget()
    bar.setProperty("role", "dock-title")
    bar.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
    row = QHBoxLayout(bar)
    row.setContentsMargins(12, 7, 8, 6)
    row.addWidget(label(text, "section"))
    return bar
