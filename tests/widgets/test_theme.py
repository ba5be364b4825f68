"""Light, dark, like the system; icons that follow; contrast that can be read."""

from __future__ import annotations

from dataclasses import asdict

import pytest
from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QColor, QIcon, QPalette
from PySide6.QtWidgets import QApplication

from app.shortcuts import ACTIONS
from inference import paths
from widgets.icons import app_icon, icon
from widgets.theme import DARK, LIGHT, Colors, Theme, current_colors, style_sheet


@pytest.fixture
def theme(qapp: QApplication):
    made = Theme(qapp, "light")
    yield made
    qapp.setStyleSheet("")
    made.deleteLater()


def test_choosing_changes_palette_and_icons(theme: Theme, qapp: QApplication, qtbot) -> None:
    assert qapp.palette().color(QPalette.ColorRole.Window) == QColor(LIGHT.window)
    light = _ink(icon("undo"))
    with qtbot.waitSignal(theme.changed):
        theme.choose("dark")
    assert theme.dark and current_colors() is DARK
    assert qapp.palette().color(QPalette.ColorRole.Window) == QColor(DARK.window)
    dark = _ink(icon("undo"))
    assert light.lightness() < 80 and dark.lightness() > 180  # the same icon object, drawn anew
    theme.choose("system")
    assert theme.colors in (LIGHT, DARK)


def test_a_chosen_scheme_stays_whatever_the_system_says_later(theme: Theme, qapp: QApplication) -> None:
    hints = qapp.styleHints()
    before = hints.colorScheme()
    for choice, system, colors in (("light", Qt.ColorScheme.Dark, LIGHT), ("dark", Qt.ColorScheme.Light, DARK)):
        theme.choose(choice)
        hints.setColorScheme(system)
        hints.colorSchemeChanged.emit(system)  # some platforms tell it late, and more than once
        assert theme.colors is colors and current_colors() is colors
        assert qapp.palette().color(QPalette.ColorRole.Window) == QColor(colors.window)
    hints.setColorScheme(before)


def _ink(made: QIcon) -> QColor:
    image = made.pixmap(QSize(48, 48)).toImage()
    dots = [image.pixelColor(x, y) for x in range(image.width()) for y in range(image.height())]
    return max(dots, key=lambda color: color.alpha())


def test_every_action_and_the_program_have_their_icons() -> None:
    for action in ACTIONS:
        if action.icon:
            assert not icon(action.icon).pixmap(QSize(16, 16)).isNull()
    assert not app_icon().isNull()
    assert icon("undo").pixmap(QSize(0, 16)).isNull()  # where there is no room; Qt has nothing to warn of
    for file in paths.resource("icons").glob("*.svg"):
        text = file.read_text(encoding="utf-8")
        assert "currentColor" in text or file.stem.startswith("winnow")


def test_the_programs_mark_has_a_drawing_of_its_own_for_small_sizes() -> None:
    corners = [app_icon().pixmap(QSize(side, side)).toImage().pixelColor(side // 2, 0).alpha() for side in (16, 24, 64)]
    assert corners[:2] == [255, 255] and corners[2] == 0  # only the small one reaches the edge


@pytest.mark.parametrize("colors", [LIGHT, DARK])
def test_style_sheet_is_filled_in_and_readable(colors: Colors) -> None:
    assert "$" not in style_sheet(colors)
    assert all(QColor(value).isValid() for value in asdict(colors).values())
    for front, back in (
        ("text", "window"), ("text", "field"), ("text", "accent_soft"), ("muted", "window"), ("muted", "surface"),
        ("on_accent", "accent"), ("text", "danger_soft"), ("text", "warning_soft"), ("accent", "accent_soft"),
    ):  # fmt: skip
        assert _contrast(getattr(colors, front), getattr(colors, back)) >= 4.3, (front, back)


def _contrast(one: str, other: str) -> float:
    """WCAG 2's ratio."""
    a, b = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (a + 0.05) / (b + 0.05)


def _luminance(text: str) -> float:
    color = QColor(text)
    parts = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in color.getRgbF()[:3]]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def test_icons_are_sharp_on_dense_screens(theme: Theme) -> None:
    for ratio in (1.0, 1.5, 2.0):
        pixmap = icon("brush").pixmap(QSize(22, 22), ratio)
        assert (pixmap.width(), pixmap.devicePixelRatio()) == (22 * ratio, ratio)
