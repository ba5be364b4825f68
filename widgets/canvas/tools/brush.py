"""Brush and eraser: one stroke is one command. Right-drag does the other of the two, Shift+click a straight line."""

from __future__ import annotations

import math

from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPen

from app import editing
from app.instance import Instance, Source
from widgets.canvas.desk import Desk, Touch
from widgets.canvas.tools.base import Tool, tr

SMALLEST, LARGEST = 1.0, 4000.0


class BrushTool(Tool):
    name = "brush"
    cursor = Qt.CursorShape.BlankCursor
    shows_brush = True
    erases = False

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._target: Instance | None = None
        self._line: list[QPointF] = []
        self._erasing = False
        self._last: QPointF | None = None  # where the last stroke ended
        self._live = QImage()  # the target with the stroke, as large as the widget
        self._color = QColor()
        self._drawn_at: tuple[float, QPointF] | None = None
        desk.overlay.changed.connect(self._on_overlay)

    @property
    def hint(self) -> str:
        return tr("Paint on the selected instance, or a new one. [ ] or Alt+wheel: size. Right-drag erases.")

    @property
    def busy(self) -> bool:
        return bool(self._line)

    def press(self, touch: Touch) -> None:
        if self._line or not (touch.left or touch.right) or self.desk.writable() is None:
            return
        self._erasing = self.erases != touch.right
        self._target = self._choose(touch)
        if self._target is None and self._erasing:
            self.desk.message.emit(tr("There is no instance to erase here: select one (V)."))
            return
        if self._target is not None and self._target.locked:
            self.desk.message.emit(tr("The instance is locked."))
            self._target = None
            return
        self.desk.masks_wanted.emit()
        self._color = self._ink()
        self._line = [self._last, touch.at] if touch.shift and self._last is not None else [touch.at]
        if self._target is not None:
            self.desk.overlay.set_scene(left_out=frozenset([self._target.id]))
        self._rebuild()
        self.desk.repaint.emit()

    def drag(self, touch: Touch) -> None:
        if not self._line:
            return
        self._line.append(touch.at)
        self._paint(self._line[-2:])
        self.desk.repaint.emit()

    def release(self, touch: Touch) -> None:
        if not self._line or not (touch.left or touch.right):
            return
        line, target = [(p.x(), p.y()) for p in self._line], self._target
        self._last = self._line[-1]
        self._line, self._target = [], None
        edits, document, size = self.desk.writable(), self.desk.document, self.desk.brush_size
        if edits is not None and document is not None:
            if target is not None:
                self.desk.attempt(lambda: edits.stroke(target, line, size, self._erasing))
            else:
                mask = editing.stroke_mask(line, size, document.width, document.height)
                self.desk.add(lambda: edits.draw(mask, Source.BRUSH, self.desk.current_class))
        # What was painted stays on the screen until the overlay shows it.
        self.desk.overlay.set_scene(left_out=frozenset())
        self.desk.overlay.invalidate()

    def cancel(self) -> bool:
        was = bool(self._line)
        self._line, self._target, self._live = [], None, QImage()
        if was:
            self.desk.overlay.set_scene(left_out=frozenset())
            self.desk.repaint.emit()
        return was

    def put_down(self) -> None:
        self.cancel()
        self._last = None

    def draw(self, painter: QPainter) -> None:
        if self._live.isNull():
            return
        if self._drawn_at != self._where():
            if not self._line:
                return
            self._rebuild()
        painter.save()
        painter.setOpacity(max(self.desk.overlay.scene.style.opacity, 0.35))
        painter.drawImage(QPointF(0, 0), self._live)
        painter.restore()

    def _choose(self, touch: Touch) -> Instance | None:
        chosen = self.desk.primary()
        if chosen is None and self._erasing:
            chosen = self.desk.topmost(touch.at)
            if chosen is not None:
                self.desk.selection.set([chosen.id])
        return chosen if chosen is None or chosen.visible else None

    def _ink(self) -> QColor:
        if self._target is not None:
            return self.desk.overlay.color(self._target)
        known = None if self.desk.classes is None else self.desk.classes.get(self.desk.current_class or -1)
        return QColor("#2f9bff" if known is None else known.color)

    def _where(self) -> tuple[float, QPointF]:
        return self.desk.view.scale, QPointF(self.desk.view.offset)

    def _rebuild(self) -> None:
        """The target as it looks now, and the stroke so far."""
        view = self.desk.view
        ratio = view.ratio
        self._drawn_at = self._where()
        self._live = QImage(
            math.ceil(view.viewport.width() * ratio),
            math.ceil(view.viewport.height() * ratio),
            QImage.Format.Format_ARGB32_Premultiplied,
        )
        self._live.setDevicePixelRatio(ratio)
        self._live.fill(Qt.GlobalColor.transparent)
        if self._target is not None:
            painter = QPainter(self._live)
            painter.setTransform(view.transform, True)
            self.desk.overlay.shape(self._target).fill(painter, self._color, 1.0)
            painter.end()
        self._paint(self._line)

    def _paint(self, line: list[QPointF]) -> None:
        painter = QPainter(self._live)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self._erasing:
            painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_Clear)
        view = self.desk.view
        pen = QPen(
            self._color, max(self.desk.brush_size, 1) * view.scale, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap,
            Qt.PenJoinStyle.RoundJoin,
        )  # fmt: skip
        painter.setPen(pen)
        points = [view.to_view(p.x(), p.y()) for p in line]
        if len(points) == 1:
            painter.drawPoint(points[0])
        else:
            painter.drawPolyline(points)
        painter.end()

    def _on_overlay(self) -> None:
        if not self._line and not self._live.isNull() and self.desk.overlay.settled:
            self._live = QImage()


class EraserTool(BrushTool):
    name = "eraser"
    erases = True

    @property
    def hint(self) -> str:
        return tr("Erase from the selected instance, or the one under the pointer. [ ] or Alt+wheel: size.")
