"""Above the canvas while clicks know the class: what the model sees, and how masks are made of it."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, Qt, Signal
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QSlider, QVBoxLayout, QWidget

from app.session.class_aware import ClassOptions
from app.session.prompting import PromptSession
from app.settings import Settings, setting
from widgets.parts import Eliding, calm, label, named, tool

_THRESHOLD, _HOLES = "masks.threshold", "masks.holes_share"
_ON, _WITHIN, _APART = "prompts.class_aware", "prompts.within_box", "prompts.apart"
_OFFERED = "prompts.class_offered"
_FINE = 4  # steps of the threshold's slider for one logit
_TENTHS = 10  # steps of the holes' slider for a thousandth of the picture


class ClassBar(QWidget):
    """Shows the session's class map; everything it changes is a setting, and holds at once.

    Signals:
        turned(on): clicks know the class now, or do not; also when another model is in use.
    """

    turned = Signal(bool)

    def __init__(self, session: PromptSession, settings: Settings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._session, self._settings, self._model = session, settings, ""
        self.said = Eliding()  # gives way: the bar must not squeeze the panels of a narrow window
        self.said.setProperty("role", "section")
        self.within = QCheckBox(self.tr("Stay in the box"))
        named(self.within, self.tr("Stay in the box"), self.tr("Masks end at the box they were asked for with."))
        self.apart = QCheckBox(self.tr("No overlaps"))
        words = self.tr("Where accepted masks would overlap, the highest score wins; what you drew stays.")
        named(self.apart, self.tr("No overlaps"), words)
        limits = setting(_THRESHOLD)
        self.threshold = _slider(
            round(limits.minimum * _FINE), round(limits.maximum * _FINE), self.tr("Mask threshold"), limits.help
        )
        holes = setting(_HOLES)
        self.holes = _slider(0, round(holes.maximum * _TENTHS), self.tr("Fill holes up to"), holes.help)
        self._threshold_said, self._holes_said = label(role="muted"), label(role="muted")
        above, below = QHBoxLayout(), QHBoxLayout()
        above.addWidget(self.said, 1)
        for check in (self.within, self.apart):
            above.addWidget(check)
        above.addWidget(tool("close", self.tr("Clicks mean what you say again"), lambda: self.turn(False), 14))
        for text, slider, said, wide in (
            (self.tr("Threshold"), self.threshold, self._threshold_said, 40),
            (self.tr("Holes up to"), self.holes, self._holes_said, 110),
        ):
            name = label(text, "muted")
            name.setBuddy(slider)
            said.setMinimumWidth(wide)
            below.addWidget(name)
            below.addWidget(slider, 1)
            below.addWidget(said)
        rows = QVBoxLayout(self)
        rows.setContentsMargins(12, 6, 8, 6)
        rows.setSpacing(4)
        for row in (above, below):
            row.setSpacing(8)
            rows.addLayout(row)
        self.within.toggled.connect(lambda on: settings.set(_WITHIN, on))
        self.apart.toggled.connect(lambda on: settings.set(_APART, on))
        self.threshold.valueChanged.connect(lambda value: settings.set(_THRESHOLD, value / _FINE))
        self.holes.valueChanged.connect(lambda value: settings.set(_HOLES, value / _TENTHS))
        settings.changed.connect(lambda key, _value: self._apply() if key.startswith(("prompts.", "masks.")) else None)
        session.classes.changed.connect(self._refresh)
        session.suggestion_changed.connect(self._refresh)
        self._apply()

    @property
    def on(self) -> bool:
        """Whether clicks know the class, with the model in use."""
        return self._session.model in self._settings.get(_ON)

    def turn(self, on: bool) -> None:
        """On or off for the model in use; it is remembered for each model."""
        models = [model for model in self._settings.get(_ON) if model != self._session.model]
        self._settings.set(_ON, (*models, self._session.model) if on else tuple(models))

    def offer(self) -> None:
        """The model in use was taught one class: the first time this turns itself on."""
        offered, model = self._settings.get(_OFFERED), self._session.model
        if model not in offered:
            self._settings.set(_OFFERED, (*offered, model))
            self.turn(True)

    def _apply(self) -> None:
        """The settings are others, or the model is."""
        get, on = self._settings.get, self.on
        self._model = self._session.model
        self.setVisible(on)
        for box, key in ((self.within, _WITHIN), (self.apart, _APART)):
            box.setChecked(get(key))
        for slider, value in ((self.threshold, get(_THRESHOLD) * _FINE), (self.holes, get(_HOLES) * _TENTHS)):
            slider.blockSignals(True)
            slider.setValue(round(value))
            slider.blockSignals(False)
        self._threshold_said.setText(f"{get(_THRESHOLD):+.2f}" if get(_THRESHOLD) else "0")
        self._session.classes.set_options(ClassOptions(on, get(_WITHIN), get(_APART)))
        self.turned.emit(on)
        self._refresh()

    def _refresh(self) -> None:
        """Another picture, another map, or another size of it."""
        if self._model != self._session.model:
            self._apply()
            return
        session = self._session
        classes, document = session.classes, session.document
        share = self._settings.get(_HOLES)
        pixels = "" if document is None else f" ({session.options.on(document.width, document.height).fill_holes:,} px)"
        self._holes_said.setText(f"{share:.1f} ‰{pixels}" if share else self.tr("never"))
        if document is None:
            text = self.tr("No picture")
        elif classes.looking:
            text = self.tr("Looking for the class…")
        elif classes.map is None:
            text = self.tr("The model gave no answer for the whole picture")
        else:
            covered = classes.map.coverage(session.options.threshold)
            text = self.tr("The class covers %1 of the picture").replace("%1", f"{covered:.0%}")
        self.said.say(text)


def _slider(low: int, high: int, name: str, words: str) -> QSlider:
    made = QSlider(Qt.Orientation.Horizontal)
    made.setRange(low, high)
    made.setMinimumWidth(70)
    named(made, name, QCoreApplication.translate("settings", words))
    calm(made)
    return made
