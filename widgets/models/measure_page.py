"""Measuring models: how good, which is better, how robust; and the reports there are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from PySide6.QtCore import QCoreApplication, Qt, QUrl, Signal
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import (
    QComboBox,
    QFormLayout,
    QHBoxLayout,
    QListWidget,
    QListWidgetItem,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from app.session.shelf import Shelf
from app.session.teaching import TeachSession
from app.teaching.reports import KINDS, MeasureOrder, Report, find_reports, measurement, read_report
from app.teaching.runs import SEGMENTER
from inference.errors import Cancelled
from inference.protocol import Ticket
from widgets.column_page import ColumnPage
from widgets.models.data_picker import DataPicker
from widgets.parts import button, calm, frame, label, named, roomy

_COLUMN = 940
_ROLE = Qt.ItemDataRole.UserRole
_LIMIT = 100


class MeasurePage(ColumnPage):
    """A form, and the reports below it.

    Args:
        open_file: shows a page or a folder to the person.

    Signals:
        measured(Report): one is finished.
    """

    measured = Signal(object)

    def __init__(
        self,
        session: TeachSession,
        shelf: Shelf,
        project: Callable[[], tuple[Path | None, str]],
        open_file: Callable[[Path], object] | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(_COLUMN, parent)
        self._session, self._shelf = session, shelf
        self._open_file = open_file or (lambda path: QDesktopServices.openUrl(QUrl.fromLocalFile(str(path))))
        self._ticket: Ticket | None = None
        self.column.setSpacing(12)
        self.column.addWidget(label(self.tr("Measure models"), "title"))
        box = frame("card")
        form = QFormLayout(box)
        form.setContentsMargins(16, 14, 16, 14)
        form.setHorizontalSpacing(14)
        form.setVerticalSpacing(9)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self._fill(form, project)
        self.column.addWidget(box)
        row = QHBoxLayout()
        self.said = label(role="muted", wrap=True)
        self.stop = button(self.tr("Stop"), self._stop)
        self.start = button(self.tr("Measure"), self._begin, "primary")
        row.addWidget(self.said, 1)
        row.addWidget(self.stop)
        row.addWidget(self.start)
        self.column.addLayout(row)
        self.column.addWidget(label(self.tr("Reports"), "heading"))
        self._reports = QVBoxLayout()
        self._reports.setSpacing(6)
        self.column.addLayout(self._reports)
        self._none = label(self.tr("None yet."), "muted")
        self.column.addWidget(self._none)
        self.column.addStretch(1)
        self.stop.hide()
        self._show_kind()
        self._enable()

    # What is chosen -------------------------------------------------------------------------------------------------

    def enter(self) -> None:
        """The page is shown: other models may be there by now."""
        self.data.refresh()
        self._fill_models()
        self._session.start(self._list())

    def measure(self, weights: Path) -> None:
        """Ticks the best checkpoint of a run, and nothing else."""
        self._fill_models()
        for row in range(self.models.count()):
            item = self.models.item(row)
            item.setCheckState(_checked(item.data(_ROLE) == str(weights)))

    def order(self) -> MeasureOrder:
        """What the form says."""
        data = self.data.data[0] if self.data.data else ""
        return MeasureOrder(
            str(self.kind.currentData()), tuple(self._ticked()), data, str(self.split.currentData()),
            self.limit.value(), self._session.models_dir,
        )  # fmt: skip

    # Building -------------------------------------------------------------------------------------------------------

    def _fill(self, form: QFormLayout, project: Callable[[], tuple[Path | None, str]]) -> None:
        self.kind = QComboBox()
        for kind, (title, _words) in KINDS.items():
            self.kind.addItem(QCoreApplication.translate("teaching", title), kind)
        named(self.kind, self.tr("What to measure"))
        self.kind.currentIndexChanged.connect(lambda _: self._show_kind())
        self.words = label(role="muted", wrap=True)
        self.models = QListWidget()
        self.models.setFixedHeight(128)
        named(self.models, self.tr("Models"), self.tr("Tick the models that take part."))
        self.models.itemChanged.connect(lambda _: self._enable())
        self.split = QComboBox()
        for split, text in (("val", self.tr("what models are chosen by (val)")), ("test", self.tr("test")),
                            ("train", self.tr("what models learn from (train)"))):  # fmt: skip
            self.split.addItem(text, split)
        named(self.split, self.tr("Part"), self.tr("Which part of a data set that has several."))
        self.data = DataPicker(self._session, project, single=True, split="val")
        self.data.changed.connect(self._enable)
        self.split.currentIndexChanged.connect(lambda _: self.data.set_split(str(self.split.currentData())))
        self.limit = QSpinBox()
        self.limit.setRange(0, 1_000_000)
        self.limit.setValue(_LIMIT)
        self.limit.setSpecialValueText(self.tr("all"))
        named(self.limit, self.tr("Objects"), self.tr("So many, chosen at random but always the same."))
        roomy(self.limit)
        for widget in (self.kind, self.split, self.limit):
            calm(widget)
        form.addRow(self.tr("Question"), self.kind)
        form.addRow("", self.words)
        form.addRow(self.tr("Models"), self.models)
        form.addRow(self.tr("Data"), self.data)
        form.addRow(self.tr("Part"), self.split)
        form.addRow(self.tr("Objects"), self.limit)

    def _fill_models(self) -> None:
        ticked = set(self._ticked()) or {self._shelf.current}
        runs = [run for run in self._session.runs if run.facts.usable and run.facts.kind == SEGMENTER]
        rows = [(spec.title, spec.id) for spec in self._shelf.usable()]
        rows += [(self.tr("%1 (run)").replace("%1", run.facts.name), str(run.facts.best)) for run in runs]
        self.models.blockSignals(True)
        self.models.clear()
        for title, model in rows:
            item = QListWidgetItem(title, self.models)
            item.setData(_ROLE, model)
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
            item.setCheckState(_checked(model in ticked))
        self.models.blockSignals(False)
        self._enable()

    # Within ---------------------------------------------------------------------------------------------------------

    def _ticked(self) -> list[str]:
        items = [self.models.item(row) for row in range(self.models.count())]
        return [str(item.data(_ROLE)) for item in items if item.checkState() is Qt.CheckState.Checked]

    def _show_kind(self) -> None:
        _title, words = KINDS[str(self.kind.currentData())]
        self.words.setText(QCoreApplication.translate("teaching", words))

    def _enable(self) -> None:
        busy = self.stop.isVisibleTo(self)
        self.start.setEnabled(not busy and bool(self._ticked()) and bool(self.data.data))

    def _begin(self) -> None:
        self._session.start(self._measure(self.order()))

    def _stop(self) -> None:
        if self._ticket is not None:
            self._session.stop(self._ticket)

    async def _measure(self, order: MeasureOrder) -> None:
        request = await self._session.in_thread(partial(measurement, order))
        title = QCoreApplication.translate("teaching", KINDS[order.kind][0])
        self.stop.show()
        self.stop.setEnabled(False)
        self.said.setText(self.tr("Waiting for its turn…"))
        self._enable()
        try:
            result = await self._session.measure(request, title, self._on_start)
            folder = Path(request.out)
            report = await self._session.in_thread(partial(read_report, folder))
        except Cancelled:
            self.said.setText(self.tr("Stopped."))
            return
        except BaseException:
            self.said.setText("")
            raise
        finally:
            self._ticket = None
            self.stop.hide()
            self._enable()
        left_out = self.tr(" %1 pictures could not be used.").replace("%1", str(len(result.failures)))
        self.said.setText(self.tr("Done.") + (left_out if result.failures else ""))
        await self._list()
        if report is not None:
            self.measured.emit(report)

    def _on_start(self, ticket: Ticket) -> None:
        self._ticket = ticket
        self.stop.setEnabled(True)
        self.said.setText(self.tr("Measuring; how far it is stands below."))

    async def _list(self) -> None:
        self._show(await self._session.in_thread(find_reports))

    def _show(self, reports: Sequence[Report]) -> None:
        while (taken := self._reports.takeAt(0)) is not None:
            if (widget := taken.widget()) is not None:
                widget.hide()
                widget.deleteLater()
        for report in reports:
            self._reports.addWidget(self._row(report))
        self._none.setVisible(not reports)

    def _row(self, report: Report) -> QWidget:
        box = frame("card")
        row = QHBoxLayout(box)
        row.setContentsMargins(14, 8, 8, 8)
        words = QVBoxLayout()
        words.setSpacing(2)
        title = label(report.folder.name, "heading")
        line = label(report.headline, "muted", wrap=True)
        for one in (title, line):
            one.setTextFormat(Qt.TextFormat.PlainText)
            words.addWidget(one)
        row.addLayout(words, 1)
        row.addWidget(button(self.tr("Folder"), lambda: self._open_file(report.folder), "flat", "folder"))
        row.addWidget(button(self.tr("Open the report"), lambda: self._open_file(report.page)))
        return box


def _checked(on: bool) -> Qt.CheckState:
    return Qt.CheckState.Checked if on else Qt.CheckState.Unchecked
