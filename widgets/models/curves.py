"""Curves over the steps of runs, in the colours of the theme. The only module that knows pyqtgraph.

It is imported when the first run is shown: pyqtgraph takes half a second, which the window's start has not.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass

import pyqtgraph as pg
from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QColor, QWheelEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from widgets.parts import label
from widgets.theme import current_colors

_HUES = ("#4f7df3", "#e8833a", "#2fa866", "#b061d8", "#d94f6b", "#1aa3b8", "#a08420", "#7a8699")
"""Readable on light and on dark grounds."""


@dataclass(frozen=True, slots=True)
class Line:
    """One curve: its name, its points, its place among the colours; `marked` shows each point."""

    name: str
    steps: Sequence[float]
    values: Sequence[float]
    hue: int = 0
    marked: bool = False
    dashed: bool = False


class CurvePlot(QWidget):
    """A small diagram with its title above and the last figure of every curve beside it.

    Args:
        form: how a figure is written, as `format` takes it.
        high: of the diagram, in pixels.
    """

    def __init__(self, title: str, form: str = ".3f", high: int = 190, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._form = form
        self._lines: tuple[Line, ...] = ()
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(4)
        self._title = label(title, "section")
        outer.addWidget(self._title)
        self.legend = label(role="muted", wrap=True)
        self.legend.setTextFormat(Qt.TextFormat.RichText)
        self.legend.setMinimumWidth(60)
        outer.addWidget(self.legend)
        self.plot = _Plot()
        self.plot.setFixedHeight(high)
        self.plot.setMinimumWidth(120)
        self.plot.setAccessibleName(title)
        outer.addWidget(self.plot)
        outer.addStretch(1)
        self._paint_ground()

    def set_title(self, title: str) -> None:
        self._title.setText(title)
        self.plot.setAccessibleName(title)

    @property
    def lines(self) -> tuple[Line, ...]:
        return self._lines

    def show_lines(self, lines: Sequence[Line]) -> None:
        """Draws these; those without points are left out."""
        self._lines = tuple(line for line in lines if line.steps)
        item = self.plot.getPlotItem()
        curves = item.listDataItems()
        if len(curves) != len(self._lines):
            item.clear()
            curves = [item.plot() for _ in self._lines]
        for curve, line in zip(curves, self._lines, strict=True):
            color = hue(line.hue)
            style = Qt.PenStyle.DashLine if line.dashed else Qt.PenStyle.SolidLine
            curve.setData(list(line.steps), list(line.values), pen=pg.mkPen(color, width=1.6, style=style))
            curve.setSymbol("o" if line.marked or len(line.steps) == 1 else None)
            curve.setSymbolSize(5)
            curve.setSymbolBrush(color)
            curve.setSymbolPen(None)
        self._write_legend()

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.PaletteChange:
            self._paint_ground()
        super().changeEvent(event)

    def _write_legend(self) -> None:
        entries = []
        for line in self._lines:
            words = html.escape(f"{line.name} {format(line.values[-1], self._form)}".strip()).replace(" ", "&nbsp;")
            entries.append(f'<span style="color:{hue(line.hue).name()}">●</span>&nbsp;{words}')
        self.legend.setText("&ensp; ".join(entries))
        self.legend.setVisible(bool(entries))

    def _paint_ground(self) -> None:
        colors = current_colors()
        self.plot.setBackground(colors.field)
        for side in ("left", "bottom"):
            axis = self.plot.getAxis(side)
            axis.setPen(pg.mkPen(colors.strong_border))
            axis.setTextPen(pg.mkPen(colors.muted))
        self.plot.showGrid(x=True, y=True, alpha=0.18)


class _Plot(pg.PlotWidget):  # type: ignore[misc]
    """Stands still: the wheel scrolls the page it is on."""

    def __init__(self) -> None:
        super().__init__()
        self.setMouseEnabled(x=False, y=False)
        self.hideButtons()
        self.setMenuEnabled(False)
        self.setFrameShape(pg.PlotWidget.Shape.NoFrame)
        item = self.getPlotItem()
        item.setDownsampling(auto=True, mode="peak")
        item.setClipToView(True)
        item.setContentsMargins(0, 6, 10, 0)
        self.getAxis("left").setWidth(46)

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()


def hue(number: int) -> QColor:
    """The colour of the curves with this number."""
    return QColor(_HUES[number % len(_HUES)])
