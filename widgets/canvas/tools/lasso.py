"""Lasso: what is drawn round by hand becomes a mask, or (Alt) a question to the model. Shift adds to the selected
instance, Ctrl takes away from it."""

from __future__ import annotations

from PySide6.QtCore import QPointF
from PySide6.QtGui import QPainter, QPainterPath

from app import editing
from app.instance import Source
from inference.masks import Mask
from inference.prompts import Box, Point, Prompts
from widgets.canvas import markers
from widgets.canvas.desk import Desk, Touch
from widgets.canvas.tools.base import Tool, tr

_INNER_POINTS = 3


class LassoTool(Tool):
    name = "lasso"

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._line: list[QPointF] = []
        self._path = QPainterPath()  # in image pixels

    @property
    def hint(self) -> str:
        if self.desk.lasso_as_prompt:
            return tr("Draw round the object: the model finds it. Shift adds the area itself, Ctrl takes it away.")
        return tr("Draw round the object. Shift adds to the selected one, Ctrl takes away; right-click: ask the model.")

    @property
    def busy(self) -> bool:
        return bool(self._line)

    def press(self, touch: Touch) -> None:
        if touch.right and not self._line:
            self.desk.menu_wanted.emit(touch.spot)
        elif touch.left and self.desk.writable() is not None:
            self._line = []
            self._add(touch)

    def drag(self, touch: Touch) -> None:
        if self._line:
            self._add(touch)

    def release(self, touch: Touch) -> None:
        if not touch.left or not self._line:
            return
        line, self._line = self._line, []
        document, edits = self.desk.document, self.desk.writable()
        self.desk.repaint.emit()
        if document is None or edits is None:
            return
        ring = [(p.x(), p.y()) for p in line]
        area = editing.polygon_mask([ring], document.width, document.height)
        if not area.area:
            self.desk.message.emit(tr("The lasso is too small: draw round the object."))
            return
        primary = self.desk.primary()
        if touch.shift or touch.control:
            if primary is None:
                self.desk.message.emit(tr("Select an instance first (V)."))
            else:
                self.desk.attempt(lambda: edits.area(primary, area, add=touch.shift))
        elif touch.alt != self.desk.lasso_as_prompt:
            self._ask(area)
        else:
            self.desk.add(lambda: edits.draw(area, Source.LASSO, self.desk.current_class))

    def cancel(self) -> bool:
        was, self._line = bool(self._line), []
        self.desk.repaint.emit()
        return was

    def draw(self, painter: QPainter) -> None:
        if self._line:
            markers.path(painter, self.desk.view.transform.map(self._path), markers.ACCENT)
            view = self.desk.view
            start, end = self._line[0], self._line[-1]
            closing = QPainterPath(view.to_view(end.x(), end.y()))
            closing.lineTo(view.to_view(start.x(), start.y()))
            markers.path(painter, closing, markers.ACCENT, 1.2, dashed=True)

    def _add(self, touch: Touch) -> None:
        at = self.desk.view.clamped(touch.at)
        if not self._line:
            self._path = QPainterPath(at)
        elif at == self._line[-1]:
            return
        self._line.append(at)
        self._path.lineTo(at)
        self.desk.repaint.emit()

    def _ask(self, area: Mask) -> None:
        session = self.desk.asking()
        if session is not None:
            x, y, width, height = area.bbox
            points = tuple(Point(px, py) for px, py in editing.inner_points(area, _INNER_POINTS))
            session.set_prompts(Prompts(points, Box(x, y, x + width, y + height)), Source.LASSO)
