"""`Canvas`: the widget. Shows what there is and forwards what a hand does; see the package for what it offers.

Painting draws what other parts made ready: tiles of the picture, the overlay of instances, the suggestion, the tool's
own lines, and the markers, in this order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QEvent, QPointF, QRectF, QSizeF, Qt, QTimer, Signal
from PySide6.QtGui import QPainter, QPaintEvent, QPalette, QPen, QResizeEvent
from PySide6.QtWidgets import QWidget

from app.document import Document
from app.labels import ClassList
from app.selection import Selection
from app.session.everything import EverythingSession
from app.session.prompting import PromptSession
from app.session.words import WordsSession
from inference.errors import AppError
from widgets.canvas import markers, menus
from widgets.canvas.desk import Desk
from widgets.canvas.hand import Hand
from widgets.canvas.looks import CanvasLooks
from widgets.canvas.overlay import Overlay
from widgets.canvas.page import Page
from widgets.canvas.picture import Picture
from widgets.canvas.suggestion import SuggestionLayer
from widgets.canvas.tools import TOOLS, make_tools
from widgets.canvas.tools.base import Tool
from widgets.canvas.tools.box import BoxTool
from widgets.canvas.view import View

__all__ = ["TOOLS", "Canvas"]

_GRID_SCALE = 14.0  # device pixels for an image pixel from which the pixel grid shows
_FRAME_MS = 33
_BEHIND = 0.5  # how strongly the instances show behind a suggestion


class Canvas(CanvasLooks):
    """One picture with its instances. `widgets/canvas/__init__.py` lists slots, signals and keys."""

    tool_changed = Signal(str)
    cursor_moved = Signal(float, float, object)
    cursor_left = Signal()
    message = Signal(str)
    failed = Signal(object)
    created = Signal(list)
    picture_loaded = Signal(bool)
    undo_changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.view = View()
        self.overlay = Overlay(self.view, self)
        self.desk = Desk(self.view, self.overlay, self)
        self.picture = Picture(self)
        self.suggestion = SuggestionLayer(self.view, self.overlay, self)
        self._tools = make_tools(self.desk)
        self._tool = self._tools["points"]
        self._page = Page(self)
        self._key_texts: Callable[[str], str] = lambda _action: ""
        self._phase = 0.0
        self._spin = QTimer(self, interval=_FRAME_MS)
        self._spin.timeout.connect(self._turn)
        self.hand = Hand(self)
        self.installEventFilter(self.hand)
        self._prepare_widget()
        self._connect_parts()

    def _prepare_widget(self) -> None:
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setAttribute(Qt.WidgetAttribute.WA_InputMethodEnabled, False)
        self.grabGesture(Qt.GestureType.PinchGesture)
        self.setMinimumSize(160, 120)
        self.setAccessibleName(self.tr("Canvas"))
        self.setAccessibleDescription(self.tr("The picture and its instances. Arrow keys move the cross-hair."))
        self.setCursor(self._tool.cursor)

    def _connect_parts(self) -> None:
        self.picture.changed.connect(self.update)
        self.picture.loaded.connect(self._on_loaded)
        self.picture.failed.connect(self._on_broken)
        self.overlay.changed.connect(self.update)
        self.suggestion.changed.connect(self.update)
        self.desk.repaint.connect(self.update)
        self.desk.message.connect(self.message)
        self.desk.failed.connect(self.failed)
        self.desk.created.connect(self.created)
        self.desk.undo_changed.connect(self.undo_changed)
        self.desk.menu_wanted.connect(self.open_menu)
        self.desk.tool_wanted.connect(self.set_tool)
        self.desk.masks_wanted.connect(lambda: self.set_display(hidden=False))
        self.desk.selection.changed.connect(self._on_selection)

    # What it is given --------------------------------------------------------------------------------------------

    @property
    def document(self) -> Document | None:
        return self.desk.document

    @property
    def picture_usable(self) -> bool:
        """Tools work on it: there is a picture, and it is not broken."""
        return self.desk.document is not None and not self._page.isVisible()

    def set_document(self, document: Document | None, selection: Selection | None = None) -> None:
        """Shows another picture. `selection` is the window's; without one the canvas keeps its own."""
        self._current_tool().put_down()
        self._follow(document)
        if selection is not None and selection is not self.desk.selection:
            self.desk.selection.changed.disconnect(self._on_selection)
            self.desk.selection = selection
            selection.changed.connect(self._on_selection)
        self._page.hide()
        self.hand.forget()
        if document is None:
            self.view.set_image(1, 1)
            self.picture.open(None)
        else:
            self.view.set_image(document.width, document.height)
            self.picture.open(document.path, document.width, document.height)
        self.overlay.set_scene(document=document, selected=frozenset(), left_out=frozenset(), refined=None)
        self._on_selection()
        if self.desk.session is not None:
            self.desk.session.set_document(document)
        self._on_view()
        self.undo_changed.emit()

    def show_problem(self, error: AppError) -> None:
        """There is no picture to show because of this; says so in its place."""
        self._on_broken(error)

    def set_session(self, session: PromptSession | None) -> None:
        """The prompts of the instance being made."""
        old = self.desk.session
        if old is not None:
            old.prompts_changed.disconnect(self._on_prompts)
            old.thinking.disconnect(self._on_thinking)
            old.accepted.disconnect(self._on_accepted)
        self.desk.session = session
        self.suggestion.set_session(session)
        if session is not None:
            session.prompts_changed.connect(self._on_prompts)
            session.thinking.connect(self._on_thinking)
            session.accepted.connect(self._on_accepted)
            session.set_document(self.desk.document)

    def set_everything(self, session: EverythingSession) -> None:
        """All objects of the picture, for the tool "everything"."""
        self.desk.everything = session
        session.changed.connect(self._on_pieces)
        session.hover_changed.connect(self.update)

    def set_words(self, session: WordsSession) -> None:
        """What words name, for the tool "words"."""
        self.desk.words = session
        session.changed.connect(self._tools["words"].refresh)
        session.hover_changed.connect(self.update)

    def set_classes(self, classes: ClassList | None) -> None:
        if self.desk.classes is not None:
            self.desk.classes.changed.disconnect(self.overlay.invalidate)
        self.desk.classes = classes
        if classes is not None:
            classes.changed.connect(self.overlay.invalidate)
        self.overlay.set_scene(classes=classes)

    def class_labels(self) -> list[Any]:
        return [] if self.desk.classes is None else list(self.desk.classes.all())

    @property
    def current_class(self) -> int | None:
        return self.desk.current_class

    def set_class(self, class_id: int | None) -> None:
        """The class that new instances get."""
        self.desk.current_class = class_id

    @property
    def tool(self) -> str:
        return self._tool.name

    def set_tool(self, name: str) -> None:
        """Takes up another tool. KeyError for a name that is not in TOOLS."""
        if self._tools[name] is self._tool:
            return
        self._tool.put_down()
        self._tool = self._tools[name]
        if self.desk.session is not None and not self._tool.wants_hover:
            self.desk.session.clear_hover()
        self.hand.show_cursor()
        self.tool_changed.emit(name)
        if self._tool.hint:
            self.message.emit(self._tool.hint)
        self.undo_changed.emit()
        self.update()

    def set_key_texts(self, key_text: Callable[[str], str]) -> None:
        """How the keys of an action are written, for context menus."""
        self._key_texts = key_text

    def leave(self) -> None:
        """F6: the focus goes on to the next widget, which Tab does not do here."""
        QWidget.focusNextPrevChild(self, True)

    def open_menu(self, spot: QPointF) -> None:
        """The context menu, at a place of the widget."""
        menus.context_menu(self, self._key_texts).popup(self.mapToGlobal(spot.toPoint()))

    def close_down(self) -> None:
        """Stops the threads. The window calls it when it closes."""
        self._spin.stop()
        self.picture.close()
        self.overlay.close()

    # Painting ----------------------------------------------------------------------------------------------------

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), self._ground())
        if self.desk.document is None or self._page.isVisible():
            return
        self.picture.draw(painter, self.view)
        self._draw_frame(painter)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if not self.desk.masks_hidden:
            painter.setOpacity(_BEHIND if self.suggestion.visible else 1.0)
            self.overlay.draw(painter)
            painter.setOpacity(1.0)
        self.suggestion.draw(painter)
        self._tool.draw(painter)
        self.suggestion.draw_prompts(painter, isinstance(self._tool, BoxTool) and self._tool.changing)
        self.hand.draw(painter, self._cross_hair, self._tool.shows_brush)
        if self._spin.isActive():
            markers.spinner(painter, self._spinner_place(), self._phase)

    def _ground(self) -> Any:
        window = self.palette().color(QPalette.ColorRole.Window)
        return window.darker(112) if window.lightness() > 127 else window.darker(135)

    def _draw_frame(self, painter: QPainter) -> None:
        area = self.view.rect_to_view(QRectF(QPointF(0, 0), self.view.image))
        if not self.picture.ready:
            painter.fillRect(area, self._ground().lighter(108))
        if self._grid and self.view.device_scale >= _GRID_SCALE:
            self._draw_grid(painter)
        painter.setPen(QPen(self.palette().color(QPalette.ColorRole.Mid), 0))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRect(area.adjusted(-1, -1, 0, 0))

    def _draw_grid(self, painter: QPainter) -> None:
        seen = self.view.visible().toAlignedRect()
        painter.setPen(QPen(Qt.GlobalColor.gray, 0))
        painter.setOpacity(0.35)
        for x in range(seen.left(), seen.right() + 2):
            painter.drawLine(self.view.to_view(x, seen.top()), self.view.to_view(x, seen.bottom() + 1))
        for y in range(seen.top(), seen.bottom() + 2):
            painter.drawLine(self.view.to_view(seen.left(), y), self.view.to_view(seen.right() + 1, y))
        painter.setOpacity(1.0)

    def _spinner_place(self) -> QPointF:
        """Beside the last prompt, inside the widget."""
        prompts = None if self.desk.session is None else self.desk.session.prompts
        if prompts is not None and prompts.points:
            last = prompts.points[-1]
            at = self.view.to_view(last.x, last.y) + QPointF(26, -26)
        elif prompts is not None and prompts.box is not None:
            at = self.view.to_view(*prompts.box.center)
        else:
            at = QPointF(self.width() / 2, self.height() / 2)
        return QPointF(min(max(at.x(), 20), self.width() - 20), min(max(at.y(), 20), self.height() - 20))

    # Following ---------------------------------------------------------------------------------------------------

    def _current_tool(self) -> Tool:
        return self._tool

    def _follow(self, document: Document | None) -> None:
        old = self.desk.document
        for known, join in ((old, False), (document, True)):
            if known is None:
                continue
            for signal in (known.added, known.changed, known.removed, known.reordered):
                if join:
                    signal.connect(self.overlay.invalidate)
                else:
                    signal.disconnect(self.overlay.invalidate)
            if join:
                known.undo_stack.indexChanged.connect(self._on_index)
            else:
                known.undo_stack.indexChanged.disconnect(self._on_index)
        self.desk.document = document

    def _on_pieces(self) -> None:
        self._tools["everything"].refresh()
        self.undo_changed.emit()

    def _on_index(self, _index: int) -> None:
        self.undo_changed.emit()

    def _on_loaded(self) -> None:
        self.picture_loaded.emit(True)

    def _on_broken(self, error: AppError) -> None:
        self._page.setGeometry(self.rect())
        self._page.tell(error)
        if self.desk.session is not None:
            self.desk.session.clear_hover()
        self.picture_loaded.emit(False)
        self.update()

    def _on_selection(self) -> None:
        self.overlay.set_scene(selected=frozenset(self.desk.selection.ids))
        self.update()

    def _on_prompts(self) -> None:
        session = self.desk.session
        target = None if session is None else session.target
        self.overlay.set_scene(refined=None if target is None else target.id)
        if session is not None and session.active and target is None:
            self.desk.selection.clear()
        self.undo_changed.emit()
        self.update()

    def _on_thinking(self, thinking: bool) -> None:
        if thinking:
            self._spin.start()
        else:
            self._spin.stop()
        self.suggestion.refresh()

    def _on_accepted(self, instance_id: str) -> None:
        self.desk.masks_wanted.emit()
        self.desk.selection.set([instance_id])

    def _turn(self) -> None:
        self._phase = (self._phase + _FRAME_MS / 900) % 1
        self.update()

    # Events ------------------------------------------------------------------------------------------------------

    def resizeEvent(self, _event: QResizeEvent) -> None:
        self.fit_viewport()
        self._page.setGeometry(self.rect())

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.PaletteChange:
            self.update()
        super().changeEvent(event)

    def fit_viewport(self) -> None:
        """The widget has another size, or is on a screen of another density."""
        self.view.set_viewport(QSizeF(self.size()), self.devicePixelRatioF())
        self._on_view()

    def focusNextPrevChild(self, _forward: bool) -> bool:
        return False  # Tab belongs to the candidates; F6 leaves
