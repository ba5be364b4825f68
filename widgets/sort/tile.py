"""How a picture looks in the sorting grid: thumbnail, suggested class with its share, and its facts on request."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPen
from PySide6.QtWidgets import QStyle, QStyleOptionViewItem

from app.library.roles import Role
from widgets.panels.browser_delegate import BrowserDelegate
from widgets.sort.grid_model import BadgeRole, Caption, CaptionRole, FactsRole
from widgets.theme import Colors, current_colors

Index = QModelIndex | QPersistentModelIndex
_PAD = 6
_LINE = 17
_RADIUS = 7.0


class TileDelegate(BrowserDelegate):
    """Paints one tile. `details` adds a line with the file's name and one with its facts."""

    def __init__(self, parent: object | None = None) -> None:
        super().__init__(parent)
        self.edge = 150
        self.details = False

    def smallest_tile(self) -> QSize:
        lines = 3 if self.details else 1
        return QSize(self.edge + 2 * _PAD, round(self.edge * 0.8) + lines * _LINE + 2 * _PAD + 4)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colors, rect = current_colors(), option.rect.adjusted(3, 3, -3, -3)
        self._paint_tile(painter, rect, option, colors)
        lines = 3 if self.details else 1
        picture = rect.adjusted(_PAD, _PAD, -_PAD, -lines * _LINE - 5)
        self._paint_picture(painter, picture, index, colors, fill=False)
        self._paint_badge(painter, picture, str(index.data(BadgeRole) or ""), colors)
        font = option.font
        font.setPixelSize(12)
        painter.setFont(font)
        text = QRect(rect.left() + _PAD, picture.bottom() + 4, rect.width() - 2 * _PAD, _LINE)
        caption = index.data(CaptionRole)
        if isinstance(caption, Caption):
            self._paint_caption(painter, text, caption, colors)
        elif not self.details:
            self._paint_line(painter, text, str(index.data(Role.NAME)), colors.muted)
        if self.details:
            font.setPixelSize(11)
            painter.setFont(font)
            self._paint_line(painter, text.translated(0, _LINE), str(index.data(Role.NAME)), colors.text)
            self._paint_line(
                painter,
                text.translated(0, 2 * _LINE),
                str(index.data(FactsRole) or ""),
                colors.muted,
                Qt.TextElideMode.ElideRight,
            )
        painter.restore()

    def _paint_tile(self, painter: QPainter, rect: QRect, option: QStyleOptionViewItem, colors: Colors) -> None:
        state = option.state
        selected = bool(state & QStyle.StateFlag.State_Selected)
        ground = colors.accent_soft if selected else colors.hover if state & QStyle.StateFlag.State_MouseOver else ""
        if ground:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(ground))
            painter.drawRoundedRect(QRectF(rect), _RADIUS, _RADIUS)
        focused = bool(state & QStyle.StateFlag.State_HasFocus)
        if selected or focused:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(QColor(colors.accent), 2 if focused else 1))
            painter.drawRoundedRect(QRectF(rect).adjusted(1, 1, -1, -1), _RADIUS, _RADIUS)

    def _paint_badge(self, painter: QPainter, picture: QRect, name: str, colors: Colors) -> None:
        if not name:
            return
        badge = QRect(picture.right() - 24, picture.top() + 2, 22, 22)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(colors.field))
        painter.drawEllipse(badge)
        color = {"done": colors.good, "close": colors.danger}.get(name, colors.accent)
        self._paint_icon(painter, name, badge, color, 16)

    def _paint_caption(self, painter: QPainter, area: QRect, caption: Caption, colors: Colors) -> None:
        """A dot in the class's colour (a ring while in doubt), its name, the share at the right."""
        dot = QRectF(area.left() + 1, area.center().y() - 3.5, 8, 8)
        color = QColor(caption.color)
        painter.setPen(QPen(color, 1.6))
        painter.setBrush(color if caption.sure else Qt.BrushStyle.NoBrush)
        painter.drawEllipse(dot)
        room = area.adjusted(14, 0, 0, 0)
        if caption.share is not None:
            share = f"{caption.share:.0%}"
            painter.setPen(QColor(colors.muted))
            painter.drawText(room, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, share)
            room = room.adjusted(0, 0, -painter.fontMetrics().horizontalAdvance(share) - 5, 0)
        painter.setPen(QColor(colors.text if caption.sure else colors.muted))
        shown = painter.fontMetrics().elidedText(caption.text, Qt.TextElideMode.ElideLeft, room.width())
        painter.drawText(room, Qt.AlignmentFlag.AlignVCenter, shown)

    def _paint_line(
        self,
        painter: QPainter,
        area: QRect,
        text: str,
        color: str,
        elide: Qt.TextElideMode = Qt.TextElideMode.ElideMiddle,
    ) -> None:
        painter.setPen(QColor(color))
        shown = painter.fontMetrics().elidedText(text, elide, area.width())
        painter.drawText(area, Qt.AlignmentFlag.AlignCenter, shown)
