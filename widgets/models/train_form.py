"""Teaching a segmentation model: from masks, by a recipe, starting from another model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtWidgets import QComboBox, QFileDialog, QFormLayout, QSpinBox, QWidget

from app.session.shelf import Shelf
from app.session.teaching import TeachSession
from app.teaching.orders import RECIPES, TrainOrder
from widgets.models.data_picker import DataPicker
from widgets.models.teach_form import TeachForm
from widgets.models.words import tr
from widgets.parts import calm, named, roomy


class TrainForm(TeachForm):
    """As `TeachForm`.

    Args:
        project: the folder whose annotations can be learned from, or why they cannot.
    """

    def __init__(
        self,
        session: TeachSession,
        shelf: Shelf,
        project: Callable[[], tuple[Path | None, str]],
        parent: QWidget | None = None,
    ) -> None:
        self._shelf, self._before = shelf, 0
        super().__init__(
            session,
            DataPicker(session, project),
            RECIPES,
            tr("Teach a model"),
            tr(
                "Winnow learns from masks that are there already. A fifth of the pictures is set apart and says how "
                "good it gets; your pictures are only read."
            ),
            parent,
        )
        self.recipe.addItem(self.tr("A settings file…"), "")
        shelf.changed.connect(self._fill_bases)
        shelf.current_changed.connect(lambda _model: self._fill_bases())
        self._fill_bases()

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

    def _add_fields(self, form: QFormLayout) -> None:
        self.base = QComboBox()
        named(self.base, self.tr("Base model"), self.tr("A copy of it learns; the model itself stays as it is."))
        self.image_size = QSpinBox()
        self.image_size.setRange(0, 1024)
        self.image_size.setSingleStep(32)
        self.image_size.setSpecialValueText(self.tr("as the recipe says"))
        self.image_size.setSuffix(self.tr(" px"))
        words = self.tr("Side of the square that the model sees, a multiple of 32.")
        named(self.image_size, self.tr("Picture size"), words)
        for widget in (self.base, self.image_size):
            calm(widget)
        roomy(self.image_size)
        form.addRow(self.tr("Start from"), self.base)
        form.addRow(self.tr("Picture size"), self.image_size)

    def _fill_bases(self) -> None:
        chosen = self.base.currentData() or self._shelf.current
        self.base.clear()
        for spec in self._shelf.usable():
            self.base.addItem(spec.title, spec.id)
        self.base.setCurrentIndex(max(0, self.base.findData(chosen)))

    def _scratch(self) -> bool:
        recipe = self._chosen()
        return recipe is not None and recipe.scratch

    def _show_recipe(self) -> None:
        row = self.recipe.currentIndex()
        if self.recipe.itemData(row) == "":  # a file is asked for; without one, what was chosen before
            kinds = self.tr("YAML (*.yaml *.yml)")
            file, _ = QFileDialog.getOpenFileName(self, self.tr("Settings file"), "", kinds)
            if file:
                self.recipe.insertItem(row, Path(file).name, file)
            self.recipe.setCurrentIndex(row if file else self._before)
        self._before = self.recipe.currentIndex()
        super()._show_recipe()
        self.base.setEnabled(not self._scratch())
        self.base.setToolTip(self.tr("This recipe starts from random weights.") if self._scratch() else "")
