"""T in the window: words are typed, suggestions come with reasons, are kept, refined, dropped."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.instance import Source
from inference.errors import ModelError
from inference.jobs.text_segment import TextSegmentRequest
from inference.text_segment import Weights
from tests.widgets.window_kit import Desktop, pictures
from widgets.canvas.tools.words import rows_of

SHIFT, PLAIN = Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.NoModifier
LEFT, RIGHT, NONE = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton, Qt.MouseButton.NoButton


@pytest.fixture
def desktop(qtbot: QtBot, winnow_home: Path, tmp_path: Path) -> Iterator[Desktop]:
    made = Desktop(qtbot, winnow_home)
    made.open(pictures(tmp_path / "pictures"))
    made.until(lambda: made.canvas.picture_usable and made.canvas.picture.ready)
    yield made
    made.close()


def find(desktop: Desktop, text: str, negative: str = "") -> None:
    bar = desktop.window.annotate.words_bar
    desktop.do("tool_words")
    bar.words.setText(text)
    bar.unwanted.setText(negative)
    QTest.keyClick(bar.words, Qt.Key.Key_Return)
    desktop.until(lambda: not desktop.services.words.running)


def pointer(
    desktop: Desktop, x: float, y: float, button: Qt.MouseButton = NONE, modifiers: Qt.KeyboardModifier = PLAIN
) -> None:
    """Moves to a place given in shares of the picture, and clicks there when there is a button."""
    document, canvas = desktop.document, desktop.canvas
    spot = canvas.view.to_view(x * document.width, y * document.height)
    kinds = [(QMouseEvent.Type.MouseMove, NONE, NONE)]
    if button != NONE:
        kinds += [
            (QMouseEvent.Type.MouseButtonPress, button, button),
            (QMouseEvent.Type.MouseButtonRelease, button, NONE),
        ]
    for kind, pressed, held in kinds:
        event = QMouseEvent(kind, spot, QPointF(canvas.mapToGlobal(spot)), pressed, held, modifiers)
        QApplication.sendEvent(canvas, event)


def names(desktop: Desktop) -> list[str]:
    classes = desktop.canvas.desk.classes
    return [classes.get(i.class_id).name for i in desktop.document.instances]


def test_t_takes_words_and_a_click_keeps_a_suggestion(desktop: Desktop) -> None:
    find(desktop, "a dog; the red ball", "a cat")
    session, bar = desktop.services.words, desktop.window.annotate.words_bar
    (request,) = desktop.services.runner.of(TextSegmentRequest)
    assert request.phrases == ("a dog", "the red ball") and request.negative == ("a cat",) and request.keep
    assert bar.isVisible() and bar.said.whole == "dog: 1   red ball: 1   2 more fit less."
    assert not desktop.document.instances
    pointer(desktop, 0.12, 0.4)
    assert session.hovered is not None and session.hovered.word.phrase == "a dog"
    assert [round(value, 1) for _, value in rows_of(session.hovered.word)] == [0.9, 0.5, 1.0, 0.8]
    desktop.canvas.grab()  # with the card of reasons
    pointer(desktop, 0.12, 0.4, LEFT)
    (instance,) = desktop.document.instances
    assert instance.source is Source.TEXT and instance.score == 0.7 and names(desktop) == ["dog"]
    assert desktop.canvas.desk.selection.ids == [instance.id] or set(desktop.canvas.desk.selection.ids) == {instance.id}
    assert len(session.shown) == 1
    desktop.do("undo")
    desktop.until(lambda: len(session.shown) == 2)


def test_enter_keeps_all_as_one_step_and_the_slider_shows_more(desktop: Desktop) -> None:
    find(desktop, "a dog; a ball")
    bar = desktop.window.annotate.words_bar
    bar.least.setValue(40)
    assert len(desktop.services.words.shown) == 4 and bar.keep.text() == "Keep all 4"
    bar.least.setValue(80)
    desktop.canvas.accept()
    assert names(desktop) == ["dog", "ball"] and not desktop.services.words.shown
    assert bar.said.whole == "dog: 1 kept   ball: 1 kept   2 more fit less."
    desktop.do("undo")
    assert not len(desktop.document) and len(desktop.services.words.shown) == 2
    desktop.do("redo")
    assert len(desktop.document) == 2 and not desktop.services.words.shown  # or Enter would keep them twice


def test_what_was_kept_is_not_counted_as_fitting_less(desktop: Desktop) -> None:
    find(desktop, "a dog")
    bar = desktop.window.annotate.words_bar
    bar.least.setValue(40)
    desktop.canvas.accept()
    bar.least.setValue(99)
    assert desktop.services.words.hidden == 0 and bar.said.whole == "dog: 2 kept"


def test_what_a_detector_is_sure_of_is_shown_however_it_fits(desktop: Desktop) -> None:
    find(desktop, "surely a dog; a ball")
    desktop.window.annotate.words_bar.least.setValue(95)
    assert [found.word.phrase for found in desktop.services.words.shown] == ["surely a dog"] * 2
    assert desktop.services.words.hidden == 2


def test_the_buttons_key_and_esc(desktop: Desktop) -> None:
    find(desktop, "a dog")
    bar = desktop.window.annotate.words_bar
    assert desktop.canvas.hasFocus() or not desktop.window.isActiveWindow()
    bar.keep.click()
    assert names(desktop) == ["dog"]
    find(desktop, "a dog")
    desktop.canvas.drop()
    assert not desktop.services.words.shown and not desktop.services.words.asked


def test_right_click_drops_and_shift_click_refines(desktop: Desktop) -> None:
    find(desktop, "a dog; a ball")
    session = desktop.services.words
    pointer(desktop, 0.12, 0.4, RIGHT)
    assert [found.word.phrase for found in session.shown] == ["a ball"]
    pointer(desktop, 0.37, 0.4, LEFT, SHIFT)
    assert desktop.canvas.tool == "points" and not session.shown
    prompting = desktop.services.session
    desktop.until(lambda: prompting.suggestion is not None and prompting.suggestion.mask is not None)
    desktop.point(0.9 * desktop.document.width, 0.9 * desktop.document.height)
    desktop.accept()
    (instance,) = desktop.document.instances
    assert instance.source is Source.TEXT and len(instance.prompts.points) == 1 and names(desktop) == ["ball"]


def test_words_that_are_not_known_are_named_and_nothing_is_said_to_be_nothing(desktop: Desktop) -> None:
    find(desktop, "a quasar")
    bar = desktop.window.annotate.words_bar
    assert "“a quasar”" in bar.notice.whole and bar.notice.isVisible()
    assert bar.said.whole == "quasar: none" and not bar.keep.isEnabled()
    find(desktop, "a striped dog")
    assert bar.notice.whole == "Not heeded, because the classifier has not learned it: “striped”."
    find(desktop, "a dog")
    assert not bar.notice.isVisible()


def test_no_words_are_told_and_another_picture_begins_anew(desktop: Desktop) -> None:
    said: list[object] = []
    desktop.services.words.failed.connect(said.append)
    desktop.do("tool_words")
    bar = desktop.window.annotate.words_bar
    QTest.keyClick(bar.words, Qt.Key.Key_Return)
    assert len(said) == 1 and not desktop.services.runner.of(TextSegmentRequest)
    find(desktop, "a dog")
    desktop.do("next")
    desktop.until(lambda: not desktop.services.words.asked)
    assert bar.isVisible() and bar.words.text() == "a dog"
    desktop.do("tool_points")
    assert not bar.isVisible()


def test_the_weights_of_the_judge_are_settings(desktop: Desktop) -> None:
    for key, value in (("words.text", 0.0), ("words.compactness", 0.0), ("words.size", 1.0), ("words.smoothness", 0.5)):
        desktop.settings.set(key, value)
    desktop.settings.set("words.usual_size", 1.0)
    find(desktop, "a dog")
    options = desktop.services.runner.of(TextSegmentRequest)[0].options
    assert options.weights == Weights(0, 0, 1, 0.5) and options.size_range == (0.01, 0.5)


def test_a_failure_and_a_stop_are_told(desktop: Desktop) -> None:
    said: list[object] = []
    desktop.services.words.failed.connect(said.append)
    desktop.services.runner.errors[TextSegmentRequest] = ModelError("There is no such model.", remedy="Choose another.")
    find(desktop, "a dog")
    assert len(said) == 1 and "none" not in desktop.window.annotate.words_bar.said.whole
    desktop.services.runner.errors.clear()
    desktop.services.runner.held.add(TextSegmentRequest)
    bar = desktop.window.annotate.words_bar
    bar.search.click()
    desktop.until(lambda: desktop.services.words.running)
    assert bar.search.text() == "Stop" and bar.said.whole == "Looking…"
    bar.search.click()
    assert not desktop.services.words.running and bar.search.text() == "Find"
    assert "none" not in bar.said.whole  # nobody has looked to the end
