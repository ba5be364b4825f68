"""Small pieces that several views are built from: roles of the style sheet, buttons, sizes and times in words."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from PySide6.QtCore import QCoreApplication, QEvent, QObject, QRectF, QSize, Qt, SignalInstance
from PySide6.QtGui import QAction, QColor, QPainter, QPaintEvent, QPalette, QPixmap, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QAbstractSpinBox,
    QFrame,
    QLabel,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QToolBar,
    QToolButton,
    QWidget,
)

from inference.errors import AppError
from widgets.icons import icon


def label(text: str = "", role: str = "", *, wrap: bool = False) -> QLabel:
    """A text; `role` is one of the style sheet's: title, heading, section, muted, keys, problem."""
    made = QLabel(text)
    made.setProperty("role", role)
    made.setWordWrap(wrap)
    return made


class Eliding(QLabel):
    """One line that ends in "…" where the room ends. (superqt's would double the time until the window shows.)"""

    def __init__(self, mode: Qt.TextElideMode = Qt.TextElideMode.ElideRight) -> None:
        super().__init__()
        self._whole, self._mode = "", mode
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)

    @property
    def whole(self) -> str:
        return self._whole

    def say(self, text: str) -> None:
        self._whole = text
        self.setToolTip(text)
        self.setAccessibleName(text)
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        room = self.contentsRect().width()
        self.setText(self.fontMetrics().elidedText(self._whole, self._mode, room))


def button(text: str, clicked: Callable[[], object] | None = None, role: str = "", icon_name: str = "") -> QPushButton:
    """A push button; `role` is primary, flat or link."""
    made = QPushButton(text)
    made.setProperty("role", role)
    made.setAutoDefault(False)
    if icon_name:
        on = QPalette.ColorRole.HighlightedText if role == "primary" else QPalette.ColorRole.ButtonText
        made.setIcon(icon(icon_name, on))
    if clicked:
        made.clicked.connect(lambda: clicked())
    return made


def tool(icon_name: str, text: str, clicked: Callable[[], object] | None = None, size: int = 18) -> QToolButton:
    """A button of one icon; the text is its tooltip and what a screen reader says."""
    made = QToolButton()
    made.setIcon(icon(icon_name))
    made.setIconSize(QSize(size, size))
    made.setToolTip(text)
    made.setAccessibleName(text)
    made.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    if clicked:
        made.clicked.connect(lambda: clicked())
    return made


def action_tool(action: QAction, size: int = 18) -> QToolButton:
    """A button that shows and triggers an action."""
    made = QToolButton()
    made.setDefaultAction(action)
    made.setIconSize(QSize(size, size))
    made.setAccessibleName(action.text().replace("&", ""))
    made.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    return made


def name_rest(bar: QToolBar) -> None:
    """Gives the button for what does not fit into a tool bar a name, and an icon that style sheets leave out."""
    chevron = "chevron-right" if bar.orientation() is Qt.Orientation.Horizontal else "chevron-down"
    for rest in bar.findChildren(QToolButton, "qt_toolbar_ext_button"):
        rest.setIcon(icon(chevron))
        rest.setIconSize(QSize(12, 12))
        named(rest, QCoreApplication.translate("parts", "More"))


class Picture(QWidget):
    """An icon without a function. Painted anew each time, so it follows the theme; screen readers skip it."""

    def __init__(self, name: str, size: int, role: QPalette.ColorRole = QPalette.ColorRole.ButtonText) -> None:
        super().__init__()
        self._icon = icon(name, role)
        self.setFixedSize(size, size)

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        self._icon.paint(painter, self.rect())
        painter.end()


