"""The small things drawn over a picture: points, boxes, vertices, cursors.

They have the same size at every zoom and are legible on any ground. Everything here takes positions in widget
coordinates and a painter without a transform.
"""

from __future__ import annotations

import math

from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPainterPath, QPen

POSITIVE = QColor("#1faa55")
NEGATIVE = QColor("#e5383b")
ACCENT = QColor("#2f9bff")
WHITE = QColor(255, 255, 255)
SHADOW = QColor(0, 0, 0, 110)

_POINT = 8.0
_SIGN = 4.0


def point(painter: QPainter, at: QPointF, positive: bool, hot: bool = False) -> None:
    """A prompt: a green circle with a plus, or a red square with a minus; `hot` under the pointer."""
    radius = _POINT + (1.5 if hot else 0)
    shape = QPainterPath()
    if positive:
        shape.addEllipse(at, radius, radius)
    else:
        side = radius * 0.92
        shape.addRoundedRect(QRectF(at.x() - side, at.y() - side, 2 * side, 2 * side), 2, 2)
    painter.setPen(QPen(SHADOW, 4.5))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawPath(shape)
    painter.setPen(QPen(WHITE, 2.2))
    painter.setBrush(POSITIVE if positive else NEGATIVE)
    painter.drawPath(shape)
    painter.setPen(QPen(WHITE, 2.2, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
    painter.drawLine(QPointF(at.x() - _SIGN, at.y()), QPointF(at.x() + _SIGN, at.y()))
    if positive:
        painter.drawLine(QPointF(at.x(), at.y() - _SIGN), QPointF(at.x(), at.y() + _SIGN))


def corner(painter: QPainter, at: QPointF) -> None:
    """The first corner of a box that is being drawn: a green dot."""
    painter.setPen(QPen(SHADOW, 4))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawEllipse(at, 5, 5)
    painter.setPen(QPen(WHITE, 2))
    painter.setBrush(POSITIVE)
    painter.drawEllipse(at, 5, 5)


def box(painter: QPainter, rect: QRectF, color: QColor = ACCENT, dashed: bool = False, handles: bool = False) -> None:
    """A box in widget coordinates, with handles at corners and sides where it can be changed."""
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for pen in _haloed(color, 1.6, dashed):
        painter.setPen(pen)
        painter.drawRect(rect)
    if handles:
        for at in handle_points(rect):
            handle(painter, at, color)


def judged_box(painter: QPainter, rect: QRectF, positive: bool, coverage: float, dashed: bool = False) -> None:
    """A box that says what it holds: green with foreground in it, red with none, the share written beside it."""
    color = POSITIVE if positive else NEGATIVE
    box(painter, rect, color, dashed)
    font = QFont(painter.font())
    chip(painter, QPointF(rect.left(), rect.top() - 4), _share(coverage), color, font)


def handle_points(rect: QRectF) -> list[QPointF]:
    """Corners and middles of sides, clockwise from the upper left corner."""
    middle = rect.center()
    return [
        rect.topLeft(), QPointF(middle.x(), rect.top()), rect.topRight(), QPointF(rect.right(), middle.y()),
        rect.bottomRight(), QPointF(middle.x(), rect.bottom()), rect.bottomLeft(), QPointF(rect.left(), middle.y()),
    ]  # fmt: skip


def handle(painter: QPainter, at: QPointF, color: QColor, hot: bool = False) -> None:
    side = 5.0 if hot else 3.5
    square = QRectF(at.x() - side, at.y() - side, 2 * side, 2 * side)
    painter.setPen(QPen(SHADOW, 3))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawRect(square)
    painter.setPen(QPen(color, 1.6))
    painter.setBrush(WHITE)
    painter.drawRect(square)


def vertex(painter: QPainter, at: QPointF, color: QColor, hot: bool = False) -> None:
    """A vertex of a polygon."""
    radius = 6.0 if hot else 4.0
    painter.setPen(QPen(SHADOW, 3))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawEllipse(at, radius, radius)
    painter.setPen(QPen(WHITE if hot else color, 1.8))
    painter.setBrush(color if hot else WHITE)
    painter.drawEllipse(at, radius, radius)


def path(painter: QPainter, outline: QPainterPath, color: QColor, width: float = 1.8, dashed: bool = False) -> None:
    """A line that shows on any ground: the colour on a white and dark halo. Works under a transform, too."""
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for pen in _haloed(color, width, dashed):
        painter.setPen(pen)
        painter.drawPath(outline)


def cross_hair(painter: QPainter, at: QPointF, area: QRectF) -> None:
    """Lines through the pointer from edge to edge, with a gap in which the pointer is."""
    lines = [
        QLineF(area.left(), at.y(), at.x() - 8, at.y()), QLineF(at.x() + 8, at.y(), area.right(), at.y()),
        QLineF(at.x(), area.top(), at.x(), at.y() - 8), QLineF(at.x(), at.y() + 8, at.x(), area.bottom()),
    ]  # fmt: skip
    for color, offset in ((QColor(0, 0, 0, 120), 1.0), (QColor(255, 255, 255, 200), 0.0)):
        painter.setPen(QPen(color, 1))
        painter.drawLines([line.translated(offset, offset) for line in lines])


def keyboard_cursor(painter: QPainter, at: QPointF) -> None:
    """Where keys act: a cross in a ring."""
    for color, width in ((SHADOW, 4.0), (WHITE, 2.4), (ACCENT, 1.2)):
        painter.setPen(QPen(color, width, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawEllipse(at, 9, 9)
        for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1)):
            painter.drawLine(at + QPointF(dx * 4, dy * 4), at + QPointF(dx * 14, dy * 14))


def ring(painter: QPainter, at: QPointF, radius: float, color: QColor) -> None:
    """The brush."""
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for pen in _haloed(color, 1.4, False):
        painter.setPen(pen)
        painter.drawEllipse(at, radius, radius)
    if radius > 6:
        painter.setPen(QPen(WHITE, 1.5))
        painter.drawPoint(at)


def spinner(painter: QPainter, at: QPointF, phase: float) -> None:
    """The model is thinking. `phase` 0..1 is one turn."""
    area = QRectF(at.x() - 13, at.y() - 13, 26, 26)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(QPen(QColor(0, 0, 0, 90), 4.5))
    painter.drawEllipse(area)
    painter.setPen(QPen(WHITE, 3, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
    painter.drawArc(area, round(-phase * 360 * 16), 100 * 16)


def chip(painter: QPainter, at: QPointF, text: str, color: QColor, font: QFont) -> None:
    """A name on its colour, its lower left corner at `at`."""
    metrics = QFontMetricsF(font)
    area = QRectF(at.x(), at.y() - metrics.height() - 2, metrics.horizontalAdvance(text) + 10, metrics.height() + 2)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(color)
    painter.drawRoundedRect(area, 3, 3)
    painter.setFont(font)
    painter.setPen(QColor("#101418") if is_light(color) else WHITE)
    painter.drawText(area, Qt.AlignmentFlag.AlignCenter, text)


def _share(part: float) -> str:
    """ "63 %"; what is next to nothing is not written as nothing."""
    return f"{part:.0%}" if part == 0 or part >= 0.005 else "< 1%"


def is_light(color: QColor) -> bool:
    """Whether dark letters read better on it (relative luminance, WCAG 2)."""
    linear = [
        ((c + 0.055) / 1.055) ** 2.4 if c > 0.04045 else c / 12.92
        for c in (color.redF(), color.greenF(), color.blueF())
    ]
    return bool(0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] > 0.26)


def distance(a: QPointF, b: QPointF) -> float:
    return math.hypot(a.x() - b.x(), a.y() - b.y())


def _haloed(color: QColor, width: float, dashed: bool) -> list[QPen]:
    pens = [QPen(SHADOW, width + 2.6), QPen(QColor(255, 255, 255, 230), width + 1.2), QPen(color, width)]
    for pen in pens:
        pen.setCosmetic(True)
        pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
    if dashed:
        pens[-1].setDashPattern([4, 3])
        pens[-1].setCapStyle(Qt.PenCapStyle.FlatCap)
    return pens
