"""How a picture looks in the browser: thumbnail, name, instances, state; as a tile or as a row."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QBrush, QColor, QImage, QPainter, QPalette, QPen, QPixmap, QTransform
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from app.instance import ImageState
from app.library import ImageModel
from widgets.icons import painted
from widgets.theme import Colors, current_colors

Index = QModelIndex | QPersistentModelIndex
_PAD = 6
_LINE = 18
_RADIUS = 6.0
_KEPT = 600  # scaled thumbnails: several screens full
STATE_ICONS = {ImageState.DONE: "done", ImageState.FLAGGED: "flag"}


class BrowserDelegate(QStyledItemDelegate):
    """Paints tiles (`grid`) or rows; all items have one size, so that the view can skip what is not seen."""

    def __init__(self, parent: object | None = None) -> None:
        super().__init__(parent)  # type: ignore[arg-type]
        self.edge = 104
        self.tile = QSize()
        self.grid = True
        self.current: str | None = None
        self._pixmaps: dict[tuple[int, int, int, float, bool], QPixmap] = {}

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:  # noqa: ARG002
        return self.tile if self.grid else QSize(120, 46)

    def smallest_tile(self) -> QSize:
        """Room for a thumbnail and a name; the view makes tiles as much wider as its width allows."""
        return QSize(self.edge + 2 * _PAD, round(self.edge * 0.78) + _LINE + 2 * _PAD + 2)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colors, rect = current_colors(), option.rect.adjusted(2, 2, -2, -2)
        self._paint_ground(painter, rect, option, index, colors)
        if self.grid:
            picture = rect.adjusted(_PAD - 2, _PAD - 2, 2 - _PAD, -_LINE - 2)
            self._paint_picture(painter, picture, index, colors, fill=False)
            text = QRect(rect.left() + _PAD, rect.bottom() - _LINE, rect.width() - 2 * _PAD, _LINE)
            self._paint_badges(painter, picture, index, colors)
            self._paint_name(painter, text, option, index, colors)
        else:
            picture = QRect(rect.left() + 4, rect.top() + 3, 50, rect.height() - 6)
            self._paint_picture(painter, picture, index, colors, fill=True)
            self._paint_row(painter, rect.adjusted(62, 0, -6, 0), option, index, colors)
        painter.restore()

    def _paint_ground(
        self, painter: QPainter, rect: QRect, option: QStyleOptionViewItem, index: Index, colors: Colors
    ) -> None:
        state = option.state
        chosen = index.data(ImageModel.IdRole) == self.current
        ground = colors.accent_soft if chosen else colors.hover if state & QStyle.StateFlag.State_MouseOver else ""
        if ground:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(ground))
            painter.drawRoundedRect(QRectF(rect), _RADIUS, _RADIUS)
        if state & QStyle.StateFlag.State_HasFocus:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(QColor(colors.accent), 1.5))
            painter.drawRoundedRect(QRectF(rect).adjusted(0.75, 0.75, -0.75, -0.75), _RADIUS, _RADIUS)

    def _paint_picture(self, painter: QPainter, area: QRect, index: Index, colors: Colors, *, fill: bool) -> None:
        image = index.data(ImageModel.ThumbnailRole)
        problem = index.data(ImageModel.ProblemRole) is not None or index.data(ImageModel.MissingRole)
        if not isinstance(image, QImage) or problem:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(colors.hover))
            painter.drawRoundedRect(QRectF(area), 4, 4)
            self._paint_icon(
                painter, "warning" if problem else "image", area, colors.warning if problem else colors.faint
            )
            return
        ratio = painter.device().devicePixelRatioF() if painter.device() is not None else 1.0
        pixmap = self._scaled(image, area.size(), ratio, fill=fill)
        size = pixmap.deviceIndependentSize()
        left, top = area.center().x() + 0.5 - size.width() / 2, area.center().y() + 0.5 - size.height() / 2
        painter.drawPixmap(QPointF(left, top), pixmap)

    def _scaled(self, image: QImage, room: QSize, ratio: float, *, fill: bool) -> QPixmap:
        """A thumbnail with round corners as it is drawn here; kept, because a view paints it again and again."""
        key = (image.cacheKey(), room.width(), room.height(), ratio, fill)
        known = self._pixmaps.get(key)
        if known is None:
            if len(self._pixmaps) >= _KEPT:
                self._pixmaps.pop(next(iter(self._pixmaps)))
            known = self._pixmaps[key] = _rounded(image, room * ratio, ratio, fill=fill)
        return known

    def _paint_icon(self, painter: QPainter, name: str, area: QRect, color: str, size: int = 20) -> None:
        ratio = painter.device().devicePixelRatioF() if painter.device() is not None else 1.0
        pixmap = painted(name, QColor(color), size, ratio)
        painter.drawPixmap(area.center().x() - size // 2 + 1, area.center().y() - size // 2 + 1, pixmap)

    def _paint_badges(self, painter: QPainter, picture: QRect, index: Index, colors: Colors) -> None:
        state, count = index.data(ImageModel.StateRole), index.data(ImageModel.CountRole) or 0
        right = picture.right()
        if state in STATE_ICONS:
            badge = QRect(right - 21, picture.top() + 3, 20, 20)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(colors.field))
            painter.drawEllipse(badge)
            self._paint_icon(painter, STATE_ICONS[state], badge, _state_color(state, colors), 15)
        if count:
            text = str(count)
            width = max(18, painter.fontMetrics().horizontalAdvance(text) + 10)
            badge = QRect(right - width, picture.bottom() - 20, width, 17)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(colors.accent))
            painter.drawRoundedRect(badge, 8.5, 8.5)
            painter.setPen(QColor(colors.on_accent))
            painter.drawText(badge, Qt.AlignmentFlag.AlignCenter, text)

    def _paint_name(
        self, painter: QPainter, area: QRect, option: QStyleOptionViewItem, index: Index, colors: Colors
    ) -> None:
        name = str(index.data(ImageModel.NameRole))
        chosen = index.data(ImageModel.IdRole) == self.current
        painter.setPen(QColor(colors.text if chosen else colors.muted))
        font = option.font
        font.setPixelSize(11)
        painter.setFont(font)
        shown = painter.fontMetrics().elidedText(name, Qt.TextElideMode.ElideMiddle, area.width())
        painter.drawText(area, Qt.AlignmentFlag.AlignCenter, shown)

    def _paint_row(
        self, painter: QPainter, area: QRect, option: QStyleOptionViewItem, index: Index, colors: Colors
    ) -> None:
        state, count = index.data(ImageModel.StateRole), index.data(ImageModel.CountRole) or 0
        room = area
        if state in STATE_ICONS:
            badge = QRect(area.right() - 18, area.center().y() - 9, 18, 18)
            self._paint_icon(painter, STATE_ICONS[state], badge, _state_color(state, colors), 16)
            room = area.adjusted(0, 0, -24, 0)
        metrics = painter.fontMetrics()
        painter.setPen(option.palette.color(QPalette.ColorRole.Text))
        half = area.height() // 2
        name = metrics.elidedText(str(index.data(ImageModel.NameRole)), Qt.TextElideMode.ElideMiddle, room.width())
        painter.drawText(room.adjusted(0, 3, 0, -half), Qt.AlignmentFlag.AlignVCenter, name)
        folder = str(index.data(ImageModel.IdRole)).rpartition("/")[0]
        counted = self.tr("%1 instances").replace("%1", str(count)) if count != 1 else self.tr("1 instance")
        second = " · ".join(part for part in (counted if count else "", folder) if part) or "–"
        painter.setPen(QColor(colors.muted))
        second = metrics.elidedText(second, Qt.TextElideMode.ElideMiddle, room.width())
        painter.drawText(room.adjusted(0, half - 1, 0, -3), Qt.AlignmentFlag.AlignVCenter, second)


def _rounded(image: QImage, room: QSize, ratio: float, *, fill: bool) -> QPixmap:
    mode = Qt.AspectRatioMode.KeepAspectRatioByExpanding if fill else Qt.AspectRatioMode.KeepAspectRatio
    small = image.scaled(room, mode, Qt.TransformationMode.SmoothTransformation)
    shown = QPixmap(small.size().boundedTo(room))
    shown.fill(Qt.GlobalColor.transparent)
    painter = QPainter(shown)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    brush = QBrush(small)
    brush.setTransform(QTransform.fromTranslate(*_centred(small.size(), shown.size())))
    painter.setBrush(brush)
    painter.drawRoundedRect(QRectF(shown.rect()), 4 * ratio, 4 * ratio)
    painter.end()
    shown.setDevicePixelRatio(ratio)
    return shown


def _centred(picture: QSize, room: QSize) -> tuple[int, int]:
    return (room.width() - picture.width()) // 2, (room.height() - picture.height()) // 2


def _state_color(state: str, colors: Colors) -> str:
    # Qt hands the state back as a plain string.
    return colors.good if state == ImageState.DONE else colors.danger
