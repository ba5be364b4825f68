"""Words: what they name, as suggestions with reasons. A click keeps one, Enter all, Shift+click refines one."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter

from app.instance import Source
from app.overlays import colour_of
from app.session.words import Found, WordsSession
from inference.text_segment import WordMask, bare
from widgets.canvas import markers
from widgets.canvas.desk import Desk, Touch
from widgets.canvas.tools.base import Tool, tr

_FILL = 0.42
_ROW, _PAD, _BAR, _WIDE = 17.0, 9.0, 64.0, 214.0  # of the card of reasons, in pixels


class WordsTool(Tool):
    """Needs `desk.words`; without it there is nothing to show."""

    name = "words"

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._at = QPointF()
        desk.overlay.shapes.changed.connect(desk.repaint)

    @property
    def hint(self) -> str:
        return tr("Click a suggestion to keep it, Enter keeps all. Shift+click refines one, right-click drops it.")

    @property
    def _session(self) -> WordsSession | None:
        return self.desk.words

    def refresh(self) -> None:
        self.desk.repaint.emit()

    def press(self, touch: Touch) -> None:
        session = self._session
        if self.desk.writable() is None or session is None:
            return
        found = session.at(touch.at.x(), touch.at.y())
        if found is None:
            return
        if touch.right:
            session.drop(found)
        elif touch.left and touch.shift:
            self._refine(session, found)
        elif touch.left:
            self._keep([found])

    def move(self, touch: Touch) -> None:
        session = self._session
        if session is not None:
            self._at = touch.spot
            session.hover(session.at(touch.at.x(), touch.at.y()))
            if session.hovered is not None:
                self.desk.repaint.emit()  # the card follows the pointer

    def finish(self) -> bool:
        """Keeps all that is shown."""
        session = self._session
        if session is None or self.desk.writable() is None:
            return False
        return self._keep(session.shown)

    def cancel(self) -> bool:
        """The search first, then the suggestions."""
        session = self._session
        if session is None:
            return False
        was, there = session.running, bool(session.shown)
        if was:
            session.stop()
        elif there:
            session.clear()
        return was or there

    def put_down(self) -> None:
        session = self._session
        if session is not None:
            session.hover(None)

    def draw(self, painter: QPainter) -> None:
        session = self._session
        if session is None or self.desk.document is None:
            return
        view, hovered = self.desk.view, session.hovered
        painter.save()
        painter.setTransform(view.transform, True)
        for found in session.shown:
            shape, color = self.desk.offered_shape(found.mask), self._color(session, found.word)
            shape.fill(painter, color, _FILL + (0.2 if found is hovered else 0))
            markers.path(painter, shape.path, color, 2.6 if found is hovered else 1.6, dashed=found is not hovered)
        painter.restore()
        font = QFont(painter.font())
        font.setPixelSize(12)
        for found in session.shown:
            x, y, _, _ = found.word.mask.bbox
            at = view.to_view(x, y)
            at.setY(max(at.y(), 20.0))
            said = f"{bare(found.word.phrase)} {found.word.score:.2f}"
            markers.chip(painter, at, said, self._color(session, found.word), font)
        if hovered is not None:
            _card(painter, self._at, view.viewport.width(), view.viewport.height(), hovered.word, font)

    def _keep(self, chosen: Sequence[Found]) -> bool:
        session = self._session
        if session is None or not chosen:
            return False
        self.desk.masks_wanted.emit()
        ids = session.keep(chosen, self.desk.classes)
        if ids:
            self.desk.selection.set(ids)
        return bool(ids)

    def _refine(self, session: WordsSession, found: Found) -> None:
        """The suggestion becomes the one that clicks change; its class is chosen for it."""
        asking, classes = self.desk.asking(), self.desk.classes
        if asking is None:
            return
        if classes is not None:
            label = self.desk.attempt(lambda: classes.ensure(bare(found.word.phrase)))
            self.desk.current_class = None if label is None else label.id
        session.drop(found)
        asking.set_prompts(found.word.prompts, Source.TEXT)
        self.desk.tool_wanted.emit("points")

    def _color(self, session: WordsSession, word: WordMask) -> QColor:
        return QColor(colour_of(session.asked.index(word.phrase)))


def rows_of(word: WordMask) -> list[tuple[str, float]]:
    """The reasons for a score: names and values 0..1."""
    parts = word.parts
    return [
        (tr("Fits the words"), parts.text),
        (tr("Compact"), parts.compactness),
        (tr("Usual size"), parts.size),
        (tr("Smooth edge"), parts.smoothness),
    ]


def _card(painter: QPainter, at: QPointF, width: float, height: float, word: WordMask, font: QFont) -> None:
    """The reasons beside the pointer, inside the canvas."""
    rows = rows_of(word)
    tall = _PAD * 2 + _ROW * (len(rows) + 1) + 4
    left = at.x() + 18 if at.x() + 18 + _WIDE < width else at.x() - 18 - _WIDE
    area = QRectF(max(left, 4.0), min(max(at.y() + 14, 4.0), max(height - tall - 4, 4.0)), _WIDE, tall)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(16, 20, 24, 232))
    painter.drawRoundedRect(area, 7, 7)
    bold = QFont(font)
    bold.setBold(True)
    top, inner = area.top() + _PAD, area.adjusted(_PAD, 0, -_PAD, 0)
    _line(painter, QRectF(inner.left(), top, inner.width(), _ROW), bare(word.phrase), f"{word.score:.2f}", bold)
    for number, (name, value) in enumerate(rows, 1):
        line = QRectF(inner.left(), top + 4 + number * _ROW, inner.width(), _ROW)
        _line(painter, line, name, f"{value:.2f}", font)
        track = QRectF(line.right() - 34 - _BAR, line.center().y() - 2.5, _BAR, 5)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(255, 255, 255, 46))
        painter.drawRoundedRect(track, 2.5, 2.5)
        painter.setBrush(markers.POSITIVE if value >= 0.5 else QColor("#e69f00"))
        painter.drawRoundedRect(QRectF(track.left(), track.top(), max(track.width() * value, 2), 5), 2.5, 2.5)


def _line(painter: QPainter, area: QRectF, name: str, value: str, font: QFont) -> None:
    painter.setFont(font)
    painter.setPen(markers.WHITE)
    room = area.width() - 40
    said = QFontMetricsF(font).elidedText(name, Qt.TextElideMode.ElideRight, room)
    painter.drawText(area, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, said)
    painter.drawText(area, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight, value)
