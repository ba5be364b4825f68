"""Box: a drag, or two clicks; the first corner is a green dot. Its handles change a box that is there."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QApplication

from inference.prompts import Box
from widgets.canvas import markers
from widgets.canvas.desk import Desk, Touch
from widgets.canvas.tools.base import Tool, tr

_REACH = 8.0


class BoxTool(Tool):
    name = "box"
    wants_hover = False

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._first: QPointF | None = None
        self._now = QPointF()
        self._down = QPointF()
        self._dragging = False
        self._handle: int | None = None  # of the session's box, clockwise from the upper left corner
        self._old = QRectF()

    @property
    def hint(self) -> str:
        return tr("Drag a box around the object, or click two corners. Right-click adds a negative point.")

    @property
    def busy(self) -> bool:
        return self._first is not None or self._handle is not None

    def press(self, touch: Touch) -> None:
        session = self.desk.asking()
        if session is None:
            return
        if touch.right:
            self._right(touch)
            return
        if not touch.left:
            return
        self._down, self._dragging = touch.spot, False
        if self._first is not None:
            self._now = self.desk.view.clamped(touch.at)
            self._finish()
            return
        self._handle = self._handle_near(touch.spot)
        if self._handle is not None:
            self._old = _rect(session.prompts.box)
            self._now = touch.at
        elif self.desk.view.holds(touch.at):
            self._first = self._now = self.desk.view.clamped(touch.at)
        else:
            self.desk.message.emit(tr("Start the box on the picture."))
        self.desk.repaint.emit()

    def move(self, touch: Touch) -> None:
        if self._first is not None:
            self._now = self.desk.view.clamped(touch.at)
            self.desk.repaint.emit()

    def drag(self, touch: Touch) -> None:
        if not self.busy:
            return
        if markers.distance(touch.spot, self._down) >= QApplication.startDragDistance() * 0.6:
            self._dragging = True
        self._now = self.desk.view.clamped(touch.at)
        self.desk.repaint.emit()

    def release(self, touch: Touch) -> None:
        if not touch.left:
            return
        if self._handle is not None:
            rect = self._changed()
            self._handle = None
            if self._dragging:
                self._set(rect)
        elif self._first is not None and self._dragging:
            self._finish()
        self.desk.repaint.emit()

    def double_click(self, touch: Touch) -> None:
        self.press(touch)

    def finish(self) -> bool:
        if self._first is None:
            return False
        self._finish()
        return True

    def cancel(self) -> bool:
        was = self.busy
        self._first = self._handle = None
        self.desk.repaint.emit()
        return was

    def undo(self) -> bool:
        return self.cancel()

    def draw(self, painter: QPainter) -> None:
        view = self.desk.view
        if self._first is not None:
            self._draw_box(painter, QRectF(self._first, self._now).normalized())
            markers.corner(painter, view.to_view(self._first.x(), self._first.y()))
        elif self._handle is not None:
            self._draw_box(painter, self._changed())
            for at in markers.handle_points(view.rect_to_view(self._changed())):
                markers.handle(painter, at, markers.ACCENT)
        elif self.desk.session is not None and self.desk.session.prompts.box is not None:
            for at in markers.handle_points(view.rect_to_view(_rect(self.desk.session.prompts.box))):
                markers.handle(painter, at, markers.ACCENT)

    @property
    def changing(self) -> bool:
        """The session's box is being dragged, so its old place is not drawn."""
        return self._handle is not None

    def _draw_box(self, painter: QPainter, rect: QRectF) -> None:
        """A box in the making; with a model that knows a class it tells already what it holds."""
        session, area = self.desk.session, self.desk.view.rect_to_view(rect)
        box = Box(rect.left(), rect.top(), rect.right(), rect.bottom())
        verdict = None if session is None else session.verdict(box)
        if verdict is None:
            markers.box(painter, area)
        else:
            markers.judged_box(painter, area, verdict.positive, verdict.coverage)

    def _right(self, touch: Touch) -> None:
        if self._first is not None:
            self.cancel()
        elif self.desk.session is not None and self.desk.session.active:
            self.desk.session.add_point(touch.at.x(), touch.at.y(), positive=False)
        else:
            self.desk.message.emit(tr("Draw a box first; right-click then takes parts away."))

    def _finish(self) -> None:
        first, self._first = self._first, None
        if first is not None:
            self._set(QRectF(first, self._now).normalized())

    def _set(self, rect: QRectF) -> None:
        rect = rect.normalized()
        if min(rect.width(), rect.height()) * self.desk.view.scale < 3 and min(rect.width(), rect.height()) < 3:
            self.desk.message.emit(tr("The box is too small: drag it, or click the opposite corner."))
        elif self.desk.session is not None:
            self.desk.session.set_box(Box(rect.left(), rect.top(), rect.right(), rect.bottom()))
        self.desk.repaint.emit()

    def _handle_near(self, spot: QPointF) -> int | None:
        session = self.desk.session
        if session is None or session.prompts.box is None:
            return None
        places = markers.handle_points(self.desk.view.rect_to_view(_rect(session.prompts.box)))
        far = [(markers.distance(at, spot), n) for n, at in enumerate(places)]
        return min(far)[1] if min(far)[0] <= _REACH else None

    def _changed(self) -> QRectF:
        """The session's box with the held handle at the pointer."""
        rect, at = QRectF(self._old), self._now
        if self._handle in (0, 6, 7):
            rect.setLeft(at.x())
        if self._handle in (2, 3, 4):
            rect.setRight(at.x())
        if self._handle in (0, 1, 2):
            rect.setTop(at.y())
        if self._handle in (4, 5, 6):
            rect.setBottom(at.y())
        return rect.normalized()


def _rect(box: Box | None) -> QRectF:
    return QRectF() if box is None else QRectF(box.x0, box.y0, box.width, box.height)
