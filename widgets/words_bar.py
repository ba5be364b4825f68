"""Above the canvas while words are looked for: the words, what came of them, and what is done with it."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QProgressBar, QSlider, QVBoxLayout, QWidget

from app.session.words import WordsSession
from app.texts import QT_TRANSLATE_NOOP, counted
from inference.text_segment import bare
from widgets.parts import Eliding, button, calm, label, named

_KEEP = QT_TRANSLATE_NOOP("WordsBar", "Keep it"), QT_TRANSLATE_NOOP("WordsBar", "Keep all %n")
_HIDDEN = (
    QT_TRANSLATE_NOOP("WordsBar", "1 more fits less."),
    QT_TRANSLATE_NOOP("WordsBar", "%n more fit less."),
)
_NAMED = 6  # phrases whose counts are written out


class WordsBar(QWidget):
    """Shows a session and asks it.

    Signals:
        keep_wanted: all suggestions.
        searched: the words are being looked for: the canvas may have the keys back.
    """

    keep_wanted = Signal()
    searched = Signal()

    def __init__(self, session: WordsSession, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._session = session
        self.words = QLineEdit()
        self.words.setPlaceholderText(self.tr("What to look for: a dog; a red ball; grass"))
        self.words.setClearButtonEnabled(True)
        named(self.words, self.tr("Words"), self.tr("Everything that fits becomes a suggestion."))
        self.unwanted = QLineEdit()
        self.unwanted.setPlaceholderText(self.tr("but not: a cat"))
        self.unwanted.setClearButtonEnabled(True)
        named(self.unwanted, self.tr("But not"), self.tr("What fits these words better is left out."))
        self.search = button(self.tr("Find"), self._find, "primary")
        self.progress = QProgressBar()
        self.progress.setTextVisible(False)
        self.progress.setMaximumWidth(110)
        self.progress.setAccessibleName(self.tr("Searched"))
        self.said = Eliding()
        self.keep = button("", self.keep_wanted.emit)
        self.least = QSlider(Qt.Orientation.Horizontal)
        self.least.setRange(40, 99)
        self.least.setValue(round(session.least * 100))
        self.least.setFixedWidth(140)
        named(self.least, self.tr("Least fit"), self.tr("How well a suggestion fits the words, at least."))
        calm(self.least)
        self.fit = label(role="muted")
        self.notice = Eliding()
        self.notice.setProperty("role", "muted")
        self._arrange()
        for field in (self.words, self.unwanted):
            field.returnPressed.connect(self._find)
        self.least.valueChanged.connect(lambda value: session.set_least(value / 100))
        session.changed.connect(self._refresh)
        session.running_changed.connect(lambda _running: self._refresh())
        session.progressed.connect(self._on_progress)
        self._refresh()

    def take_up(self) -> None:
        """The tool is in the hand: the words can be typed."""
        self.show()
        self.words.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.words.selectAll()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Esc goes back to the canvas."""
        if event.key() == Qt.Key.Key_Escape:
            self.searched.emit()
        else:
            super().keyPressEvent(event)

    # Within ---------------------------------------------------------------------------------------------------------

    def _arrange(self) -> None:
        above, below = QHBoxLayout(), QHBoxLayout()
        above.addWidget(self.words, 3)
        above.addWidget(self.unwanted, 1)
        above.addWidget(self.progress)
        above.addWidget(self.search)
        name = label(self.tr("Least fit"), "muted")
        name.setBuddy(self.least)
        self.fit.setMinimumWidth(34)
        below.addWidget(self.said, 1)
        for widget in (name, self.least, self.fit, self.keep):
            below.addWidget(widget)
        rows = QVBoxLayout(self)
        rows.setContentsMargins(12, 8, 12, 8)
        rows.setSpacing(6)
        for row in (above, below):
            row.setSpacing(8)
            rows.addLayout(row)
        rows.addWidget(self.notice)

    def _refresh(self) -> None:
        session = self._session
        shown = session.shown
        self.progress.setVisible(session.running)
        self.search.setText(self.tr("Stop") if session.running else self.tr("Find"))
        self.said.say(self._words())
        self.fit.setText(f"{session.least:.2f}")
        self.keep.setText(counted("WordsBar", _KEEP, len(shown)) if shown else self.tr("Keep all"))
        self.keep.setEnabled(bool(shown))
        self.notice.say("  ".join(session.notices))
        self.notice.setVisible(bool(session.notices))

    def _words(self) -> str:
        session = self._session
        if not session.asked:
            return self.tr("Click a suggestion to keep it; Enter keeps all; Shift+click refines one.")
        if session.running:
            return self.tr("Looking…")
        counts, taken = session.counts, session.taken
        told = [f"{bare(phrase)}: {self._count(counts[phrase], taken[phrase])}" for phrase in list(counts)[:_NAMED]]
        more = [f"+ {len(counts) - _NAMED}"] if len(counts) > _NAMED else []
        hidden = [counted("WordsBar", _HIDDEN, session.hidden)] if session.hidden else []
        return "   ".join([*told, *more, *hidden])

    def _count(self, shown: int, taken: int) -> str:
        kept = self.tr("%1 kept").replace("%1", str(taken)) if taken else ""
        return ", ".join(part for part in (str(shown) if shown else "", kept) if part) or self.tr("none")

    def _on_progress(self, done: int, total: int) -> None:
        self.progress.setRange(0, total)
        self.progress.setValue(done)

    def _find(self) -> None:
        if self._session.running:
            self._session.stop()
        elif self._session.start(self.words.text(), self.unwanted.text()):
            self.searched.emit()
