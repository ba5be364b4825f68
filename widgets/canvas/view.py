"""`View`: where the picture lies in the widget. Scale and offset, and nothing else; coordinates are logical pixels."""

from __future__ import annotations

import math

from PySide6.QtCore import QPointF, QRectF, QSizeF
from PySide6.QtGui import QTransform

MAX_SCALE = 64.0  # device pixels for an image pixel
_MARGIN = 12.0
_KEEP = 64.0  # of the picture stay in sight however far it is dragged


class View:
    """Maps image pixels to the widget. `scale` is logical pixels for an image pixel, `offset` where image 0, 0 lies."""

    def __init__(self) -> None:
        self.image = QSizeF(1, 1)
        self.viewport = QSizeF(1, 1)
        self.ratio = 1.0
        self.scale = 1.0
        self.offset = QPointF(0, 0)
        self.fitted = True

    def set_image(self, width: float, height: float) -> None:
        self.image = QSizeF(max(width, 1), max(height, 1))
        self.fit()

    def set_viewport(self, size: QSizeF, ratio: float) -> None:
        """The widget's size. A fitted picture stays fitted, another keeps the middle of the widget."""
        centre = self.to_image(QPointF(self.viewport.width() / 2, self.viewport.height() / 2))
        self.viewport, self.ratio = size, ratio
        if self.fitted:
            self.fit()
        else:
            self.offset = QPointF(size.width() / 2, size.height() / 2) - centre * self.scale
            self._keep_in_sight()

    @property
    def device_scale(self) -> float:
        """Device pixels for an image pixel; 1 is 100 %."""
        return self.scale * self.ratio

    @property
    def transform(self) -> QTransform:
        return QTransform(self.scale, 0, 0, self.scale, self.offset.x(), self.offset.y())

    def to_image(self, point: QPointF) -> QPointF:
        return (point - self.offset) / self.scale

    def to_view(self, x: float, y: float) -> QPointF:
        return QPointF(x * self.scale + self.offset.x(), y * self.scale + self.offset.y())

    def rect_to_view(self, rect: QRectF) -> QRectF:
        return QRectF(self.to_view(rect.left(), rect.top()), rect.size() * self.scale)

    def clamped(self, point: QPointF) -> QPointF:
        """An image point drawn in to the picture."""
        return QPointF(min(max(point.x(), 0), self.image.width()), min(max(point.y(), 0), self.image.height()))

    def holds(self, point: QPointF) -> bool:
        """Whether an image point is on the picture."""
        return 0 <= point.x() < self.image.width() and 0 <= point.y() < self.image.height()

    def visible(self) -> QRectF:
        """The part of the picture that is in sight, in image pixels."""
        seen = QRectF(self.to_image(QPointF(0, 0)), self.viewport / self.scale)
        return seen.intersected(QRectF(QPointF(0, 0), self.image))

    # Changes -------------------------------------------------------------------------------------------------------

    def fit(self) -> None:
        """The whole picture; a tiny one not larger than 800 %."""
        scale = min(self._scale_for(self.image, _MARGIN), 8 / self.ratio)
        self._show_centre(QRectF(QPointF(0, 0), self.image), scale)
        self.fitted = True

    def actual_size(self, anchor: QPointF | None = None) -> None:
        self.zoom_to_scale(1 / self.ratio, anchor)

    def zoom_to(self, rect: QRectF) -> None:
        """A part of the picture, with some room around it."""
        room = max(rect.width(), rect.height(), 8.0) * 0.15
        wanted = rect.adjusted(-room, -room, room, room)
        self._show_centre(wanted, min(self._scale_for(wanted.size(), 0), 16 / self.ratio))
        self.fitted = False

    def zoom(self, factor: float, anchor: QPointF | None = None) -> None:
        """Larger or smaller with the image point under `anchor` (default: the middle) held where it is."""
        self.zoom_to_scale(self.scale * factor, anchor)

    def zoom_to_scale(self, scale: float, anchor: QPointF | None = None) -> None:
        at = anchor if anchor is not None else QPointF(self.viewport.width() / 2, self.viewport.height() / 2)
        held = self.to_image(at)
        low, high = self._limits()
        self.scale = min(max(scale, low), high)
        self.offset = at - held * self.scale
        self.fitted = False
        self._keep_in_sight()

    def pan(self, delta: QPointF) -> None:
        self.offset = self.offset + delta
        self.fitted = False
        self._keep_in_sight()

    def reveal(self, x: float, y: float, margin: float = 32.0) -> bool:
        """Pans just so far that an image point is in sight; whether that was needed."""
        at = self.to_view(x, y)
        dx = max(margin - at.x(), 0) + min(self.viewport.width() - margin - at.x(), 0)
        dy = max(margin - at.y(), 0) + min(self.viewport.height() - margin - at.y(), 0)
        if dx or dy:
            self.pan(QPointF(dx, dy))
        return bool(dx or dy)

    def _scale_for(self, size: QSizeF, margin: float) -> float:
        return min(
            max(self.viewport.width() - 2 * margin, 16) / max(size.width(), 1e-6),
            max(self.viewport.height() - 2 * margin, 16) / max(size.height(), 1e-6),
        )

    def _limits(self) -> tuple[float, float]:
        whole = self._scale_for(self.image, 0)
        return min(whole / 4, 1 / self.ratio), max(MAX_SCALE / self.ratio, whole)

    def _show_centre(self, rect: QRectF, scale: float) -> None:
        self.scale = scale
        middle = QPointF(self.viewport.width() / 2, self.viewport.height() / 2)
        self.offset = middle - rect.center() * scale
        self._snap()

    def _keep_in_sight(self) -> None:
        width, height = self.image.width() * self.scale, self.image.height() * self.scale
        keep_x, keep_y = min(_KEEP, width), min(_KEEP, height)
        self.offset = QPointF(
            min(max(self.offset.x(), keep_x - width), self.viewport.width() - keep_x),
            min(max(self.offset.y(), keep_y - height), self.viewport.height() - keep_y),
        )
        self._snap()

    def _snap(self) -> None:
        """Whole device pixels, so that a pan moves what is drawn without drawing it anew, and 100 % is sharp."""
        self.offset = QPointF(
            math.floor(self.offset.x() * self.ratio + 0.5) / self.ratio,
            math.floor(self.offset.y() * self.ratio + 0.5) / self.ratio,
        )
