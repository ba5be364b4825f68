"""The table of actions, and keys of one's own."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtGui import QKeySequence

from app.settings import Settings
from app.shortcuts import ACTIONS, GROUPS, Shortcuts

PLAN = {
    "previous": "A", "next": "D", "tool_points": "Q", "tool_box": "W", "tool_polygon": "P", "tool_brush": "B",
    "tool_eraser": "E", "smaller": "[", "larger": "]", "tool_select": "V", "undo": "Ctrl+Z", "delete": "Del",
    "next_candidate": "Tab", "leave_canvas": "F6", "drop": "Esc", "class_1": "1", "class_9": "9", "hide_masks": "H",
    "fit": "Ctrl+0", "actual_size": "Ctrl+1", "shortcuts": "F1",
}  # fmt: skip


@pytest.fixture
def shortcuts(tmp_path: Path) -> Shortcuts:
    return Shortcuts(Settings(tmp_path / "settings.json"))


def test_the_table_is_consistent_and_has_no_conflicts(shortcuts: Shortcuts) -> None:
    assert len({action.id for action in ACTIONS}) == len(ACTIONS)
    for action in ACTIONS:
        assert action.group in GROUPS and action.text
        if action.mouse:
            assert shortcuts.sequences(action.id) == []
            continue
        for key in action.keys:
            assert not QKeySequence(key).isEmpty(), (action.id, key)
            assert shortcuts.conflicts(action.id, key) == []


def test_the_keys_of_the_plan(shortcuts: Shortcuts) -> None:
    for action_id, key in PLAN.items():
        assert shortcuts.keys(action_id)[0] == key
    assert set(shortcuts.keys("redo")) == {"Ctrl+Shift+Z", "Ctrl+Y"}
    assert {"Return", "F"} <= set(shortcuts.keys("accept"))


def test_own_keys_survive(shortcuts: Shortcuts, tmp_path: Path, qtbot) -> None:
    with qtbot.waitSignal(shortcuts.changed) as seen:
        shortcuts.set_keys("next", ["PgDown", "Right"])
    assert seen.args == ["next"]
    again = Shortcuts(Settings(tmp_path / "settings.json"))
    assert again.keys("next") == ("PgDown", "Right")
    assert not again.is_default("next")
    again.reset("next")
    assert again.keys("next") == ("D",)


def test_taken_keys_and_nonsense_are_refused(shortcuts: Shortcuts) -> None:
    with pytest.raises(ValueError, match="tool_points"):
        shortcuts.set_keys("next", ["Q"])
    with pytest.raises(ValueError, match="no key"):
        shortcuts.set_keys("next", [""])
    shortcuts.set_keys("tool_points", [])
    shortcuts.set_keys("next", ["Q"])
    assert shortcuts.conflicts("tool_points", "q") == ["next"]


def test_resetting_takes_the_key_back(shortcuts: Shortcuts) -> None:
    shortcuts.set_keys("tool_points", [])
    shortcuts.set_keys("next", ["Q", "PgDown"])
    shortcuts.reset("tool_points")
    assert shortcuts.keys("next") == ("PgDown",)
    shortcuts.reset_all()
    assert all(shortcuts.is_default(action.id) for action in ACTIONS)
