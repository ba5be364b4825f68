"""The settings dialog, built from the declared table; changes hold at once, so there is nothing to apply."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QDoubleSpinBox,
    QGridLayout,
    QHBoxLayout,
    QListWidget,
    QScrollArea,
    QSpinBox,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from app.settings import GROUPS, SETTINGS, Setting, Settings
from app.shortcuts import Shortcuts
from widgets.languages import installed_languages
from widgets.parts import button, calm, label, reported, roomy
from widgets.shortcuts_editor import ShortcutsEditor


class SettingsDialog(QDialog):
    """A page for every group of the table, one for the shortcuts, one that tells how saving works."""

    failed = Signal(object)

    def __init__(self, settings: Settings, shortcuts: Shortcuts, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._settings, self._shortcuts = settings, shortcuts
        self.setWindowTitle(self.tr("Settings"))
        self.resize(820, 560)
        self.pages, self._stack = QListWidget(), QStackedWidget()
        self.pages.setAccessibleName(self.tr("Pages of settings"))
        self.pages.setFixedWidth(180)
        self.pages.ensurePolished()  # or the rows are measured without the style sheet's padding
        self.controls: dict[str, QWidget] = {}
        for group in GROUPS:
            self._add_page(_tr(group), self._page(group))
        self._editor = ShortcutsEditor(shortcuts)
        self._add_page(self.tr("Shortcuts"), self._editor)
        self._add_page(self.tr("Saving"), self._saving_page())
        self.pages.currentRowChanged.connect(self._stack.setCurrentIndex)
        self.pages.setCurrentRow(0)
        body = QHBoxLayout()
        body.setSpacing(18)
        body.addWidget(self.pages)
        body.addWidget(self._stack, 1)
        bottom = QHBoxLayout()
        bottom.addWidget(button(self.tr("Reset this page"), self._reset_page, "link"))
        bottom.addStretch(1)
        bottom.addWidget(button(self.tr("Close"), self.accept))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 14)
        layout.setSpacing(12)
        layout.addLayout(body, 1)
        layout.addLayout(bottom)
        settings.changed.connect(self._on_changed)

    def show_shortcuts(self) -> None:
        """Opens on the page of the shortcuts."""
        self.pages.setCurrentRow(self._stack.indexOf(self._editor))

    def _add_page(self, name: str, page: QWidget) -> None:
        self.pages.addItem(name)
        self._stack.addWidget(page)

    def _page(self, group: str) -> QWidget:
        inside = QWidget()
        grid = QGridLayout(inside)
        grid.setContentsMargins(0, 0, 10, 0)
        grid.setHorizontalSpacing(18)
        grid.setVerticalSpacing(2)
        grid.setColumnStretch(0, 1)
        rows = [row for row in SETTINGS if row.group == group and row.kind != "state"]
        for number, row in enumerate(rows):
            control = self._control(row)
            calm(control)
            control.setAccessibleName(_tr(row.label))
            control.setAccessibleDescription(_tr(row.help))
            control.setToolTip(_tr(row.help))
            self.controls[row.key] = control
            name = label(_tr(row.label))
            name.setBuddy(control)
            text = _tr(row.help) + (" " + self.tr("Holds from the next start on.") if row.restart else "")
            grid.addWidget(name, 3 * number, 0)
            grid.addWidget(label(text, "muted", wrap=True), 3 * number + 1, 0)
            grid.addWidget(control, 3 * number, 1, 2, 1, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            grid.setRowMinimumHeight(3 * number + 2, 10)
        grid.setRowStretch(3 * len(rows), 1)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setWidget(inside)
        return area

    def _control(self, row: Setting) -> QWidget:
        value = self._settings.get(row.key)
        match row.kind:
            case "bool":
                box = QCheckBox()
                box.setChecked(value)
                box.toggled.connect(lambda on: self._set(row.key, on))
                return box
            case "choice":
                return self._combo(row, value)
            case "int":
                number = QSpinBox()
                number.setRange(int(row.minimum), int(row.maximum))
                number.setSingleStep(int(row.step))
                number.setValue(value)
                number.setGroupSeparatorShown(True)
                number.setSuffix(f" {row.unit}" if row.unit else "")
                number.setKeyboardTracking(False)
                number.setMinimumWidth(130)
                roomy(number)
                number.valueChanged.connect(lambda n: self._set(row.key, n))
                return number
            case _:
                real = QDoubleSpinBox()
                real.setRange(row.minimum, row.maximum)
                real.setSingleStep(row.step)
                real.setValue(value)
                real.setSuffix(f" {row.unit}" if row.unit else "")
                real.setKeyboardTracking(False)
                real.setMinimumWidth(130)
                roomy(real)
                real.valueChanged.connect(lambda n: self._set(row.key, n))
                return real

    def _combo(self, row: Setting, value: str) -> QComboBox:
        combo = QComboBox()
        choices = [(choice, _tr(text)) for choice, text in row.choices]
        if row.key == "ui.language":
            choices += [one for one in installed_languages() if one[0] not in dict(choices)]
        for choice, text in choices:
            combo.addItem(text, choice)
        combo.setCurrentIndex(max(0, combo.findData(value)))
        combo.setMinimumWidth(190)
        combo.currentIndexChanged.connect(lambda _: self._set(row.key, combo.currentData()))
        return combo

    def _saving_page(self) -> QWidget:
        page = QWidget()
        layout = QVBoxLayout(page)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(10)
        texts = (
            self.tr("There is no Save to forget: every change is on disk when you see it, even if the power fails."),
            self.tr("What you make is kept in the folder “.winnow” inside the folder of your pictures, with backups. "
                    "For folders that cannot be written it is kept in your own data folder."),
            self.tr("Original pictures are never changed. Undo goes back picture by picture, also after you looked at "
                    "others."),
            self.tr("These settings are kept in %1").replace("%1", str(self._settings.file)),
        )  # fmt: skip
        for text in texts:
            words = label(text, wrap=True)
            words.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            layout.addWidget(words)
        layout.addStretch(1)
        return page

    def _set(self, key: str, value: object) -> None:
        with reported(self.failed):
            self._settings.set(key, value)

    def _on_changed(self, key: str, value: object) -> None:
        control = self.controls.get(key)
        if control is None:
            return
        with QSignalBlocker(control):
            if isinstance(control, QCheckBox):
                control.setChecked(bool(value))
            elif isinstance(control, QComboBox):
                control.setCurrentIndex(control.findData(value))
            elif isinstance(control, (QSpinBox, QDoubleSpinBox)):
                control.setValue(value)  # type: ignore[arg-type]

    def _reset_page(self) -> None:
        row = self.pages.currentRow()
        if row < len(GROUPS):
            for setting in SETTINGS:
                if setting.group == GROUPS[row]:
                    with reported(self.failed):
                        self._settings.reset(setting.key)
        elif self._stack.currentWidget() is self._editor:
            self._shortcuts.reset_all()


def _tr(text: str) -> str:
    return QCoreApplication.translate("settings", text)
