"""Two models on one picture: a divider that is dragged across it, left of it one answer, right of it the other."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import QPointF, QRectF, QSizeF, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPalette,
    QPen,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QComboBox, QDialog, QHBoxLayout, QSizePolicy, QSlider, QVBoxLayout, QWidget

from app.session.pair import PairSession, Side
from inference.prompts import Prompts
from widgets.canvas import markers, shapes
from widgets.canvas.picture import Picture
from widgets.canvas.view import View
from widgets.parts import button, calm, label, named

LEFT, RIGHT = QColor("#2f9bff"), QColor("#f28b30")
_STEPS = 1000
_GRIP = 9.0
_ZOOM = 1.2


class SplitView(QWidget):
    """The picture with both answers.

    Signals:
        clicked(x, y, positive): in image pixels.
        divided(share): the divider was dragged, 0 at the left edge of the widget, 1 at the right.
    """

    clicked = Signal(float, float, bool)
    divided = Signal(float)

    def __init__(self, session: PairSession, image: Path, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.view, self.picture = View(), Picture(self)
        self.share = 0.5
        self._dragging = False
        self._pan: QPointF | None = None
        self._shapes = [shapes.NOTHING, shapes.NOTHING]
        self.setMinimumSize(240, 180)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMouseTracking(True)
        self.setAccessibleName(self.tr("The picture with the answers of both models"))
        self.view.set_image(*session.size)
        self.picture.open(image, *session.size)
        self.picture.changed.connect(self.update)
        self.picture.loaded.connect(self.update)
        session.changed.connect(self._refresh)
        self._refresh()

    def divide(self, share: float) -> None:
        """Puts the divider elsewhere."""
        self.share = min(max(share, 0.0), 1.0)
        self.update()

    def close_down(self) -> None:
        """Ends the threads of the picture."""
        self.picture.close()

    # Events ---------------------------------------------------------------------------------------------------------

    def resizeEvent(self, event: QResizeEvent) -> None:
        self.view.set_viewport(QSizeF(self.size()), self.devicePixelRatioF())
        super().resizeEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        at = event.position()
        if event.button() is Qt.MouseButton.MiddleButton:
            self._pan = at
        elif self._on_divider(at) and event.button() is Qt.MouseButton.LeftButton:
            self._dragging = True
        elif self.view.holds(spot := self.view.to_image(at)):
            off = event.button() is Qt.MouseButton.RightButton or event.modifiers() & Qt.KeyboardModifier.ShiftModifier
            self.clicked.emit(spot.x(), spot.y(), not off)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        at = event.position()
        if self._dragging:
            self.divide(at.x() / max(1, self.width()))
            self.divided.emit(self.share)
        elif self._pan is not None:
            self.view.pan(at - self._pan)
            self._pan = at
            self.update()
        self.setCursor(Qt.CursorShape.SplitHCursor if self._on_divider(at) else Qt.CursorShape.CrossCursor)

    def mouseReleaseEvent(self, _event: QMouseEvent) -> None:
        self._dragging, self._pan = False, None

    def wheelEvent(self, event: QWheelEvent) -> None:
        self.view.zoom(_ZOOM ** (event.angleDelta().y() / 120), event.position())
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        window = self.palette().color(QPalette.ColorRole.Window)
        painter.fillRect(self.rect(), window.darker(112) if window.lightness() > 127 else window.darker(135))
        self.picture.draw(painter, self.view)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        x = self.share * self.width()
        halves = QRectF(0, 0, x, self.height()), QRectF(x, 0, self.width() - x, self.height())
        for shape, color, half in zip(self._shapes, (LEFT, RIGHT), halves, strict=True):
            painter.save()
            painter.setClipRect(half)
            painter.setTransform(self.view.transform, True)
            shape.fill(painter, color, 0.42)
            markers.path(painter, shape.path, color, 1.6)
            painter.restore()
        for point in self._session.prompts.points:
            markers.point(painter, self.view.to_view(point.x, point.y), point.positive)
        if (box := self._session.prompts.box) is not None:
            markers.box(painter, self.view.rect_to_view(QRectF(box.x0, box.y0, box.width, box.height)), dashed=True)
        self._draw_divider(painter, x)
        painter.end()

    # Within ---------------------------------------------------------------------------------------------------------

    def _refresh(self) -> None:
        for number, side in enumerate(self._session.sides):
            found = side.candidate
            self._shapes[number] = (
                shapes.NOTHING if found is None else shapes.of_logits(found.low_res, *self._session.size)
            )
        self.update()

    def _on_divider(self, at: QPointF) -> bool:
        return abs(at.x() - self.share * self.width()) <= _GRIP

    def _draw_divider(self, painter: QPainter, x: float) -> None:
        for color, width in ((QColor(0, 0, 0, 110), 4.0), (QColor(255, 255, 255), 1.8)):
            painter.setPen(QPen(color, width))
            painter.drawLine(QPointF(x, 0), QPointF(x, self.height()))
        middle = QPointF(x, self.height() / 2)
        painter.setPen(QPen(QColor(0, 0, 0, 110), 1))
        painter.setBrush(QColor(255, 255, 255))
        painter.drawEllipse(middle, _GRIP, _GRIP)
        painter.setPen(QPen(QColor(60, 66, 76), 1.6))
        for side in (-1, 1):
            tip = middle + QPointF(side * 6, 0)
            painter.drawLine(tip, tip + QPointF(-side * 3, -3))
            painter.drawLine(tip, tip + QPointF(-side * 3, 3))


class SplitDialog(QDialog):
    """The split view with the models above it and the slider below.

    Args:
        choices: (title, model) of what can be shown.
        models: the two to begin with.
        prompts: what to ask first; a click on the picture asks more.
    """

    def __init__(
        self,
        jobs: Any,
        image: Path,
        size: tuple[int, int],
        choices: Sequence[tuple[str, str]],
        models: tuple[str, str],
        prompts: Prompts | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Two models on %1").replace("%1", image.name))
        self.resize(980, 720)
        self.session = PairSession(jobs, image, size, models, prompts, self)
        self.canvas = SplitView(self.session, image)
        self.boxes = [self._box(number, choices) for number in (0, 1)]
        self._said = [label(role="muted"), label(role="muted")]
        self._said[1].setAlignment(Qt.AlignmentFlag.AlignRight)
        self.agreement = label(role="muted")
        self.agreement.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(0, _STEPS)
        self.slider.setValue(_STEPS // 2)
        named(self.slider, self.tr("Divider"), self.tr("Left of it the first model's answer, right of it the other's."))
        self.clear = button(self.tr("Clear the prompts"), lambda: self.session.set_prompts(Prompts()), "flat")
        self._lay_out()
        self.slider.valueChanged.connect(lambda value: self.canvas.divide(value / _STEPS))
        self.canvas.divided.connect(self._on_divided)
        self.canvas.clicked.connect(self.session.add_point)
        self.session.changed.connect(self._refresh)
        self._refresh()

    def done(self, result: int) -> None:
        self.session.close()
        self.canvas.close_down()
        super().done(result)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Arrow keys move the divider wherever the focus is."""
        if event.key() in (Qt.Key.Key_Left, Qt.Key.Key_Right):
            self.slider.setValue(self.slider.value() + (20 if event.key() == Qt.Key.Key_Right else -20))
        else:
            super().keyPressEvent(event)

    # Within ---------------------------------------------------------------------------------------------------------

    def _box(self, number: int, choices: Sequence[tuple[str, str]]) -> QComboBox:
        made = QComboBox()
        for title, model in choices:
            made.addItem(title, model)
        made.setCurrentIndex(max(0, made.findData(self.session.sides[number].model)))
        made.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        made.setMinimumContentsLength(20)
        named(made, self.tr("Model on the left") if number == 0 else self.tr("Model on the right"))
        made.activated.connect(lambda _: self.session.set_model(number, str(made.currentData())))
        calm(made)
        return made

    def _lay_out(self) -> None:
        above, below, words = QHBoxLayout(), QHBoxLayout(), QHBoxLayout()
        above.addWidget(_dot(LEFT))
        above.addWidget(self.boxes[0])
        above.addStretch(1)
        above.addWidget(self.boxes[1])
        above.addWidget(_dot(RIGHT))
        words.addWidget(self._said[0], 1)
        words.addWidget(self.agreement, 1)
        words.addWidget(self._said[1], 1)
        below.addWidget(self.clear)
        below.addWidget(self.slider, 1)
        below.addWidget(button(self.tr("Close"), self.accept))
        column = QVBoxLayout(self)
        column.setContentsMargins(14, 12, 14, 12)
        column.setSpacing(8)
        column.addLayout(above)
        column.addLayout(words)
        column.addWidget(self.canvas, 1)
        column.addLayout(below)

    def _on_divided(self, share: float) -> None:
        self.slider.blockSignals(True)
        self.slider.setValue(round(share * _STEPS))
        self.slider.blockSignals(False)

    def _refresh(self) -> None:
        for words, side in zip(self._said, self.session.sides, strict=True):
            words.setText(self._words(side))
            words.setToolTip("" if side.error is None else str(side.error))
        both = self.session.agreement()
        if not self.session.prompts:
            self.agreement.setText(self.tr("Click on an object; right-click off it."))
        else:
            text = self.tr("They agree by %1 (IoU)").replace("%1", f"{both:.3f}") if both is not None else ""
            self.agreement.setText(text)
        self.clear.setEnabled(bool(self.session.prompts))

    def _words(self, side: Side) -> str:
        if side.error is not None:
            return side.error.message
        if side.ticket is not None:
            return self.tr("thinking…")
        if side.candidate is None:
            return ""
        text = self.tr("says %1 of itself · %2")
        return text.replace("%1", f"{side.candidate.score:.2f}").replace("%2", f"{side.seconds * 1000:,.0f} ms")


def _dot(color: QColor) -> QWidget:
    made = label("●")
    made.setStyleSheet(f"color: {color.name()};")
    return made
