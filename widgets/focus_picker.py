"""Where the subject is, shown on a picture: a click or a drag moves the point."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QImage, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPalette, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from widgets.parts import named

_STEPS = {
    Qt.Key.Key_Left: (-0.01, 0.0), Qt.Key.Key_Right: (0.01, 0.0),
    Qt.Key.Key_Up: (0.0, -0.01), Qt.Key.Key_Down: (0.0, 0.01),
}  # fmt: skip


class FocusPicker(QWidget):
    """A small picture with the focus point on it. `moved(x, y)` in shares of width and height."""

    moved = Signal(float, float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._image = QImage()
        self._point = QPointF(0.5, 0.5)
        self._shown = True
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setCursor(Qt.CursorShape.CrossCursor)
        named(self, self.tr("Focus point"), self.tr("Click or drag to say where the subject is. Arrow keys move it."))

    def sizeHint(self) -> QSize:
        return QSize(280, 170)

    def minimumSizeHint(self) -> QSize:
        return QSize(160, 170)

    def set_image(self, image: QImage) -> None:
        self._image = image
        self.update()

    def set_point(self, x: float, y: float, *, shown: bool = True) -> None:
        """Moves the point without a signal; `shown` False for a focus that is no point."""
        self._point, self._shown = QPointF(x, y), shown
        self.update()

    def point(self) -> tuple[float, float]:
        return self._point.x(), self._point.y()

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform)
        area = self._area()
        painter.fillRect(area, self.palette().color(QPalette.ColorRole.AlternateBase))
        if not self._image.isNull():
            painter.drawImage(area, self._image)
        if self._shown:
            place = QPointF(area.left() + self._point.x() * area.width(), area.top() + self._point.y() * area.height())
            for colour, width in ((QColor(0, 0, 0, 150), 5), (QColor("white"), 3)):
                painter.setPen(QPen(colour, width))
                painter.drawEllipse(place, 9, 9)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor("#16a34a"))
            painter.drawEllipse(place, 6, 6)
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(self.palette().color(QPalette.ColorRole.Highlight), 2))
            painter.drawRect(area.adjusted(1, 1, -1, -1))
        painter.end()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._move(event.position())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if event.buttons() & Qt.MouseButton.LeftButton:
            self._move(event.position())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = _STEPS.get(Qt.Key(event.key()))
        if step is None:
            super().keyPressEvent(event)
        else:
            self._set(self._point.x() + step[0], self._point.y() + step[1])

    def _move(self, place: QPointF) -> None:
        area = self._area()
        self._set((place.x() - area.left()) / area.width(), (place.y() - area.top()) / area.height())

    def _set(self, x: float, y: float) -> None:
        self._point, self._shown = QPointF(min(max(x, 0.0), 1.0), min(max(y, 0.0), 1.0)), True
        self.update()
        self.moved.emit(*self.point())

    def _area(self) -> QRectF:
        """Where the picture is."""
        whole = QRectF(self.rect())
        size = self._image.size() if not self._image.isNull() else QSize(4, 3)
        inner = QRectF(0, 0, *size.toSizeF().scaled(whole.size(), Qt.AspectRatioMode.KeepAspectRatio).toTuple())
        inner.moveCenter(whole.center())
        return inner
