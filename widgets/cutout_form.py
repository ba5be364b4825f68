"""The choices of the cut-out dialog: where the subject is, what comes behind it, what it is filed under."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QColor
from PySide6.QtWidgets import (
    QCheckBox,
    QColorDialog,
    QComboBox,
    QDoubleSpinBox,
    QFileDialog,
    QFormLayout,
    QLineEdit,
    QSpinBox,
    QWidget,
)

from app.cutouts.settings import CutoutSettings, form_of
from inference import prompt_sets
from inference.catalogue import ModelSpec
from inference.errors import UsageError
from inference.focus import MARGIN, Focus
from inference.jobs.classify import ClassifyRequest
from inference.looks import BLUR, PICTURE, TRANSPARENT, Look
from widgets.focus_picker import FocusPicker
from widgets.parts import button, calm, label, line, named, swatch

_COLOUR, _FILE = "colour", "file"


class CutoutForm(QWidget):
    """The controls. `changed` after every edit.

    Args:
        models: for masks, the first is chosen.
        classifiers: for prompt sets and words, likewise.
    """

    changed = Signal()

    def __init__(
        self, models: Sequence[ModelSpec], classifiers: Sequence[ModelSpec], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._colour, self._picture, self._prompts = QColor("#ffffff"), "", ""
        self.focus = _choices(
            ("center", self.tr("In the middle")), ("point", self.tr("Around the point")),
            ("auto", self.tr("Whatever stands out")), ("text", self.tr("By words")),
        )  # fmt: skip
        self.picker = FocusPicker()
        self.words = QLineEdit()
        self.words.setPlaceholderText(self.tr("a red car"))
        self.margin = _share(MARGIN, 0.5)
        self.background = _choices(
            (TRANSPARENT, self.tr("Transparent")), ("white", self.tr("White")), (_COLOUR, self.tr("A colour…")),
            (BLUR, self.tr("Blurred")), (_FILE, self.tr("Another picture…")),
        )  # fmt: skip
        self.choose = button("", self._choose_background)
        self.crop = QCheckBox(self.tr("Crop to the subject"))
        self.feather = QSpinBox(minimum=-1, maximum=50, value=-1)
        self.feather.setSpecialValueText(self.tr("fits the size"))
        self.feather.setSuffix(self.tr(" px"))
        self.follow = QCheckBox(self.tr("Follow the picture's edges"))
        self.decontaminate = QCheckBox(self.tr("Remove the old tint"))
        self.follow.setChecked(True)
        self.decontaminate.setChecked(True)
        self.shadow = QCheckBox(self.tr("Soft shadow"))
        self.form = _choices(("png", "PNG"), ("webp", "WebP"), ("jpeg", "JPEG"))
        self.sets = _choices(
            ("", self.tr("Keep the folders")), *((name, name.capitalize()) for name in prompt_sets.bundled()),
            (_FILE, self.tr("A prompt set…")),
        )  # fmt: skip
        self.model = _choices(*((spec.id, spec.title) for spec in models))
        self.classifier = _choices(*((spec.id, spec.title) for spec in classifiers))
        self._build()
        self._connect()
        self._refresh()

    def settings(self) -> CutoutSettings:
        """What the controls say. UsageError when it makes no sense, FormatError for an unsound prompt set."""
        chosen = str(self.sets.currentData())
        classify = None
        if chosen:
            prompts = prompt_sets.find(self._prompts if chosen == _FILE else chosen)
            classify = ClassifyRequest((), prompts, str(self.classifier.currentData() or ""))
        focus = self._focus()
        made = CutoutSettings(
            str(self.model.currentData() or ""),
            focus,
            self._look(),
            form_of(str(self.form.currentData())),
            classify,
            str(self.classifier.currentData() or "") if focus.kind == "text" else "",
        )
        made.check()
        return made

    def _focus(self) -> Focus:
        kind, margin = str(self.focus.currentData()), self.margin.value() / 100
        if kind == "point":
            x, y = self.picker.point()
            return Focus("point", x, y, margin=margin)
        if kind == "text":
            phrase = " ".join(self.words.text().split())
            if not phrase:
                raise UsageError(self.tr("Write what the subject is."), None, self.tr("For example: a red car."))
            return Focus("text", phrase=phrase, margin=margin)
        return Focus("auto" if kind == "auto" else "center", margin=margin)

    def _look(self) -> Look:
        kind = str(self.background.currentData())
        background = {"white": "#ffffff", _COLOUR: self._colour.name(), _FILE: PICTURE + self._picture}.get(kind, kind)
        if kind == _FILE and not self._picture:
            raise UsageError(self.tr("No picture is chosen for the background."), None, self.tr("Choose one."))
        return Look(
            background,
            self.crop.isChecked(),
            feather=None if self.feather.value() < 0 else float(self.feather.value()),
            follow=self.follow.isChecked(),
            decontaminate=self.decontaminate.isChecked(),
            shadow=self.shadow.isChecked(),
        )

    # Reactions --------------------------------------------------------------------------------------------------------

    def _refresh(self) -> None:
        """What only means something with another choice is shown with it."""
        focus, behind = str(self.focus.currentData()), str(self.background.currentData())
        self._form.setRowVisible(self.words, focus == "text")
        self._form.setRowVisible(self.margin, focus in ("center", "point"))
        if focus == "center":
            self.picker.set_point(0.5, 0.5)
        else:
            self.picker.set_point(*self.picker.point(), shown=focus == "point")
        self._form.setRowVisible(self.choose, behind in (_COLOUR, _FILE))
        self.choose.setIcon(swatch(self._colour) if behind == _COLOUR else swatch(QColor(Qt.GlobalColor.transparent)))
        names = {_COLOUR: self._colour.name(), _FILE: self._picture.rpartition("/")[2] or self.tr("Choose…")}
        self.choose.setText(names.get(behind, ""))
        self._form.setRowVisible(self.classifier, bool(self.sets.currentData()) or focus == "text")
        self.changed.emit()

    def _point_moved(self) -> None:
        self.focus.setCurrentIndex(self.focus.findData("point"))
        self.changed.emit()

    def _background_chosen(self) -> None:
        if self.background.currentData() == _FILE and not self._picture:
            self._choose_background()
        self._refresh()

    def _choose_background(self) -> None:
        if self.background.currentData() == _COLOUR:
            colour = QColorDialog.getColor(self._colour, self, self.tr("Background"))
            self._colour = colour if colour.isValid() else self._colour
        else:
            file, _ = QFileDialog.getOpenFileName(self, self.tr("Picture behind the subject"))
            self._picture = file or self._picture
        self._refresh()

    def _set_chosen(self) -> None:
        if self.sets.currentData() == _FILE:
            file, _ = QFileDialog.getOpenFileName(self, self.tr("Prompt set"), "", self.tr("Prompt sets (*.json)"))
            if file:
                self._prompts = file
            elif not self._prompts:
                self.sets.setCurrentIndex(0)
        self._refresh()

    # How it looks -----------------------------------------------------------------------------------------------------

    def _connect(self) -> None:
        self.focus.currentIndexChanged.connect(lambda _: self._refresh())
        self.background.activated.connect(lambda _: self._background_chosen())
        self.background.currentIndexChanged.connect(lambda _: self._refresh())
        self.sets.activated.connect(lambda _: self._set_chosen())
        self.sets.currentIndexChanged.connect(lambda _: self._refresh())
        self.picker.moved.connect(lambda _x, _y: self._point_moved())
        for check in (self.crop, self.follow, self.decontaminate, self.shadow):
            check.toggled.connect(lambda _: self.changed.emit())
        for number in (self.feather, self.margin):
            number.valueChanged.connect(lambda _: self.changed.emit())
        for combo in (self.form, self.model, self.classifier):
            combo.currentIndexChanged.connect(lambda _: self.changed.emit())
        self.words.textChanged.connect(lambda _: self.changed.emit())

    def _build(self) -> None:
        self._form = rows = QFormLayout(self)
        rows.setContentsMargins(20, 16, 20, 16)
        rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        rows.setSpacing(9)
        rows.addRow(self.picker)
        rows.addRow(self.tr("&Subject"), self.focus)
        rows.addRow(self.tr("&Words"), self.words)
        rows.addRow(self.tr("&Clicks apart"), self.margin)
        rows.addRow(self.tr("&Model"), self.model)
        self._section(self.tr("Looks"))
        rows.addRow(self.tr("&Background"), self.background)
        rows.addRow("", self.choose)
        rows.addRow(self.tr("Soft &edge"), self.feather)
        for check in (self.follow, self.decontaminate, self.shadow, self.crop):
            rows.addRow("", check)
        self._section(self.tr("Files"))
        rows.addRow(self.tr("File &under"), self.sets)
        rows.addRow(self.tr("C&lassifier"), self.classifier)
        rows.addRow(self.tr("F&ormat"), self.form)
        for control, name in (
            (self.focus, self.tr("Subject")), (self.background, self.tr("Background")), (self.form, self.tr("Format")),
            (self.sets, self.tr("File under")), (self.model, self.tr("Model")), (self.feather, self.tr("Soft edge")),
            (self.classifier, self.tr("Classifier")), (self.words, self.tr("Words")),
            (self.margin, self.tr("Clicks apart")), (self.choose, self.tr("Choose the background")),
        ):  # fmt: skip
            named(control, name)
            calm(control)

    def _section(self, title: str) -> None:
        self._form.addRow(line())
        self._form.addRow(label(title, "section"))


def _choices(*entries: tuple[str, str]) -> QComboBox:
    made = QComboBox()
    made.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    made.setMinimumContentsLength(12)
    for data, text in entries:
        made.addItem(text, data)
    return made


def _share(value: float, most: float) -> QDoubleSpinBox:
    return QDoubleSpinBox(minimum=0, maximum=most * 100, value=value * 100, singleStep=1, decimals=1, suffix=" %")
