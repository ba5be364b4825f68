"""The choices of the export dialog: one control for each option of the declared tables, and the list of formats."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QCoreApplication, QModelIndex, QPersistentModelIndex, QRect, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFont, QPainter, QPalette
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QHBoxLayout,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QSpinBox,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from app.formats import ExportOptions
from app.formats.base import Format
from app.formats.options import Option, parse_split
from app.instance import LabelClass
from widgets.parts import calm, label, named, roomy, swatch

UNLABELLED = -1


class FormatList(QListWidget):
    """The formats with their one-line descriptions."""

    def __init__(self, formats: Sequence[Format]) -> None:
        super().__init__()
        self.setItemDelegate(_TwoLines(self))
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFixedWidth(320)
        named(self, self.tr("Format"))
        for form in formats:
            title, description = of_format(form.title), of_format(form.description)
            item = QListWidgetItem(title)
            item.setData(Qt.ItemDataRole.UserRole, form.id)
            item.setData(Qt.ItemDataRole.UserRole + 1, description)
            item.setData(Qt.ItemDataRole.AccessibleTextRole, f"{title}: {description}")
            self.addItem(item)

    def format_id(self) -> str:
        item = self.currentItem()
        return "" if item is None else str(item.data(Qt.ItemDataRole.UserRole))

    def choose(self, format_id: str) -> None:
        for row in range(self.count()):
            if self.item(row).data(Qt.ItemDataRole.UserRole) == format_id:
                self.setCurrentRow(row)


class _TwoLines(QStyledItemDelegate):
    """A bold title over a wrapped, quieter description."""

    _PAD = 8

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        self.initStyleOption(option, index)
        option.text = ""
        style = option.widget.style()
        style.drawControl(QStyle.ControlElement.CE_ItemViewItem, option, painter, option.widget)
        box = option.rect.adjusted(self._PAD + 2, self._PAD, -self._PAD, -self._PAD)
        painter.save()
        painter.setPen(option.palette.color(QPalette.ColorRole.Text))
        painter.setFont(self._bold(option.font))
        painter.drawText(box, Qt.AlignmentFlag.AlignTop, str(index.data()))
        color = option.palette.color(QPalette.ColorRole.Text)
        color.setAlphaF(0.68)
        painter.setPen(color)
        painter.setFont(option.font)
        below = box.adjusted(0, option.fontMetrics.lineSpacing() + 2, 0, 0)
        painter.drawText(below, self._flags(), str(index.data(Qt.ItemDataRole.UserRole + 1)))
        painter.restore()

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        width = option.widget.viewport().width() if isinstance(option.widget, QListWidget) else 250
        room = QRect(0, 0, width - 2 * self._PAD - 2, 200)
        text = option.fontMetrics.boundingRect(room, self._flags(), str(index.data(Qt.ItemDataRole.UserRole + 1)))
        return QSize(width, text.height() + option.fontMetrics.lineSpacing() + 2 + 2 * self._PAD)

    @staticmethod
    def _flags() -> int:
        return int(Qt.TextFlag.TextWordWrap) | int(Qt.AlignmentFlag.AlignTop.value)

    @staticmethod
    def _bold(font: QFont) -> QFont:
        bold = QFont(font)
        bold.setWeight(QFont.Weight.DemiBold)
        return bold


class OptionForm(QWidget):
    """Controls for a table of options. `changed` follows every edit."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._layout = QFormLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.FieldsStayAtSizeHint)
        self._controls: dict[str, QWidget] = {}

    def show_table(self, table: Sequence[Option]) -> None:
        """Builds the controls anew, with the defaults."""
        while self._layout.rowCount():
            self._layout.removeRow(0)
        self._controls = {option.key: self._add(option) for option in table}

    def values(self) -> dict[str, Any]:
        return {key: _value(control) for key, control in self._controls.items()}

    def control(self, key: str) -> QWidget:
        return self._controls[key]

    def _add(self, option: Option) -> QWidget:
        made = _control(option)
        named(made, of_format(option.label), of_format(option.help))
        if not isinstance(made, (QCheckBox, QLineEdit)):
            calm(made)
        if isinstance(made, QCheckBox):
            made.toggled.connect(lambda: self.changed.emit())
            self._layout.addRow("", made)
            return made
        signal = {QComboBox: "currentIndexChanged", QLineEdit: "textChanged"}.get(type(made), "valueChanged")
        getattr(made, signal).connect(lambda: self.changed.emit())
        self._layout.addRow(of_format(option.label), made)
        self._layout.labelForField(made).setToolTip(of_format(option.help))
        return made


def of_format(text: str) -> str:
    """A text of the formats' tables in the person's language."""
    return QCoreApplication.translate("formats", text)


def _control(option: Option) -> QWidget:
    if option.kind == "bool":
        box = QCheckBox(of_format(option.label))
        box.setChecked(option.default)
        return box
    if option.kind == "choice":
        combo = QComboBox()
        for choice in option.choices:
            combo.addItem(of_format(choice.label), choice.value)
        combo.setCurrentIndex(max(0, combo.findData(option.default)))
        return combo
    if option.kind == "text":
        line = QLineEdit(option.default)
        line.setMinimumWidth(220)
        return line
    spin = QSpinBox() if option.kind == "int" else QDoubleSpinBox()
    spin.setRange(int(option.low), int(option.high))
    if isinstance(spin, QDoubleSpinBox):
        spin.setSingleStep(0.25)
    spin.setValue(option.default)
    roomy(spin)
    return spin


def _value(control: QWidget) -> Any:
    if isinstance(control, QCheckBox):
        return control.isChecked()
    if isinstance(control, QComboBox):
        return control.currentData()
    if isinstance(control, QLineEdit):
        return control.text().strip()
    return control.value()  # type: ignore[attr-defined]


