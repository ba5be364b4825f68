"""The grid of the Sort workspace: where tiles are, and selecting by mouse and keys, also among 100,000."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, QRect, QSize, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from widgets.sort.grid import Grid
from widgets.sort.grid_layout import GridLayout, Section
from widgets.sort.grid_model import GridModel

TILE, HEAD = QSize(100, 80), 30


@pytest.fixture
def grid(qtbot: QtBot) -> Grid:
    made = Grid(GridModel())
    qtbot.addWidget(made)
    made.resize(700, 600)
    made.show()
    qtbot.waitExposed(made)
    return made


def _layout(*counts: int, width: int = 320) -> GridLayout:
    sections, start = [], 0
    for number, count in enumerate(counts):
        sections.append(Section(start, count, str(number), f"section {number}"))
        start += count
    return GridLayout(sections, width, TILE, HEAD)


def test_tiles_fill_the_width_under_their_headings() -> None:
    layout = _layout(4, 2)
    assert (layout.columns, layout.tile.width()) == (3, 106)
    assert layout.rect(0) == QRect(0, 30, 106, 80)
    assert layout.rect(3) == QRect(0, 110, 106, 80)
    assert layout.rect(4) == QRect(0, 220, 106, 80)
    assert layout.height == 300
    assert layout.rect(6).isEmpty()


def test_every_tile_is_found_where_it_is() -> None:
    layout = _layout(4, 1, 7)
    for row in range(12):
        at = layout.rect(row).center()
        assert layout.row_at(at.x(), at.y()) == row
    assert layout.row_at(250, 120) == -1  # beside the last tile of the first section
    heading = layout.heading_at(200)
    assert heading is not None
    assert heading.key == "1"
    assert layout.heading_at(60) is None


def test_moving_down_and_up_crosses_sections() -> None:
    layout = _layout(4, 2)
    assert layout.beside(2, 1) == 3  # the last line is shorter
    assert layout.beside(3, 1) == 4
    assert layout.beside(4, -1) == 3
    assert layout.beside(5, 1) == 5
    assert layout.beside(0, -1) == 0


def test_a_band_takes_what_it_touches() -> None:
    layout = _layout(4, 2)
    rows = [row for found in layout.within(QRect(0, 100, 110, 130)) for row in found]
    assert rows == [0, 1, 3, 4, 5]
    assert list(layout.within(QRect(-50, 0, 20, 400))) == []


def test_clicks_select_as_everywhere(grid: Grid) -> None:
    grid.show_pictures([f"{n}.png" for n in range(40)])
    _click(grid, 2)
    assert grid.selected_ids() == ["2.png"]
    _click(grid, 6, Qt.KeyboardModifier.ShiftModifier)
    assert grid.selected_ids() == [f"{n}.png" for n in range(2, 7)]
    _click(grid, 4, Qt.KeyboardModifier.ControlModifier)
    assert grid.selected_ids() == ["2.png", "3.png", "5.png", "6.png"]
    QTest.keyClick(grid, Qt.Key.Key_Escape)
    assert grid.selected_ids() == []
    QTest.keyClick(grid, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    assert len(grid.selected_ids()) == 40


@pytest.mark.parametrize(("corner", "expected"), [("topLeft", {0, 1, 4, 5}), ("bottomLeft", {4, 5})])
def test_a_band_begins_between_tiles(grid: Grid, corner: str, expected: set[int]) -> None:
    grid.show_pictures([f"{n}.png" for n in range(40)])
    start = getattr(grid.visualRect(grid.model().index(0, 0)), corner)() - QPoint(0, int(corner == "bottomLeft"))
    end = grid.visualRect(grid.model().index(5, 0)).center()
    QTest.mousePress(grid.viewport(), Qt.MouseButton.LeftButton, pos=start + QPoint(1, 0))
    for at in (start + QPoint(20, 20), end):
        QTest.mouseMove(grid.viewport(), at)
        move = QMouseEvent(
            QEvent.Type.MouseMove, QPointF(at), QPointF(grid.viewport().mapToGlobal(at)), Qt.MouseButton.NoButton,
            Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier,
        )  # fmt: skip
        QApplication.sendEvent(grid.viewport(), move)
    assert {f"{n}.png" for n in expected} == set(grid.selected_ids())
    QTest.mouseRelease(grid.viewport(), Qt.MouseButton.LeftButton, pos=end)


def test_a_click_on_a_heading_selects_its_section_and_its_offer_is_taken(grid: Grid, qtbot: QtBot) -> None:
    grid.show_pictures(["a", "b", "c"], (Section(0, 2, "x", "first", offer="Accept"), Section(2, 1, "y", "second")))
    QTest.mouseClick(grid.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(20, 25))
    assert grid.selected_ids() == ["a", "b"]
    with qtbot.waitSignal(grid.section_offer) as taken:
        QTest.mouseClick(grid.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(grid.viewport().width() - 30, 25))
    assert taken.args == ["x"]


def test_what_was_filed_leaves_and_the_next_is_selected(grid: Grid) -> None:
    ids = [f"{n}.png" for n in range(10)]
    grid.show_pictures(ids)
    _click(grid, 3)
    grid.show_pictures([i for i in ids if i != "3.png"])
    assert (grid.selected_ids(), grid.current_id()) == (["4.png"], "4.png")
    grid.show_pictures(list(reversed(grid._grid.ids())))  # another order keeps it
    assert grid.selected_ids() == ["4.png"]
    grid.show_pictures(ids, anew=True)
    assert grid.selected_ids() == []


def test_listing_anew_leaves_the_view_where_it_was_scrolled_to(grid: Grid) -> None:
    ids = [f"{n}.jpg" for n in range(200)]
    grid.show_pictures(ids)
    grid.select_ids(ids[:1])
    bar = grid.verticalScrollBar()
    bar.setValue(bar.maximum())
    assert bar.value() > 0
    grid.show_pictures(ids)
    assert (bar.value(), grid.current_id()) == (bar.maximum(), ids[0])


def test_only_what_is_in_sight_is_asked_about(grid: Grid) -> None:
    asked = set()
    grid._grid.badge = lambda image_id: asked.add(image_id) or ""  # type: ignore[func-returns-value]
    grid.show_pictures([f"{n:06}.png" for n in range(100_000)])
    grid.viewport().repaint()
    assert 0 < len(asked) < 60
    QTest.keyClick(grid, Qt.Key.Key_Home)
    QTest.keyClick(grid, Qt.Key.Key_End)
    assert grid.current_id() == "099999.png"
    grid.viewport().repaint()
    assert "099999.png" in asked
    assert len(asked) < 150


def _click(grid: Grid, row: int, keys: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
    at = grid.visualRect(grid.model().index(row, 0)).center()
    QTest.mouseClick(grid.viewport(), Qt.MouseButton.LeftButton, keys, at)
