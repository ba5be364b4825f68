"""Every tool with a real mouse and keyboard: what a person does, and what is in the document afterwards."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMenu

from app.instance import Source
from app.project import Project
from inference.prompts import Box
from tests.widgets.canvas_kit import ALT, CTRL, LEFT, RIGHT, SHIFT, Bench, bench, drawn, rectangle
from widgets.canvas import TOOLS

__all__ = ["bench"]

Key = Qt.Key


def test_hover_click_correct_accept_and_undo(bench: Bench) -> None:
    bench.move(100, 100)
    bench.qtbot.waitUntil(lambda: bench.session.preview is not None)
    bench.click(100, 100)
    bench.settle()
    bench.click(120, 100, RIGHT)
    bench.click(90, 90, LEFT, SHIFT)
    bench.settle()
    assert [p.positive for p in bench.session.prompts.points] == [True, False, False]
    bench.canvas.undo()
    bench.settle()
    assert len(bench.session.prompts.points) == 2
    bench.canvas.redo()
    bench.canvas.accept()
    bench.settle()
    (made,) = bench.document.instances
    assert made.source is Source.CLICK and bench.selection.ids == (made.id,)
    bench.canvas.undo()
    assert not bench.document.instances
    bench.canvas.redo()
    assert bench.document.instances == (made,)


def test_alt_click_takes_a_point_away(bench: Bench) -> None:
    bench.click(100, 100)
    bench.click(200, 100)
    bench.move(200, 100, modifiers=ALT)
    bench.click(200, 101, LEFT, ALT)
    bench.settle()
    assert [(round(p.x), round(p.y)) for p in bench.session.prompts.points] == [(100, 100)]


def test_a_click_beside_the_picture_is_told_and_ignored(bench: Bench) -> None:
    bench.click(-6, 100)
    assert not bench.session.active and "outside" in bench.messages[-1]


def test_escape_drops_prompts_then_the_selection(bench: Bench) -> None:
    bench.document.add([drawn(rectangle(10, 10, 30, 30))])
    bench.click(100, 100)
    bench.settle()
    bench.canvas.drop()
    assert not bench.session.active
    bench.selection.set([bench.document.instances[0].id])
    bench.canvas.drop()
    assert not bench.selection.ids


def test_a_box_by_drag_and_by_two_clicks(bench: Bench) -> None:
    bench.canvas.set_tool("box")
    bench.drag((50, 40), (80, 80), (150, 120))
    bench.settle()
    first = bench.session.prompts.box
    assert first is not None and bench.session.suggestion is not None
    assert [round(v) for v in (first.x0, first.y0, first.x1, first.y1)] == [50, 40, 150, 120]
    bench.canvas.drop()
    bench.click(200, 150)
    bench.move(120, 100)
    bench.canvas.grab()  # the green dot and the live rectangle
    assert bench.canvas.can_undo()
    bench.click(120, 100)
    bench.settle()
    second = bench.session.prompts.box
    assert second is not None and [round(v) for v in (second.x0, second.y0, second.x1, second.y1)] == [
        120, 100, 200, 150,
    ]  # fmt: skip
    bench.click(150, 120, RIGHT)
    assert len(bench.session.prompts.points) == 1 and bench.session.prompts.box == second


def test_a_box_is_changed_by_its_handles_and_clamped(bench: Bench) -> None:
    bench.canvas.set_tool("box")
    bench.drag((50, 40), (150, 120))
    bench.drag((150, 120), (200, 150), (900, 700))
    box = bench.session.prompts.box
    assert box is not None and (box.x1, box.y1) == (320, 240) and round(box.x0) == 50
    bench.drag((50, 140), (20, 140))  # the middle of the left side
    changed = bench.session.prompts.box
    assert changed is not None and round(changed.x0) == 20 and changed.y1 == 240
    bench.settle()


def test_a_half_drawn_box_is_dropped_with_escape(bench: Bench) -> None:
    bench.canvas.set_tool("box")
    bench.click(50, 40)
    bench.canvas.drop()
    bench.click(100, 100)
    bench.canvas.undo()
    assert bench.session.prompts.box is None and not bench.canvas.can_undo()


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


def test_selecting_one_several_below_and_by_band(bench: Bench) -> None:
    low, high = drawn(rectangle(40, 40, 100, 100)), drawn(rectangle(90, 90, 60, 60))
    far = drawn(rectangle(250, 200, 20, 20))
    bench.document.add([low, high, far])
    bench.canvas.set_tool("select")
    bench.click(100, 100)
    assert bench.selection.ids == (high.id,)
    bench.click(100, 100, LEFT, ALT)
    assert bench.selection.ids == (low.id,)
    bench.click(100, 100, LEFT, SHIFT)
    assert set(bench.selection.ids) == {low.id, high.id}
    bench.click(5, 5)
    assert not bench.selection.ids
    bench.drag((20, 20), (60, 60), (160, 160))
    assert set(bench.selection.ids) == {low.id, high.id}
    bench.drag((240, 190), (260, 205), modifiers=SHIFT)
    assert len(bench.selection.ids) == 3
    bench.canvas.select_all()
    assert len(bench.selection.ids) == 3
    bench.move(255, 205)
    bench.canvas.grab()


def test_what_is_selected_moves_by_drag_and_by_arrows(bench: Bench) -> None:
    bench.document.add([drawn(rectangle(40, 40, 50, 50))])
    bench.canvas.set_tool("select")
    bench.click(60, 60)
    bench.settle()
    bench.press(60, 60)
    bench.move(70, 65, LEFT)
    bench.move(90, 70, LEFT)
    bench.canvas.grab()
    bench.release(90, 70)
    assert bench.document.instances[0].mask == rectangle(70, 50, 50, 50)
    bench.settle()
    bench.key(Key.Key_Right)
    bench.key(Key.Key_Up, SHIFT)
    assert bench.document.instances[0].mask == rectangle(71, 40, 50, 50)
    bench.canvas.undo()
    bench.canvas.undo()
    bench.canvas.undo()
    assert bench.document.instances[0].mask == rectangle(40, 40, 50, 50)


def test_a_move_is_dropped_with_escape_and_refused_out_of_the_picture(bench: Bench) -> None:
    bench.document.add([drawn(rectangle(40, 40, 50, 50))])
    bench.canvas.set_tool("select")
    bench.click(60, 60)
    bench.press(60, 60)
    bench.move(120, 120, LEFT)
    bench.canvas.drop()
    bench.release(120, 120)
    assert bench.document.undo_stack.count() == 1
    bench.canvas.nudge(2000, 0)
    assert "out of the picture" in bench.messages[-1] and bench.document.undo_stack.count() == 1


def test_set_operations(bench: Bench) -> None:
    def start() -> None:
        bench.canvas.set_tool("select")
        bench.document.remove([i.id for i in bench.document.instances])
        bench.document.add([drawn(rectangle(40, 40, 60, 60)), drawn(rectangle(80, 40, 60, 60))])
        bench.canvas.select_all()

    for slot, area in (("union", 6000), ("subtract", 2400), ("intersect", 1200)):
        start()
        getattr(bench.canvas, slot)()
        (result,) = bench.document.instances
        assert result.mask.area == area and bench.selection.ids == (result.id,)
    bench.canvas.union()
    assert "two or more" in bench.messages[-1]


def test_holes_parts_duplicates_and_order(bench: Bench) -> None:
    from app.patches import minus

    canvas = bench.canvas
    pair = rectangle(20, 20, 40, 40).union(rectangle(100, 20, 40, 40))
    bench.document.add([drawn(minus(pair, rectangle(30, 30, 10, 10)))])
    canvas.select_all()
    canvas.fill_holes()
    assert bench.document.instances[0].mask == pair
    canvas.fill_holes()
    assert "no holes" in bench.messages[-1]
    canvas.split_parts()
    assert [i.mask.area for i in bench.document.instances] == [1600, 1600] and len(bench.selection.ids) == 2
    canvas.split_parts()
    assert "one part" in bench.messages[-1]
    with bench.qtbot.waitSignal(canvas.created) as made:
        canvas.duplicate()
    assert len(bench.document.instances) == 4 and list(bench.selection.ids) == made.args[0]
    top = bench.document.instances[-1].id
    bench.selection.set([top])
    canvas.lower_selected()
    assert bench.document.instances[-2].id == top
    canvas.raise_selected()
    assert bench.document.instances[-1].id == top
    canvas.toggle_locked()
    canvas.delete_selected()
    assert len(bench.document.instances) == 4 and "locked" in str(bench.errors[-1])
    canvas.toggle_locked()
    canvas.toggle_visible()
    canvas.delete_selected()
    assert len(bench.document.instances) == 3


def test_copies_go_to_another_picture(bench: Bench) -> None:
    label = bench.project.classes.add("thing")
    bench.document.add([drawn(rectangle(40, 40, 60, 60), class_id=label.id)])
    bench.canvas.select_all()
    bench.canvas.copy()
    bench.show("b.png")
    bench.canvas.paste()
    (pasted,) = bench.document.instances
    assert pasted.mask == rectangle(40, 40, 60, 60) and pasted.class_id == label.id
    assert pasted.id != bench.project.document("a.png").instances[0].id
    bench.canvas.cut()
    assert not bench.document.instances
    bench.canvas.paste()
    assert len(bench.document.instances) == 1


def test_a_strange_clipboard_is_refused(bench: Bench) -> None:
    from PySide6.QtCore import QMimeData
    from PySide6.QtGui import QGuiApplication

    from app.clipboard import MIME

    for raw in (b"{", b'{"instances": [{"mask": {"size": [9, 9], "counts": "@@"}}]}', b"[]", b"\xff\xfe"):
        mime = QMimeData()
        mime.setData(MIME, raw)
        QGuiApplication.clipboard().setMimeData(mime)
        bench.canvas.paste()
    assert len(bench.errors) == 4 and not bench.document.instances
    QGuiApplication.clipboard().clear()
    bench.canvas.paste()
    assert "no instances" in bench.messages[-1]


def test_a_copy_from_a_larger_picture_is_cut(bench: Bench) -> None:
    import numpy as np

    from app import clipboard
    from app.instance import Instance, new_id
    from inference.masks import Mask
    from inference.prompts import Prompts

    big = np.zeros((500, 600), bool)
    big[200:300, 300:400] = True
    mime = clipboard.to_mime([Instance(new_id(), Mask.from_array(big), prompts=Prompts())], lambda _id: None)
    (cut,) = clipboard.from_mime(mime, 320, 240, lambda _name: None)
    assert cut.mask.bbox == (300, 200, 20, 40) and cut.prompts is None


def test_refinement_hides_the_old_mask_and_replaces_it(bench: Bench) -> None:
    bench.document.add([drawn(rectangle(60, 60, 100, 100))])
    bench.canvas.select_all()
    bench.canvas.refine()
    assert bench.canvas.tool == "points" and bench.canvas.overlay.scene.refined == bench.document.instances[0].id
    bench.click(70, 70, RIGHT)
    bench.settle()
    bench.canvas.accept()
    bench.settle()
    assert len(bench.document.instances) == 1 and bench.document.instances[0].mask.area < 10000
    assert bench.canvas.overlay.scene.refined is None
    bench.canvas.undo()
    assert bench.document.instances[0].mask.area == 10000


def test_a_mask_becomes_a_polygon(bench: Bench) -> None:
    bench.document.add([drawn(rectangle(60, 60, 100, 100))])
    bench.canvas.select_all()
    bench.canvas.edit_as_polygon()
    instance = bench.document.instances[0]
    assert instance.polygon is not None and len(instance.polygon[0]) == 4 and bench.canvas.tool == "select"
    bench.canvas.set_tool("brush")
    bench.click(200, 200)
    assert bench.document.instances[0].polygon is None


def test_classes_go_to_the_selection_and_to_what_comes(bench: Bench) -> None:
    cat, dog = bench.project.classes.add("cat"), bench.project.classes.add("dog")
    bench.document.add([drawn(rectangle(60, 60, 100, 100))])
    bench.canvas.select_all()
    bench.canvas.assign_class(cat.id)
    assert bench.document.instances[0].class_id == cat.id and bench.canvas.current_class == cat.id
    bench.click(250, 200)
    bench.settle()
    bench.canvas.assign_class(dog.id)
    bench.canvas.accept()
    assert [i.class_id for i in bench.document.instances] == [cat.id, dog.id]


def test_the_keyboard_alone_makes_a_mask(bench: Bench) -> None:
    for _ in range(3):
        bench.key(Key.Key_Right)
    bench.key(Key.Key_Down, SHIFT)
    bench.canvas.grab()
    bench.key(Key.Key_Period)
    bench.settle()
    bench.key(Key.Key_Left, SHIFT)
    bench.key(Key.Key_Comma)
    bench.settle()
    assert [p.positive for p in bench.session.prompts.points] == [True, False]
    bench.key(Key.Key_Backspace)
    assert len(bench.session.prompts.points) == 1
    bench.canvas.drop()
    bench.canvas.set_tool("box")
    bench.key(Key.Key_Insert)
    for _ in range(2):
        bench.key(Key.Key_Right, SHIFT)
        bench.key(Key.Key_Down, SHIFT)
    bench.key(Key.Key_Insert)
    bench.settle()
    assert bench.session.prompts.box is not None and bench.session.prompts.box.width > 5


def test_the_menu_offers_what_makes_sense(bench: Bench) -> None:
    from widgets.canvas.menus import context_menu

    bench.project.classes.add("cat", hotkey="1")
    bench.document.add([drawn(rectangle(60, 60, 100, 100)), drawn(rectangle(180, 60, 50, 50))])
    bench.canvas.set_tool("select")
    bench.canvas.set_key_texts(lambda action: {"delete": "Del"}.get(action, ""))
    with bench.qtbot.waitSignal(bench.canvas.desk.menu_wanted):
        bench.press(100, 100, RIGHT)
    bench.release(100, 100, RIGHT)
    (menu,) = bench.canvas.findChildren(QMenu, options=Qt.FindChildOption.FindDirectChildrenOnly)
    texts = {a.text(): a.isEnabled() for a in menu.actions() if a.text()}
    assert texts["Delete\tDel"] and texts["Fill holes"] and not texts["Unite"] and texts["Class"]
    menu.close()
    bench.canvas.select_all()
    both = context_menu(bench.canvas, lambda _action: "")
    next(a for a in both.actions() if a.text() == "Unite").trigger()
    assert len(bench.document.instances) == 1
    both.close()


def test_read_only_pictures_are_looked_at_and_nothing_else(bench: Bench, tmp_path: Path) -> None:
    bench.document.add([drawn(rectangle(60, 60, 100, 100))])
    reader = Project.open(tmp_path, read_only=True)
    document = reader.document("a.png")
    try:
        bench.selection.set_document(document)
        bench.canvas.set_document(document, bench.selection)
        bench.qtbot.waitUntil(lambda: bench.canvas.picture.complete)
        for tool in TOOLS:
            bench.canvas.set_tool(tool)
            bench.messages.clear()
            bench.drag((80, 80), (120, 80), (120, 120))
            if tool != "select":
                assert bench.messages, tool
        bench.canvas.select_all()
        for slot in ("delete_selected", "duplicate", "fill_holes", "edit_as_polygon", "refine", "toggle_locked"):
            bench.messages.clear()
            getattr(bench.canvas, slot)()
            assert bench.messages, slot
        bench.canvas.copy()
        assert not bench.errors and not bench.session.active and document.undo_stack.count() == 0
    finally:
        bench.show("a.png")
        reader.close()


def test_zooming_to_what_is_selected_or_suggested(bench: Bench) -> None:
    bench.document.add([drawn(rectangle(60, 60, 20, 20))])
    bench.canvas.select_all()
    bench.canvas.zoom_to_selection()
    seen = bench.canvas.view.visible()
    assert seen.contains(60, 60) and seen.width() < 90
    bench.selection.clear()
    bench.canvas.zoom_to_selection()
    assert bench.canvas.view.fitted
    assert bench.canvas.rect().contains(bench.canvas.anchor(bench.document.instances[0].id))
    assert bench.canvas.rect().contains(bench.canvas.anchor("unknown"))


def test_prompts_survive_a_look_at_another_picture(bench: Bench) -> None:
    bench.canvas.set_tool("box")
    bench.drag((50, 40), (150, 120))
    bench.settle()
    bench.show("b.png")
    assert not bench.session.active
    bench.show("a.png")
    bench.settle()
    assert isinstance(bench.session.prompts.box, Box) and bench.session.suggestion is not None


def test_thinking_shows_and_ends(bench: Bench) -> None:
    bench.jobs.hold = True
    bench.click(100, 100)
    assert bench.canvas._spin.isActive()
    bench.canvas._turn()
    bench.canvas.grab()
    bench.jobs.release()
    assert not bench.canvas._spin.isActive()
