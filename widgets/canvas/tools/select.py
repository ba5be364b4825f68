"""Select and edit: click the topmost, Shift or Ctrl for several, drag a band, drag what is selected, drag vertices."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen
from PySide6.QtWidgets import QApplication

from app.instance import Instance
from app.patches import crop
from widgets.canvas import markers
from widgets.canvas.desk import Desk, Touch
from widgets.canvas.tools.base import Tool, tr
from widgets.canvas.tools.vertices import VertexEditor


class SelectTool(Tool):
    name = "select"
    cursor = Qt.CursorShape.ArrowCursor

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._vertices = VertexEditor(desk)
        self._start: Touch | None = None
        self._now = QPointF()
        self._mode = ""  # "band" or "move" once the pointer went far enough
        self._movable = False
        self._carried: list[Instance] = []  # drawn at their new place until the overlay shows them there
        self._shift = QPointF()
        self._hovered = ""  # its id: the instance may change or go away under a pointer that rests
        desk.overlay.changed.connect(self._on_overlay)

    @property
    def hint(self) -> str:
        return tr("Click an instance; Shift for several, Alt for the one below. Drag moves what is selected.")

    @property
    def busy(self) -> bool:
        return bool(self._mode) or self._vertices.busy

    @property
    def hovered(self) -> Instance | None:
        """What lies under the pointer and would be selected by a click."""
        document = self.desk.document
        found = None if document is None or self.desk.masks_hidden else document.get(self._hovered)
        return found if found is not None and found.visible else None

    def press(self, touch: Touch) -> None:
        if self._vertices.press(touch):
            return
        if touch.right:
            self._menu(touch)
            return
        if not touch.left:
            return
        selection, below = self.desk.selection, self.desk.primary()
        hit = self.desk.topmost(touch.at, below.id if touch.alt and below is not None else None)
        self._movable = hit is not None and hit.id in selection and not touch.shift and not touch.control
        self._start, self._now, self._mode = touch, touch.at, ""
        if hit is None:
            return
        if touch.shift or touch.control:
            selection.toggle(hit.id)
        elif hit.id not in selection or touch.alt:
            selection.set([hit.id])

    def move(self, touch: Touch) -> None:
        hot = self._vertices.hover(touch)
        hit = None if hot else self.desk.topmost(touch.at)
        hovered = "" if hit is None else hit.id
        if hovered != self._hovered:
            self._hovered = hovered
            self.desk.repaint.emit()

    def drag(self, touch: Touch) -> None:
        if self._vertices.busy:
            self._vertices.drag(touch)
            return
        if self._start is None:
            return
        self._now = touch.at
        if not self._mode and markers.distance(touch.spot, self._start.spot) >= QApplication.startDragDistance():
            self._begin()
        if self._mode == "move":
            way = self._now - self._start.at
            self._shift = QPointF(round(way.x()), round(way.y()))
        self.desk.repaint.emit()

    def release(self, touch: Touch) -> None:
        if self._vertices.busy:
            self._vertices.release()
            return
        if not touch.left or self._start is None:
            return
        start, mode, self._start, self._mode = self._start, self._mode, None, ""
        if mode == "move":
            self._drop()
        elif mode == "band":
            self._catch(QRectF(start.at, touch.at).normalized(), add=touch.shift or touch.control)
        elif not (touch.shift or touch.control or touch.alt):
            hit = self.desk.topmost(touch.at)
            self.desk.selection.set([] if hit is None else [hit.id])
        self.desk.repaint.emit()

    def cancel(self) -> bool:
        was = self._vertices.cancel() or bool(self._mode)
        self._start, self._mode = None, ""
        self._put_back()
        if not was and self.desk.selection.ids:
            self.desk.selection.clear()
            return True
        return was

    def put_down(self) -> None:
        self._vertices.cancel()
        self._start, self._mode, self._hovered = None, "", ""
        self._put_back()

    def delete(self) -> bool:
        return self._vertices.delete()

    def draw(self, painter: QPainter) -> None:
        view, hovered = self.desk.view, self.hovered
        if self._carried:
            painter.save()
            painter.setTransform(view.transform, True)
            painter.translate(self._shift)
            for instance in self._carried:
                shape, color = self.desk.overlay.shape(instance), self.desk.overlay.color(instance)
                shape.fill(painter, color, max(self.desk.overlay.scene.style.opacity, 0.35))
                markers.path(painter, shape.path, color)
            painter.restore()
        elif hovered is not None and not self._mode and hovered.id not in self.desk.selection:
            painter.save()
            painter.setTransform(view.transform, True)
            shape = self.desk.overlay.shape(hovered)
            shape.fill(painter, QColor(255, 255, 255), 0.18)
            markers.path(painter, shape.path, self.desk.overlay.color(hovered), 2.0)
            painter.restore()
        if self._mode == "band" and self._start is not None:
            area = view.rect_to_view(QRectF(self._start.at, self._now).normalized())
            painter.setPen(QPen(markers.ACCENT, 1))
            painter.setBrush(QColor(47, 155, 255, 40))
            painter.drawRect(area)
        if not self._carried:
            self._vertices.draw(painter)

    def _menu(self, touch: Touch) -> None:
        hit = self.desk.topmost(touch.at)
        if hit is not None and hit.id not in self.desk.selection:
            self.desk.selection.set([hit.id])
        self.desk.menu_wanted.emit(touch.spot)

    def _begin(self) -> None:
        self._hovered = ""
        if not self._movable:
            self._mode = "band"
            return
        edits = self.desk.writable()
        if edits is None:
            self._start = None
            return
        if any(i.locked for i in edits.chosen):
            self.desk.message.emit(tr("The instance is locked."))
            self._start = None
            return
        self._mode, self._carried, self._shift = "move", edits.chosen, QPointF()
        self.desk.overlay.set_scene(left_out=frozenset(i.id for i in self._carried))

    def _drop(self) -> None:
        edits = self.desk.writable()
        moved = edits is not None and self.desk.attempt(lambda: edits.move(int(self._shift.x()), int(self._shift.y())))
        self.desk.overlay.set_scene(left_out=frozenset())
        self.desk.overlay.invalidate()
        if not moved:
            self._put_back()

    def _put_back(self) -> None:
        if self._carried:
            self._carried = []
            self.desk.overlay.set_scene(left_out=frozenset())
        self.desk.repaint.emit()

    def _catch(self, band: QRectF, add: bool) -> None:
        """Selects what has a pixel in the band."""
        if self.desk.document is None or self.desk.masks_hidden:
            return
        area = band.toAlignedRect()
        caught = [i.id for i in self.desk.document.instances if i.visible and _touches(i, area.getRect())]  # type: ignore[arg-type]
        self.desk.selection.set([*self.desk.selection.ids, *caught] if add else caught)

    def _on_overlay(self) -> None:
        if self._carried and not self._mode and self.desk.overlay.settled:
            self._carried = []
            self.desk.repaint.emit()


def _touches(instance: Instance, band: tuple[int, int, int, int]) -> bool:
    x, y, width, height = instance.mask.bbox
    left, top = max(x, band[0]), max(y, band[1])
    right, bottom = min(x + width, band[0] + band[2]), min(y + height, band[1] + band[3])
    return left < right and top < bottom and bool(crop(instance.mask, (left, top, right - left, bottom - top)).any())
