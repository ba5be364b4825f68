"""The table of settings, the file behind it, and the recent folders."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.recent import LIMIT, RecentFolders
from app.settings import GROUPS, SETTINGS, Settings
from inference.errors import StorageError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "config" / "settings.json"


def test_table_is_consistent(file: Path) -> None:
    settings = Settings(file)
    assert len({row.key for row in SETTINGS}) == len(SETTINGS)
    for row in SETTINGS:
        if row.kind != "state":
            assert row.group in GROUPS and row.label and row.help
        other = {"bool": not row.default, "choice": row.choices[-1][0] if row.choices else None}.get(
            row.kind, row.default
        )
        settings.set(row.key, other)


def test_values_survive_and_are_announced(file: Path, qtbot) -> None:
    settings = Settings(file)
    with qtbot.waitSignal(settings.changed) as seen:
        settings.set("ui.theme", "dark")
    assert seen.args == ["ui.theme", "dark"]
    assert Settings(file).get("ui.theme") == "dark"
    settings.reset("ui.theme")
    assert Settings(file).get("ui.theme") == "system"
    assert [p.name for p in file.parent.iterdir()] == ["settings.json"]


def test_numbers_are_held_to_their_range_and_kinds_to_their_type(file: Path) -> None:
    settings = Settings(file)
    settings.set("canvas.opacity", 900)
    assert settings.get("canvas.opacity") == 100
    for key, value in (("canvas.opacity", "much"), ("ui.theme", "pink"), ("canvas.outline", 1), ("window.geometry", 3)):
        with pytest.raises(ValueError, match=key):
            settings.set(key, value)
    with pytest.raises(KeyError):
        settings.get("no.such")


@pytest.mark.parametrize("content", ["", "[1, 2]", '{"ui.theme": 7, "gone": 1, "canvas.opacity": 30', "\x00\x01"])
def test_damaged_files_mean_defaults(file: Path, content: str) -> None:
    file.parent.mkdir(parents=True)
    file.write_text(content)
    assert Settings(file).get("ui.theme") == "system"


def test_only_wrong_values_are_left_out(file: Path) -> None:
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps({"ui.theme": 7, "canvas.opacity": 30, "future": [1]}))
    settings = Settings(file)
    assert (settings.get("ui.theme"), settings.get("canvas.opacity")) == ("system", 30)


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "config").write_text("a file where the folder should be")
    settings = Settings(tmp_path / "config" / "settings.json")
    with pytest.raises(StorageError, match="could not be saved"):
        settings.set("ui.theme", "dark")
    assert settings.get("ui.theme") == "dark"


def test_recent_folders(file: Path, tmp_path: Path) -> None:
    recent = RecentFolders(Settings(file))
    for n in range(LIMIT + 3):
        recent.add(tmp_path / f"ä{n}")
    recent.add(tmp_path / "ä10")
    again = RecentFolders(Settings(file))
    assert len(again.all()) == LIMIT
    assert again.all()[:2] == [tmp_path / "ä10", tmp_path / f"ä{LIMIT + 2}"]
    again.remove(tmp_path / "ä10")
    assert again.all()[0] == tmp_path / f"ä{LIMIT + 2}"
    again.clear()
    assert RecentFolders(Settings(file)).all() == []
