"""Above the grid: search by words and by example, added or subtracted, and how the grid shows its pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QSlider, QToolButton, QVBoxLayout, QWidget

from widgets.icons import icon
from widgets.parts import calm, label, named, tool

SMALLEST, LARGEST, STEP = 90, 320, 20


@dataclass(frozen=True, slots=True)
class Term:
    """One thing looked for (or, subtracted, kept away): words, or a picture by its id."""

    text: str = ""
    image_id: str | None = None
    plus: bool = True


class SearchBar(QWidget):
    """Keeps the terms; the workspace searches.

    Signals:
        terms_changed(tuple of Term): () ends the search.
        example_wanted(plus): the selected pictures shall be terms.
        size_changed(pixels), details_changed(bool), groups_changed(bool).
    """

    terms_changed = Signal(tuple)
    example_wanted = Signal(bool)
    size_changed = Signal(int)
    details_changed = Signal(bool)
    groups_changed = Signal(bool)

    def __init__(self, size: int, *, details: bool, groups: bool, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._terms: tuple[Term, ...] = ()
        self.setProperty("role", "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.field = QLineEdit()
        self.field.setPlaceholderText(self.tr("Search: red car −snow"))
        self.field.setClearButtonEnabled(True)
        self.field.addAction(icon("search"), QLineEdit.ActionPosition.LeadingPosition)
        named(self.field, self.tr("Search by words"), self.tr("What the pictures show. Enter searches; −snow keeps "
              "snow away, and a second search adds to the first."))  # fmt: skip
        self.field.returnPressed.connect(self._add_words)
        self.like = tool("plus", self.tr("More like the selected pictures"), lambda: self.example_wanted.emit(True), 16)
        self.unlike = tool("minus", self.tr("Less like the selected pictures"),
                           lambda: self.example_wanted.emit(False), 16)  # fmt: skip
        self.title = label(role="heading")
        self.title.setMinimumWidth(60)
        self.size_slider = QSlider(Qt.Orientation.Horizontal)
        self.size_slider.setRange(SMALLEST, LARGEST)
        self.size_slider.setValue(size)
        self.size_slider.setFixedWidth(90)
        named(self.size_slider, self.tr("Size of the thumbnails"), self.tr("Size of the thumbnails (Ctrl+wheel)"))
        calm(self.size_slider)
        self.size_slider.valueChanged.connect(self.size_changed)
        self.details = _toggle("note", self.tr("Names and facts under the pictures"), details)
        self.details.toggled.connect(self.details_changed)
        self.groups = _toggle("layers", self.tr("Group by suggestion"), groups)
        self.groups.toggled.connect(self.groups_changed)
        self._chips = QWidget()
        self._chip_row = QHBoxLayout(self._chips)
        self._lay_out()
        self._show_terms()
        self.show_examples(0)

    @property
    def terms(self) -> tuple[Term, ...]:
        return self._terms

    def set_terms(self, terms: Sequence[Term]) -> None:
        """Replaces what is looked for."""
        self._terms = tuple(dict.fromkeys(terms))
        self._show_terms()
        self.terms_changed.emit(self._terms)

    def add(self, terms: Sequence[Term]) -> None:
        self.set_terms((*self._terms, *terms))

    def show_title(self, text: str) -> None:
        """What the grid shows."""
        self.title.setText(text)

    def show_examples(self, selected: int) -> None:
        """Whether there are pictures to take as examples."""
        for made in (self.like, self.unlike):
            made.setEnabled(selected > 0)

    def step_size(self, steps: int) -> None:
        self.size_slider.setValue(self.size_slider.value() + steps * STEP)

    # Within ---------------------------------------------------------------------------------------------------------

    def _lay_out(self) -> None:
        row = QHBoxLayout()
        row.setSpacing(6)
        row.addWidget(self.title)
        row.addWidget(self.field, 1)
        row.addWidget(self.like)
        row.addWidget(self.unlike)
        row.addSpacing(10)
        for widget in (self.groups, self.details, self.size_slider):
            row.addWidget(widget)
        self._chip_row.setContentsMargins(0, 0, 0, 0)
        self._chip_row.setSpacing(6)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 7, 12, 7)
        layout.setSpacing(6)
        layout.addLayout(row)
        layout.addWidget(self._chips)

    def _add_words(self) -> None:
        terms = parse(self.field.text())
        if terms:
            self.field.clear()
            self.add(terms)

    def _show_terms(self) -> None:
        while (item := self._chip_row.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.hide()
                widget.deleteLater()
        self._chips.setVisible(bool(self._terms))
        for place, term in enumerate(self._terms):
            self._chip_row.addWidget(self._chip(place, term))
        self._chip_row.addWidget(tool("close", self.tr("End the search"), lambda: self.set_terms(()), 14))
        self._chip_row.addStretch(1)

    def _chip(self, place: int, term: Term) -> QWidget:
        """A click turns its sign, the cross takes it away."""
        box = QWidget()
        box.setProperty("role", "chip")
        box.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        row = QHBoxLayout(box)
        row.setContentsMargins(4, 0, 2, 0)
        row.setSpacing(0)
        name = term.text or str(term.image_id).rpartition("/")[2]
        sign = QToolButton()
        shown = self.fontMetrics().elidedText(name, Qt.TextElideMode.ElideMiddle, 180)
        sign.setText(f"{'+' if term.plus else '−'} {shown}")
        named(sign, self.tr("%1: click to turn the sign").replace("%1", name),
              self.tr("Click: looked for, or kept away"))  # fmt: skip
        sign.clicked.connect(lambda: self._turn(place))
        row.addWidget(sign)
        row.addWidget(tool("close", self.tr("Take “%1” out").replace("%1", name), lambda: self._drop(place), 12))
        return box

    def _turn(self, place: int) -> None:
        term = self._terms[place]
        turned = Term(term.text, term.image_id, not term.plus)
        self.set_terms([turned if n == place else one for n, one in enumerate(self._terms)])

    def _drop(self, place: int) -> None:
        self.set_terms([term for n, term in enumerate(self._terms) if n != place])


def parse(text: str) -> list[Term]:
    """ "red car −truck" is "red car" without "truck": a minus takes away its word and those that follow."""
    terms: list[Term] = []
    words: list[str] = []
    plus = True
    for word in [*text.split(), ""]:
        sign = word[:1]
        begins = not word or (sign in "-−+" and len(word) > 1)
        if begins:
            if words:
                terms.append(Term(" ".join(words), None, plus))
            words, plus = ([word[1:]], sign == "+") if word else ([], True)
        elif word:
            words.append(word)
    return terms


def _toggle(name: str, text: str, on: bool) -> QToolButton:
    made = tool(name, text, None, 16)
    made.setCheckable(True)
    made.setChecked(on)
    return made
