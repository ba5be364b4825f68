"""A second start on a folder hands over to the window that has it, and ends."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from PySide6.QtNetwork import QLocalSocket
from pytestqt.qtbot import QtBot

from app.handover import Door, _name, hand_over

ROOT = Path(__file__).resolve().parents[2]
ASK = "import sys; from app.handover import hand_over; print(hand_over(sys.argv[1:]))"
HOLD = """
import sys, time
from pathlib import Path
from app.handover import Door

door = Door()
door.open(Path(sys.argv[1]))
print(1, flush=True)
time.sleep(100)
"""
WINDOW = """
import sys
from PySide6.QtCore import QTimer
from widgets import application

class Watched(application.MainWindow):
    def __init__(self, services):
        super().__init__(services)
        services.shelf.start = lambda model: None  # no models here
        services.desk.shown.connect(self.tell)

    def tell(self, document):
        if document is not None:
            print(document.path.name, flush=True)
            if document.path.name == "b.png":
                QTimer.singleShot(0, self.close)

application.MainWindow = Watched
sys.exit(application.run(sys.argv[1:]))
"""


def _start(code: str, *words: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, words)], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
    )  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path, winnow_home: Path) -> Path:
    made = tmp_path / "pictures"
    made.mkdir()
    for name in ("a.png", "b.png"):
        Image.new("RGB", (8, 6)).save(made / name)
    return made


@pytest.fixture
def door(qtbot: QtBot, folder: Path) -> Iterator[Door]:
    made = Door()
    made.open(folder)
    yield made
    made.close()


def test_paths_go_to_the_window_that_has_the_folder(door: Door, folder: Path, qtbot: QtBot) -> None:
    asking = None
    with qtbot.waitSignal(door.asked, timeout=60_000) as told:
        asking = _start(ASK, folder / "a.png", folder / "b.png")
    assert told.args == [[str(folder / "a.png"), str(folder / "b.png")]]
    assert asking.communicate(timeout=60) == ("True\n", "")


def test_nobody_answers_for_other_folders_or_after_closing(door: Door, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    assert not hand_over([tmp_path / "other"]) and not hand_over([tmp_path / "not there"])
    door.open(tmp_path / "other")  # the window went on to another one
    assert not hand_over([folder])
    door.close()
    assert not hand_over([tmp_path / "other"])


def test_nonsense_at_the_door_is_sent_away(door: Door, folder: Path, qtbot: QtBot) -> None:
    for nonsense in (b"hello\n", b'{"a": 1}\n', b"[1]\n", b"[]\n"):
        socket = QLocalSocket()
        socket.connectToServer(_name(folder))
        assert socket.waitForConnected(5000)
        with qtbot.assertNotEmitted(door.asked), qtbot.waitSignal(socket.disconnected, timeout=20_000):
            socket.write(nonsense)
        assert not socket.readAll()


@pytest.mark.skipif(sys.platform == "win32", reason="pipes of Windows end with their program")
def test_what_a_killed_window_left_is_no_hindrance(folder: Path, qtbot: QtBot) -> None:
    held = _start(HOLD, folder)
    assert held.stdout is not None and held.stdout.readline() == "1\n"
    held.kill()
    held.communicate()
    assert Path(_name(folder)).exists() and not hand_over([folder])
    door = Door()
    door.open(folder)
    assert door._server.isListening()
    door.close()


def test_a_second_program_shows_its_picture_in_the_first_ones_window(folder: Path, winnow_home: Path) -> None:
    first = _start(WINDOW, folder / "a.png")
    assert first.stdout is not None and first.stdout.readline() == "a.png\n"
    second = _start(WINDOW, folder / "b.png")
    assert second.communicate(timeout=100) == ("", "") and second.returncode == 0
    said, wrong = first.communicate(timeout=100)
    assert (said, first.returncode) == ("b.png\n", 0), wrong
