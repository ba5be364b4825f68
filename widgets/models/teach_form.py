"""What the forms of all trainings have in common: data, a recipe, how long, further settings, a name, the button."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QCoreApplication, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QHBoxLayout,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app.session.teaching import TeachSession
from app.teaching.orders import ClassifierOrder, Recipe, TrainOrder, free_name
from widgets.column_page import ColumnPage
from widgets.models.data_picker import DataPicker
from widgets.parts import button, calm, frame, label, named, roomy

_COLUMN = 940


class TeachForm(QWidget):
    """Everything a training needs; nothing starts before the button is pressed.

    Args:
        data: chooses what to learn from.
        recipes: what is offered; a subclass adds its own fields between them and the time.

    Signals:
        begun(folder): an order was found good and waits or runs.
    """

    begun = Signal(object)

    def __init__(
        self,
        session: TeachSession,
        data: DataPicker,
        recipes: Sequence[Recipe],
        title: str,
        intro: str,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._session, self._recipes, self.data = session, recipes, data
        self._named = False  # by the person
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(0)
        page = ColumnPage(_COLUMN)
        page.column.setSpacing(12)
        page.column.addWidget(label(title, "title"))
        page.column.addWidget(label(intro, "muted", wrap=True))
        page.column.addWidget(_section(self.tr("What to learn from"), data))
        page.column.addWidget(_section(self.tr("How"), self._fields()))
        page.column.addStretch(1)
        outer.addWidget(page, 1)
        outer.addWidget(self._foot())
        data.changed.connect(self._refresh)

    def enter(self) -> None:
        """The page is shown: another folder may be open by now."""
        self.data.refresh()
        if not self.data.data:
            self.data.add_project()
        self._refresh()

    def order(self) -> TrainOrder | ClassifierOrder:
        """What the form says."""
        raise NotImplementedError

    # Building -------------------------------------------------------------------------------------------------------

    def _add_fields(self, form: QFormLayout) -> None:
        """The subclass's own rows."""

    def _fields(self) -> QWidget:
        made = QWidget()
        form = QFormLayout(made)
        form.setContentsMargins(0, 0, 0, 0)
        form.setHorizontalSpacing(14)
        form.setVerticalSpacing(8)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self.recipe = QComboBox()
        for recipe in self._recipes:
            self.recipe.addItem(QCoreApplication.translate("teaching", recipe.title), recipe.preset)
        named(self.recipe, self.tr("Recipe"))
        self.words = label(role="muted", wrap=True)
        self.minutes = QDoubleSpinBox()
        self.minutes.setRange(0, 14 * 24 * 60)
        self.minutes.setDecimals(0)
        self.minutes.setSpecialValueText(self.tr("as long as the recipe says"))
        self.minutes.setSuffix(self.tr(" min"))
        named(self.minutes, self.tr("Minutes at most"), self.tr("The learning rate falls to nothing by then."))
        self.more = QPlainTextEdit()
        self.more.setPlaceholderText("epochs=10\nlearning_rate=2e-5")
        self.more.setFixedHeight(64)
        self.more.setTabChangesFocus(True)
        named(self.more, self.tr("Further settings"), self.tr("A line KEY=VALUE each; the documentation lists them."))
        for box in (self.recipe, self.minutes):
            calm(box)
        roomy(self.minutes)
        form.addRow(self.tr("Recipe"), self.recipe)
        form.addRow("", self.words)
        self._add_fields(form)
        form.addRow(self.tr("Time"), self.minutes)
        form.addRow(self.tr("Further settings"), self.more)
        self.recipe.activated.connect(lambda _: self._show_recipe())
        self._show_recipe()
        return made

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
        self.start.setEnabled(False)
        row.addStretch(1)
        row.addWidget(label(self.tr("Call it"), "muted"))
        row.addWidget(self.name, 2)
        row.addWidget(self.start)
        row.addStretch(1)
        return box

    # Within ---------------------------------------------------------------------------------------------------------

    def _chosen(self) -> Recipe | None:
        """The recipe; None for a settings file."""
        return next((recipe for recipe in self._recipes if recipe.preset == self.recipe.currentData()), None)

    def _show_recipe(self) -> None:
        recipe = self._chosen()
        words = QCoreApplication.translate("teaching", recipe.words) if recipe else str(self.recipe.currentData())
        self.words.setText(words)

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


def _section(title: str, inside: QWidget) -> QWidget:
    box = frame("card")
    column = QVBoxLayout(box)
    column.setContentsMargins(16, 12, 16, 14)
    column.setSpacing(8)
    column.addWidget(label(title, "heading"))
    column.addWidget(inside)
    return box
