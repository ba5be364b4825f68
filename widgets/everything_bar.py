"""Above the canvas while all objects are laid out: how the search goes, which are shown, and what is done with them."""

from __future__ import annotations

import math

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QInputDialog,
    QMenu,
    QProgressBar,
    QPushButton,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from app.labels import ClassList
from app.session.everything import EverythingSession
from app.session.pieces import Piece
from app.texts import QT_TRANSLATE_NOOP, counted
from widgets.parts import button, calm, label, named, reported

_SHOWN = QT_TRANSLATE_NOOP("EverythingBar", "1 object"), QT_TRANSLATE_NOOP("EverythingBar", "%n objects")
_KEEP = QT_TRANSLATE_NOOP("EverythingBar", "Keep the marked one"), QT_TRANSLATE_NOOP("EverythingBar", "Keep %n marked")
_HIDDEN = (
    QT_TRANSLATE_NOOP("EverythingBar", "1 more does not pass the filters."),
    QT_TRANSLATE_NOOP("EverythingBar", "%n more do not pass the filters."),
)
_SMALLEST = 5  # powers of ten that the size slider goes below the whole picture
_STEPS = 20  # of that slider for a power of ten


class EverythingBar(QWidget):
    """Shows a session and asks it."""

    def __init__(self, session: EverythingSession, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._session = session
        self._classes: ClassList | None = None
        self.said = label(role="section")
        self.progress = QProgressBar()
        self.progress.setTextVisible(False)
        self.progress.setMaximumWidth(110)
        self.progress.setAccessibleName(self.tr("Searched"))
        self.search = button(self.tr("Search"), self._search)
        self.merge = button(self.tr("Merge"), session.merge)
        self.merge.setToolTip(self.tr("The marked objects become one."))
        self.split = button(self.tr("Split"), session.split)
        self.split.setToolTip(self.tr("The marked objects, or the one under the pointer, fall into their parts."))
        self.keep = button("", self._keep_marked)
        self.keep_as = QPushButton(self.tr("Keep all as…"))
        self.keep_as.setProperty("role", "primary")
        self.keep_as.setAutoDefault(False)
        self.keep_as.setToolTip(self.tr("The marked objects, or all that are shown, become instances of one class."))
        self.menu = QMenu(self.keep_as)
        self.menu.aboutToShow.connect(self._fill_menu)
        self.keep_as.setMenu(self.menu)
        self.score = _slider(100, self.tr("Least score"), self.tr("How sure the model is of a mask, at least."))
        self.least_size = _slider(
            _SMALLEST * _STEPS, self.tr("Least size"), self.tr("Share of the picture that an object covers, at least.")
        )
        self.overlap = _slider(100, self.tr("Most overlap"), self.tr("Objects that overlap more are shown once."))
        self.level = QComboBox()
        for text, value in (
            (self.tr("Wholes and parts"), "all"),
            (self.tr("Wholes only"), "wholes"),
            (self.tr("Parts only"), "parts"),
        ):
            self.level.addItem(text, value)
        named(self.level, self.tr("Level"), self.tr("A part lies nearly all inside of a larger object."))
        calm(self.level)
        self._values = {name: label(role="muted") for name in ("score", "size", "overlap")}
        self._arrange()
        self._show_filters()
        self._connect()
        self._refresh()

    def set_classes(self, classes: ClassList | None) -> None:
        self._classes = classes

    def take_up(self) -> None:
        """The tool is in the hand: a picture that was not searched is searched."""
        self.show()
        if not self._session.searched:
            self._session.start()

    # Within ---------------------------------------------------------------------------------------------------------

    def _arrange(self) -> None:
        above, below = QHBoxLayout(), QHBoxLayout()
        for widget in (self.said, self.progress, self.search):
            above.addWidget(widget)
        above.addStretch(1)
        for widget in (self.merge, self.split, self.keep, self.keep_as):
            above.addWidget(widget)
        for name, text, slider in (
            ("score", self.tr("Score"), self.score),
            ("size", self.tr("Size"), self.least_size),
            ("overlap", self.tr("Overlap"), self.overlap),
        ):
            said = label(text, "muted")
            said.setBuddy(slider)
            self._values[name].setMinimumWidth(46)
            below.addWidget(said)
            below.addWidget(slider, 1)
            below.addWidget(self._values[name])
        below.addWidget(self.level)
        rows = QVBoxLayout(self)
        rows.setContentsMargins(12, 8, 12, 8)
        rows.setSpacing(6)
        for row in (above, below):
            row.setSpacing(8)
            rows.addLayout(row)

    def _connect(self) -> None:
        session = self._session
        session.changed.connect(self._refresh)
        session.running_changed.connect(lambda _running: self._refresh())
        session.progressed.connect(self._on_progress)
        self.score.valueChanged.connect(lambda value: self._filter(score=value / 100))
        self.least_size.valueChanged.connect(lambda value: self._filter(area=_share(value)))
        self.overlap.valueChanged.connect(lambda value: self._filter(overlap=value / 100))
        self.level.activated.connect(lambda _: self._filter(level=self.level.currentData()))

    def _filter(self, **change: object) -> None:
        self._session.set_filters(**change)
        self._say_filters()

    def _show_filters(self) -> None:
        filters = self._session.filters
        self.score.setValue(round(filters.score * 100))
        self.least_size.setValue(_place(filters.area))
        self.overlap.setValue(round(filters.overlap * 100))
        self.level.setCurrentIndex(self.level.findData(filters.level))
        self._say_filters()

    def _say_filters(self) -> None:
        filters = self._session.filters
        self._values["score"].setText(f"{filters.score:.2f}")
        self._values["size"].setText(f"{filters.area:.2%}" if filters.area < 0.1 else f"{filters.area:.0%}")
        self._values["overlap"].setText(f"{filters.overlap:.2f}")

    def _refresh(self) -> None:
        session = self._session
        shown, marked = session.shown, session.marked
        self.said.setText(counted("EverythingBar", _SHOWN, len(shown)))
        hidden = session.total - len(shown)
        self.said.setToolTip(counted("EverythingBar", _HIDDEN, hidden) if hidden else "")
        self.progress.setVisible(session.running)
        again = self.tr("Search again") if session.searched else self.tr("Search")
        self.search.setText(self.tr("Stop") if session.running else again)
        self.merge.setEnabled(len(marked) > 1)
        self.split.setEnabled(bool(shown))
        self.keep.setVisible(bool(marked))
        self.keep.setText(counted("EverythingBar", _KEEP, len(marked)))
        self.keep_as.setText(self.tr("Keep marked as…") if marked else self.tr("Keep all as…"))
        self.keep_as.setEnabled(bool(shown))

    def _on_progress(self, done: int, total: int) -> None:
        self.progress.setRange(0, total)
        self.progress.setValue(done)

    def _search(self) -> None:
        if self._session.running:
            self._session.stop()
        else:
            self._session.start()

    def _keep_marked(self) -> None:
        self._session.keep(self._session.marked)

    def _chosen(self) -> list[Piece]:
        return list(self._session.marked) or self._session.shown

    def _fill_menu(self) -> None:
        self.menu.clear()
        for known in self._classes.all() if self._classes is not None else ():
            self.menu.addAction(known.name).triggered.connect(
                lambda _=False, class_id=known.id: self._session.keep(self._chosen(), class_id)
            )
        if not self.menu.isEmpty():
            self.menu.addSeparator()
        self.menu.addAction(self.tr("New class…")).triggered.connect(lambda: self._keep_as_new())
        self.menu.addAction(self.tr("Without a class")).triggered.connect(lambda: self._session.keep(self._chosen()))

    def _keep_as_new(self) -> None:
        if self._classes is None:
            return
        name, sure = QInputDialog.getText(self, self.tr("New class"), self.tr("What are these objects called?"))
        if sure and name.strip():
            with reported(self._session.failed):
                class_id = self._classes.ensure(name.strip()).id
                self._session.keep(self._chosen(), class_id)


def _slider(most: int, name: str, description: str) -> QSlider:
    slider = QSlider(Qt.Orientation.Horizontal)
    slider.setRange(0, most)
    slider.setMinimumWidth(60)
    named(slider, name, description)
    calm(slider)
    return slider


def _share(place: int) -> float:
    """The share of the picture at a place of the size slider, which goes in powers of ten; 0 at its beginning."""
    return 10 ** (place / _STEPS - _SMALLEST) if place else 0.0


def _place(share: float) -> int:
    return 0 if share <= 0 else max(0, round((math.log10(share) + _SMALLEST) * _STEPS))
