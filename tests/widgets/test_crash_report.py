"""The dialog of a bug gives what `doctor` tells too, also when the models cannot be asked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from inference.errors import AppError
from inference.jobs.diagnose import DiagnoseRequest, Diagnosis, Finding
from tests.widgets.window_kit import Desktop
from widgets.crash import CrashHandler
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
