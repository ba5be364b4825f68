"""Teaching a model: what from, by which recipe, starting where, for how long."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QCoreApplication, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from app.session.shelf import Shelf
from app.session.teaching import TeachSession
from app.teaching.orders import RECIPES, TrainOrder, free_name
from widgets.column_page import ColumnPage
from widgets.models.data_picker import DataPicker
from widgets.parts import button, calm, frame, label, named, roomy

_COLUMN = 940


class TrainForm(QWidget):
    """Everything a training needs; nothing starts before the button is pressed.

    Args:
        project: the folder whose annotations can be learned from, or why they cannot.

    Signals:
        begun(folder): an order was found good and waits or runs.
    """

    begun = Signal(object)

    def __init__(
        self,
        session: TeachSession,
        shelf: Shelf,
        project: Callable[[], tuple[Path | None, str]],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._session, self._shelf = session, shelf
        self._named = False  # by the person
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(0)
        page = ColumnPage(_COLUMN)
        outer.addWidget(page, 1)
        page.column.setSpacing(12)
        page.column.addWidget(label(self.tr("Teach a model"), "title"))
        page.column.addWidget(
            label(self.tr("Winnow learns from masks that are there already. A fifth of the pictures is set apart and "
                          "says how good it gets; your pictures are only read."), "muted", wrap=True)
        )  # fmt: skip
        self.data = DataPicker(session, project)
        page.column.addWidget(self._section(self.tr("What to learn from"), self.data))
        page.column.addWidget(self._section(self.tr("How"), self._recipe()))
        page.column.addStretch(1)
        outer.addWidget(self._foot())
        self.data.changed.connect(self._refresh)
        shelf.changed.connect(self._fill_bases)
        shelf.current_changed.connect(lambda _model: self._fill_bases())
        self._fill_bases()
        self._show_recipe()
        self._refresh()

    def enter(self) -> None:
        """The page is shown: another folder may be open by now, another model in use."""
        self.data.refresh()
        if not self.data.data:
            self.data.add_project()
        self._refresh()

    def order(self) -> TrainOrder:
        """What the form says."""
        return TrainOrder(
            self.name.text().strip(),
            self.data.data,
            str(self.recipe.currentData()),
            "" if self._scratch() else str(self.base.currentData() or ""),
            float(self.minutes.value()),
            int(self.image_size.value()),
            more=self.more.toPlainText(),
            models_dir=self._session.models_dir,
        )

    # Building -------------------------------------------------------------------------------------------------------

    def _section(self, title: str, inside: QWidget) -> QWidget:
        box = frame("card")
        column = QVBoxLayout(box)
        column.setContentsMargins(16, 12, 16, 14)
        column.setSpacing(8)
        column.addWidget(label(title, "heading"))
        column.addWidget(inside)
        return box

    def _foot(self) -> QWidget:
        """The name and the button, always in sight."""
        box = frame("bar")
        row = QHBoxLayout(box)
        row.setContentsMargins(24, 8, 24, 8)
        row.setSpacing(8)
        self.name = QLineEdit()
        named(self.name, self.tr("Name of the run"))
        self.name.setPlaceholderText(self.tr("Name of the run"))
        self.name.setMaximumWidth(420)
        self.name.returnPressed.connect(lambda: self._begin() if self.start.isEnabled() else None)
        self.name.textEdited.connect(lambda text: setattr(self, "_named", bool(text)))
        self.start: QPushButton = button(self.tr("Start teaching"), self._begin, "primary", "")
        row.addStretch(1)
        row.addWidget(label(self.tr("Call it"), "muted"))
        row.addWidget(self.name, 2)
        row.addWidget(self.start)
        row.addStretch(1)
        return box

    def _recipe(self) -> QWidget:
        made = QWidget()
        form = QFormLayout(made)
        form.setContentsMargins(0, 0, 0, 0)
        form.setHorizontalSpacing(14)
        form.setVerticalSpacing(8)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self.recipe = QComboBox()
        for recipe in RECIPES:
            self.recipe.addItem(QCoreApplication.translate("teaching", recipe.title), recipe.preset)
        self.recipe.addItem(self.tr("A settings file…"), "")
        named(self.recipe, self.tr("Recipe"))
        self.recipe.activated.connect(self._on_recipe)
        self._chosen = 0
        self.words = label(role="muted", wrap=True)
        self.base = QComboBox()
        named(self.base, self.tr("Base model"), self.tr("A copy of it learns; the model itself stays as it is."))
        self.minutes = QDoubleSpinBox()
        self.minutes.setRange(0, 14 * 24 * 60)
        self.minutes.setDecimals(0)
        self.minutes.setSpecialValueText(self.tr("as long as the recipe says"))
        self.minutes.setSuffix(self.tr(" min"))
        named(self.minutes, self.tr("Minutes at most"), self.tr("The learning rate falls to nothing by then."))
        self.image_size = QSpinBox()
        self.image_size.setRange(0, 1024)
        self.image_size.setSingleStep(32)
        self.image_size.setSpecialValueText(self.tr("as the recipe says"))
        self.image_size.setSuffix(self.tr(" px"))
        named(
            self.image_size,
            self.tr("Picture size"),
            self.tr("Side of the square that the model sees, a multiple of 32."),
        )
        self.more = QPlainTextEdit()
        self.more.setPlaceholderText("epochs=10\nlearning_rate=2e-5")
        self.more.setFixedHeight(64)
        self.more.setTabChangesFocus(True)
        named(self.more, self.tr("Further settings"), self.tr("A line KEY=VALUE each; docs/training.md lists them."))
        for box in (self.recipe, self.base, self.minutes, self.image_size):
            calm(box)
        for spin in (self.minutes, self.image_size):
            roomy(spin)
        form.addRow(self.tr("Recipe"), self.recipe)
        form.addRow("", self.words)
        form.addRow(self.tr("Start from"), self.base)
        form.addRow(self.tr("Time"), self.minutes)
        form.addRow(self.tr("Picture size"), self.image_size)
        form.addRow(self.tr("Further settings"), self.more)
        return made

    # Within ---------------------------------------------------------------------------------------------------------

    def _fill_bases(self) -> None:
        chosen = self.base.currentData() or self._shelf.current
        self.base.clear()
        for spec in self._shelf.usable():
            self.base.addItem(spec.title, spec.id)
        self.base.setCurrentIndex(max(0, self.base.findData(chosen)))

    def _scratch(self) -> bool:
        return any(recipe.scratch and recipe.preset == self.recipe.currentData() for recipe in RECIPES)

    def _on_recipe(self, row: int) -> None:
        if self.recipe.itemData(row) == "":
            file, _ = QFileDialog.getOpenFileName(self, self.tr("Settings file"), "", self.tr("YAML (*.yaml *.yml)"))
            if not file:
                self.recipe.setCurrentIndex(self._chosen)
                return
            self.recipe.insertItem(row, Path(file).name, file)
            self.recipe.setCurrentIndex(row)
        self._chosen = self.recipe.currentIndex()
        self._show_recipe()

    def _show_recipe(self) -> None:
        words = next((r.words for r in RECIPES if r.preset == self.recipe.currentData()), "")
        text = QCoreApplication.translate("teaching", words) if words else str(self.recipe.currentData())
        self.words.setText(text)
        self.base.setEnabled(not self._scratch())
        self.base.setToolTip(self.tr("This recipe starts from random weights.") if self._scratch() else "")

    def _refresh(self) -> None:
        self.start.setEnabled(bool(self.data.data))
        if not self._named:
            wish = Path(self.data.data[0]).stem if self.data.data else ""
            self.name.setText(free_name(wish, {run.facts.name for run in self._session.runs}) if wish else "")

    def _begin(self) -> None:
        self._session.train(self.order(), self._on_begun)

    def _on_begun(self, folder: Path) -> None:
        self._named = False
        self._refresh()
        self.begun.emit(folder)
