"""Polygon: click vertices; double-click, Enter or the first vertex closes it, Backspace takes the last one back."""

from __future__ import annotations

from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPolygonF

from app import editing
from app.instance import Source
from widgets.canvas import markers
from widgets.canvas.desk import Desk, Touch
from widgets.canvas.tools.base import Tool, tr
from widgets.canvas.tools.vertices import VertexEditor

_REACH = 10.0
_SPACING = 6.0  # on the screen, between vertices of a free-hand stretch


class PolygonTool(Tool):
    name = "polygon"

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._ring: list[QPointF] = []
        self._now = QPointF()
        self._vertices = VertexEditor(desk)

    @property
    def hint(self) -> str:
        return tr("Click the outline; double-click or Enter closes it. Drag draws free-hand, Backspace takes back.")

    @property
    def busy(self) -> bool:
        return bool(self._ring) or self._vertices.busy

    def press(self, touch: Touch) -> None:
        if touch.right:
            if not self.undo():
                self.desk.menu_wanted.emit(touch.spot)
            return
        if not touch.left or self.desk.writable() is None:
            return
        if not self._ring and self._vertices.press(touch):
            return
        if not self._ring and not self.desk.view.holds(touch.at):
            self.desk.message.emit(tr("Start the polygon on the picture."))
            return
        if len(self._ring) >= 3 and self._on_first(touch.spot):
            self.finish()
            return
        self._now = self.desk.view.clamped(touch.at)
        if not self._ring or self._ring[-1] != self._now:
            self._ring.append(self._now)
            self.desk.undo_changed.emit()
        self.desk.repaint.emit()

    def move(self, touch: Touch) -> None:
        self._now = self.desk.view.clamped(touch.at)
        if self._ring:
            self.desk.repaint.emit()
        else:
            self._vertices.hover(touch)

    def drag(self, touch: Touch) -> None:
        if self._vertices.busy:
            self._vertices.drag(touch)
            return
        self._now = self.desk.view.clamped(touch.at)
        if self._ring and self._screen_distance(self._ring[-1], touch.spot) >= _SPACING:
            self._ring.append(self._now)
        self.desk.repaint.emit()

    def release(self, _touch: Touch) -> None:
        if self._vertices.busy:
            self._vertices.release()

    def double_click(self, touch: Touch) -> None:
        # The first click of the two has set the last vertex already.
        if self._ring:
            self.finish()
        else:
            self.press(touch)

    def finish(self) -> bool:
        if not self._ring:
            return False
        document, edits = self.desk.document, self.desk.writable()
        if len(self._ring) < 3:
            self.desk.message.emit(tr("A polygon needs three vertices."))
            return True
        if document is not None and edits is not None:
            ring = tuple((p.x(), p.y()) for p in self._ring)
            mask = editing.polygon_mask([ring], document.width, document.height)
            self._ring = []
            self.desk.add(lambda: edits.draw(mask, Source.POLYGON, self.desk.current_class, (ring,)))
        self.desk.undo_changed.emit()
        self.desk.repaint.emit()
        return True

    def cancel(self) -> bool:
        was, self._ring = bool(self._ring), []
        was = self._vertices.cancel() or was
        if was:
            self.desk.undo_changed.emit()
        return was

    def undo(self) -> bool:
        if not self._ring:
            return False
        self._ring.pop()
        self.desk.undo_changed.emit()
        self.desk.repaint.emit()
        return True

    def delete(self) -> bool:
        return self.undo() or self._vertices.delete()

    def draw(self, painter: QPainter) -> None:
        if not self._ring:
            self._vertices.draw(painter)
            return
        view = self.desk.view
        points = [view.to_view(p.x(), p.y()) for p in self._ring]
        painter.setPen(Qt.PenStyle.NoPen)
        fill = QColor(markers.ACCENT)
        fill.setAlpha(50)
        painter.setBrush(fill)
        now = view.to_view(self._now.x(), self._now.y())
        painter.drawPolygon(QPolygonF([*points, now]))
        outline = QPainterPath(points[0])
        for point in [*points[1:], now]:
            outline.lineTo(point)
        markers.path(painter, outline, markers.ACCENT)
        closable = len(points) >= 3 and markers.distance(points[0], now) <= _REACH
        for number, point in enumerate(points):
            markers.vertex(painter, point, markers.ACCENT, hot=number == 0 and closable)

    def _on_first(self, spot: QPointF) -> bool:
        return self._screen_distance(self._ring[0], spot) <= _REACH

    def _screen_distance(self, at: QPointF, spot: QPointF) -> float:
        return markers.distance(self.desk.view.to_view(at.x(), at.y()), spot)
