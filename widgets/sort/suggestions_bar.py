"""Below the grid: where suggestions come from, how far they are, how good so far, and taking them."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QProgressBar, QPushButton, QSlider, QVBoxLayout, QWidget

from widgets.parts import action_tool, button, calm, label, named


class SuggestionsBar(QWidget):
    """Shows what the session says of the suggestions.

    Args:
        accept_above, accept, reject, useful, prompts: the actions of the window.

    Signals:
        source_wanted(str), model_wanted(str), level_changed(share from 0 to 1).
    """

    source_wanted = Signal(str)
    model_wanted = Signal(str)
    level_changed = Signal(float)

    def __init__(
        self,
        accept_above: QAction,
        accept: QAction,
        reject: QAction,
        useful: QAction,
        prompts: QAction,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setProperty("role", "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._accept_above = accept_above
        self.source = QComboBox()
        named(self.source, self.tr("Suggest classes from"), self.tr("Where suggestions come from."))
        self.source.activated.connect(lambda _: self.source_wanted.emit(str(self.source.currentData())))
        self.model = QComboBox()
        named(self.model, self.tr("Model that looks at the pictures"), self.tr("The model that looks at the pictures."))
        self.model.activated.connect(lambda _: self.model_wanted.emit(str(self.model.currentData())))
        for box in (self.source, self.model):
            box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
            box.setMinimumContentsLength(13)
            calm(box)
        self.progress = QProgressBar()
        self.progress.setTextVisible(False)
        self.progress.setMaximumWidth(110)
        self.progress.setAccessibleName(self.tr("Pictures looked at"))
        self.said = label(role="muted")
        self.accuracy = label(role="muted")
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(50, 100)
        self.slider.setValue(90)
        self.slider.setMinimumWidth(90)
        self.slider.setMaximumWidth(160)
        named(self.slider, self.tr("How sure a suggestion has to be"),
              self.tr("“Accept all” takes suggestions from here up; what is below counts as unsure."))  # fmt: skip
        self.slider.valueChanged.connect(lambda value: self.level_changed.emit(value / 100))
        calm(self.slider)
        self.level = label(role="muted")
        self.above = button("", accept_above.trigger, "primary")
        self.accept, self.reject = _of(accept), _of(reject)
        self.useful, self.prompts = action_tool(useful), action_tool(prompts)
        for made in (self.useful, self.prompts):
            made.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self._lay_out()
        self.show_above(0, 0.9)
        self.show_progress(0, 0)
        self.show_accuracy(0, 0)

    # What is shown --------------------------------------------------------------------------------------------------

    def show_sources(self, entries: Sequence[tuple[str, str]], current: str) -> None:
        """The (value, text) pairs of the ways to suggest."""
        _fill(self.source, entries, current)

    def show_models(self, entries: Sequence[tuple[str, str]], current: str) -> None:
        _fill(self.model, entries, current)

    def show_progress(self, done: int, total: int) -> None:
        """How many pictures the model has looked at."""
        self.progress.setVisible(done < total)
        self.progress.setRange(0, max(total, 1))
        self.progress.setValue(done)

    def say(self, text: str, tip: str = "") -> None:
        """The state of the suggestions in words."""
        self.said.setText(text)
        self.said.setToolTip(tip or text)

    def show_accuracy(self, right: int, judged: int) -> None:
        """How many of the suggestions a person judged were right."""
        self.accuracy.setVisible(judged > 0)
        if judged:
            text = self.tr("%1 right of %2 so far").replace("%1", f"{right / judged:.0%}").replace("%2", f"{judged:,}")
            self.accuracy.setText(text)
            self.accuracy.setToolTip(
                self.tr("Of the suggestions you accepted, rejected or filed otherwise, these were what you chose.")
            )

    def show_above(self, count: int, level: float) -> None:
        """How many suggestions lie above the slider."""
        self.level.setText(f"≥ {level:.0%}")
        self.above.setText(self.tr("Accept all %1").replace("%1", f"{count:,}") if count else self.tr("Accept all"))
        self.above.setEnabled(count > 0)
        self._accept_above.setEnabled(count > 0)
        if self.slider.value() != round(100 * level):
            self.slider.blockSignals(True)
            self.slider.setValue(round(100 * level))
            self.slider.blockSignals(False)

    def show_selected(self, count: int) -> None:
        """How many selected pictures have a suggestion."""
        for made, text in ((self.accept, self.tr("Accept")), (self.reject, self.tr("Not this"))):
            made.setText(f"{text} {count:,}" if count > 1 else text)
            made.setEnabled(count > 0)

    # Within ---------------------------------------------------------------------------------------------------------

    def _lay_out(self) -> None:
        first = QHBoxLayout()
        first.setSpacing(8)
        first.addWidget(label(self.tr("Suggest"), "section"))
        first.addWidget(self.source)
        first.addWidget(self.prompts)
        first.addWidget(self.model)
        first.addStretch(1)
        first.addWidget(self.useful)
        second = QHBoxLayout()
        second.setSpacing(8)
        second.addWidget(self.progress)
        second.addWidget(self.said, 1)
        second.addWidget(self.accuracy)
        third = QHBoxLayout()
        third.setSpacing(8)
        third.addWidget(self.accept)
        third.addWidget(self.reject)
        third.addStretch(1)
        third.addWidget(label(self.tr("Sure enough from"), "muted"))
        third.addWidget(self.slider)
        third.addWidget(self.level)
        third.addWidget(self.above)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 7, 12, 8)
        layout.setSpacing(6)
        for row in (first, second, third):
            layout.addLayout(row)


def _of(action: QAction) -> QPushButton:
    made = button(action.text(), action.trigger)
    made.setToolTip(action.toolTip())
    made.setIcon(action.icon())
    return made


def _fill(box: QComboBox, entries: Sequence[tuple[str, str]], current: str) -> None:
    box.clear()
    for value, text in entries:
        box.addItem(text, value)
    box.setCurrentIndex(max(0, box.findData(current)))