class Bar(QProgressBar):
    """How far something is, without a number; a screen reader calls it by its name."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setTextVisible(False)
        self.setAccessibleName(name)

    def show_fraction(self, fraction: float | None) -> None:
        """None: under way, and nobody knows how far."""
        self.setRange(0, 0 if fraction is None else 1000)
        self.setValue(round(1000 * (fraction or 0)))


class _CalmWheel(QObject):
    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Wheel and isinstance(watched, QWidget) and not watched.hasFocus():
            event.ignore()  # goes on to what can be scrolled
            return True
        return False


def calm(widget: QWidget) -> None:
    """Keeps a value from being changed by the wheel in passing: only a control that has the focus listens to it."""
    widget.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    widget.installEventFilter(_CalmWheel(widget))


def roomy(spin: QAbstractSpinBox) -> None:
    """Room before the text of a spin box, as other fields have it; style sheets do not reach it."""
    spin.lineEdit().setTextMargins(6, 0, 0, 0)


def line() -> QFrame:
    """A thin horizontal rule."""
    made = QFrame()
    made.setProperty("role", "line")
    return made


def frame(role: str) -> QFrame:
    """A box of the style sheet: card, accent-card, drop, bar, message."""
    made = QFrame()
    made.setProperty("role", role)
    return made


def named(widget: QWidget, name: str, description: str = "") -> QWidget:
    """Gives a control the name that a screen reader says, and a tooltip."""
    widget.setAccessibleName(name)
    if description:
        widget.setToolTip(description)
        widget.setAccessibleDescription(description)
    return widget


def restyle(widget: QWidget, name: str, value: object) -> None:
    """Changes a property that the style sheet looks at."""
    widget.setProperty(name, value)
    widget.style().unpolish(widget)
    widget.style().polish(widget)


def bytes_text(count: float) -> str:
    """ "4.2 MB"."""
    if count < 1000:
        return f"{int(count)} B"
    for unit in ("kB", "MB", "GB", "TB"):
        count /= 1000
        if count < 1000 or unit == "TB":
            return f"{count:.0f} {unit}" if count >= 100 or unit == "kB" else f"{count:.1f} {unit}"
    return ""


def area_text(pixels: int) -> str:
    """ "12.3k px²"."""
    if pixels < 10_000:
        return f"{pixels} px²"
    return f"{pixels / 1000:.1f}k px²" if pixels < 1_000_000 else f"{pixels / 1e6:.2f}M px²"


def left_text(seconds: float) -> str:
    """ "about 2 min left"."""
    translate = QCoreApplication.translate
    if seconds < 60:
        return translate("jobs", "%1 s left").replace("%1", str(max(1, round(seconds))))
    if seconds < 5400:
        return translate("jobs", "%1 min left").replace("%1", str(round(seconds / 60)))
    return translate("jobs", "%1 h left").replace("%1", f"{seconds / 3600:.1f}")


@contextmanager
def reported(failed: SignalInstance) -> Iterator[None]:
    """Hands an expected failure of an edit to the message bar; anything else is a bug and goes on."""
    try:
        yield
    except AppError as error:
        failed.emit(error)


_WORDS_MARGIN = 12


def words_height(view: QAbstractItemView, lines: int) -> int:
    """How high the rows' place has to be for so many lines of `paint_words`, in pixels."""
    return 2 * _WORDS_MARGIN + lines * view.fontMetrics().lineSpacing() + 2 * view.frameWidth()


def paint_words(view: QAbstractItemView, text: str) -> None:
    """Writes why a list is empty where its rows would be; to be called at the end of its paintEvent."""
    if not text:
        return
    painter = QPainter(view.viewport())
    painter.setPen(view.palette().color(QPalette.ColorRole.PlaceholderText))
    flags = Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop | Qt.TextFlag.TextWordWrap
    painter.drawText(view.viewport().rect().adjusted(_WORDS_MARGIN, _WORDS_MARGIN, -_WORDS_MARGIN, 0), flags, text)
    painter.end()


def swatch(color: QColor, size: int = 14) -> QPixmap:
    """A rounded square of a class's or an instance's colour."""
    ratio = 2.0
    pixmap = QPixmap(QSize(size, size) * ratio)
    pixmap.setDevicePixelRatio(ratio)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(color)
    painter.drawRoundedRect(QRectF(0.5, 0.5, size - 1, size - 1), 3.5, 3.5)
    painter.end()
    return pixmap
