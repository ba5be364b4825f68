"""Clicks that know the class, in the whole window: a model that sees its class in the left half of every picture."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from inference.engines.architecture import build_model, save_checkpoint
from inference.errors import ModelError
from inference.jobs.segment import SegmentRequest, SegmentResult
from inference.pictures import read_size
from inference.prompts import Box
from inference.protocol import Candidate, Ticket
from tests.unit.training_scene import TINY
from tests.widgets.window_kit import LOW, Desktop, EquationRunner, pictures


class HalfRunner(EquationRunner):
    """Answers the box that is the whole picture with its left half."""

    def _answer(self, ticket: Ticket, result: Any = None) -> None:
        request = ticket.request
        if isinstance(request, SegmentRequest) and ticket.key == "class-map":
            width, height = read_size(request.image.path)
            assert request.prompts.box == Box(0, 0, width, height)
            logits = np.full((LOW, LOW), -8.0, np.float32)
            logits[:, : LOW // 2] = 8.0
            result = SegmentResult(request.image, (Candidate(0.9, logits),), width, height, 0.01, "equation", True)
        super()._answer(ticket, result)


@pytest.fixture
def desktop(qtbot: QtBot, winnow_home: Path, tmp_path: Path) -> Iterator[Desktop]:
    made = Desktop(qtbot, winnow_home, HalfRunner())
    made.open(pictures(tmp_path / "pictures"))
    yield made
    made.close()


def _turn_on(desktop: Desktop) -> None:
    desktop.do("class_aware")
    desktop.until(lambda: desktop.services.session.classes.map is not None)


def test_clicks_decide_their_own_sign(desktop: Desktop) -> None:
    session, bar = desktop.services.session, desktop.window.annotate.class_bar
    desktop.point(100, 45)
    assert [p.positive for p in session.prompts.points] == [True] and not bar.isVisible()
    session.drop()
    _turn_on(desktop)
    assert bar.isVisible() and "50%" in bar.said.whole
    session.add_point(20, 45)
    session.add_point(100, 45)
    session.add_point(20, 60, positive=False)
    assert [p.positive for p in session.prompts.points] == [True, False, False]
    session.drop()
    before = len(desktop.runner.of(SegmentRequest))
    session.hover(110, 40)  # a click there would be a negative one: nothing to show
    assert len(desktop.runner.of(SegmentRequest)) == before
    desktop.do("class_aware")
    session.add_point(100, 45)
    assert session.prompts.points[-1].positive and not bar.isVisible() and session.classes.map is None


def test_boxes_tell_what_they_hold_and_bound_their_mask(desktop: Desktop) -> None:
    session = desktop.services.session
    assert session.verdict(Box(0, 0, 30, 30)) is None
    _turn_on(desktop)
    green, red = session.verdict(Box(30, 0, 90, 90)), session.verdict(Box(80, 0, 120, 90))
    assert green is not None and green.positive and green.coverage == pytest.approx(0.5, abs=0.03)
    assert red is not None and not red.positive and red.coverage == 0
    session.set_box(Box(80, 10, 110, 40))
    session.add_point(20, 45)  # its disc lies outside of the box
    desktop.until(lambda: session.suggestion is not None and session.suggestion.mask is not None)
    x, y, wide, high = session.suggestion.mask.bbox
    assert x >= 80 and y >= 10 and x + wide <= 110 and y + high <= 40 and wide > 25
    image = desktop.canvas.grab().toImage()
    corner = desktop.canvas.view.to_view(80, 25).toPoint() * image.devicePixelRatio()
    reds = [image.pixelColor(corner.x() + dx, corner.y() + dy) for dx in range(-3, 4) for dy in range(-9, 10)]
    assert any(c.red() > 180 and c.green() < 110 and c.blue() < 110 for c in reds)
    desktop.window.annotate.class_bar.within.setChecked(False)
    session.add_point(30, 45)
    desktop.until(lambda: session.suggestion is not None and session.suggestion.mask is not None)
    assert session.suggestion.mask.bbox[0] < 60


def test_accepted_masks_do_not_overlap_and_one_undo_brings_both_back(desktop: Desktop) -> None:
    session = desktop.services.session
    _turn_on(desktop)
    session.set_box(Box(10, 10, 50, 50))
    desktop.until(lambda: session.suggestion is not None and session.suggestion.mask is not None)
    first = desktop.accept()
    area = desktop.document.get(first).mask.area
    session.set_box(Box(30, 10, 70, 50))
    desktop.until(lambda: session.suggestion is not None and session.suggestion.mask is not None)
    second = desktop.accept()
    one, other = desktop.document.get(first).mask, desktop.document.get(second).mask
    assert not one.intersection(other).area and one.area == area  # equal scores: who was first keeps it
    desktop.do("undo")
    assert [i.id for i in desktop.document.instances] == [first] and desktop.document.get(first).mask.area == area
    session.set_box(Box(12, 12, 40, 40))
    desktop.until(lambda: session.suggestion is not None and session.suggestion.mask is not None)
    desktop.do("accept")
    assert len(desktop.document) == 1 and session.active  # nothing was left of it
    desktop.window.annotate.class_bar.apart.setChecked(False)
    desktop.accept()
    assert len(desktop.document) == 2


def test_sliders_hold_at_once(desktop: Desktop) -> None:
    session, bar = desktop.services.session, desktop.window.annotate.class_bar
    _turn_on(desktop)
    desktop.point(20, 45)
    bar.threshold.setValue(6)
    assert session.options.threshold == 1.5 and desktop.settings.get("masks.threshold") == 1.5
    bar.holes.setValue(200)
    assert session.options.fill_holes == 20.0 and "216 px" in bar._holes_said.text()
    desktop.until(lambda: session.suggestion is not None and session.suggestion.mask is not None)


def test_it_belongs_to_the_model(desktop: Desktop, tmp_path: Path) -> None:
    """As with `main.py --model FILE IMAGE`: weights taught one class turn it on, once."""
    file = save_checkpoint(build_model(TINY), TINY, tmp_path / "cats.safetensors", {"config": {"objects": 1}})
    session, bar, shelf = desktop.services.session, desktop.window.annotate.class_bar, desktop.services.shelf
    assert not bar.isVisible()
    shelf.start(str(file))
    desktop.until(lambda: session.classes.map is not None)
    assert session.model == str(file) and bar.isVisible() and desktop.window.actions_["class_aware"].isChecked()
    shelf.use("starter")
    desktop.until(lambda: session.model == "starter")
    assert not bar.isVisible() and session.classes.map is None
    assert not desktop.window.actions_["class_aware"].isChecked()
    shelf.use(str(file))
    desktop.until(lambda: bar.isVisible() and session.classes.map is not None)
    desktop.do("class_aware")
    shelf.use("starter")
    desktop.until(lambda: session.model == "starter")
    shelf.use(str(file))
    desktop.until(lambda: session.model == str(file))
    assert not bar.isVisible()  # a person's no is remembered


def test_a_model_that_cannot_answer_leaves_clicks_as_they_are(desktop: Desktop) -> None:
    desktop.runner.errors[SegmentRequest] = ModelError("It is broken.")
    desktop.do("class_aware")
    session, bar = desktop.services.session, desktop.window.annotate.class_bar
    desktop.until(lambda: not session.classes.looking)
    assert "no answer" in bar.said.whole and session.classes.map is None
    del desktop.runner.errors[SegmentRequest]
    session.add_point(100, 45)
    assert session.prompts.points[-1].positive
