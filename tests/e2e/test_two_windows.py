"""Two programs on one folder: one edits, the other looks on and says why; a dead one gives the folder free."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pytestqt.qtbot import QtBot

from app.instance import Instance, new_id
from app.project import Project
from inference.errors import StorageError
from inference.masks import Mask

ROOT = Path(__file__).resolve().parents[2]
HOLDER = """
import sys
from app.project import Project
print("go", flush=True)
sys.stdin.readline()
project = Project.open(sys.argv[1])
print("read-only" if project.read_only else "writes", flush=True)
for line in sys.stdin:
    project.document("a.png").set_note(line.strip())
    print("noted", flush=True)
project.close()
"""


def _start(folder: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert _line(process) == "go"
    return process


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def _say(process: subprocess.Popen[str], line: str) -> None:
    assert process.stdin is not None
    process.stdin.write(line + "\n")
    process.stdin.flush()


def _end(process: subprocess.Popen[str]) -> None:
    process.communicate()
    assert process.returncode == 0


@pytest.fixture
def folder(tmp_path: Path, qapp: object) -> Iterator[Path]:
    Image.new("RGB", (8, 6)).save(tmp_path / "a.png")
    return tmp_path


def test_the_second_program_looks_on(folder: Path) -> None:
    first = _start(folder)
    _say(first, "open")
    assert _line(first) == "writes"
    second = Project.open(folder)
    assert second.read_only
    assert f"process {first.pid}" in str(second.read_only_reason)
    _say(first, "written by the first")
    assert _line(first) == "noted"
    document = second.document("a.png")
    assert document.note == "written by the first"
    with pytest.raises(StorageError, match="Another window"):
        document.add([Instance(new_id(), Mask.from_array(np.ones((6, 8), bool)))])
    assert len(document) == 0
    second.close()
    _end(first)
    third = Project.open(folder)
    assert not third.read_only
    third.document("a.png").set_note("by the third")
    third.close()


def test_the_onlooker_follows_what_the_first_window_does(folder: Path, qtbot: QtBot) -> None:
    first = Project.open(folder)
    second = Project.open(folder)
    shown, told = second.document("a.png"), list[str]()
    second.images_changed.connect(lambda ids: told.extend(ids))
    mask = Mask.from_array(np.ones((6, 8), bool))
    one, two = Instance(new_id(), mask), Instance(new_id(), mask)
    document = first.document("a.png")
    with qtbot.waitSignal(shown.added, timeout=20_000):
        document.add([one, two])
    assert shown.instances == document.instances and told == ["a.png"]
    cat = first.classes.add("cat")
    with qtbot.waitSignals([shown.changed, shown.removed, second.classes.changed], timeout=20_000):
        document.set_class([one.id], cat.id)
        document.remove([two.id])
    assert shown.instances == document.instances and second.classes.all() == (cat,)
    with qtbot.waitSignal(shown.removed, timeout=20_000):
        document.undo_stack.setIndex(0)
    assert len(shown) == 0
    second.close()
    first.close()


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is POSIX")
def test_a_killed_program_gives_the_folder_free(folder: Path) -> None:
    first = _start(folder)
    _say(first, "open")
    assert _line(first) == "writes"
    _say(first, "the last words")
    assert _line(first) == "noted"
    first.kill()
    first.communicate()
    second = Project.open(folder)
    assert not second.read_only
    assert second.document("a.png").note == "the last words"
    second.close()


def test_of_two_that_open_at_once_one_writes(folder: Path) -> None:
    both = [_start(folder), _start(folder)]
    for process in both:
        _say(process, "open")
    assert sorted(_line(p) for p in both) == ["read-only", "writes"]
    for process in both:
        _end(process)


def test_two_windows_of_one_program(folder: Path) -> None:
    first, second = Project.open(folder), Project.open(folder)
    assert (first.read_only, second.read_only) == (False, True)
    first.close()
    second.close()
