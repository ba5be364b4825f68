"""The prompt session without a widget: steps, their undo, answers that come late or never, accepting."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from app.instance import Source
from app.project import Project
from app.session.options import Cleaning, Options
from app.session.prompting import PromptSession
from app.session.work import logits_of
from inference.errors import ModelError
from inference.jobs.segment import SegmentRequest
from inference.prompts import Box, Point, Prompts
from tests.widgets.canvas_kit import HEIGHT, WIDTH, DiscJobs, drawn, rectangle


class Table:
    """A session on one of two pictures, with a record of what it said."""

    def __init__(self, qtbot: QtBot, folder: Path) -> None:
        from PIL import Image

        for name in ("a.png", "b.png"):
            Image.new("RGB", (WIDTH, HEIGHT), "gray").save(folder / name)
        self.qtbot, self.jobs = qtbot, DiscJobs()
        self.project = Project.open(folder)
        self.document = self.project.document("a.png")
        self.session = PromptSession(self.jobs)
        self.errors: list[object] = []
        self.messages: list[str] = []
        self.accepted: list[str] = []
        self.session.failed.connect(self.errors.append)
        self.session.message.connect(self.messages.append)
        self.session.accepted.connect(self.accepted.append)
        self.session.set_document(self.document)

    def wait(self) -> None:
        self.qtbot.waitUntil(lambda: not self.session.is_thinking)

    def asked(self) -> list[SegmentRequest]:
        return [r for r in self.jobs.requests if isinstance(r, SegmentRequest)]


@pytest.fixture
def table(qtbot: QtBot, tmp_path: Path) -> Iterator[Table]:
    made = Table(qtbot, tmp_path)
    yield made
    made.project.close()


def test_a_click_thinks_at_once_and_then_suggests(table: Table) -> None:
    session = table.session
    session.add_point(100, 100)
    assert session.is_thinking and session.suggestion is None and session.prompts.points == (Point(100, 100),)
    table.wait()
    assert session.suggestion is not None and session.suggestion.mask is not None
    assert session.candidate_count == 3 and not table.document.instances


def test_the_second_click_refines_the_answer_to_the_first(table: Table) -> None:
    table.session.add_point(100, 100)
    table.wait()
    first = table.session.suggestion
    table.session.add_point(110, 100, positive=False)
    table.wait()
    assert first is not None and table.asked()[-1].previous is first.low_res
    assert table.session.suggestion.mask.area < first.mask.area  # type: ignore[union-attr]


def test_the_old_answer_stays_on_the_screen_while_thinking(table: Table) -> None:
    table.session.add_point(100, 100)
    table.wait()
    old = table.session.suggestion
    table.session.add_point(150, 100)
    assert table.session.suggestion is None and table.session.shown is old
    table.wait()
    assert table.session.shown is table.session.suggestion is not old


def test_undo_shows_the_earlier_answer_without_asking_again(table: Table) -> None:
    session = table.session
    session.add_point(100, 100)
    table.wait()
    first = session.suggestion
    session.set_box(Box(50, 50, 150, 150))
    table.wait()
    asked = len(table.jobs.requests)
    session.undo_prompt()
    assert session.suggestion is first and session.prompts.box is None and session.can_redo
    session.undo_prompt()
    assert not session.active and not session.can_undo and session.suggestion is None
    session.redo_prompt()
    session.redo_prompt()
    assert session.prompts.box is not None and len(table.jobs.requests) == asked


def test_fast_clicks_end_in_the_answer_to_the_last(table: Table) -> None:
    table.jobs.hold = True
    for x in (50, 100, 150):
        table.session.add_point(x, 100)
    table.jobs.release()
    table.wait()
    assert len(table.session.prompts.points) == 3
    assert table.session.suggestion.mask.array()[100, 150]  # type: ignore[union-attr]


def test_undo_to_a_step_whose_question_was_replaced_asks_it_again(table: Table) -> None:
    table.jobs.hold = True
    table.session.add_point(50, 100)
    table.session.add_point(100, 100)
    table.jobs.hold = False
    table.jobs.release()
    table.wait()
    table.session.undo_prompt()
    table.wait()
    assert table.session.suggestion is not None and len(table.session.prompts.points) == 1


def test_tab_fetches_the_full_mask_of_the_next_candidate(table: Table) -> None:
    session = table.session
    session.add_point(100, 100)
    table.wait()
    largest = session.suggestion.mask.area  # type: ignore[union-attr]
    session.next_candidate()
    assert session.candidate_index == 1 and session.is_thinking
    table.wait()
    assert 0 < session.suggestion.mask.area < largest  # type: ignore[union-attr]
    session.next_candidate()
    session.next_candidate()
    table.wait()
    assert session.candidate_index == 0 and session.suggestion.mask.area == largest  # type: ignore[union-attr]


def test_accept_is_one_command_with_class_score_and_prompts(table: Table) -> None:
    label = table.project.classes.add("disc")
    table.session.add_point(100, 100)
    table.wait()
    made = table.session.accept(label.id)
    assert made is not None and table.accepted == [made.id]
    (kept,) = table.document.instances
    assert kept.class_id == label.id and kept.source is Source.CLICK and kept.score == pytest.approx(0.9)
    assert kept.prompts == Prompts((Point(100, 100),))
    assert table.document.undo_stack.count() == 1 and not table.session.active
    table.document.undo_stack.undo()
    assert not table.document.instances


def test_accept_before_the_answer_waits_for_it(table: Table) -> None:
    table.session.set_box(Box(20, 20, 90, 90))
    assert table.session.accept() is None and not table.document.instances
    table.wait()
    assert len(table.document.instances) == 1 and table.document.instances[0].source is Source.BOX


def test_a_failure_is_told_and_the_prompts_stay(table: Table) -> None:
    table.jobs.error = ModelError("The model is gone.")
    table.session.add_point(100, 100)
    table.wait()
    assert len(table.errors) == 1 and table.session.active and table.session.suggestion is None


def test_a_failing_hover_is_told_once(table: Table) -> None:
    table.jobs.error = ModelError("The model is gone.")
    for x in range(5):
        table.session.hover(50 + x, 50)
    table.qtbot.wait(5)
    table.session.hover(70, 50)
    table.qtbot.wait(5)
    assert len(table.errors) == 1


def test_hover_previews_until_there_is_a_prompt(table: Table) -> None:
    table.session.hover(80, 80)
    table.qtbot.waitUntil(lambda: table.session.preview is not None)
    assert not table.asked()[0].full
    table.session.add_point(80, 80)
    assert table.session.preview is None and table.session.shown is not None  # stands in while thinking
    asked = len(table.jobs.requests)
    table.session.hover(90, 90)
    assert len(table.jobs.requests) == asked
    table.wait()


def test_a_late_hover_answer_is_dropped(table: Table) -> None:
    table.jobs.hold = True
    table.session.hover(80, 80)
    table.session.set_document(table.project.document("b.png"))
    table.jobs.release()
    assert table.session.preview is None


def test_a_refined_instance_is_replaced_in_place(table: Table) -> None:
    old = drawn(rectangle(60, 60, 80, 80))
    table.document.add([old])
    assert table.session.refine(old) and table.session.target == old
    assert table.session.suggestion.mask == old.mask  # type: ignore[union-attr]
    table.session.add_point(70, 70, positive=False)
    table.wait()
    assert table.asked()[-1].previous is not None
    table.session.accept()
    (kept,) = table.document.instances
    assert kept.id == old.id and 0 < kept.mask.area < old.mask.area
    assert not kept.mask.array()[70, 70]


def test_refining_without_a_click_changes_nothing(table: Table) -> None:
    old = drawn(rectangle(60, 60, 80, 80))
    table.document.add([old])
    table.session.refine(old)
    assert table.session.accept() == old
    assert table.document.undo_stack.count() == 1 and table.document.instances == (old,)


def test_a_locked_instance_is_not_refined(table: Table) -> None:
    table.document.add([drawn(rectangle(5, 5, 20, 20), locked=True)])
    assert not table.session.refine(table.document.instances[0])
    assert "locked" in str(table.errors[0])


def test_refinement_ends_when_its_instance_goes(table: Table) -> None:
    old = drawn(rectangle(60, 60, 80, 80))
    table.document.add([old])
    table.session.refine(old)
    table.document.remove([old.id])
    assert not table.session.active


def test_unfinished_prompts_wait_for_their_picture(table: Table) -> None:
    table.session.add_point(100, 100)
    table.wait()
    table.session.set_document(table.project.document("b.png"))
    assert not table.session.active
    table.session.set_document(table.document)
    assert table.session.prompts.points and table.session.suggestion is not None


def test_a_refinement_ends_when_its_instance_became_another_meanwhile(table: Table) -> None:
    table.session.add_point(100, 100)
    table.wait()
    made = table.session.accept()
    assert made is not None and table.session.refine(made)
    table.session.add_point(110, 100)
    table.wait()
    table.session.set_document(table.project.document("b.png"))
    table.document.replace([made.with_mask(rectangle(10, 10, 40, 40))])
    table.session.set_document(table.document)
    assert not table.session.active


def test_a_question_on_its_way_is_asked_again_on_return(table: Table) -> None:
    table.jobs.hold = True
    table.session.add_point(100, 100)
    table.session.set_document(table.project.document("b.png"))
    table.jobs.hold = False
    table.session.set_document(table.document)
    table.wait()
    assert table.session.suggestion is not None


def test_another_model_is_asked_about_the_same_prompts(table: Table) -> None:
    table.session.add_point(100, 100)
    table.wait()
    table.session.set_model("sam2.1-tiny")
    table.wait()
    assert table.asked()[-1].model == "sam2.1-tiny" and table.session.suggestion is not None


def test_other_options_make_the_mask_anew(table: Table) -> None:
    table.session.add_point(100, 100)
    table.wait()
    table.session.set_options(Options(0.5, 0.3, 0.1))
    table.wait()
    assert table.session.suggestion.mask is not None  # type: ignore[union-attr]
    assert table.jobs.requests[-1].threshold == 0.5  # type: ignore[attr-defined]


def test_cleaning_is_a_share_of_the_picture(table: Table) -> None:
    options = Options(0.0, 0.3, 0.1)
    assert options.on(12_000, 9_000) == Cleaning(0.0, 32_400, 10_800)
    assert options.on(1, 1) == Cleaning(0.0, 0, 0)
    table.session.set_options(options)
    table.session.add_point(100, 100)
    table.wait()
    pixels = table.document.width * table.document.height / 1000
    asked = table.asked()[-1]
    assert (asked.fill_holes, asked.remove_specks) == (round(0.3 * pixels), round(0.1 * pixels))


def test_an_empty_mask_is_not_accepted(table: Table) -> None:
    table.session.add_point(100, 100, positive=False)
    table.wait()
    assert table.session.accept() is None and not table.document.instances and table.messages


def test_points_and_boxes_outside_are_not_taken(table: Table) -> None:
    table.session.add_point(-5, 10)
    table.session.set_box(Box(-50, -50, -10, -10))
    assert not table.session.active and len(table.messages) == 2


def test_removing_a_point_can_be_undone(table: Table) -> None:
    table.session.add_point(50, 50)
    table.session.add_point(150, 50)
    table.session.remove_point(0)
    table.wait()
    assert table.session.prompts.points == (Point(150, 50),)
    table.session.undo_prompt()
    table.wait()
    assert len(table.session.prompts.points) == 2


def test_a_read_only_document_keeps_the_suggestion(table: Table, tmp_path: Path) -> None:
    reader = Project.open(tmp_path, read_only=True)
    try:
        table.session.set_document(reader.document("a.png"))
        table.session.add_point(100, 100)
        table.wait()
        assert table.session.accept() is None
        assert len(table.errors) == 1 and table.session.suggestion is not None
    finally:
        reader.close()


def test_logits_say_what_the_mask_says() -> None:
    mask = rectangle(80, 60, 160, 120)
    logits = logits_of(mask)
    assert logits.shape == (256, 256)
    assert logits[128, 128] > 4 and logits[10, 10] < -4
    assert abs((logits > 0).mean() - 0.25) < 0.01
