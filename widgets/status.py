"""The status bar: pixel under the pointer, zoom, model, device, cache and saving, always in sight."""

from __future__ import annotations

from PySide6.QtCore import QTimer
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QHBoxLayout, QStatusBar, QWidget

from widgets.parts import Eliding, Picture, label, restyle

_WORDS_MS = 8000


class StatusBar(QStatusBar):
    """Words on the left for a moment, facts on the right for good."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizeGripEnabled(False)
        self.words = Eliding()
        self.words.setContentsMargins(8, 0, 0, 0)
        self.addWidget(self.words, 1)
        self._forget = QTimer(self, singleShot=True, interval=_WORDS_MS)
        self._forget.timeout.connect(lambda: self.say(""))
        self.cursor_text = label()
        self.cursor_text.setAccessibleName(self.tr("Pixel under the pointer"))
        self.zoom = _Fact("zoom-in", self.tr("Zoom"))
        self.model = _Fact("chip", self.tr("Model and device"))
        self.cache = _Fact("memory", self.tr("Pictures prepared for clicking"))
        self.saved = _Fact("saved", self.tr("Saving"))
        self.addPermanentWidget(self.cursor_text)
        for fact in (self.zoom, self.model, self.cache, self.saved):
            self.addPermanentWidget(fact)
        self.show_saved(self.tr("No folder open"))
        self.show_cursor(None, None)
        self.show_zoom(None)

    def say(self, text: str) -> None:
        """A short sentence; it goes after a while."""
        self.words.say(text)
        self._forget.start()

    def show_cursor(self, position: tuple[float, float] | None, rgb: tuple[int, int, int] | None) -> None:
        """Image pixel and its colour; None when the pointer is elsewhere."""
        if position is None:
            self.cursor_text.setText("")
            return
        text = f"x {int(position[0])}  y {int(position[1])}"
        if rgb is not None:
            r, g, b = rgb
            text += f'  <span style="background:#{r:02x}{g:02x}{b:02x}">&nbsp;&nbsp;&nbsp;</span>  {r} {g} {b}'
        self.cursor_text.setText(text)

    def show_zoom(self, scale: float | None) -> None:
        """None without a picture."""
        self.zoom.setVisible(scale is not None)
        percent = (scale or 0) * 100
        self.zoom.show_text(f"{percent:.0f} %" if percent >= 10 else f"{percent:.1f} %")

    def show_model(self, title: str, device: str) -> None:
        self.model.show_text(f"{title} · {device}" if device else title)

    def show_cache(self, hit: bool | None, seconds: float) -> None:
        """How the last picture was prepared."""
        if hit is None:
            self.cache.show_text(self.tr("Cache: –"))
        elif hit:
            self.cache.show_text(self.tr("Cache: ready"))
        else:
            self.cache.show_text(self.tr("Cache: new, %1 s").replace("%1", f"{seconds:.1f}"))

    def show_saved(self, text: str, *, warning: bool = False) -> None:
        self.saved.show_text(text, warning=warning)


class _Fact(QWidget):
    """A small icon and a text; the tooltip says what it is."""

    def __init__(self, icon_name: str, name: str) -> None:
        super().__init__()
        self._name = name
        self._text = label()
        row = QHBoxLayout(self)
        row.setContentsMargins(6, 0, 6, 0)
        row.setSpacing(4)
        row.addWidget(Picture(icon_name, 15, QPalette.ColorRole.PlaceholderText))
        row.addWidget(self._text)
        self.setToolTip(name)

    @property
    def text(self) -> str:
        return self._text.text()

    def show_text(self, text: str, *, warning: bool = False) -> None:
        self._text.setText(text)
        self.setAccessibleName(f"{self._name}: {text}")
        restyle(self._text, "kind", "warning" if warning else "")
