"""G in the window: objects are laid out, picked, marked, merged, and undone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.instance import Source
from inference.errors import ModelError
from inference.jobs.everything import EverythingRequest
from tests.widgets.window_kit import Desktop, pictures

SHIFT, PLAIN = Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.NoModifier


@pytest.fixture
def desktop(qtbot: QtBot, winnow_home: Path, tmp_path: Path) -> Iterator[Desktop]:
    made = Desktop(qtbot, winnow_home)
    made.open(pictures(tmp_path / "pictures"))
    made.until(lambda: made.canvas.picture_usable and made.canvas.picture.ready)
    yield made
    made.close()


def laid_out(desktop: Desktop) -> None:
    desktop.do("tool_everything")
    desktop.until(lambda: len(desktop.services.everything.shown) == 3)


def pointer(desktop: Desktop, x: float, y: float, *, click: bool = False, modifiers: object = PLAIN) -> None:
    """Moves to a place given in shares of the picture, and clicks there."""
    document, canvas = desktop.document, desktop.canvas
    spot = canvas.view.to_view(x * document.width, y * document.height)
    none, left = Qt.MouseButton.NoButton, Qt.MouseButton.LeftButton
    kinds = [(QMouseEvent.Type.MouseMove, none, none)]
    if click:
        kinds += [(QMouseEvent.Type.MouseButtonPress, left, left), (QMouseEvent.Type.MouseButtonRelease, left, none)]
    for kind, button, held in kinds:
        event = QMouseEvent(kind, spot, QPointF(canvas.mapToGlobal(spot)), button, held, modifiers)
        QApplication.sendEvent(canvas, event)


def test_g_lays_out_and_a_click_keeps(desktop: Desktop) -> None:
    laid_out(desktop)
    session, bar = desktop.services.everything, desktop.window.annotate.everything_bar
    assert bar.isVisible() and bar.said.text() == "3 objects" and not desktop.document.instances
    pointer(desktop, 0.25, 0.25)
    assert session.hovered is not None and session.hovered.number == 2  # the part, not the whole
    pointer(desktop, 0.25, 0.25, click=True)
    (instance,) = desktop.document.instances
    assert instance.source is Source.EVERYTHING and instance.score == 0.9
    assert {piece.number for piece in session.shown} == {1, 3}
    desktop.do("undo")
    desktop.until(lambda: len(session.shown) == 3)
    desktop.do("redo")
    desktop.until(lambda: len(session.shown) == 2)


def test_alt_lights_the_object_around_and_what_is_lit_is_kept(desktop: Desktop) -> None:
    laid_out(desktop)
    session, alt = desktop.services.everything, Qt.KeyboardModifier.AltModifier
    pointer(desktop, 0.25, 0.25)
    pointer(desktop, 0.25, 0.25, click=True, modifiers=alt)
    assert session.hovered is not None and session.hovered.number == 1 and not desktop.document.instances
    pointer(desktop, 0.26, 0.25)  # a hand that trembles
    assert session.hovered.number == 1
    pointer(desktop, 0.7, 0.4)
    pointer(desktop, 0.25, 0.25)
    assert session.hovered.number == 2  # it was left
    pointer(desktop, 0.25, 0.25, click=True, modifiers=alt)
    pointer(desktop, 0.25, 0.25, click=True)
    assert [piece.number for piece in session.shown if piece.number != 3] == [2] and len(desktop.document) == 1
    pointer(desktop, 0.26, 0.25)
    assert session.hovered is not None and session.hovered.number == 2


def test_shift_marks_and_enter_keeps_them_as_one_step(desktop: Desktop) -> None:
    laid_out(desktop)
    pointer(desktop, 0.12, 0.7, click=True, modifiers=SHIFT)
    pointer(desktop, 0.7, 0.4, click=True, modifiers=SHIFT)
    assert {piece.number for piece in desktop.services.everything.marked} == {1, 3}
    assert not desktop.document.instances
    desktop.canvas.accept()
    assert len(desktop.document) == 2
    desktop.do("undo")
    assert not len(desktop.document)


def test_sliders_merge_and_keep_all(desktop: Desktop) -> None:
    laid_out(desktop)
    session, bar = desktop.services.everything, desktop.window.annotate.everything_bar
    bar.score.setValue(30)
    assert bar.said.text() == "4 objects"
    bar.score.setValue(85)
    assert bar.said.text() == "2 objects" and bar.said.toolTip() == "2 more do not pass the filters."
    bar.score.setValue(50)
    pointer(desktop, 0.12, 0.7, click=True, modifiers=SHIFT)
    pointer(desktop, 0.7, 0.4, click=True, modifiers=SHIFT)
    bar.merge.click()
    assert len(session.shown) == 2 and len(session.marked) == 1
    desktop.do("undo")
    assert len(session.shown) == 3
    classes = desktop.window.annotate.canvas.desk.classes
    assert classes is not None
    chair = classes.ensure("chair")
    bar.menu.aboutToShow.emit()
    next(action for action in bar.menu.actions() if action.text() == "chair").trigger()
    assert [i.class_id for i in desktop.document.instances] == [chair.id] * 3
    assert not session.shown


def test_another_tool_hides_the_bar_and_another_picture_is_searched_anew(desktop: Desktop) -> None:
    laid_out(desktop)
    bar = desktop.window.annotate.everything_bar
    desktop.do("tool_points")
    assert not bar.isVisible()
    desktop.do("tool_everything")
    assert len(desktop.services.runner.of(EverythingRequest)) == 1  # what was found is still there
    desktop.do("next")
    desktop.until(lambda: len(desktop.services.runner.of(EverythingRequest)) == 2)
    desktop.until(lambda: len(desktop.services.everything.shown) == 3)


def test_a_failure_is_told(desktop: Desktop) -> None:
    desktop.services.runner.errors[EverythingRequest] = ModelError("There is no such model.", remedy="Choose another.")
    said: list[object] = []
    desktop.services.everything.failed.connect(said.append)
    desktop.do("tool_everything")
    desktop.until(lambda: bool(said))
    assert not desktop.services.everything.running
