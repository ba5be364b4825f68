"""The Models workspace: every model, what it is, whether it is here; download, use, import, remove."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QMessageBox, QVBoxLayout, QWidget

from app.session.joblist import JobList
from app.session.shelf import Shelf
from inference.catalogue import ModelSpec
from widgets.column_page import ColumnPage
from widgets.models_card import ModelsCard
from widgets.parts import Bar, Picture, button, bytes_text, frame, label, left_text

_COLUMN = 900


class ModelsPage(ColumnPage):
    """One card for every model.

    Args:
        card: the offer of a better model, shown on top.
    """

    def __init__(self, shelf: Shelf, jobs: JobList, card: ModelsCard, parent: QWidget | None = None) -> None:
        super().__init__(_COLUMN, parent)
        self._shelf, self._jobs = shelf, jobs
        self._rows: dict[str, ModelRow] = {}
        self.column.setSpacing(10)
        head = QHBoxLayout()
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addWidget(label(self.tr("Models"), "title"))
        words.addWidget(label(self.tr("What answers your clicks. Weights stay on this machine."), "muted"))
        self.import_button = button(self.tr("Import weights…"), self.choose_file, "", "import")
        head.addLayout(words, 1)
        head.addWidget(self.import_button, 0, Qt.AlignmentFlag.AlignBottom)
        self.column.addLayout(head)
        self.column.addSpacing(6)
        self.column.addWidget(card)
        self._list = QVBoxLayout()
        self._list.setSpacing(8)
        self.column.addLayout(self._list)
        self.column.addStretch(1)
        shelf.changed.connect(self.refresh)
        for signal in (shelf.current_changed, shelf.classifier_changed):
            signal.connect(lambda _model: self.refresh())
        jobs.changed.connect(self._show_progress)
        self.refresh()

    def row(self, model_id: str) -> ModelRow:
        return self._rows[model_id]

    def refresh(self) -> None:
        """The catalogue, or what is installed, is another now."""
        specs = self._shelf.specs()
        for gone in set(self._rows) - {spec.id for spec in specs}:
            row = self._rows.pop(gone)
            self._list.removeWidget(row)
            row.hide()
            row.deleteLater()
        for place, spec in enumerate(specs):
            row = self._rows.get(spec.id) or self._new_row(spec)
            self._list.insertWidget(place, row)
            row.show_state(
                installed=self._shelf.installed(spec),
                used=spec.id in (self._shelf.current, self._shelf.classifier),
                fetching=self._shelf.fetching(spec.id) is not None,
            )

    def choose_file(self) -> None:
        """Asks for a checkpoint and imports it."""
        file, _ = QFileDialog.getOpenFileName(
            self, self.tr("Import weights"), "", self.tr("Weights (*.safetensors *.pt *.pth *.bin);;All files (*)")
        )
        if file:
            self._shelf.import_file(Path(file))

    def _new_row(self, spec: ModelSpec) -> ModelRow:
        row = self._rows[spec.id] = ModelRow(spec)
        row.use.clicked.connect(lambda: self._shelf.use(spec.id))
        row.get.clicked.connect(lambda: self._shelf.fetch(spec.id))
        row.stop.clicked.connect(lambda: self._shelf.stop_fetching(spec.id))
        row.remove.clicked.connect(lambda: self._remove(spec))
        return row

    def _remove(self, spec: ModelSpec) -> None:
        text = self.tr("Remove the weights of “%1” from this machine? They can be fetched or imported again.")
        answer = QMessageBox.question(self, self.tr("Remove model"), text.replace("%1", spec.title))
        if answer is QMessageBox.StandardButton.Yes:
            self._shelf.remove(spec.id)

    def _show_progress(self, ticket_id: int) -> None:
        job = self._jobs.get(ticket_id)
        for model_id, row in self._rows.items():
            ticket = self._shelf.fetching(model_id)
            if job is not None and ticket is not None and ticket.id == ticket_id:
                row.show_progress(job.fraction, job.seconds_left, job.message)


class ModelRow(QWidget):
    """One model: what it is on the left, what can be done on the right."""

    def __init__(self, spec: ModelSpec, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._spec = spec
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        box = frame("card")
        outer.addWidget(box)
        row = QHBoxLayout(box)
        row.setContentsMargins(16, 12, 12, 12)
        row.setSpacing(12)
        row.addWidget(Picture("chip", 22), 0, Qt.AlignmentFlag.AlignTop)
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addWidget(label(spec.title, "heading"))
        words.addWidget(label(spec.description, wrap=True))
        known = self.tr("ImageNet by names %1").replace("%1", f"{spec.zero_shot:.1%}") if spec.zero_shot else ""
        facts = [bytes_text(spec.size_bytes) if spec.size_bytes else "", spec.licence, spec.architecture, known]
        words.addWidget(label(" · ".join(fact for fact in facts if fact), "muted"))
        self._progress = label(role="muted")
        self._bar = Bar(self.tr("Download of %1").replace("%1", spec.title))
        words.addWidget(self._bar)
        words.addWidget(self._progress)
        row.addLayout(words, 1)
        self.state = label(role="muted")
        self.use = button(self.tr("Use"), None, "primary")
        self.get = button(self.tr("Download"), None, "", "download")
        self.stop = button(self.tr("Stop"))
        self.remove = button(self.tr("Remove"), None, "flat", "trash")
        for made, does in ((self.use, self.tr("Use")), (self.get, self.tr("Download")), (self.stop, self.tr("Stop")),
                           (self.remove, self.tr("Remove"))):  # fmt: skip
            made.setAccessibleName(f"{does}: {spec.title}")
        for widget in (self.state, self.remove, self.stop, self.get, self.use):
            row.addWidget(widget, 0, Qt.AlignmentFlag.AlignVCenter)

    def show_state(self, *, installed: bool, used: bool, fetching: bool) -> None:
        here, spec = installed, self._spec
        self.use.setVisible(here and not used and spec.family == "sam2")  # sorting chooses its own
        self.get.setVisible(not here and not fetching and spec.downloadable)
        self.stop.setVisible(fetching)
        self.remove.setVisible(here and not spec.builtin)
        self._bar.setVisible(fetching)
        self._progress.setVisible(fetching)
        if used and here:
            self.state.setText(self.tr("In use"))
        elif here:
            self.state.setText(self.tr("Built in") if spec.builtin else self.tr("Installed"))
        else:
            self.state.setText("" if spec.downloadable else self.tr("Missing"))
        self.state.setVisible(bool(self.state.text()))

    def show_progress(self, fraction: float | None, seconds_left: float | None, message: str) -> None:
        self._bar.show_fraction(fraction)
        parts = [message, "" if fraction is None else f"{fraction:.0%}"]
        if seconds_left is not None:
            parts.append(left_text(seconds_left))
        self._progress.setText(" · ".join(part for part in parts if part))
