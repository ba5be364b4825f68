"""Teaching a classifier: from class folders, by a recipe, from random weights or those of a file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtWidgets import QFileDialog, QFormLayout, QHBoxLayout, QLineEdit, QWidget

from app.session.teaching import TeachSession
from app.teaching.orders import CLASSIFIER_RECIPES, ClassifierOrder
from widgets.models.data_picker import ClassPicker
from widgets.models.teach_form import TeachForm
from widgets.models.words import tr
from widgets.parts import button, named


class ClassifierForm(TeachForm):
    """As `TeachForm`.

    Args:
        folders: the folder whose class folders can be learned from, or why they cannot.
    """

    def __init__(
        self,
        session: TeachSession,
        folders: Callable[[], tuple[Path | None, str]],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(
            session,
            ClassPicker(session, folders),
            CLASSIFIER_RECIPES,
            tr("Teach a classifier"),
            tr(
                "Winnow learns to tell your class folders apart. Some pictures of every class are set apart to choose "
                "the best weights and to test them; a report comes at the end."
            ),
            parent,
        )

    def order(self) -> ClassifierOrder:
        """What the form says."""
        return ClassifierOrder(
            self.name.text().strip(),
            self.data.data,
            str(self.recipe.currentData()),
            self.weights.text().strip(),
            float(self.minutes.value()),
            self.more.toPlainText(),
        )

    def _add_fields(self, form: QFormLayout) -> None:
        self.weights = QLineEdit()
        self.weights.setPlaceholderText(self.tr("random weights"))
        named(self.weights, self.tr("Weights to start from"), self.tr("A safetensors file of the recipe's model."))
        row = QHBoxLayout()
        row.setSpacing(6)
        row.addWidget(self.weights, 1)
        row.addWidget(button(self.tr("Choose…"), self._choose))
        form.addRow(self.tr("Start from"), row)

    def _choose(self) -> None:
        kinds = self.tr("Weights (*.safetensors)")
        file, _ = QFileDialog.getOpenFileName(self, self.tr("Weights to start from"), "", kinds)
        if file:
            self.weights.setText(file)
