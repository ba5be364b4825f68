"""`Hand`: pointer, wheel, pinch and keys of the canvas, turned into touches for the tool, pans and zooms."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from PySide6.QtCore import QEvent, QObject, QPointF, QRectF, Qt
from PySide6.QtGui import (
    QContextMenuEvent,
    QEnterEvent,
    QKeyEvent,
    QMouseEvent,
    QNativeGestureEvent,
    QPainter,
    QWheelEvent,
)
from PySide6.QtWidgets import QGestureEvent, QPinchGesture

from widgets.canvas import markers
from widgets.canvas.desk import Touch

if TYPE_CHECKING:
    from widgets.canvas.canvas import Canvas

Button = Qt.MouseButton
Key = Qt.Key
_NONE = Qt.KeyboardModifier.NoModifier
_ARROWS = {Key.Key_Left: (-1, 0), Key.Key_Right: (1, 0), Key.Key_Up: (0, -1), Key.Key_Down: (0, 1)}
_NOTCH = 120.0  # of a wheel
_ZOOM_PER_NOTCH = 1.22
_FAR = 10  # times as far with Shift


class Hand(QObject):
    """Where the pointer and the keyboard's cross-hair are, and what they do."""

    def __init__(self, canvas: Canvas) -> None:
        super().__init__(canvas)
        self._canvas = canvas
        self._spot: QPointF | None = None  # of the pointer, while it is over the canvas
        self._keyed: QPointF | None = None  # the keyboard's cross-hair, in image pixels
        self._held = Button.NoButton
        self._panning: QPointF | None = None
        self._space = False

    @property
    def anchor(self) -> QPointF | None:
        """What zooming holds in place: the pointer, else the keyboard's cross-hair, else nothing (the middle)."""
        if self._spot is not None:
            return self._spot
        return None if self._keyed is None else self._canvas.view.to_view(self._keyed.x(), self._keyed.y())

    def forget(self) -> None:
        """Another picture is shown."""
        self._keyed, self._held, self._panning = None, Button.NoButton, None
        self.show_cursor()

    def view_moved(self) -> None:
        """The picture moved under the pointer."""
        if self._spot is not None and self._held == Button.NoButton:
            self._tell_position(self._spot)

    def show_cursor(self) -> None:
        canvas = self._canvas
        if self._panning is not None:
            canvas.setCursor(Qt.CursorShape.ClosedHandCursor)
        elif self._space:
            canvas.setCursor(Qt.CursorShape.OpenHandCursor)
        else:
            canvas.setCursor(canvas._current_tool().cursor)

    def draw(self, painter: QPainter, cross_hair: bool, brush: bool) -> None:
        """Cross-hair, brush ring, keyboard's cursor."""
        canvas = self._canvas
        at = self.anchor
        if at is not None and cross_hair and self._panning is None:
            markers.cross_hair(painter, at, QRectF(canvas.rect()))
        if at is not None and brush and not self._space and self._panning is None:
            color = markers.NEGATIVE if canvas.tool == "eraser" else markers.ACCENT
            markers.ring(painter, at, max(canvas.brush_size * canvas.view.scale / 2, 1.5), color)
        if self._keyed is not None and canvas.hasFocus():
            markers.keyboard_cursor(painter, canvas.view.to_view(self._keyed.x(), self._keyed.y()))

    # Events --------------------------------------------------------------------------------------------------------

    def eventFilter(self, _watched: QObject, event: QEvent) -> bool:
        """Sees the canvas's events before it does; True when one was of use."""
        kind = event.type()
        if kind in (QEvent.Type.MouseButtonPress, QEvent.Type.MouseButtonDblClick):
            return self._press(cast(QMouseEvent, event), double=kind == QEvent.Type.MouseButtonDblClick)
        if kind == QEvent.Type.MouseMove:
            return self._move(cast(QMouseEvent, event))
        if kind == QEvent.Type.MouseButtonRelease:
            return self._release(cast(QMouseEvent, event))
        if kind == QEvent.Type.Wheel:
            return self._wheel(cast(QWheelEvent, event))
        if kind == QEvent.Type.KeyPress:
            return self._key(cast(QKeyEvent, event))
        if kind == QEvent.Type.KeyRelease:
            return self._key_up(cast(QKeyEvent, event))
        if kind == QEvent.Type.Enter:
            self._spot = cast(QEnterEvent, event).position()
        elif kind == QEvent.Type.Leave:
            self._gone()
        elif kind == QEvent.Type.FocusOut:
            self._space = False
            self.show_cursor()
            self._canvas.update()
        elif kind == QEvent.Type.DevicePixelRatioChange:
            self._canvas.fit_viewport()
        elif kind == QEvent.Type.NativeGesture:
            return self._native_pinch(cast(QNativeGestureEvent, event))
        elif kind == QEvent.Type.Gesture:
            return self._pinch(cast(QGestureEvent, event))
        elif kind == QEvent.Type.ContextMenu:
            return self._menu(cast(QContextMenuEvent, event))
        return False

    def _press(self, event: QMouseEvent, double: bool) -> bool:
        canvas = self._canvas
        canvas.setFocus(Qt.FocusReason.MouseFocusReason)
        self._spot, self._keyed = event.position(), None
        if canvas.document is None:
            return False
        if event.button() == Button.MiddleButton or (self._space and event.button() == Button.LeftButton):
            self._panning = event.position()
            self.show_cursor()
            return True
        if self._held != Button.NoButton or not canvas.picture_usable:
            return True
        self._held = event.button()
        touch = self._touch(event.position(), event.modifiers(), event.button())
        tool = canvas._current_tool()
        if double:
            tool.double_click(touch)
        else:
            tool.press(touch)
        return True

    def _move(self, event: QMouseEvent) -> bool:
        canvas = self._canvas
        self._spot, self._keyed = event.position(), None
        if self._panning is not None:
            canvas.pan(event.position() - self._panning)
            self._panning = event.position()
            return True
        touch = self._touch(event.position(), event.modifiers(), self._held)
        if self._held != Button.NoButton:
            canvas._current_tool().drag(touch)
        else:
            canvas._current_tool().move(touch)
        self._tell_position(event.position())
        canvas.update()
        return True

    def _release(self, event: QMouseEvent) -> bool:
        if self._panning is not None and event.button() in (Button.MiddleButton, Button.LeftButton):
            self._panning = None
            self.show_cursor()
            return True
        if event.button() != self._held:
            return True
        self._held = Button.NoButton
        self._canvas._current_tool().release(self._touch(event.position(), event.modifiers(), event.button()))
        return True

    def _wheel(self, event: QWheelEvent) -> bool:
        canvas = self._canvas
        if canvas.document is None:
            return False
        self._spot = event.position()
        # Alt turns a vertical wheel into a horizontal one on several systems.
        turn = event.angleDelta().y() or event.angleDelta().x()
        if event.modifiers() & Qt.KeyboardModifier.AltModifier:
            if turn:
                (canvas.larger_brush if turn > 0 else canvas.smaller_brush)()
        elif event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            canvas.pan(QPointF(turn, 0))
        else:
            canvas.zoom_by(_ZOOM_PER_NOTCH ** (turn / _NOTCH), event.position())
        event.accept()
        return True

    def _native_pinch(self, event: QNativeGestureEvent) -> bool:
        if event.gestureType() != Qt.NativeGestureType.ZoomNativeGesture:
            return False
        self._canvas.zoom_by(1 + event.value(), event.position())
        return True

    def _pinch(self, event: QGestureEvent) -> bool:
        pinch = event.gesture(Qt.GestureType.PinchGesture)
        if not isinstance(pinch, QPinchGesture):
            return False
        self._canvas.zoom_by(pinch.scaleFactor(), QPointF(self._canvas.mapFromGlobal(pinch.hotSpot().toPoint())))
        self._canvas.pan(pinch.centerPoint() - pinch.lastCenterPoint())
        return True

    def _menu(self, event: QContextMenuEvent) -> bool:
        """Only the keyboard's: the right button has other meanings, and the select tool opens the menu itself."""
        if event.reason() != QContextMenuEvent.Reason.Keyboard or self._canvas.document is None:
            return True
        self._canvas.open_menu(self.anchor or QPointF(self._canvas.rect().center()))
        return True

    def _gone(self) -> None:
        self._spot = None
        canvas = self._canvas
        if canvas.desk.session is not None:
            canvas.desk.session.clear_hover()
        canvas.cursor_left.emit()
        canvas.update()

    # Keys ----------------------------------------------------------------------------------------------------------

    def _key(self, event: QKeyEvent) -> bool:
        key, canvas = Key(event.key()), self._canvas
        if canvas.document is None:
            return False
        if key == Key.Key_Space:
            if not event.isAutoRepeat():
                self._space = True
                self.show_cursor()
                canvas.update()
            return True
        plain = not event.modifiers() & ~(Qt.KeyboardModifier.ShiftModifier | Qt.KeyboardModifier.KeypadModifier)
        if key in _ARROWS and plain:
            self._arrow(*_ARROWS[key], far=bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier))
            return True
        if key in (Key.Key_Period, Key.Key_Insert, Key.Key_Comma) and plain:
            self._click(Button.RightButton if key == Key.Key_Comma else Button.LeftButton)
            return True
        if key == Key.Key_Backspace:
            return self._back()
        # Tab cycles candidates (an action of the window); where that does not hold, the focus stays all the same.
        return key in (Key.Key_Tab, Key.Key_Backtab)

    def _key_up(self, event: QKeyEvent) -> bool:
        if event.key() != Key.Key_Space:
            return False
        if not event.isAutoRepeat():
            self._space = False
            self.show_cursor()
            self._canvas.update()
        return True

    def _arrow(self, dx: int, dy: int, far: bool) -> None:
        canvas = self._canvas
        if canvas.tool == "select" and canvas.desk.selection.ids:
            pixels = _FAR if far else 1
            canvas.nudge(dx * pixels, dy * pixels)
            return
        # At least a device pixel and about four on the screen, so that the way across is not endless.
        step = max(1.0, round(4 / canvas.view.scale)) * (_FAR if far else 1)
        at = self._keyed or self._start()
        image = canvas.view.image
        self._keyed = QPointF(
            min(max(at.x() + dx * step, 0.5), image.width() - 0.5),
            min(max(at.y() + dy * step, 0.5), image.height() - 0.5),
        )
        if canvas.view.reveal(self._keyed.x(), self._keyed.y()):
            canvas._on_view()
        spot = canvas.view.to_view(self._keyed.x(), self._keyed.y())
        self._spot = None
        canvas._current_tool().move(self._touch(spot, _NONE, Button.NoButton))
        self._tell_position(spot)
        canvas.update()

    def _start(self) -> QPointF:
        """Where the keyboard's cross-hair begins: at the pointer, else in the middle of what is in sight."""
        canvas = self._canvas
        at = canvas.view.to_image(self._spot) if self._spot is not None else canvas.view.visible().center()
        at = canvas.view.clamped(at)
        return QPointF(int(at.x()) + 0.5, int(at.y()) + 0.5)

    def _click(self, button: Qt.MouseButton) -> None:
        canvas = self._canvas
        if self._keyed is None:
            self._keyed = self._start()
        if not canvas.picture_usable:
            return
        touch = self._touch(canvas.view.to_view(self._keyed.x(), self._keyed.y()), _NONE, button)
        tool = canvas._current_tool()
        tool.press(touch)
        tool.release(touch)
        canvas.update()

    def _back(self) -> bool:
        session = self._canvas.desk.session
        if self._canvas._current_tool().undo():
            return True
        if session is not None and session.active and session.can_undo:
            session.undo_prompt()
            return True
        return False

    # Small things --------------------------------------------------------------------------------------------------

    def _touch(self, spot: QPointF, modifiers: Qt.KeyboardModifier, button: Qt.MouseButton) -> Touch:
        return Touch(self._canvas.view.to_image(spot), QPointF(spot), button, modifiers)

    def _tell_position(self, spot: QPointF) -> None:
        """Position and colour under the pointer, and the preview of what a click there would give."""
        canvas = self._canvas
        at = canvas.view.to_image(spot)
        if canvas.view.holds(at) and canvas.picture_usable:
            canvas.cursor_moved.emit(at.x(), at.y(), canvas.picture.pixel(int(at.x()), int(at.y())))
        else:
            canvas.cursor_left.emit()
        session = canvas.desk.session
        if session is None or self._held != Button.NoButton:
            return
        if canvas._current_tool().wants_hover and canvas.view.holds(at) and canvas.picture_usable:
            session.hover(at.x(), at.y())
        else:
            session.clear_hover()
