"""Lasso, polygon, brush and eraser: what a hand draws, and what is in the document afterwards."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMenu

from app.instance import Source
from tests.widgets.canvas_kit import ALT, CTRL, LEFT, RIGHT, SHIFT, Bench, bench, drawn, rectangle

__all__ = ["bench"]

Key = Qt.Key


def test_the_lasso_fills_and_edits_and_asks(bench: Bench) -> None:
    ring = [(50, 50), (150, 50), (150, 150), (50, 150), (52, 52)]
    bench.canvas.set_tool("lasso")
    with bench.qtbot.waitSignal(bench.canvas.created):
        bench.drag(*ring)
    (made,) = bench.document.instances
    assert made.source is Source.LASSO and made.mask.area == pytest.approx(10000, rel=0.03)
    bench.drag((140, 60), (200, 60), (200, 140), (140, 140), modifiers=SHIFT)
    assert bench.document.instances[0].mask.area == pytest.approx(14000, rel=0.05)
    bench.drag((40, 40), (100, 40), (100, 160), (40, 160), modifiers=CTRL)
    assert bench.document.instances[0].mask.area == pytest.approx(9000, rel=0.06)
    bench.drag(*ring, modifiers=ALT)
    bench.settle()
    assert bench.session.prompts.box is not None and len(bench.session.prompts.points) == 3
    bench.canvas.accept()
    assert bench.document.instances[-1].source is Source.LASSO
    assert bench.document.undo_stack.count() == 4


def test_the_lasso_is_told_in_its_menu_to_ask_the_model(bench: Bench) -> None:
    from widgets.canvas.menus import context_menu

    bench.canvas.set_tool("lasso")
    with bench.qtbot.waitSignal(bench.canvas.desk.menu_wanted):
        bench.click(50, 50, RIGHT)
    for menu in bench.canvas.findChildren(QMenu, options=Qt.FindChildOption.FindDirectChildrenOnly):
        menu.close()
    (asks,) = [a for a in context_menu(bench.canvas, lambda _action: "").actions() if a.isCheckable()]
    with bench.qtbot.waitSignal(bench.canvas.lasso_changed):
        asks.trigger()
    bench.drag((50, 50), (150, 50), (150, 150), (50, 150))
    bench.settle()
    assert bench.session.prompts.box is not None and not bench.document.instances


def test_a_polygon_by_clicks_enter_double_click_and_its_first_vertex(bench: Bench) -> None:
    bench.canvas.set_tool("polygon")
    corners = [(50, 50), (150, 50), (150, 150)]
    for corner in corners:
        bench.click(*corner)
    bench.click(10, 200)
    bench.key(Key.Key_Backspace)
    bench.canvas.accept()
    for corner in ((200, 50), (300, 50)):
        bench.click(*corner)
    bench.double_click(300, 150)
    for corner in ((20, 180), (60, 180), (60, 230)):
        bench.click(*corner)
    bench.click(21, 181)  # the first vertex
    areas = [i.mask.area for i in bench.document.instances]
    assert areas == [pytest.approx(5000, rel=0.03), pytest.approx(5000, rel=0.03), pytest.approx(1000, rel=0.06)]
    first = bench.document.instances[0]
    assert first.source is Source.POLYGON and first.polygon is not None and len(first.polygon[0]) == 3
    assert bench.document.undo_stack.count() == 3


def test_a_polygon_takes_back_vertices_and_is_dropped(bench: Bench) -> None:
    bench.canvas.set_tool("polygon")
    bench.click(50, 50)
    bench.click(100, 50)
    bench.canvas.undo()
    bench.canvas.accept()
    assert "three" in bench.messages[-1] and not bench.document.instances
    bench.canvas.drop()
    assert not bench.canvas.can_undo()


def test_vertices_are_dragged_inserted_and_deleted(bench: Bench) -> None:
    bench.canvas.set_tool("polygon")
    for corner in ((50, 50), (150, 50), (150, 150), (50, 150)):
        bench.click(*corner)
    bench.canvas.accept()
    bench.canvas.set_tool("select")
    bench.drag((150, 150), (160, 160), (200, 200))
    ring = bench.document.instances[0].polygon[0]  # type: ignore[index]
    assert [round(v) for v in ring[2]] == [200, 200]
    bench.drag((100, 50), (100, 40), (100, 20))  # an edge: a new vertex
    ring = bench.document.instances[0].polygon[0]  # type: ignore[index]
    assert len(ring) == 5 and [round(v) for v in ring[1]] == [100, 20]
    bench.move(100, 20)
    bench.canvas.delete_selected()
    assert len(bench.document.instances[0].polygon[0]) == 4  # type: ignore[index]
    bench.click(50, 50, LEFT, ALT)
    assert len(bench.document.instances[0].polygon[0]) == 3  # type: ignore[index]
    bench.click(50, 150, LEFT, ALT)
    assert len(bench.document.instances) == 1 and "three" in bench.messages[-1]
    assert bench.document.undo_stack.count() == 5


def test_the_brush_makes_and_extends_and_the_eraser_takes_away(bench: Bench) -> None:
    canvas = bench.canvas
    canvas.set_tool("brush")
    canvas.set_brush_size(20)
    bench.drag((50, 100), (100, 100), (150, 100))
    bench.settle()
    (made,) = bench.document.instances
    assert made.source is Source.BRUSH and made.mask.area == pytest.approx(100 * 20 + 314, rel=0.05)
    bench.drag((150, 100), (150, 150))
    assert len(bench.document.instances) == 1 and bench.document.instances[0].mask.area > made.mask.area + 800
    whole = bench.document.instances[0].mask.area
    bench.drag((50, 100), (80, 100), button=RIGHT)
    assert bench.document.instances[0].mask.area < whole
    bench.click(150, 200, LEFT, SHIFT)  # a straight line from where the last stroke ended
    assert bench.document.undo_stack.count() == 4
    canvas.set_tool("eraser")
    canvas.set_brush_size(400)
    bench.click(150, 120)
    assert not bench.document.instances
    canvas.undo()
    assert len(bench.document.instances) == 1


def test_a_stroke_shows_while_it_is_drawn_and_stays(bench: Bench) -> None:
    canvas = bench.canvas
    canvas.set_tool("brush")
    canvas.set_brush_size(30)
    canvas.set_display(opacity=1.0)
    bench.settle()
    before = bench.seen(100, 100)
    bench.press(80, 100)
    bench.move(120, 100, LEFT)
    during = bench.seen(100, 100)
    bench.release(120, 100)
    after = bench.seen(100, 100)
    bench.settle()
    settled = bench.seen(100, 100)
    assert during != before and after != before and settled != before
    bench.press(200, 100)
    canvas.drop()
    bench.release(200, 100)
    assert len(bench.document.instances) == 1


def test_the_eraser_needs_something_to_erase(bench: Bench) -> None:
    bench.canvas.set_tool("eraser")
    bench.drag((10, 10), (50, 50))
    assert "no instance" in bench.messages[-1]


def test_a_mask_becomes_a_polygon(bench: Bench) -> None:
    bench.document.add([drawn(rectangle(60, 60, 100, 100))])
    bench.canvas.select_all()
    bench.canvas.edit_as_polygon()
    instance = bench.document.instances[0]
    assert instance.polygon is not None and len(instance.polygon[0]) == 4 and bench.canvas.tool == "select"
    bench.canvas.set_tool("brush")
    bench.click(200, 200)
    assert bench.document.instances[0].polygon is None


def test_hidden_masks_show_again_when_they_are_edited(bench: Bench) -> None:
    canvas = bench.canvas
    canvas.toggle_masks()
    canvas.set_tool("brush")
    bench.press(50, 100)
    assert not canvas.desk.masks_hidden  # from the first dab on, not only when it is done
    bench.release(50, 100)
    canvas.toggle_masks()
    canvas.set_tool("points")
    bench.click(200, 100)
    bench.settle()
    assert canvas.desk.masks_hidden
    canvas.accept()
    bench.settle()
    assert not canvas.desk.masks_hidden and len(bench.document.instances) == 2
