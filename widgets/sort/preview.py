"""The picture with the focus, large: in the panel at the right with its likeliest classes, and over the whole grid."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QImage, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from app.library import ThumbnailService
from app.library.roles import shown_name
from widgets.icons import painted
from widgets.parts import label
from widgets.theme import current_colors

LARGE = 1280


class Closeup(QWidget):
    """Paints one picture as large as there is room: at once from the thumbnail, sharp when it has been read."""

    clicked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._image_id: str | None = None
        self._small: ThumbnailService | None = None
        self._large: ThumbnailService | None = None

    def set_source(self, small: ThumbnailService | None, large: ThumbnailService | None) -> None:
        if self._large is not None:
            self._large.ready.disconnect(self._on_ready)
        self._small, self._large, self._image_id = small, large, None
        if large is not None:
            large.ready.connect(self._on_ready)
        self.update()

    def show_picture(self, image_id: str | None) -> None:
        if image_id != self._image_id:
            self._image_id = image_id
            if image_id is not None and self._large is not None and self.isVisible():
                self._large.want([image_id])
            self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter, colors = QPainter(self), current_colors()
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.fillRect(self.rect(), QColor(colors.canvas))
        if self._image_id is not None and self._large is not None and self._small is not None:
            image = self._large.get(self._image_id) or self._small.get(self._image_id)
            if isinstance(image, QImage):
                size = image.size().scaled(self.size() - QSize(8, 8), Qt.AspectRatioMode.KeepAspectRatio)
                room = QRect(0, 0, size.width(), size.height())
                room.moveCenter(self.rect().center())
                painter.drawImage(room, image)
            elif self._large.problem(self._image_id) is not None:
                pixmap = painted("warning", QColor(colors.warning), 28, self.devicePixelRatioF())
                painter.drawPixmap(self.width() // 2 - 14, self.height() // 2 - 14, pixmap)
        painter.end()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        event.accept()
        self.clicked.emit()

    def _on_ready(self, image_id: str) -> None:
        if image_id == self._image_id:
            self.update()


class Bars(QWidget):
    """Classes with their shares as bars; a click on one chooses it."""

    chosen = Signal(str)
    _ROW = 26

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows: tuple[tuple[str, str, float], ...] = ()
        self._over = -1
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_rows(self, rows: Sequence[tuple[str, str, float]]) -> None:
        """(name, colour, share) each, from top to bottom."""
        self._rows = tuple(rows)
        self.setFixedHeight(max(1, len(self._rows) * self._ROW))
        self.setAccessibleName(", ".join(f"{name} {share:.0%}" for name, _, share in self._rows))
        self.update()

    def rows(self) -> tuple[tuple[str, str, float], ...]:
        return self._rows

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter, colors = QPainter(self), current_colors()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for place, (name, color, share) in enumerate(self._rows):
            rect = QRect(0, place * self._ROW, self.width(), self._ROW)
            if place == self._over:
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(QColor(colors.hover))
                painter.drawRoundedRect(QRectF(rect), 5, 5)
            inner = rect.adjusted(6, 2, -6, -7)
            text = f"{share:.0%}"
            painter.setPen(QColor(colors.muted))
            painter.drawText(inner, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, text)
            room = inner.adjusted(0, 0, -40, 0)
            painter.setPen(QColor(colors.text))
            shown = painter.fontMetrics().elidedText(name, Qt.TextElideMode.ElideLeft, room.width())
            painter.drawText(room, Qt.AlignmentFlag.AlignVCenter, shown)
            track = QRectF(rect.left() + 6, rect.bottom() - 4, rect.width() - 12, 3)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(colors.hover))
            painter.drawRoundedRect(track, 1.5, 1.5)
            track.setWidth(max(3.0, track.width() * min(share, 1.0)))
            painter.setBrush(QColor(color or colors.faint))
            painter.drawRoundedRect(track, 1.5, 1.5)
        painter.end()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._aim(int(event.position().y()) // self._ROW)

    def leaveEvent(self, _event: object) -> None:
        self._aim(-1)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        place = int(event.position().y()) // self._ROW
        if 0 <= place < len(self._rows):
            self.chosen.emit(self._rows[place][0])

    def _aim(self, place: int) -> None:
        if place != self._over:
            self._over = place
            self.update()


class PreviewPanel(QWidget):
    """The right side: the picture, what is known of it, and its likeliest classes; a click on one files it there."""

    class_wanted = Signal(str)
    closeup_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.picture = Closeup()
        self.picture.setMinimumHeight(180)
        self.picture.setToolTip(self.tr("Click for a closer look (Space)"))
        self.picture.clicked.connect(self.closeup_wanted)
        self.name = label()
        self.name.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.facts = label(role="muted")
        self.where = label(role="muted")
        self._head = label(self.tr("Likeliest classes"), "section")
        self.bars = Bars()
        self.bars.setToolTip(self.tr("Click a class to file the picture there"))
        self.bars.chosen.connect(self.class_wanted)
        self.problem = label(role="muted", wrap=True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(10, 10, 10, 8)
        layout.setSpacing(4)
        layout.addWidget(self.picture, 1)
        layout.addSpacing(4)
        for widget in (self.name, self.facts, self.where, self.problem):
            layout.addWidget(widget)
        layout.addSpacing(8)
        layout.addWidget(self._head)
        layout.addWidget(self.bars)
        layout.addStretch(1)
        self.show_picture(None)

    def show_picture(self, image_id: str | None, where: str = "", facts: str = "", problem: str = "") -> None:
        self.picture.show_picture(image_id)
        name = shown_name(image_id) if image_id is not None else self.tr("No picture")
        self.name.setText(self.fontMetrics().elidedText(name, Qt.TextElideMode.ElideMiddle, 230))
        self.name.setToolTip(image_id or "")
        self.facts.setText(facts)
        self.where.setText(where)
        self.problem.setText(problem)
        self.problem.setVisible(bool(problem))

    def show_shares(self, rows: Sequence[tuple[str, str, float]]) -> None:
        """(class, colour, share), the likeliest first."""
        self._head.setVisible(bool(rows))
        self.bars.setVisible(bool(rows))
        self.bars.show_rows(rows)
