"""Selecting, moving, combining and copying instances with a real mouse and keyboard."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMenu

from app.project import Project
from tests.widgets.canvas_kit import ALT, LEFT, RIGHT, SHIFT, Bench, bench, drawn, rectangle
from widgets.canvas import TOOLS

__all__ = ["bench"]

Key = Qt.Key


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


def test_what_comes_back_with_undo_is_selected(bench: Bench) -> None:
    canvas = bench.canvas
    pair = [drawn(rectangle(40, 40, 60, 60)), drawn(rectangle(80, 40, 60, 60))]
    bench.document.add(pair)
    canvas.select_all()
    canvas.intersect()
    (both,) = bench.document.instances
    canvas.undo()
    assert set(bench.selection.ids) == {i.id for i in pair}
    canvas.redo()
    assert bench.selection.ids == (both.id,)
    canvas.delete_selected()
    canvas.undo()
    assert bench.selection.ids == (both.id,)


def test_nothing_is_lit_up_that_went_away_under_the_pointer(bench: Bench) -> None:
    bench.document.add([drawn(rectangle(40, 40, 60, 60)), drawn(rectangle(80, 40, 60, 60))])
    bench.canvas.set_tool("select")
    bench.move(50, 50)
    tool = bench.canvas._current_tool()
    assert tool.hovered == bench.document.instances[0]
    bench.canvas.toggle_masks()
    assert tool.hovered is None
    bench.canvas.toggle_masks()
    bench.document.set_visible([bench.document.instances[0].id], False)
    assert tool.hovered is None
    bench.document.set_visible([bench.document.instances[0].id], True)
    bench.canvas.select_all()
    bench.canvas.intersect()
    assert tool.hovered is None
    bench.settle()
    before = bench.seen(45, 45)
    bench.move(300, 200)
    assert bench.seen(45, 45) == before
