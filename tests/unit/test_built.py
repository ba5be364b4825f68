"""What a built program does otherwise than one from source."""

from __future__ import annotations

import sys

import pytest
from typer.testing import CliRunner

from app import cli
from app.built import give_back_the_environment, keep_the_font_list
from inference import paths
from inference.errors import AppError

STARTED = {"QT_PLUGIN_PATH": "/dist/plugins", "QML2_IMPORT_PATH": "/dist/qml", "LD_LIBRARY_PATH": "/dist", "HOME": "/h"}


@pytest.mark.parametrize(
    ("before", "after"),
    [({}, {"HOME": "/h"}), ({"LD_LIBRARY_PATH_ORIG": "/own"}, {"HOME": "/h", "LD_LIBRARY_PATH": "/own"})],
)
def test_a_built_program_gives_the_environment_back(
    monkeypatch: pytest.MonkeyPatch, before: dict[str, str], after: dict[str, str]
) -> None:
    environment = STARTED | before
    give_back_the_environment(environment)
    assert environment == STARTED | before  # from source it is the person's own
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    give_back_the_environment(environment)
    assert environment == after


def test_plots_of_a_built_program_find_their_fonts_again(monkeypatch: pytest.MonkeyPatch) -> None:
    environment: dict[str, str] = {}
    keep_the_font_list(environment)
    assert environment == {}
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    keep_the_font_list(environment)
    assert environment == {"MPLCONFIGDIR": str(paths.cache_dir() / "matplotlib")}


def test_commands_are_told_by_the_name_they_have_here(monkeypatch: pytest.MonkeyPatch) -> None:
    def told() -> str | None:
        return AppError("It is damaged.", None, "Run `main.py models verify`, or `main.py doctor`.").remedy

    assert told() == "Run `main.py models verify`, or `main.py doctor`."
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    assert told() == "Run `winnow models verify`, or `winnow doctor`."
    assert "winnow FOLDER" in CliRunner().invoke(cli.build(lambda *_, **__: 0), ["--help"]).output
    monkeypatch.setattr(sys, "platform", "win32")
    assert told() == "Run `winnow-cli models verify`, or `winnow-cli doctor`."
