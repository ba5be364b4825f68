"""Welcome page, models page and card, dialogs: on a real window with a model that is an equation."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtGui import QGuiApplication, QKeySequence
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QCheckBox, QComboBox, QSpinBox, QToolButton
from pytestqt.qtbot import QtBot

from app.samples import samples
from app.session.shelf import OFFERED
from inference.errors import AppError, DownloadError, StorageError
from inference.jobs.diagnose import DiagnoseRequest, Diagnosis
from inference.jobs.download import DownloadRequest
from tests.widgets.window_kit import Desktop, pictures
from widgets.about import ReportDialog
from widgets.crash import CrashHandler
from widgets.message_bar import MessageBar
from widgets.models_card import ModelsCard


@pytest.fixture
def desktop(qtbot: QtBot, winnow_home: Path) -> Iterator[Desktop]:
    made = Desktop(qtbot, winnow_home)
    yield made
    made.close()


def test_samples_and_recent_folders(desktop: Desktop, tmp_path: Path) -> None:
    welcome = desktop.window.welcome
    titles = {b.text() for b in welcome.findChildren(QToolButton)}
    assert len(titles & {s.title for s in samples()}) >= 5
    assert welcome._recent_title.isHidden()
    desktop.open(pictures(tmp_path / "mine"))
    assert not welcome._recent_title.isHidden()
    desktop.do("close_folder")
    assert desktop.window.stack.currentWidget() is welcome
    welcome.open_paths.emit([tmp_path / "mine"])
    desktop.until(lambda: desktop.services.desk.document is not None)


def test_the_card_downloads_and_can_be_dismissed(desktop: Desktop) -> None:
    card = desktop.window.findChildren(ModelsCard)[0]
    desktop.runner.held.add(DownloadRequest)
    card.get.click()
    desktop.until(lambda: desktop.services.shelf.fetching(OFFERED) is not None)
    desktop.until(lambda: desktop.services.jobs.rows[0].started_at is not None)
    desktop.runner.report(DownloadRequest, 10, 100)
    assert card.get.isHidden() and not card._stop.isHidden() and card._bar.value() == 100
    card._stop.click()
    desktop.until(lambda: desktop.services.shelf.fetching(OFFERED) is None)
    assert not card.get.isHidden()
    desktop.settings.set("ui.offer_models", False)
    assert card.isHidden()


def test_a_failed_download_is_told(desktop: Desktop) -> None:
    desktop.window.show_workspace("models")
    row = desktop.window.models.models.row(OFFERED)
    desktop.runner.errors[DownloadRequest] = DownloadError("The file is not what the hub recorded.", None, "Try again.")
    row.get.click()
    desktop.until(lambda: bool(desktop.window.messages.messages))
    assert desktop.window.messages.messages[0].remedy == "Try again."
    assert not row.get.isHidden()


def test_settings_hold_at_once(desktop: Desktop) -> None:
    dialog = desktop.window.show_settings()
    hover, opacity = dialog.controls["canvas.hover_preview"], dialog.controls["canvas.opacity"]
    assert isinstance(hover, QCheckBox) and isinstance(opacity, QSpinBox)
    hover.setChecked(False)
    opacity.setValue(80)
    theme = dialog.controls["ui.theme"]
    assert isinstance(theme, QComboBox)
    theme.setCurrentIndex(theme.findData("dark"))
    settings = desktop.settings
    assert [settings.get(k) for k in ("canvas.hover_preview", "canvas.opacity", "ui.theme")] == [False, 80, "dark"]
    assert desktop.canvas.overlay.scene.style.opacity == 0.8
    settings.set("canvas.opacity", 20)  # from elsewhere
    assert opacity.value() == 20
    dialog.pages.setCurrentRow(1)
    dialog._reset_page()
    assert settings.get("canvas.opacity") == 45 and hover.isChecked()
    dialog.close()


def test_a_settings_file_that_cannot_be_written_is_told(desktop: Desktop, monkeypatch: pytest.MonkeyPatch) -> None:
    dialog = desktop.window.show_settings()

    def full(*_: object) -> None:
        raise StorageError("The settings could not be saved.", None, "Make room.")

    monkeypatch.setattr(desktop.settings, "_write", full)
    opacity = dialog.controls["canvas.opacity"]
    assert isinstance(opacity, QSpinBox)
    opacity.setValue(60)
    assert desktop.window.messages.messages[0].remedy == "Make room."
    dialog.close()


def test_editing_a_shortcut_says_what_it_takes(desktop: Desktop) -> None:
    dialog = desktop.window.show_settings()
    dialog.show_shortcuts()
    editor = dialog._editor
    editor.choose("next")
    editor.key.setKeySequence(QKeySequence("Q"))
    assert "Points" in editor.hint.text()
    editor.assign.click()
    assert desktop.window.actions_["next"].shortcut() == QKeySequence("Q")
    assert desktop.window.actions_["tool_points"].shortcuts() == []
    editor.choose("next")
    editor.reset.click()
    editor.choose("tool_points")
    editor.reset.click()
    assert desktop.window.actions_["tool_points"].shortcut() == QKeySequence("Q")
    assert "(Q)" in desktop.window.actions_["tool_points"].toolTip()
    dialog.close()


def test_f1_lists_and_finds(desktop: Desktop) -> None:
    page = desktop.window.show_shortcuts()
    everything = page.shown()
    assert {"next", "tool_box", "mouse_pan", "accept"} <= set(everything)
    QTest.keyClicks(page.search, "eraser")
    assert page.shown() == ["tool_eraser"]
    page.search.setText("d")  # a key
    assert page.shown() == ["next"]
    page.search.setText("no such thing")
    assert page.shown() == [] and not page._none.isHidden()
    page.close()


def test_the_system_report(desktop: Desktop) -> None:
    desktop.do("doctor")
    desktop.runner.held.add(DiagnoseRequest)
    desktop.until(lambda: bool(desktop.runner.of(DiagnoseRequest)))
    desktop.until(lambda: bool(desktop.runner.waiting))
    desktop.runner.let_go(DiagnoseRequest, Diagnosis((), (), ()))
    dialog = next(d for d in desktop.window.findChildren(ReportDialog))
    assert "Python" in dialog.report.toPlainText()
    dialog.close()


def test_bugs_become_a_report(qtbot: QtBot, caplog: pytest.LogCaptureFixture) -> None:
    handler = CrashHandler()
    try:
        raise ZeroDivisionError("a bug")
    except ZeroDivisionError as error:
        handler.handle(type(error), error, error.__traceback__)
        handler.handle(type(error), error, error.__traceback__)
    qtbot.waitUntil(lambda: handler.dialog is not None)
    dialog = handler.dialog
    assert dialog is not None
    dialog.copy.click()
    text = QGuiApplication.clipboard().text()
    assert "ZeroDivisionError: a bug" in text and sys.version.split()[0] in text
    assert len([r for r in caplog.records if r.levelname == "CRITICAL"]) == 2
    dialog.accept()
    QCoreApplication.processEvents()
    assert handler.dialog is None


def test_message_bar_keeps_three_and_says_nothing_twice(qtbot: QtBot) -> None:
    bar = MessageBar()
    qtbot.addWidget(bar)
    for number in (1, 2, 2, 3, 4):
        bar.show_error(AppError(f"Problem {number}.", "/a/<b>.jpg", "Do this.", "Traceback"))
    assert [m.text for m in bar.messages] == [f"/a/<b>.jpg: Problem {n}." for n in (4, 3, 2)]
    done: list[int] = []
    message = bar.show_message("warning", "Careful")
    message.offer("Mend it", lambda: done.append(1))
    mend = next(b for b in message.findChildren(QAbstractButton) if b.text() == "Mend it")
    QTest.mouseClick(mend, Qt.MouseButton.LeftButton)
    assert done == [1] and message not in bar.messages
