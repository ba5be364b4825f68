"""The prompt editor on an open folder: what it reads and writes, what it says is wrong, and live scores."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QLabel
from pytestqt.qtbot import QtBot

from inference.prompt_items import PromptItem, PromptSet
from inference.prompt_sets import bundled, load
from tests.widgets.sort_kit import ColorRunner, colors
from tests.widgets.window_kit import Desktop
from widgets.sort.prompt_editor import PromptEditor
from widgets.sort.prompt_items import NAME, NEGATIVE, SYNONYMS, THRESHOLD


@pytest.fixture
def desktop(qtbot: QtBot, winnow_home: Path, tmp_path: Path) -> Iterator[Desktop]:
    made = Desktop(qtbot, winnow_home, ColorRunner())
    made.open(colors(tmp_path / "bilder", each=2))
    made.do("workspace_sort")
    made.until(lambda: len(made.services.sorting.looker.vectors) == 6)
    yield made
    made.close()


@pytest.fixture
def editor(desktop: Desktop) -> PromptEditor:
    desktop.window.sort.grid.select_ids(["red 1.png"])
    desktop.do("sort_prompts")
    return desktop.window.findChild(PromptEditor)


def _said(editor: PromptEditor) -> str:
    return " ".join(found.text() for found in editor.problems.findChildren(QLabel) if not found.isHidden())


def test_every_bundled_set_passes_through_unchanged(editor: PromptEditor) -> None:
    for file in bundled().values():
        editor.set_prompts(load(file))
        assert editor.prompts() == load(file), file
    editor.reject()


def test_scores_follow_the_typing(desktop: Desktop, editor: PromptEditor) -> None:
    editor.set_prompts(PromptSet("c", ("a photo of a ",), (PromptItem("blue"), PromptItem("green")), ("",)))
    desktop.until(lambda: len(editor.bars.rows()) == 2)
    table = editor.items
    table.item(2, NAME).setText("red")
    desktop.until(lambda: editor.verdict.text() == "red")
    assert editor.bars.rows()[0][0] == "red"
    assert editor.best_prompt.text() == "best prompt: “a photo of a red”"
    table.item(2, NEGATIVE).setCheckState(Qt.CheckState.Checked)
    desktop.until(lambda: editor.verdict.text() == "None of these")
    editor.accept()
    assert desktop.services.sorting.prompts.items[2] == PromptItem("red", negative=True)


def test_what_is_wrong_is_named(desktop: Desktop, editor: PromptEditor) -> None:
    editor.set_prompts(PromptSet("c", ("a photo of a",), (PromptItem("red"), PromptItem("quagga")), ("",)))
    desktop.until(lambda: "has not learned “quagga”" in _said(editor))
    assert "space" in _said(editor)
    with desktop.qtbot.waitSignal(editor.models_wanted):
        editor._to_models()
    assert desktop.window.workspace == "models"


def test_a_set_that_cannot_work_cannot_be_used(desktop: Desktop, editor: PromptEditor) -> None:
    editor.set_prompts(PromptSet("c", (), (), ()))
    assert not editor.use.isEnabled()
    assert "There are no items" in _said(editor)
    editor.set_prompts(PromptSet("c", ("a ",), (PromptItem("red"), PromptItem("blue")), ("",)))
    assert editor.use.isEnabled()
    desktop.until(lambda: editor.verdict.text() == "red")


def test_the_picture_comes_when_it_is_made(desktop: Desktop) -> None:
    desktop.services.sorting.thumbnails.forget(["blue 2.png"])
    desktop.window.sort.grid.select_ids(["blue 2.png"])
    desktop.do("sort_prompts")
    editor = desktop.window.findChild(PromptEditor)
    desktop.until(lambda: not editor.picture.pixmap().isNull())
    editor.reject()


def test_words_say_how_well_the_model_knows_them(editor: PromptEditor) -> None:
    editor.set_prompts(PromptSet("c", ("a ",), (PromptItem("red"), PromptItem("zebra"), PromptItem("quagga")), ("",)))
    editor.items.mark(("quagga",), ("zebra",))
    tips = [editor.items.item(row, NAME).toolTip() for row in range(3)]
    assert tips[0] == ""
    assert "guess" in tips[1]
    assert "has not learned" in tips[2]


def test_all_that_a_row_says(editor: PromptEditor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    editor.set_prompts(PromptSet("c", ("a ",), (PromptItem("car"),), (" on grass",)))
    editor.items.item(0, SYNONYMS).setText("auto, motor car")
    editor.items.item(0, THRESHOLD).setText("60 %")
    assert editor.prompts().items == (PromptItem("car", ("auto", "motor car"), threshold=0.6),)
    file = tmp_path / "mine.json"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(file), ""))
    editor._save_as()
    assert json.loads(file.read_text())["postfixes"] == [" on grass"]
    assert load(file) == editor.prompts()
    editor._load(tmp_path / "missing.json")
    assert editor.messages.messages
    editor.reject()
