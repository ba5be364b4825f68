"""The cut-out dialog: choose, try on ten pictures, watch them come, pause, go on."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QCloseEvent, QHideEvent, QImage
from PySide6.QtWidgets import (
    QDialog,
    QFileDialog,
    QHBoxLayout,
    QLineEdit,
    QProgressBar,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from app.cutouts.run import Outcome
from app.formats.background import Background
from app.session.cutouts import TRIED, CutoutSession, Ending, Order, Runner, State
from app.subjects.inputs import pictures
from inference.catalogue import ModelSpec
from inference.errors import AppError
from inference.jobs.cutout import Ready
from inference.pictures import read_rgb
from widgets.cutout_form import CutoutForm
from widgets.cutout_grid import CutoutGrid
from widgets.export_dialog import open_in_file_manager
from widgets.parts import button, frame, label, named, restyle


class CutoutDialog(QDialog):
    """Cuts the subjects of a folder's pictures out.

    Args:
        folder: of the pictures.
        runner: where the models are.
        models, classifiers: installed ones, the preferred first.
        show_folder: opens the output.
    """

    def __init__(
        self,
        folder: Path,
        runner: Runner,
        models: Sequence[ModelSpec],
        classifiers: Sequence[ModelSpec],
        parent: QWidget | None = None,
        *,
        show_folder: Callable[[str], None] = open_in_file_manager,
    ) -> None:
        super().__init__(parent)
        self._folder, self._show_folder = folder, show_folder
        self.session = CutoutSession(runner, self)
        self._dry = False
        self._task: Background | None = None
        self.setWindowTitle(self.tr("Cut out backgrounds"))
        self.resize(1120, 760)  # two pictures with their cut-outs side by side
        self.form = CutoutForm(models, classifiers)
        self.grid = CutoutGrid()
        self.out = QLineEdit(str(_default_out(folder)))
        self.heading = label("", "muted", wrap=True)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.problem = label("", wrap=True)
        self._message = frame("message")
        self.try_first = button(self.tr("Try on %1 first").replace("%1", str(TRIED)), self._try, icon_name="eye")
        self.start = button(self.tr("Cut out all"), self._start, "primary")
        self.pause = button(self.tr("Pause"), self._pause)
        self.open_out = button(self.tr("Open folder"), self._open_out, icon_name="folder-open")
        self.leave = button(self.tr("Close"), self.reject)
        self._build()
        self._connect()
        self._state_changed(State.IDLE)
        self.grid.clear(self.tr("Try the settings on a few pictures: nothing is written to the folder then."))
        self._look_at_first()

    # What was asked -----------------------------------------------------------------------------------------------

    def order(self, *, dry: bool) -> Order:
        """What the controls say. UsageError or FormatError when it makes no sense."""
        return Order(self._folder, Path(self.out.text().strip()), self.form.settings(), dry)

    def _try(self) -> None:
        self._begin(dry=True)

    def _start(self) -> None:
        if self.session.state is State.PAUSED:
            self.session.resume()
        else:
            self._begin(dry=False)

    def _begin(self, *, dry: bool) -> None:
        try:
            order = self.order(dry=dry)
        except AppError as error:
            self._say(" ".join(part for part in (error.message, error.remedy) if part))
            return
        self._say("")
        self._dry = dry
        self.grid.clear()
        self.heading.setText(self.tr("Loading the model…"))
        self.bar.setRange(0, 0)
        if self.session.state is State.PAUSED:
            self.session.stop()
        self.session.start(order)

    def _pause(self) -> None:
        if self._dry:
            self.session.stop()
        else:
            self.session.pause()

    # What comes ---------------------------------------------------------------------------------------------------

    def _ready(self, ready: Ready) -> None:
        if ready.jury is not None and ready.jury.unknown:
            words = ", ".join(f"“{word}”" for word in ready.jury.unknown[:6])
            text = self.tr("The built-in model has not learned %1. A larger classifier is in the Models workspace.")
            self._say(text.replace("%1", words), "warning")

    def _counted(self, done: int, failed: int, total: int) -> None:
        self.bar.setRange(0, max(total, 1))
        self.bar.setValue(done + failed)
        parts = [self.tr("%1 of %2").replace("%1", f"{done:,}").replace("%2", f"{total:,}")]
        if failed:
            parts.append(self.tr("%1 failed").replace("%1", f"{failed:,}"))
        self.heading.setText(" · ".join(parts))

    def _ended(self, ending: Ending) -> None:
        paused = self.session.state is State.PAUSED
        parts = [self.tr("%1 done").replace("%1", f"{ending.done:,}")]
        if not (ending.whole or ending.order.dry):
            parts = [self.tr("%1 of %2").replace("%1", f"{ending.done:,}").replace("%2", f"{ending.total:,}")]
        if ending.failures:
            parts.append(self.tr("%1 failed").replace("%1", f"{len(ending.failures):,}"))
        if ending.order.dry:
            parts.append(self.tr("tried only; nothing was written"))
        elif paused:
            parts.append(self.tr("paused"))
        elif not ending.whole:
            parts.append(self.tr("stopped; cutting out all goes on from here"))
        elif ending.page is not None:
            parts.append(self.tr("gallery, scores and results are in the folder"))
        self.heading.setText(" · ".join(parts))
        if not paused:  # else it shows how far it is
            self.bar.setRange(0, 1)
            self.bar.setValue(1 if ending.whole else 0)

    def _failed(self, error: AppError) -> None:
        self._say(str(error))
        self.bar.setRange(0, 1)
        self.bar.setValue(0)
        self.heading.setText("")

    def _state_changed(self, state: State) -> None:
        busy = state in (State.PREPARING, State.RUNNING, State.STOPPING)
        self.form.setEnabled(not busy and state is not State.PAUSED)
        self.out.setEnabled(state is State.IDLE)
        self.try_first.setEnabled(not busy)
        self.start.setEnabled(not busy)
        self.start.setText(self.tr("Go on") if state is State.PAUSED else self.tr("Cut out all"))
        self.pause.setVisible(busy)
        self.pause.setEnabled(state is State.RUNNING)
        self.pause.setText(self.tr("Stop") if self._dry else self.tr("Pause"))
        self.leave.setText(self.tr("Cancel") if busy or state is State.PAUSED else self.tr("Close"))
        self.bar.setVisible(busy or state is State.PAUSED)

    def _say(self, text: str, kind: str = "error") -> None:
        restyle(self._message, "kind", kind)
        self.problem.setText(text)
        self._message.setVisible(bool(text))

    # The first picture --------------------------------------------------------------------------------------------

    def _look_at_first(self) -> None:
        """Shows a picture to set the point on, read in a thread."""
        self._task = task = Background(lambda _progress: _first(self._folder), self)
        task.succeeded.connect(self._show_first)
        task.finished.connect(self._looked)
        task.start()

    def _show_first(self, image: QImage | None) -> None:
        if image is not None:
            self.form.picker.set_image(image)

    def _looked(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            task.wait()
            task.deleteLater()

    # Leaving --------------------------------------------------------------------------------------------------------

    def reject(self) -> None:
        """Escape, Cancel and Close: what runs is stopped first; what is done stays, and a later run goes on."""
        if self.session.state in (State.IDLE, State.STOPPING):
            super().reject()
        else:
            self.session.stop()

    def hideEvent(self, event: QHideEvent) -> None:
        """The window around it closes: nothing may run on without it. Minimising is no reason."""
        if not event.spontaneous():
            self.session.close()
            if self._task is not None:
                self._task.wait()
        super().hideEvent(event)

    def closeEvent(self, event: QCloseEvent) -> None:
        self.session.close()
        super().closeEvent(event)

    def _open_out(self) -> None:
        out = Path(self.out.text().strip())
        self._show_folder(str(out if out.is_dir() else self._folder))

    def _choose_out(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, self.tr("Folder for the cut-outs"), self.out.text())
        if chosen:
            self.out.setText(chosen)

    # How it looks ---------------------------------------------------------------------------------------------------

    def _connect(self) -> None:
        self.form.changed.connect(self._edited)
        self.session.outcome.connect(self._outcome)
        self.session.counted.connect(self._counted)
        self.session.ready.connect(self._ready)
        self.session.ended.connect(self._ended)
        self.session.failed.connect(self._failed)
        self.session.state_changed.connect(self._state_changed)

    def _edited(self) -> None:
        self._say("")

    def _outcome(self, outcome: Outcome) -> None:
        self.grid.add(outcome)

    def _build(self) -> None:
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(self.form)
        scroll.setFixedWidth(370)
        message = QHBoxLayout(self._message)
        message.setContentsMargins(16, 8, 16, 8)
        message.addWidget(self.problem)
        self._message.hide()
        right = QVBoxLayout()
        right.setContentsMargins(16, 12, 16, 12)
        for widget in (self.heading, self.bar):
            right.addWidget(widget)
        right.addWidget(self.grid, 1)
        middle = QHBoxLayout()
        middle.setSpacing(0)
        middle.addWidget(scroll)
        middle.addLayout(right, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._message)
        column.addLayout(middle, 1)
        column.addWidget(self._bottom())

    def _bottom(self) -> QWidget:
        bar = frame("bar")
        named(self.out, self.tr("Folder for the cut-outs"))
        named(self.bar, self.tr("Progress of the cut-outs"))
        caption = label(self.tr("&Folder"))
        caption.setBuddy(self.out)
        where = QHBoxLayout()
        where.addWidget(caption)
        where.addWidget(self.out, 1)
        where.addWidget(button(self.tr("Browse…"), self._choose_out))
        where.addWidget(self.open_out)
        last = QHBoxLayout()
        last.addWidget(self.try_first)
        last.addStretch(1)
        for made in (self.leave, self.pause, self.start):
            last.addWidget(made)
        column = QVBoxLayout(bar)
        column.setContentsMargins(16, 12, 16, 12)
        column.addLayout(where)
        column.addLayout(last)
        return bar


def _first(folder: Path) -> QImage | None:
    """A small copy of the first picture that can be read."""
    files, _ = pictures([folder])
    for file in files[:5]:
        try:
            rgb = read_rgb(file, 560)
        except AppError:
            continue
        return QImage(rgb.data, rgb.shape[1], rgb.shape[0], rgb.strides[0], QImage.Format.Format_RGB888).copy()
    return None


def _default_out(folder: Path) -> Path:
    """Beside the pictures' folder, or in the person's home where that cannot be written."""
    if not os.access(folder.parent, os.W_OK):
        return Path.home() / "winnow-cutouts"
    return folder.parent / f"{folder.name}-cutouts"
