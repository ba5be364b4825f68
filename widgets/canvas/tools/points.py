"""Points: left says "this belongs to it", right or Shift says "this does not"; Alt takes a point away again."""

from __future__ import annotations

from PySide6.QtGui import QPainter

from widgets.canvas import markers
from widgets.canvas.desk import Desk, Touch
from widgets.canvas.tools.base import Tool, tr

_REACH = 11.0


class PointsTool(Tool):
    name = "points"
    wants_hover = True

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._hot: int | None = None

    @property
    def hint(self) -> str:
        return tr("Click on the object; right or Shift+click off it. Alt+click removes a point. Enter accepts.")

    def press(self, touch: Touch) -> None:
        session = self.desk.asking()
        if session is None or not (touch.left or touch.right):
            return
        if not self.desk.view.holds(touch.at):
            self.desk.message.emit(tr("The point is outside the picture."))
            return
        near = self._near(touch)
        if touch.alt:
            if near is not None:
                session.remove_point(near)
            return
        session.add_point(touch.at.x(), touch.at.y(), positive=touch.left and not touch.shift)

    def move(self, touch: Touch) -> None:
        near = self._near(touch) if touch.alt else None
        if near != self._hot:
            self._hot = near
            self.desk.repaint.emit()

    def draw(self, painter: QPainter) -> None:
        session = self.desk.session
        if self._hot is not None and session is not None and self._hot < len(session.prompts.points):
            point = session.prompts.points[self._hot]
            markers.point(painter, self.desk.view.to_view(point.x, point.y), point.positive, hot=True)

    def _near(self, touch: Touch) -> int | None:
        """The prompt under the pointer."""
        points = () if self.desk.session is None else self.desk.session.prompts.points
        far = [(markers.distance(self.desk.view.to_view(p.x, p.y), touch.spot), n) for n, p in enumerate(points)]
        return min(far)[1] if far and min(far)[0] <= _REACH else None
