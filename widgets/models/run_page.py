"""One run: how it stands, its curves, its validation pictures, and what can be done with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QVBoxLayout, QWidget

from app.teaching.live import RUNNING, STARTING, STOPPING, WAITING, Run
from app.teaching.runs import CLASSIFIER, Row, best_of, score, series
from widgets.column_page import ColumnPage
from widgets.models.curves import CurvePlot, Line
from widgets.models.samples import Samples
from widgets.models.words import minutes_text, recipe_text, status_text
from widgets.parts import Bar, button, frame, label, left_text

_COLUMN = 1500
_IOUS = (("val_click1", 0), ("val_click3", 1), ("val_box", 2))
_TRAINED = (("iou_click", 0), ("iou_box", 2), ("iou_mask", 3))


class RunPage(ColumnPage):
    """Shows one run at a time.

    Signals, each with the run's folder:
        pause_wanted, go_on_wanted, use_wanted, measure_wanted, show_wanted, discard_wanted;
        report_wanted has the page.
    """

    pause_wanted = Signal(object)
    go_on_wanted = Signal(object)
    use_wanted = Signal(object)
    measure_wanted = Signal(object)
    show_wanted = Signal(object)
    report_wanted = Signal(object)
    discard_wanted = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(_COLUMN, parent)
        self._run: Run | None = None
        self._told: dict[str, str] = {}
        self.column.setContentsMargins(20, 18, 20, 18)
        self.column.setSpacing(12)
        self._build_head()
        plots = QHBoxLayout()
        plots.setSpacing(12)
        self.loss = CurvePlot(self.tr("Loss"))
        self.quality = CurvePlot(self.tr("IoU"))
        self.rate = CurvePlot(self.tr("Learning rate"), ".1e")
        for plot, share in ((self.loss, 3), (self.quality, 4), (self.rate, 3)):
            box = frame("card")
            inside = QVBoxLayout(box)
            inside.setContentsMargins(10, 8, 8, 6)
            inside.addWidget(plot)
            plots.addWidget(box, share)
        self.column.addLayout(plots)
        self.samples = Samples()
        self.column.addWidget(self.samples)
        self._facts = QGridLayout()
        self._facts.setHorizontalSpacing(16)
        self._facts.setVerticalSpacing(3)
        self._facts.setColumnStretch(1, 1)
        self.column.addLayout(self._facts)
        self.column.addStretch(1)

    @property
    def run(self) -> Run | None:
        return self._run

    def show_run(self, run: Run) -> None:
        """Another run, or the same one with everything new."""
        self._run = run
        self.refresh()
        self.refresh_rows()

    def refresh(self) -> None:
        """How it stands."""
        run = self._run
        if run is None:
            return
        self.title.setText(run.facts.name)
        self.quality.set_title(self.tr("Accuracy") if run.facts.kind == CLASSIFIER else self.tr("IoU"))
        self.state.setText(status_text(run))
        busy, status = bool(run.phase), run.status
        self.pause.setVisible(busy)
        self.pause.setEnabled(run.phase != STOPPING)
        self.go_on.setVisible(not run.busy and status in ("stopped", "failed") and run.facts.resumable)
        self.use.setVisible(run.facts.usable)
        self.use.setEnabled(run.phase not in (WAITING, STARTING))
        self.measure.setVisible(run.facts.usable and run.facts.kind != CLASSIFIER)
        self.report.setVisible(run.facts.report is not None)
        self.discard.setText(self.tr("Cancel…") if busy else self.tr("Delete…"))
        self.discard.setEnabled(busy or not run.busy)
        self.bar.setVisible(busy)
        self.bar.show_fraction(run.fraction if run.phase == RUNNING else None)
        self.said.setText(self._words(run))
        self.said.setVisible(bool(self.said.text()))
        reason = run.error or run.facts.reason
        self.problem.setText(str(reason) if status == "failed" and reason else "")
        self.problem.setVisible(bool(self.problem.text()))
        self._show_facts(run)

    def refresh_rows(self) -> None:
        """Its figures."""
        run = self._run
        if run is None:
            return
        rows = run.rows
        if run.facts.kind == CLASSIFIER:
            learning, chosen = self.tr("while learning"), self.tr("validation")
            self.loss.show_lines([_line(rows, "loss", 0, learning), _line(rows, "val_loss", 1, chosen, marked=True)])
            lines = [_line(rows, "accuracy", 0, learning), _line(rows, "val_accuracy", 1, chosen, marked=True)]
            self.quality.show_lines(lines)
        else:
            names = {"val_click1": self.tr("click"), "val_click3": self.tr("3 clicks"), "val_box": self.tr("box"),
                     "iou_click": "", "iou_box": "", "iou_mask": ""}  # fmt: skip
            self.loss.show_lines([
                _line(rows, "loss", 0, self.tr("all")), _line(rows, "loss_focal", 1, "focal"),
                _line(rows, "loss_dice", 2, "dice"), _line(rows, "loss_iou", 3, "IoU"),
            ])  # fmt: skip
            validated = [_line(rows, key, hue, names[key], marked=True) for key, hue in _IOUS]
            trained = [_line(rows, key, hue, self.tr("while learning"), dashed=True) for key, hue in _TRAINED[:1]]
            self.quality.show_lines([*validated, *trained])
        self.rate.show_lines(
            [
                _line(rows, "lr", 0, self.tr("rest")),
                _line(rows, "lr_trunk", 1, self.tr("trunk")),
                _line(rows, "rate", 0),
            ]
        )
        self.samples.show_rows(run.folder, rows)
        self.refresh()

    # Building -------------------------------------------------------------------------------------------------------

    def _build_head(self) -> None:
        head = QHBoxLayout()
        head.setSpacing(8)
        words = QVBoxLayout()
        words.setSpacing(2)
        self.title = label(role="title")
        self.title.setTextFormat(Qt.TextFormat.PlainText)
        self.title.setMinimumWidth(120)
        self.state = label(role="muted")
        words.addWidget(self.title)
        words.addWidget(self.state)
        head.addLayout(words, 1)
        self.pause = button(self.tr("Pause"), lambda: self._emit(self.pause_wanted), "", "stop")
        self.pause.setToolTip(self.tr("Writes everything down and stops; it can go on at any time."))
        self.go_on = button(self.tr("Go on"), lambda: self._emit(self.go_on_wanted), "", "refresh")
        self.use = button(self.tr("Use this model"), lambda: self._emit(self.use_wanted), "primary")
        self.use.setToolTip(self.tr("Puts the best weights so far into the list of models and clicks with them."))
        self.measure = button(self.tr("Measure…"), lambda: self._emit(self.measure_wanted), "", "target")
        self.report = button(self.tr("Open the report"), self._show_report)
        self.show_folder = button(self.tr("Folder"), lambda: self._emit(self.show_wanted), "flat", "folder")
        self.discard = button(self.tr("Delete…"), lambda: self._emit(self.discard_wanted), "flat", "trash")
        for made in (self.discard, self.show_folder, self.report, self.measure, self.pause, self.go_on, self.use):
            head.addWidget(made, 0, Qt.AlignmentFlag.AlignTop)
        self.column.addLayout(head)
        self.bar = Bar(self.tr("How far the training is"))
        self.said = label(role="muted", wrap=True)
        self.problem = label(role="problem", wrap=True)
        self.problem.setTextFormat(Qt.TextFormat.PlainText)
        self.problem.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        for widget in (self.bar, self.said, self.problem):
            self.column.addWidget(widget)

    def _show_report(self) -> None:
        if self._run is not None and self._run.facts.report is not None:
            self.report_wanted.emit(self._run.facts.report)

    def _emit(self, signal: Any) -> None:
        if self._run is not None:
            signal.emit(self._run.folder)

    # Words ----------------------------------------------------------------------------------------------------------

    def _words(self, run: Run) -> str:
        if run.phase == STARTING:
            return run.message or self.tr("The helper process starts…")
        if run.phase == WAITING:
            return self.tr("Another training or measurement runs; this one comes after it.")
        last = run.rows[-1] if run.rows else {}
        parts = []
        if run.fraction is not None and run.phase:
            parts.append(f"{run.fraction:.1%}")
        if last:
            parts.append(self.tr("step %1").replace("%1", f"{last['step']:,}"))
            parts.append(self.tr("round %1 through the pictures").replace("%1", f"{float(last.get('epoch', 0)):.1f}"))
            parts.append(self.tr("%1 of training").replace("%1", minutes_text(float(last.get("seconds", 0)))))
        if run.seconds_left is not None:
            parts.append(left_text(run.seconds_left))
        if run.phase == RUNNING and run.message.startswith("validating"):
            parts.append(self.tr("validating now"))
        return " · ".join(parts)

    def _show_facts(self, run: Run) -> None:
        request, told = run.facts.request, run.facts.told
        pictures = run.facts.pictures or told.get("counts") or {}
        best = best_of(run.rows)
        data = request.get("data") or told.get("data") or ()
        start = told.get("start") or request.get("init") or told.get("weights") or ""
        rows = {
            self.tr("Best validation"): self._best(best),
            self.tr("Learns from"): ", ".join(str(one) for one in data),
            self.tr("Pictures"): self.tr("%1 to learn from, %2 to choose on").replace(
                "%1", f"{pictures['train']:,}").replace("%2", f"{pictures.get('val', 0):,}")
            if "train" in pictures else "",
            self.tr("Recipe"): recipe_text(request.get("preset") or told.get("preset")),
            self.tr("Started from"): Path(str(start)).name,
            self.tr("Folder"): str(run.folder),
        }  # fmt: skip
        shown = {name: text for name, text in rows.items() if text}
        if shown == self._told:  # this is called ten times a second while a run goes on
            return
        self._told = shown
        while (taken := self._facts.takeAt(0)) is not None:
            if (widget := taken.widget()) is not None:
                widget.hide()
                widget.deleteLater()
        for line, (name, text) in enumerate(shown.items()):
            words = label(text, wrap=True)
            words.setTextFormat(Qt.TextFormat.PlainText)
            words.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            self._facts.addWidget(label(name, "muted"), line, 0, Qt.AlignmentFlag.AlignTop)
            self._facts.addWidget(words, line, 1)

    def _best(self, best: Row | None) -> str:
        if best is None:
            return ""
        figures = {"val_click1": self.tr("one click"), "val_click3": self.tr("three clicks"), "val_box": self.tr("box"),
                   "val_accuracy": self.tr("accuracy")}  # fmt: skip
        parts = [f"{name} {best[key]:.3f}" for key, name in figures.items() if isinstance(best.get(key), float)]
        if best["step"] == 0:
            return self.tr("before the first step: %1").replace("%1", ", ".join(parts))
        text = self.tr("mean IoU %1 at step %2: %3") if "val_iou" in best else "%3"
        return text.replace("%1", f"{score(best):.3f}").replace("%2", f"{best['step']:,}").replace(
            "%3", ", ".join(parts))  # fmt: skip


def _line(rows: list[Row], key: str, hue: int, name: str = "", *, marked: bool = False, dashed: bool = False) -> Line:
    steps, values = series(rows, key)
    return Line(name, steps, values, hue, marked, dashed)
