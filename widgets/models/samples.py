"""Validation pictures of a run: the same ones at every validation, so that one sees the model learn."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPixmap, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QSlider, QVBoxLayout, QWidget

from app.teaching.runs import Row, samples_of, score, validations
from widgets.parts import calm, label, named, tool

_HEIGHT, _GAP = 200, 8  # of the pictures at most; between them


class Samples(QWidget):
    """A row of pictures, and a slider through the validations; at its end it follows the newest."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._folder = Path()
        self._rows: list[Row] = []
        self._shown: list[Path] = []
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(6)
        head = QHBoxLayout()
        head.setSpacing(8)
        head.addWidget(label(self.tr("Validation pictures"), "section"))
        self.said = label(role="muted")
        head.addWidget(self.said)
        head.addStretch(1)
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setMinimumWidth(160)
        self.slider.setMaximumWidth(260)
        named(self.slider, self.tr("Validation"), self.tr("From before the first step to the newest validation."))
        calm(self.slider)
        self.slider.valueChanged.connect(lambda _: self._show())
        head.addWidget(tool("chevron-left", self.tr("The validation before"), lambda: self._step(-1), 14))
        head.addWidget(self.slider)
        head.addWidget(tool("chevron-right", self.tr("The next validation"), lambda: self._step(1), 14))
        outer.addLayout(head)
        self._strip = _Strip()
        outer.addWidget(self._strip)
        self.legend = label(
            self.tr("Green is the click, blue what the model answers, the white line what was annotated."), "muted"
        )
        outer.addWidget(self.legend)

    def show_rows(self, folder: Path, rows: Sequence[Row]) -> None:
        """The validations of a run, as far as pictures were drawn."""
        follows = folder != self._folder or self.slider.value() >= self.slider.maximum()
        self._folder = folder
        self._rows = [row for row in validations(rows) if row.get("samples")]
        self.setVisible(bool(self._rows))
        self.slider.blockSignals(True)
        self.slider.setRange(0, max(0, len(self._rows) - 1))
        if follows:
            self.slider.setValue(self.slider.maximum())
        self.slider.blockSignals(False)
        self._show()

    @property
    def shown(self) -> list[Path]:
        """The files that are shown."""
        return self._shown

    def _step(self, by: int) -> None:
        self.slider.setValue(self.slider.value() + by)

    def _show(self) -> None:
        if not self._rows:
            return
        row = self._rows[min(self.slider.value(), len(self._rows) - 1)]
        text = self.tr("Step %1 · mean IoU %2") if row["step"] else self.tr("Before the first step · mean IoU %2")
        self.said.setText(text.replace("%1", f"{row['step']:,}").replace("%2", f"{score(row):.3f}"))
        files = samples_of(self._folder, row)
        if files == self._shown:
            return
        self._shown = files
        self._strip.show_pictures([QPixmap(str(file)) for file in files if file.is_file()])


class _Strip(QWidget):
    """Pictures in a row, as high as there is room for all of them beside each other."""

    def __init__(self) -> None:
        super().__init__()
        self._pictures: list[QPixmap] = []
        self.setAccessibleName(self.tr("Validation pictures"))

    def show_pictures(self, pictures: Sequence[QPixmap]) -> None:
        self._pictures = [picture for picture in pictures if not picture.isNull()]
        self._fit()
        self.update()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        x, high = 0.0, self.height()
        for picture in self._pictures:
            wide = high * picture.width() / picture.height()
            painter.drawPixmap(QRectF(x, 0, wide, high), picture, QRectF(picture.rect()))
            x += wide + _GAP
        painter.end()

    def _fit(self) -> None:
        """The height at which the pictures fill the width, if that is not too high."""
        shapes = sum(picture.width() / picture.height() for picture in self._pictures)
        room = self.width() - _GAP * (len(self._pictures) - 1)
        self.setFixedHeight(max(40, min(_HEIGHT, int(room / shapes))) if shapes else 0)
