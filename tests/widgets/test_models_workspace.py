"""The Models workspace on real parts: a real tiny run in a real child process, its curves, pausing and going on."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QMessageBox
from pytestqt.qtbot import QtBot

from app.teaching.orders import runs_dir
from app.teaching.runs import RunFacts, read_facts
from inference import paths
from inference.engines.architecture import build_model, save_checkpoint
from inference.weights import library
from inference.worker.options import WorkerOptions
from inference.worker.thread import ThreadRunner
from tests.unit.classifier_scene import FAST, write_classes
from tests.unit.training_scene import TINY, write_scene
from tests.widgets.window_kit import Desktop, pictures
from widgets.models.classifier_form import ClassifierForm
from widgets.models.run_page import RunPage
from widgets.models.train_form import TrainForm

SETTINGS = """
epochs=0
threads=1
precision=float32
validate_objects=2
validate_epochs=2
sample_pictures=2
log_steps=1
patience=0
"""
LONG, SHORT = f"max_steps=100000{SETTINGS}", f"max_steps=3{SETTINGS}"
_MS = 200_000  # children start at the lowest priority, and the machine may be busy


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    return write_scene(tmp_path / "scene", pictures=6)


@pytest.fixture
def tiny(winnow_home: Path) -> Path:
    """A model that a tiny run can start from, installed as "tiny"."""
    torch.manual_seed(0)
    file = save_checkpoint(build_model(TINY), TINY, winnow_home / "tiny.safetensors")
    library.import_file(file, paths.models_dir(), name="tiny")
    return file


@pytest.fixture(autouse=True)
def trash(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The system's trash of a test, where it has one in the home folder."""
    home = tmp_path_factory.mktemp("trash")
    if sys.platform == "linux":  # send2trash looks where it is once, when it is imported
        from send2trash import plat_other

        monkeypatch.setattr(plat_other, "XDG_DATA_HOME", os.fsencode(home))
        monkeypatch.setattr(plat_other, "HOMETRASH_B", os.fsencode(home / "Trash"))
    return home


@pytest.fixture
def desktop(qtbot: QtBot, winnow_home: Path, tiny: Path) -> Iterator[Desktop]:
    made = Desktop(qtbot, winnow_home, _runner())
    made.do("workspace_models")
    yield made
    made.close()


def _runner() -> ThreadRunner:
    return ThreadRunner(WorkerOptions(force_device="cpu"), in_process=True, children=2)


def _form(desktop: Desktop, data: Path, more: str, base: str = "tiny") -> TrainForm:
    workspace = desktop.window.models
    workspace.rail.choose_page("teach")
    form = workspace.page("teach")
    assert isinstance(form, TrainForm)
    form.data.add(data)
    form.base.setCurrentIndex(form.base.findData(base))
    assert form.base.currentData() == base
    form.image_size.setValue(64)
    form.more.setPlainText(more)
    return form


def _run_page(desktop: Desktop) -> RunPage:
    page = desktop.window.models.page("run")
    assert isinstance(page, RunPage) and desktop.window.models.stack.currentWidget() is page
    return page


def _messages(desktop: Desktop) -> str:
    return " ".join(
        words.text() for words in desktop.window.messages.findChildren(QLabel) if words.isVisibleTo(words.window())
    )


@pytest.mark.timeout(600)
def test_a_run_is_taught_paused_resumed_after_a_restart_and_used(
    desktop: Desktop, scene: Path, qtbot: QtBot, winnow_home: Path
) -> None:
    form = _form(desktop, scene, LONG)
    qtbot.waitUntil(lambda: "6 pictures with 12 objects" in form.data.said.text(), timeout=_MS)
    assert not form.data.sheet.isHidden() and form.name.text() == "train"
    qtbot.mouseClick(form.start, Qt.MouseButton.LeftButton)
    teaching = desktop.services.teaching
    qtbot.waitUntil(lambda: len(teaching.runs) == 1, timeout=_MS)
    (run,) = teaching.runs
    page = _run_page(desktop)
    qtbot.waitUntil(lambda: sum("loss" in row for row in run.rows) >= 3 and len(page.samples.shown) > 0, timeout=_MS)
    assert page.bar.isVisible() and page.state.text().startswith("Learning")
    assert [line.name for line in page.loss.lines] == ["all", "focal", "dice", "IoU"]
    assert page.rate.lines and page.quality.lines and page.samples.shown[0].is_file()
    assert "5 to learn from, 1 to choose on" in _texts(page)
    qtbot.mouseClick(page.pause, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not run.phase, timeout=_MS)
    assert page.state.text() == "Paused" and page.go_on.isVisible() and not page.pause.isVisible()
    assert (run.folder / "state.pt").is_file()
    steps = max(row["step"] for row in run.rows)

    desktop.close()  # and another day
    again = Desktop(qtbot, winnow_home, _runner())
    try:
        again.do("workspace_models")
        teaching = again.services.teaching
        qtbot.waitUntil(lambda: bool(teaching.runs and teaching.runs[0].rows), timeout=_MS)
        (run,) = teaching.runs
        again.window.models.show_run(run.folder)
        page = _run_page(again)
        assert page.state.text() == "Paused" and run.rows[-1]["step"] >= steps
        qtbot.mouseClick(page.go_on, Qt.MouseButton.LeftButton)
        qtbot.waitUntil(lambda: max(row["step"] for row in run.rows) > steps + 1, timeout=_MS)
        again.close()  # while it runs: the run writes its state
    finally:
        again.close()
    assert json.loads((run.folder / "run.json").read_text())["status"] == "stopped"

    third = Desktop(qtbot, winnow_home, _runner())
    try:
        third.do("workspace_models")
        qtbot.waitUntil(lambda: bool(third.services.teaching.runs), timeout=_MS)
        (run,) = third.services.teaching.runs
        third.window.models.show_run(run.folder)
        page = _run_page(third)
        qtbot.waitUntil(page.use.isVisible, timeout=_MS)
        qtbot.mouseClick(page.use, Qt.MouseButton.LeftButton)
        shelf = third.services.shelf
        qtbot.waitUntil(lambda: shelf.current.startswith("train"), timeout=_MS)
        assert any(spec.id == shelf.current for spec in shelf.usable())
    finally:
        third.close()