class ChoiceForm(QWidget):
    """What every format asks: which pictures, which classes, the split, and what happens to the pictures."""

    changed = Signal()

    def __init__(self, classes: Sequence[LabelClass]) -> None:
        super().__init__()
        self.which = self._combo(
            self.tr("Which pictures"),
            [
                (self.tr("with instances"), "annotated"),
                (self.tr("marked done"), "done"),
                (self.tr("all pictures"), "all"),
            ],
        )
        self.empty = QCheckBox(self.tr("Also those left without instances"))
        self.classes = _class_list(classes)
        named(self.classes, self.tr("Classes"), self.tr("Instances of unticked classes are left out."))
        self.pictures = self._combo(self.tr("Files of the pictures"), [])
        self.split = QCheckBox(self.tr("Split into"))
        self.shares = QLineEdit("0.8, 0.2")
        self.seed = QSpinBox()
        self._build()
        self.which.currentIndexChanged.connect(self._which_changed)
        for signal in (
            self.which.currentIndexChanged, self.empty.toggled, self.classes.itemChanged, self.split.toggled,
            self.shares.textChanged, self.seed.valueChanged, self.pictures.currentIndexChanged,
        ):  # fmt: skip
            signal.connect(lambda *_: self.changed.emit())

    def show_format(self, form: Format) -> None:
        """Offers what the format can hold."""
        self.pictures.clear()
        if form.pictures:
            self.pictures.addItem(self.tr("copied"), "copy")
            self.pictures.addItem(self.tr("hard-linked (no extra space; the same file twice)"), "link")
        self.pictures.addItem(self.tr("left out"), "none")
        self.pictures.setCurrentIndex(max(0, self.pictures.findData(form.pictures)))
        self.pictures.setEnabled(bool(form.pictures))
        self.split.setEnabled(form.split)

    def options(self, values: dict[str, Any], *, overwrite: bool) -> ExportOptions:
        """What is chosen. UsageError for a split that makes no sense."""
        ticked = self._ticked()
        names = None if len(ticked) == self._labelled() else tuple(ticked)
        return ExportOptions(
            which=self.which.currentData(),
            include_empty=self.empty.isChecked(),
            classes=names,
            unlabelled=self.classes.item(self.classes.count() - 1).checkState() is Qt.CheckState.Checked,
            split=parse_split(self.shares.text()) if self.split.isChecked() and self.split.isEnabled() else (),
            seed=self.seed.value(),
            pictures=self.pictures.currentData(),
            overwrite=overwrite,
            values=values,
        )

    def _labelled(self) -> int:
        return self.classes.count() - 1

    def _ticked(self) -> list[str]:
        rows = (self.classes.item(row) for row in range(self._labelled()))
        return [item.text() for item in rows if item.checkState() is Qt.CheckState.Checked]

    def _which_changed(self) -> None:
        self.empty.setChecked(self.which.currentData() != "annotated")

    def _combo(self, name: str, entries: list[tuple[str, str]]) -> QComboBox:
        combo = QComboBox()
        combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        named(combo, name)
        calm(combo)
        for text, value in entries:
            combo.addItem(text, value)
        return combo

    def _build(self) -> None:
        named(
            self.split, self.tr("Split into train, val and test"), self.tr("By picture; the same seed, the same split.")
        )
        named(self.shares, self.tr("Shares of train, val and test"), self.tr("Such as 0.8, 0.2 or 0.7, 0.2, 0.1."))
        named(self.seed, self.tr("Seed of the split"))
        calm(self.seed)
        roomy(self.seed)
        self.seed.setRange(0, 2**31 - 1)
        self.seed.setFixedWidth(90)
        self.shares.setFixedWidth(120)
        self.shares.setEnabled(False)
        self.seed.setEnabled(False)
        self.split.toggled.connect(self.shares.setEnabled)
        self.split.toggled.connect(self.seed.setEnabled)
        row = QHBoxLayout()
        for widget in (self.split, self.shares, label(self.tr("by seed"), "muted"), self.seed):
            row.addWidget(widget)
        row.addStretch(1)
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.FieldsStayAtSizeHint)
        column = QVBoxLayout()
        column.addWidget(self.which)
        column.addWidget(self.empty)
        form.addRow(self.tr("Pictures"), column)
        form.addRow(self.tr("Classes"), self.classes)
        form.addRow(self.tr("Files"), self.pictures)
        form.addRow(self.tr("Split"), row)


def _class_list(classes: Sequence[LabelClass]) -> QListWidget:
    made = QListWidget()
    made.setMinimumWidth(280)
    made.setIconSize(QSize(14, 14))
    made.setFrameShape(QListWidget.Shape.StyledPanel)
    made.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)  # long names are cut by an ellipsis
    made.ensurePolished()  # or the rows are measured without the style sheet's padding
    for each in classes:
        item = QListWidgetItem(swatch(QColor(each.color)), each.name)
        item.setData(Qt.ItemDataRole.UserRole, each.id)
        made.addItem(item)
    item = QListWidgetItem(swatch(QColor("#808080")), made.tr("without a class (as “object”)"))
    item.setData(Qt.ItemDataRole.UserRole, UNLABELLED)
    made.addItem(item)
    for row in range(made.count()):
        made.item(row).setFlags(made.item(row).flags() | Qt.ItemFlag.ItemIsUserCheckable)
        made.item(row).setCheckState(Qt.CheckState.Checked)
    made.setFixedHeight(min(made.count(), 5) * (made.sizeHintForRow(0) + 1) + 6)
    return made
