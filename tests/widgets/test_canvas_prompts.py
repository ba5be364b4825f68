"""Points, boxes and refinement with a real mouse and keyboard, up to the instance that is accepted."""

from __future__ import annotations

from PySide6.QtCore import Qt

from app.instance import Source
from inference.prompts import Box
from tests.widgets.canvas_kit import ALT, LEFT, RIGHT, SHIFT, Bench, bench, drawn, rectangle

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
