"""The dialog about the program: how it was built and the licences of its parts, where it was built."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QLabel, QPushButton
from pytestqt.qtbot import QtBot

from app.version import Build
from inference import paths
from widgets import about


def test_a_built_program_says_how_it_was_built_and_shows_its_licences(
    qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda address: opened.append(address.toLocalFile()))
    monkeypatch.setattr(about, "build", lambda: Build("abc1234", "2026-11-21", "CPU", "2.15", "Linux x86_64"))
    (tmp_path / "resources").symlink_to(paths.resource(), target_is_directory=True)
    monkeypatch.setattr(paths, "program_dir", lambda: tmp_path)
    (tmp_path / about.LICENCES).write_text("all of them")
    dialog = about.AboutDialog()
    qtbot.addWidget(dialog)
    assert any("2026-11-21 from abc1234" in text.text() for text in dialog.findChildren(QLabel))
    next(b for b in dialog.findChildren(QPushButton) if "Licences" in b.text()).click()
    assert opened == [str(tmp_path / about.LICENCES)]


def test_from_source_there_is_neither(qtbot: QtBot) -> None:
    dialog = about.AboutDialog()
    qtbot.addWidget(dialog)
    assert not any("Built 2" in text.text() for text in dialog.findChildren(QLabel))
    assert [b.text() for b in dialog.findChildren(QPushButton)] == ["Close"]
