"""The dialog of a bug gives what `doctor` tells too, also when the models cannot be asked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication, QLabel
from pytestqt.qtbot import QtBot

from inference.errors import AppError
from inference.jobs.diagnose import DiagnoseRequest, Diagnosis, Finding
from tests.widgets.window_kit import Desktop
from widgets import crash
from widgets.crash import CrashDialog, CrashHandler, tell_at_start
from widgets.system_report import SystemReport


@pytest.fixture
def desktop(qtbot: QtBot, winnow_home: Path) -> Iterator[Desktop]:
    made = Desktop(qtbot, winnow_home)
    yield made
    made.close()


@pytest.mark.parametrize("ends", ["well", "badly"])
def test_a_bugs_report_takes_the_systems_along(desktop: Desktop, qtbot: QtBot, ends: str) -> None:
    handler = CrashHandler()
    handler.system = SystemReport(desktop.services)
    error = ZeroDivisionError("a bug")
    handler.handle(type(error), error, None)
    qtbot.waitUntil(lambda: handler.dialog is not None)
    dialog = handler.dialog
    assert dialog is not None
    desktop.runner.held.add(DiagnoseRequest)
    if ends == "badly":
        desktop.runner.errors[DiagnoseRequest] = AppError("The model process crashed.")
    dialog.more.click()
    assert not dialog.more.isEnabled()
    desktop.until(lambda: bool(desktop.runner.waiting))
    desktop.runner.let_go(DiagnoseRequest, Diagnosis((Finding("device", "a card"),), (), ()))
    text = dialog.report.toPlainText()
    assert "ZeroDivisionError: a bug" in text and "Window system" in text and dialog.more.isHidden()
    assert ("a card" in text) == (ends == "well")
    dialog.accept()
    qtbot.waitUntil(lambda: handler.dialog is None)


@pytest.mark.parametrize(
    "error", [AppError("The settings cannot be read.", "/s", "Delete them."), ZeroDivisionError("a bug")]
)
def test_what_keeps_the_window_from_opening_is_shown(
    qtbot: QtBot, winnow_home: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    shown: list[str] = []

    def read() -> None:
        dialog = next(w for w in QApplication.topLevelWidgets() if isinstance(w, CrashDialog) and w.isVisible())
        assert "could not start" in " ".join(text.text() for text in dialog.findChildren(QLabel))
        shown.append(dialog.report.toPlainText())
        dialog.accept()

    tell_at_start(error)  # nobody is there: it does not wait
    monkeypatch.setattr(crash, "UNSEEN", ())
    QTimer.singleShot(0, read)
    tell_at_start(error)
    assert str(error) in shown[0] and ("ZeroDivisionError" in shown[0]) == isinstance(error, ZeroDivisionError)
