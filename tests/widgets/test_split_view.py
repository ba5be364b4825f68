"""Two models on one picture, with a divider between their answers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from inference.errors import ModelError
from inference.jobs.segment import SegmentRequest, SegmentResult
from inference.pictures import read_size
from inference.protocol import Candidate, Ticket
from tests.widgets.window_kit import LOW, Desktop, EquationRunner, pictures
from widgets.split_view import LEFT, RIGHT, SplitDialog


class TwoRunner(EquationRunner):
    """The model "all" sees everything, "half" the upper half, "broken" fails."""

    def _answer(self, ticket: Ticket, result: Any = None) -> None:
        request = ticket.request
        if isinstance(request, SegmentRequest) and ticket.key and ticket.key.startswith("pair"):
            if request.model == "broken":
                self.waiting.remove(ticket)
                self.failed.emit(ticket, ModelError("It is broken."))
                return
            logits = np.full((LOW, LOW), 8.0, np.float32)
            logits[LOW // 2 if request.model == "half" else LOW :] = -8.0
            width, height = read_size(request.image.path)
            result = SegmentResult(request.image, (Candidate(0.75, logits),), width, height, 0.012, "equation", True)
        super()._answer(ticket, result)


@pytest.fixture
def dialog(qtbot: QtBot, tmp_path: Path) -> Iterator[SplitDialog]:
    image = pictures(tmp_path, ("a.png",)) / "a.png"
    choices = [("All", "all"), ("Half", "half"), ("Broken", "broken")]
    made = SplitDialog(TwoRunner(), image, (120, 90), choices, ("all", "half"))
    made.show()
    qtbot.waitUntil(lambda: made.canvas.picture.ready)
    yield made
    made.done(0)
    made.deleteLater()


def _near(image: QImage, at: QPoint, color: Any) -> bool:
    """Whether the picture is tinted with a colour there."""
    found = image.pixelColor(at * image.devicePixelRatio())
    plain = 40  # of the test's pictures
    return all(
        abs(f - (plain + 0.42 * (c - plain))) < 25 for f, c in zip(found.getRgb()[:3], color.getRgb()[:3], strict=True)
    )


def _spot(dialog: SplitDialog, x: float, y: float) -> QPoint:
    return dialog.canvas.view.to_view(x, y).toPoint()


def test_each_side_shows_its_model(dialog: SplitDialog, qtbot: QtBot) -> None:
    canvas, session = dialog.canvas, dialog.session
    assert not session.thinking and "Click" in dialog.agreement.text() and not dialog.clear.isEnabled()
    QTest.mouseClick(canvas, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, _spot(dialog, 90, 80))
    assert [p.positive for p in session.prompts.points] == [True]
    qtbot.waitUntil(lambda: session.agreement() is not None)
    assert session.agreement() == pytest.approx(0.5, abs=0.01) and "0.5" in dialog.agreement.text()
    assert dialog._said[0].text() == "says 0.75 of itself · 12 ms"
    shot = canvas.grab().toImage()
    assert _near(shot, _spot(dialog, 10, 10), LEFT) and _near(shot, _spot(dialog, 110, 10), RIGHT)
    assert _near(shot, _spot(dialog, 10, 85), LEFT) and not _near(shot, _spot(dialog, 110, 85), RIGHT)
    dialog.slider.setValue(0)
    assert _near(canvas.grab().toImage(), _spot(dialog, 10, 10), RIGHT)
    right = QPoint(round(canvas.width() * canvas.share), canvas.height() // 2)
    QTest.mousePress(canvas, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, right)
    QTest.mouseMove(canvas, QPoint(canvas.width() - 1, canvas.height() // 2))
    QTest.mouseRelease(canvas, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, right)
    assert dialog.slider.value() > 900 and len(session.prompts.points) == 1
    QTest.mouseClick(canvas, Qt.MouseButton.RightButton, Qt.KeyboardModifier.NoModifier, _spot(dialog, 20, 20))
    assert [p.positive for p in session.prompts.points] == [True, False]
    dialog.clear.click()
    assert not session.prompts and session.agreement() is None


def test_another_model_is_asked_and_a_broken_one_says_so(dialog: SplitDialog, qtbot: QtBot) -> None:
    session = dialog.session
    session.add_point(50, 40)
    qtbot.waitUntil(lambda: session.agreement() is not None)
    box = dialog.boxes[1]
    box.setCurrentIndex(box.findData("broken"))
    box.activated.emit(box.currentIndex())
    qtbot.waitUntil(lambda: session.sides[1].error is not None)
    assert dialog._said[1].text() == "It is broken." and session.agreement() is None
    box.setCurrentIndex(box.findData("all"))
    box.activated.emit(box.currentIndex())
    qtbot.waitUntil(lambda: session.agreement() == 1.0)


def test_it_opens_from_the_window_with_the_prompts_there(qtbot: QtBot, winnow_home: Path, tmp_path: Path) -> None:
    desktop = Desktop(qtbot, winnow_home)
    try:
        desktop.open(pictures(tmp_path / "pictures"))
        desktop.point(50, 40)
        desktop.do("compare_models")
        (dialog,) = desktop.window.findChildren(SplitDialog)
        assert dialog.session.prompts == desktop.services.session.prompts
        assert dialog.boxes[0].currentData() == "starter"
        desktop.until(lambda: dialog.session.agreement() == 1.0)
        dialog.accept()
    finally:
        desktop.close()
