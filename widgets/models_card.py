"""A friendly card that offers SAM 2.1 while only the built-in model is there."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from app.session.joblist import JobList
from app.session.shelf import OFFERED, Shelf
from app.settings import Settings
from widgets.parts import Bar, Picture, button, bytes_text, frame, label, tool


class ModelsCard(QWidget):
    """Hides itself when a better model is there, or when it was dismissed (a setting brings it back).

    Args:
        among_models: the other models are listed right below.
    """

    more = Signal()

    def __init__(
        self,
        shelf: Shelf,
        jobs: JobList,
        settings: Settings,
        *,
        among_models: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._among_models = among_models
        self._shelf, self._jobs, self._settings = shelf, jobs, settings
        spec = shelf.spec(OFFERED)
        size = bytes_text(spec.size_bytes) if spec and spec.size_bytes else ""
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        box = frame("accent-card")
        outer.addWidget(box)
        row = QHBoxLayout(box)
        row.setContentsMargins(16, 14, 10, 14)
        row.setSpacing(14)
        row.addWidget(Picture("sparkles", 26), 0, Qt.AlignmentFlag.AlignTop)
        words = QVBoxLayout()
        words.setSpacing(4)
        words.addWidget(label(self.tr("Sharper masks with SAM 2.1"), "heading"))
        text = self.tr("Winnow starts with a small built-in model. Meta's SAM 2.1 finds edges and small things better; "
                       "it is downloaded once (%1), then works offline. Everything else stays as it is.")  # fmt: skip
        words.addWidget(label(text.replace("%1", size), wrap=True))
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        self.get = button(self.tr("Download and use"), self._fetch, "primary", "")
        self.choose = button(self.tr("Other models…"), self.more.emit, "flat")
        self._bar = Bar(self.tr("Download"))
        self._bar.setMinimumWidth(120)
        self._stop = button(self.tr("Stop"), lambda: shelf.stop_fetching(OFFERED), "flat")
        for widget in (self.get, self.choose, self._bar, self._stop):
            buttons.addWidget(widget)
        buttons.addStretch(1)
        words.addSpacing(4)
        words.addLayout(buttons)
        row.addLayout(words, 1)
        row.addWidget(
            tool("close", self.tr("Do not offer this again"), self._dismiss, 14), 0, Qt.AlignmentFlag.AlignTop
        )
        shelf.changed.connect(self._refresh)
        jobs.changed.connect(lambda _ticket: self._show_progress())
        settings.changed.connect(lambda key, _value: self._refresh() if key == "ui.offer_models" else None)
        self._refresh()

    def _fetch(self) -> None:
        self._shelf.fetch_and_use(OFFERED)

    def _dismiss(self) -> None:
        self._settings.set("ui.offer_models", False)

    def _refresh(self) -> None:
        self.setVisible(bool(self._settings.get("ui.offer_models")) and self._shelf.only_the_starter())
        fetching = self._shelf.fetching(OFFERED) is not None
        self.get.setVisible(not fetching)
        self.choose.setVisible(not fetching and not self._among_models)
        for widget in (self._bar, self._stop):
            widget.setVisible(fetching)
        self._show_progress()

    def _show_progress(self) -> None:
        ticket = self._shelf.fetching(OFFERED)
        row = self._jobs.get(ticket.id) if ticket is not None else None
        self._bar.show_fraction(row.fraction if row is not None else None)