@pytest.mark.timeout(600)
def test_a_run_discarded_while_its_end_is_read_is_taken_away(
    desktop: Desktop, scene: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    form = _form(desktop, scene, SHORT)
    qtbot.mouseClick(form.start, Qt.MouseButton.LeftButton)
    teaching = desktop.services.teaching
    qtbot.waitUntil(lambda: len(teaching.runs) == 1, timeout=_MS)
    (run,) = teaching.runs
    real = read_facts

    def late(folder: Path) -> RunFacts | None:
        if run.ticket is None and run.phase in ("starting", "running"):  # its end is being read
            run.discard = True
        return real(folder)

    monkeypatch.setattr("app.session.teaching.read_facts", late)
    qtbot.waitUntil(lambda: not teaching.runs, timeout=_MS)
    assert not run.folder.exists()


@pytest.mark.timeout(600)
def test_trainings_take_turns_and_one_that_waits_can_be_taken_back(desktop: Desktop, scene: Path, qtbot: QtBot) -> None:
    form = _form(desktop, scene, SHORT)
    form.name.setText("first")
    qtbot.mouseClick(form.start, Qt.MouseButton.LeftButton)
    teaching = desktop.services.teaching
    qtbot.waitUntil(lambda: len(teaching.runs) == 1, timeout=_MS)
    desktop.window.models.rail.choose_page("teach")
    form.name.setText("second")
    qtbot.mouseClick(form.start, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: len(teaching.runs) == 2, timeout=_MS)
    second, first = teaching.runs
    assert second.phase == "waiting" and first.phase in ("starting", "running")
    teaching.pause(second.folder)
    qtbot.waitUntil(lambda: teaching.runs == [first], timeout=_MS)
    desktop.window.models.rail.choose_page("teach")
    form.name.setText("third")
    form.start.click()
    qtbot.waitUntil(
        lambda: len(teaching.runs) == 2 and all(run.facts.status == "finished" for run in teaching.runs), timeout=_MS
    )
    third = teaching.runs[0]
    assert third.facts.name == "third"
    teaching.discard(third.folder)
    qtbot.waitUntil(lambda: teaching.runs == [first], timeout=_MS)
    assert not third.folder.exists()
    assert first.facts.status == "finished" and first.facts.usable
    workspace = desktop.window.models
    shutil.copytree(first.folder, first.folder.with_name("copy"))
    teaching.refresh()
    qtbot.waitUntil(lambda: len(teaching.runs) == 2 and all(run.rows for run in teaching.runs), timeout=_MS)
    workspace.rail.runs.selectAll()
    compare = workspace.page("compare")
    assert workspace.stack.currentWidget() is compare and compare.table.rowCount() == 2
    assert len(compare.quality.lines) == 2 and len(compare.loss.lines) == 2


@pytest.mark.timeout(600)
def test_what_cannot_be_taught_says_so(
    desktop: Desktop, scene: Path, tmp_path: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    teaching, workspace = desktop.services.teaching, desktop.window.models
    form = _form(desktop, scene, "colour=1")
    qtbot.mouseClick(form.start, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "no setting colour" in _messages(desktop), timeout=_MS)
    assert teaching.runs == [] and workspace.stack.currentWidget() is form

    empty = tmp_path / "empty.json"
    empty.write_text(json.dumps({"images": [], "annotations": [], "categories": []}))
    form.data.set_data((str(empty),))
    qtbot.waitUntil(lambda: "Nothing in the data set can be used" in form.data.said.text(), timeout=_MS)
    assert form.data.said.property("role") == "problem"
    form.more.setPlainText(SHORT)
    form.name.setText("empty")
    qtbot.mouseClick(form.start, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: bool(teaching.runs), timeout=_MS)
    page = _run_page(desktop)
    assert workspace.rail.runs.hasFocus()  # or the space bar would press a button of the page
    qtbot.waitUntil(lambda: page.state.text() == "Failed", timeout=_MS)
    assert "Nothing in the data set can be used" in page.problem.text()
    monkeypatch.setattr(QMessageBox, "question", lambda *_: QMessageBox.StandardButton.Yes)
    qtbot.mouseClick(page.discard, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: teaching.runs == [], timeout=_MS)
    assert workspace.stack.currentWidget() is workspace.models


@pytest.mark.timeout(600)
def test_a_state_of_another_architecture_is_refused(desktop: Desktop, scene: Path, qtbot: QtBot) -> None:
    folder = runs_dir() / "strange"
    folder.mkdir(parents=True)
    request = {"data": [str(scene)], "out": str(folder), "init": None}
    (folder / "run.json").write_text(json.dumps({"kind": "sam2", "status": "stopped", "request": request}))
    (folder / "config.yaml").write_text("image_size: 64\nmax_steps: 3\nminutes: 0\n")
    from inference.training.state import Ema, RunState, save_state

    other = build_model(TINY)
    optimizer = torch.optim.AdamW(other.parameters())
    save_state(folder / "state.pt", other, Ema(other, 0.9), optimizer, RunState())
    teaching = desktop.services.teaching
    teaching.refresh()
    qtbot.waitUntil(lambda: len(teaching.runs) == 1, timeout=_MS)
    desktop.window.models.show_run(folder)
    page = _run_page(desktop)
    qtbot.mouseClick(page.go_on, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: page.state.text() == "Failed", timeout=_MS)
    assert "state.pt" in page.problem.text()
    assert page.go_on.isVisible()  # after another file was put there


@pytest.mark.timeout(600)
def test_a_model_is_measured_and_its_report_listed(desktop: Desktop, scene: Path, qtbot: QtBot, tmp_path: Path) -> None:
    workspace = desktop.window.models
    desktop.open(pictures(tmp_path / "open"))
    desktop.do("workspace_models")
    workspace.rail.choose_page("measure")
    page = workspace.page("measure")
    assert page.data.own.isEnabled() and not page.start.isEnabled()
    page.data.add(scene)
    page.limit.setValue(2)
    for row in range(page.models.count()):
        item = page.models.item(row)
        item.setCheckState(Qt.CheckState.Checked if item.text() == "tiny" else Qt.CheckState.Unchecked)
    opened: list[Path] = []
    page._open_file = opened.append
    with qtbot.waitSignal(page.measured, timeout=_MS) as measured:
        qtbot.mouseClick(page.start, Qt.MouseButton.LeftButton)
    report = measured.args[0]
    assert report.page.is_file() and "on 2 objects" in report.headline
    assert report.headline in _texts(page) and page.said.text() == "Done."


@pytest.mark.timeout(600)
def test_a_classifier_is_taught_paused_and_goes_on(desktop: Desktop, tmp_path: Path, qtbot: QtBot) -> None:
    folder = write_classes(tmp_path / "sorted", 12)
    desktop.open(folder)
    desktop.do("workspace_models")
    workspace, teaching = desktop.window.models, desktop.services.teaching
    workspace.rail.choose_page("classify")
    form = workspace.page("classify")
    assert isinstance(form, ClassifierForm)
    qtbot.waitUntil(lambda: "36 pictures in 3 classes" in form.data.said.text(), timeout=_MS)  # of the open folder
    lines = [f"{key}={json.dumps(value)}" for key, value in FAST.items()]
    form.more.setPlainText("\n".join([*lines, "epochs=100000", "validate_epochs=2"]))
    form.name.setText("classes")
    qtbot.mouseClick(form.start, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: bool(teaching.runs), timeout=_MS)
    (run,) = teaching.runs
    page = _run_page(desktop)
    qtbot.waitUntil(lambda: any("val_accuracy" in row for row in run.rows) and bool(page.rate.lines), timeout=_MS)
    assert [line.name for line in page.quality.lines] == ["while learning", "validation"]
    assert "accuracy" in workspace.rail.runs.item(0).toolTip()
    qtbot.mouseClick(page.pause, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: page.state.text() == "Paused", timeout=_MS)
    told = json.loads((run.folder / "run.json").read_text())
    told["config"]["epochs"] = 1.0  # what is left is done at once, and the report follows
    (run.folder / "run.json").write_text(json.dumps(told))
    teaching.refresh()
    qtbot.waitUntil(lambda: run.facts.told["config"]["epochs"] == 1.0, timeout=_MS)
    qtbot.mouseClick(page.go_on, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: page.state.text() == "Finished", timeout=_MS)
    assert page.report.isVisible() and run.facts.report.is_file() and not page.measure.isVisible()
    qtbot.mouseClick(page.use, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: bool(desktop.services.shelf.trained()), timeout=_MS)


def _texts(widget: object) -> str:
    return "\n".join(words.text() for words in widget.findChildren(QLabel))  # type: ignore[attr-defined]
