"""The look: colours for light and for dark, and one small style sheet. Follows the system unless told otherwise."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from string import Template

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QColor, QGuiApplication, QPalette
from PySide6.QtWidgets import QApplication, QStyleFactory

from inference import paths


@dataclass(frozen=True, slots=True)
class Colors:
    """The colours of one scheme, "#rrggbb". `surface` lies on `window`; `field` is where one types or looks."""

    window: str
    surface: str
    field: str
    hover: str
    pressed: str
    border: str
    strong_border: str
    text: str
    muted: str
    faint: str
    accent: str
    on_accent: str
    accent_hover: str
    accent_soft: str
    good: str
    warning: str
    warning_soft: str
    danger: str
    danger_soft: str
    canvas: str


LIGHT = Colors(
    window="#f4f5f7", surface="#fbfcfd", field="#ffffff", hover="#e9ecf1", pressed="#dfe3ea", border="#dde1e7",
    strong_border="#c3c9d2", text="#1b1f26", muted="#5f6875", faint="#9aa2ae", accent="#3a5fd9", on_accent="#ffffff",
    accent_hover="#3152c2", accent_soft="#e3e9fc", good="#1f8a4c", warning="#8a5a00", warning_soft="#fdf2d8",
    danger="#c2332f", danger_soft="#fde8e7", canvas="#e4e7ec",
)  # fmt: skip
DARK = Colors(
    window="#1c1e22", surface="#212429", field="#17191c", hover="#2d3138", pressed="#353a42", border="#30343b",
    strong_border="#474d57", text="#e7e9ec", muted="#a0a7b2", faint="#6d7580", accent="#86a0ff", on_accent="#10152a",
    accent_hover="#9db2ff", accent_soft="#2a3354", good="#5cc98a", warning="#f0c36a", warning_soft="#3a3220",
    danger="#ff8a83", danger_soft="#432625", canvas="#121316",
)  # fmt: skip

BASE_PIXELS = 13


class Theme(QObject):
    """Applies a scheme to the application and follows the system's.

    Args:
        app: the application; its style becomes Fusion, which looks the same everywhere.
    """

    changed = Signal()

    def __init__(self, app: QApplication, choice: str = "system") -> None:
        super().__init__(app)
        self._app = app
        self._choice = choice
        app.setStyle(QStyleFactory.create("Fusion"))
        font = app.font()
        # In points, because a font of a pixel size has none to compute others from.
        font.setPointSizeF(BASE_PIXELS * 72 / app.primaryScreen().logicalDotsPerInch())
        app.setFont(font)
        app.styleHints().colorSchemeChanged.connect(self._apply)
        self.choose(choice)

    @property
    def dark(self) -> bool:
        if self._choice == "system":
            return self._app.styleHints().colorScheme() == Qt.ColorScheme.Dark
        return self._choice == "dark"

    @property
    def colors(self) -> Colors:
        return DARK if self.dark else LIGHT

    def choose(self, choice: str) -> None:
        """ "system", "light" or "dark"."""
        self._choice = choice
        scheme = {"light": Qt.ColorScheme.Light, "dark": Qt.ColorScheme.Dark}.get(choice, Qt.ColorScheme.Unknown)
        self._app.styleHints().setColorScheme(scheme)  # title bars and native dialogs follow, too
        self._apply()

    def _apply(self) -> None:
        self._app.setPalette(palette(self.colors))
        self._app.setStyleSheet(style_sheet(self.colors))
        self.changed.emit()


def palette(c: Colors) -> QPalette:
    """The Qt palette of a scheme."""
    role, result = QPalette.ColorRole, QPalette()
    for which, color in {
        role.Window: c.window, role.WindowText: c.text, role.Base: c.field, role.AlternateBase: c.surface,
        role.Text: c.text, role.PlaceholderText: c.faint, role.Button: c.surface, role.ButtonText: c.text,
        role.BrightText: c.danger, role.Highlight: c.accent, role.HighlightedText: c.on_accent, role.Accent: c.accent,
        role.Link: c.accent, role.LinkVisited: c.accent, role.ToolTipBase: c.text, role.ToolTipText: c.window,
        role.Light: c.surface, role.Midlight: c.border, role.Mid: c.strong_border, role.Dark: c.faint,
        role.Shadow: "#000000",
    }.items():  # fmt: skip
        result.setColor(which, QColor(color))
    for which in (role.WindowText, role.Text, role.ButtonText, role.HighlightedText):
        result.setColor(QPalette.ColorGroup.Disabled, which, QColor(c.faint))
    result.setColor(QPalette.ColorGroup.Disabled, role.Highlight, QColor(c.hover))
    return result


def style_sheet(c: Colors) -> str:
    """`resources/theme/winnow.qss` with the colours filled in."""
    folder = paths.resource("theme")
    template = (folder / "winnow.qss").read_text(encoding="utf-8")
    # Style sheets cannot tint pictures, so the few in them come once a scheme.
    return Template(template).substitute(asdict(c), folder=folder.as_posix(), scheme="dark" if c is DARK else "light")


def current_colors() -> Colors:
    """The scheme that the application shows now, for painting what no palette role covers."""
    window = QGuiApplication.palette().color(QPalette.ColorRole.Window)
    return DARK if window.lightness() < 128 else LIGHT
