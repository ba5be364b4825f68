"""The cut-out dialog on a real folder: tries, writes, pauses and goes on, tells what failed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QObject, QPoint, Qt, QTimer, Signal
from pytestqt.qtbot import QtBot

from app.cutouts.ledger import FOLDER
from app.session.cutouts import State
from inference import catalogue
from inference.errors import ModelError
from inference.jobs.cutout import CutoutItem, CutoutResult, Ready
from inference.masks import Mask
from inference.protocol import Priority, Progress, Ticket
from widgets.cutout_dialog import CutoutDialog

COUNT = 14


class DiscRunner(QObject):
    """Speaks as `ThreadRunner` does; every subject is a disc in the middle. Stops by itself after `until` pictures."""

    progressed = Signal(object, object)
    succeeded = Signal(object, object)
    failed = Signal(object, object)
    cancelled = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[Any] = []
        self.until: int | None = None
        self.error: ModelError | None = None
        self._left: list[str] = []
        self._ticket: Ticket | None = None

    def submit(self, request: Any, *, key: str | None = None, priority: Priority = Priority.INTERACTIVE) -> Ticket:
        self.requests.append(request)
        self._ticket = Ticket(len(self.requests), request, key, priority)
        self._left = list(request.images)
        QTimer.singleShot(0, self, self._begin)
        return self._ticket

    def cancel(self, ticket: Ticket) -> None:
        if ticket == self._ticket:
            self._ticket = None
            QTimer.singleShot(0, self, lambda: self.cancelled.emit(ticket))

    def _begin(self) -> None:
        if self.error is not None:
            ticket, self._ticket = self._ticket, None
            self.failed.emit(ticket, self.error)
        elif self._ticket is not None:
            self.progressed.emit(self._ticket, Progress(0, len(self._left), "", Ready("CPU", None)))
            self._next()

    def _next(self) -> None:
        if self._ticket is None:
            return
        done = len(self._ticket.request.images) - len(self._left)
        if not self._left:
            ticket, self._ticket = self._ticket, None
            self.succeeded.emit(ticket, CutoutResult((), Ready("CPU", None), 0.0))
        elif self.until is None or done < self.until:
            path = self._left.pop(0)
            self.progressed.emit(self._ticket, Progress(done + 1, 0, path, _item(path)))
            QTimer.singleShot(0, self, self._next)


def _item(path: str) -> CutoutItem:
    y, x = np.mgrid[:40, :60]
    return CutoutItem(path, Mask.from_array(np.hypot(y - 20, x - 30) < 14), 0.9)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "photos"
    made.mkdir()
    for number in range(COUNT):
        Image.new("RGB", (60, 40), (number * 15, 90, 120)).save(made / f"{number}.png")
    return made


@pytest.fixture
def runner(qapp: object) -> DiscRunner:
    return DiscRunner()


@pytest.fixture
def dialog(folder: Path, runner: DiscRunner, qtbot: QtBot) -> Iterator[CutoutDialog]:
    made = CutoutDialog(folder, runner, [catalogue.find("starter")], [], show_folder=lambda _: None)  # type: ignore[arg-type]
    qtbot.addWidget(made)
    made.show()
    yield made
    made.hide()


def _press(qtbot: QtBot, button: Any) -> None:
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def _idle(dialog: CutoutDialog, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: dialog.session.state is State.IDLE)


def _written(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.rglob("*") if p.is_file() and FOLDER not in p.parts)


def test_ten_are_tried_and_nothing_is_written(dialog: CutoutDialog, folder: Path, qtbot: QtBot) -> None:
    with qtbot.waitSignal(dialog.session.ended) as ended:
        _press(qtbot, dialog.try_first)
    assert len(list(dialog.grid.tiles())) == 10
    assert all(tile.ok and not tile.after.isNull() and not tile.before.isNull() for tile in dialog.grid.tiles())
    assert ended.args[0].page is None and "nothing was written" in dialog.heading.text()
    assert not Path(dialog.out.text()).exists() and len(_written(folder)) == COUNT


def test_all_are_written_with_their_gallery(dialog: CutoutDialog, folder: Path, qtbot: QtBot) -> None:
    (folder / "zz.png").write_bytes(b"")
    dialog.form.background.setCurrentIndex(dialog.form.background.findData("white"))
    with qtbot.waitSignal(dialog.session.ended):
        _press(qtbot, dialog.start)
    out = Path(dialog.out.text())
    assert set(_written(out)) >= {"index.html", "results.json", "scores.csv", "0.png", "13.png"}
    assert (np.asarray(Image.open(out / "3.png"))[..., 3] == 255).all()
    assert dialog.start.isEnabled() and dialog.form.isEnabled() and "1 failed" in dialog.heading.text()


def test_pause_keeps_what_is_done_and_goes_on(dialog: CutoutDialog, runner: DiscRunner, qtbot: QtBot) -> None:
    runner.until = 4
    _press(qtbot, dialog.start)
    qtbot.waitUntil(lambda: len(list(dialog.grid.tiles())) == 4)
    _press(qtbot, dialog.pause)
    qtbot.waitUntil(lambda: dialog.session.state is State.PAUSED)
    assert dialog.start.text() == "Go on" and not dialog.form.isEnabled()
    assert dialog.heading.text() == f"4 of {COUNT} · paused" and dialog.bar.value() == 4
    runner.until = None
    with qtbot.waitSignal(dialog.session.ended):
        _press(qtbot, dialog.start)
    _idle(dialog, qtbot)
    assert len(runner.requests[1].images) == COUNT - 4
    assert len([n for n in _written(Path(dialog.out.text())) if n.endswith(".png")]) == COUNT


def test_cancel_stops_and_a_later_run_goes_on(dialog: CutoutDialog, runner: DiscRunner, qtbot: QtBot) -> None:
    runner.until = 2
    _press(qtbot, dialog.start)
    qtbot.waitUntil(lambda: len(list(dialog.grid.tiles())) == 2)
    _press(qtbot, dialog.leave)
    _idle(dialog, qtbot)
    assert dialog.isVisible() and dialog.heading.text().startswith(f"2 of {COUNT} · stopped")
    runner.until = None
    with qtbot.waitSignal(dialog.session.ended):
        _press(qtbot, dialog.start)
    assert len(runner.requests[1].images) == COUNT - 2


def test_closing_while_it_runs_leaves_no_threads(dialog: CutoutDialog, runner: DiscRunner, qtbot: QtBot) -> None:
    runner.until = 3
    _press(qtbot, dialog.start)
    qtbot.waitUntil(lambda: len(list(dialog.grid.tiles())) >= 1)
    dialog.close()
    assert runner._ticket is None


def test_what_makes_no_sense_is_said(dialog: CutoutDialog, runner: DiscRunner, qtbot: QtBot, folder: Path) -> None:
    dialog.form.form.setCurrentIndex(dialog.form.form.findData("jpeg"))
    _press(qtbot, dialog.start)
    assert "transparency" in dialog.problem.text() and not runner.requests
    dialog.form.form.setCurrentIndex(0)
    assert dialog.problem.text() == ""
    dialog.form.focus.setCurrentIndex(dialog.form.focus.findData("text"))
    _press(qtbot, dialog.start)
    assert "what the subject is" in dialog.problem.text()
    dialog.form.focus.setCurrentIndex(0)
    dialog.out.setText(str(folder))
    _press(qtbot, dialog.start)
    qtbot.waitUntil(lambda: "folder of the pictures" in dialog.problem.text())
    _idle(dialog, qtbot)


def test_a_model_that_cannot_be_loaded_is_said(dialog: CutoutDialog, runner: DiscRunner, qtbot: QtBot) -> None:
    runner.error = ModelError("The weights are damaged.", None, "Download them again.")
    with qtbot.waitSignal(dialog.session.ended):
        _press(qtbot, dialog.start)
    assert "damaged" in dialog.problem.text() and dialog.start.isEnabled()


def test_a_click_on_the_picture_moves_the_point(dialog: CutoutDialog, qtbot: QtBot) -> None:
    picker = dialog.form.picker
    qtbot.waitUntil(lambda: dialog._task is None)
    area = picker._area()
    place = QPoint(round(area.left() + area.width() * 0.25), round(area.top() + area.height() * 0.75))
    qtbot.mouseClick(picker, Qt.MouseButton.LeftButton, pos=place)
    focus = dialog.form.settings().focus
    assert focus.kind == "point" and abs(focus.x - 0.25) < 0.02 and abs(focus.y - 0.75) < 0.02
    qtbot.keyClick(picker, Qt.Key.Key_Right)
    assert dialog.form.settings().focus.x == pytest.approx(focus.x + 0.01)
