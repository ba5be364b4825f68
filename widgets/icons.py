"""Winnow's own line icons: SVG files drawn in `currentColor`, tinted with the palette each time they are painted.

The icon engine asks for the colours when it paints, so a change of theme needs no new icons.
"""

from __future__ import annotations

from functools import lru_cache

from PySide6.QtCore import QByteArray, QPoint, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QGuiApplication, QIcon, QIconEngine, QPainter, QPalette, QPixmap
from PySide6.QtSvg import QSvgRenderer

from inference import paths

LARGEST_SMALL = 24
"""So many pixels wide the program's mark is still the drawing for small ones; `packaging/icons.py` does the same."""


@lru_cache(maxsize=256)
def icon(name: str, role: QPalette.ColorRole = QPalette.ColorRole.ButtonText) -> QIcon:
    """The icon of `resources/icons/NAME.svg` in the colour of a palette role. FileNotFoundError without such a file."""
    return QIcon(_Tinted(_source(name), role))


def painted(name: str, color: QColor, size: int, ratio: float = 1.0) -> QPixmap:
    """An icon in one colour, `size` logical pixels wide. Cached: lists paint it hundreds of times."""
    return _painted(name, color.rgba(), size, ratio)


@lru_cache(maxsize=128)
def _painted(name: str, rgba: int, size: int, ratio: float) -> QPixmap:
    color = QColor.fromRgba(rgba)
    pixmap = QPixmap(QSize(size, size) * ratio)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    _renderer(_source(name), color.name()).render(painter, QRectF(0, 0, pixmap.width(), pixmap.height()))
    painter.end()
    pixmap.setDevicePixelRatio(ratio)
    return pixmap


def app_icon() -> QIcon:
    """The mark of the program, in its own colours."""
    return QIcon(_Mark())


@lru_cache(maxsize=256)
def _source(name: str) -> str:
    return paths.resource("icons", f"{name}.svg").read_text(encoding="utf-8")


@lru_cache(maxsize=512)
def _renderer(source: str, color: str) -> QSvgRenderer:
    return QSvgRenderer(QByteArray(source.replace("currentColor", color).encode()))


class _Drawn(QIconEngine):
    """Paints into any square, as sharp as the screen is."""

    def draw(self, painter: QPainter, square: QRectF, mode: QIcon.Mode, state: QIcon.State) -> None:
        raise NotImplementedError

    def paint(self, painter: QPainter, rect: QRect, mode: QIcon.Mode, state: QIcon.State) -> None:
        side = min(rect.width(), rect.height())
        square = QRectF(0, 0, side, side)
        square.moveCenter(QRectF(rect).center())
        self.draw(painter, square, mode, state)

    def pixmap(self, size: QSize, mode: QIcon.Mode, state: QIcon.State) -> QPixmap:
        return self.scaledPixmap(size, mode, state, 1.0)

    def scaledPixmap(self, size: QSize, mode: QIcon.Mode, state: QIcon.State, scale: float) -> QPixmap:
        """As sharp as the screen: `size` is in logical pixels, `scale` how many of the screen's are in one."""
        pixmap = QPixmap(size * scale)
        if pixmap.isNull():  # a button or row without any room asks for that, too
            return pixmap
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        self.paint(painter, QRect(QPoint(0, 0), pixmap.size()), mode, state)
        painter.end()
        pixmap.setDevicePixelRatio(scale)
        return pixmap


class _Mark(_Drawn):
    """Small ones have a drawing of their own: at 16 pixels the lines of the large one are a blur."""

    def draw(self, painter: QPainter, square: QRectF, mode: QIcon.Mode, state: QIcon.State) -> None:  # noqa: ARG002
        name = "winnow-small" if square.width() <= LARGEST_SMALL else "winnow"
        _renderer(_source(name), "").render(painter, square)

    def clone(self) -> QIconEngine:
        return _Mark()


class _Tinted(_Drawn):
    def __init__(self, source: str, role: QPalette.ColorRole) -> None:
        super().__init__()
        self._source, self._role = source, role

    def draw(self, painter: QPainter, square: QRectF, mode: QIcon.Mode, state: QIcon.State) -> None:
        color = self._color(mode, state)
        painter.save()
        painter.setOpacity(painter.opacity() * color.alphaF())
        _renderer(self._source, color.name()).render(painter, square)
        painter.restore()

    def clone(self) -> QIconEngine:
        return _Tinted(self._source, self._role)

    def _color(self, mode: QIcon.Mode, state: QIcon.State) -> QColor:
        palette = QGuiApplication.palette()
        if mode == QIcon.Mode.Disabled:
            return palette.color(QPalette.ColorGroup.Disabled, self._role)
        if state == QIcon.State.On:
            return palette.color(QPalette.ColorRole.Accent)
        return palette.color(self._role)
