"""Validation pictures of a run: the same ones at every validation, so that one sees the model learn."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QPixmap
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QSlider, QVBoxLayout, QWidget

from app.teaching.runs import Row, samples_of, score, validations
from widgets.parts import calm, label, named, tool

_HEIGHT = 190


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
        self._row = QHBoxLayout()
        self._row.setSpacing(8)
        outer.addLayout(self._row)
        self._row.addStretch(1)
        self._labels: list[QLabel] = []
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
        while len(self._labels) < len(files):
            made = QLabel()
            made.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
            self._row.insertWidget(len(self._labels), made)
            self._labels.append(made)
        for number, made in enumerate(self._labels):
            pixmap = QPixmap(str(files[number])) if number < len(files) and files[number].is_file() else QPixmap()
            made.setVisible(not pixmap.isNull())
            if not pixmap.isNull():
                ratio = self.devicePixelRatioF()
                tall = pixmap.scaledToHeight(round(_HEIGHT * ratio), Qt.TransformationMode.SmoothTransformation)
                tall.setDevicePixelRatio(ratio)
                made.setPixmap(tall)
                made.setFixedSize(tall.deviceIndependentSize().toSize())
            made.setAccessibleName(self.tr("Validation picture %1").replace("%1", str(number + 1)))
