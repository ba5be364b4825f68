"""Several runs over each other: their curves in one diagram, their figures in one table."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from app.teaching.live import Run
from app.teaching.runs import best_of, score, series
from widgets.column_page import ColumnPage
from widgets.models.curves import CurvePlot, Line, hue
from widgets.models.words import minutes_text, recipe_text, status_text
from widgets.parts import frame, label, named, swatch

_COLUMN = 1500
_RECIPE = 2  # the column; figures stand to the right of it


class ComparePage(ColumnPage):
    """Every run has its colour, in the diagrams and in the table."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(_COLUMN, parent)
        self._runs: list[Run] = []
        self.column.setContentsMargins(20, 18, 20, 18)
        self.column.setSpacing(12)
        self.title = label(role="title")
        self.column.addWidget(self.title)
        plots = QHBoxLayout()
        plots.setSpacing(12)
        self.quality = CurvePlot(self.tr("Mean IoU of the validation"), high=260)
        self.loss = CurvePlot(self.tr("Loss"), high=260)
        for plot in (self.quality, self.loss):
            box = frame("card")
            inside = QVBoxLayout(box)
            inside.setContentsMargins(10, 8, 8, 6)
            inside.addWidget(plot)
            plots.addWidget(box, 1)
        self.column.addLayout(plots)
        heads = [self.tr("Run"), self.tr("Status"), self.tr("Recipe"), self.tr("Best IoU"),
                 self.tr("Click"), self.tr("3 clicks"), self.tr("Box"), self.tr("Step"), self.tr("Time"),
                 self.tr("Pictures")]  # fmt: skip
        self.table = QTableWidget(0, len(heads))
        self.table.setHorizontalHeaderLabels(heads)
        self.table.verticalHeader().hide()
        self.table.horizontalHeader().setSectionResizeMode(_RECIPE, QHeaderView.ResizeMode.Stretch)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setShowGrid(False)
        named(self.table, self.tr("Figures of the runs"))
        self.column.addWidget(self.table)
        self.column.addStretch(1)

    @property
    def runs(self) -> list[Run]:
        return self._runs

    def show_runs(self, runs: Sequence[Run]) -> None:
        """These, in this order of colours."""
        self._runs = list(runs)
        self.refresh()

    def refresh(self) -> None:
        """They have more figures, or stand otherwise."""
        runs = self._runs
        self.title.setText(self.tr("%1 runs compared").replace("%1", str(len(runs))))
        self.quality.show_lines([_line(run, n, "val_iou", "val_accuracy") for n, run in enumerate(runs)])
        self.loss.show_lines([_line(run, n, "loss") for n, run in enumerate(runs)])
        self.table.setRowCount(len(runs))
        for row, run in enumerate(runs):
            for column, text in enumerate(_cells(run)):
                item = QTableWidgetItem(text)
                item.setToolTip(text)
                if column == 0:
                    item.setIcon(QIcon(swatch(hue(row), 12)))
                elif column > _RECIPE:
                    item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
                self.table.setItem(row, column, item)
        self.table.resizeColumnsToContents()
        for column in range(self.table.columnCount()):
            if column != _RECIPE:  # which has the rest of the room
                self.table.setColumnWidth(column, self.table.columnWidth(column) + 10)
        high = self.table.horizontalHeader().height() + sum(self.table.rowHeight(row) for row in range(len(runs)))
        self.table.setFixedHeight(high + 16)


def _line(run: Run, number: int, *keys: str) -> Line:
    """The first of the keys that the run has."""
    found = [series(run.rows, key) for key in keys]
    steps, values = next((pair for pair in found if pair[0]), ([], []))
    return Line(run.facts.name[:24], steps, values, number, marked=keys[0].startswith("val"))


def _cells(run: Run) -> list[str]:
    best, last = best_of(run.rows) or {}, run.rows[-1] if run.rows else {}
    keys = ("val_click1", "val_click3", "val_box")
    figures = [f"{best[key]:.3f}" if isinstance(best.get(key), float) else "–" for key in keys]
    return [
        run.facts.name,
        status_text(run),
        recipe_text(run.facts.request.get("preset")),
        f"{score(best):.3f}" if best else "–",
        *figures,
        f"{last['step']:,}" if last else "–",
        minutes_text(float(last["seconds"])) if "seconds" in last else "–",
        f"{run.facts.pictures.get('train', 0):,}" if run.facts.pictures else "–",
    ]
