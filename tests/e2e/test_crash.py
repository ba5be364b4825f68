"""Killed at random moments of 200 edits, a project has every edit that was shown, and its database is sound."""

from __future__ import annotations

import importlib.util
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

import pytest
from PIL import Image

from app.project import Project

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = Path(__file__).with_name("crash_edits.py")


def _load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("crash_edits", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


edits = _load()


def _folder(path: Path) -> Path:
    path.mkdir()
    for name in edits.IMAGES:
        Image.new("RGB", (edits.SIDE, edits.SIDE), "red").save(path / name)
    return path


def _reference(folder: Path, seed: int) -> list[str]:
    """The states that an undisturbed run goes through: before the first edit and after each."""
    project = Project.open(folder)
    states = [edits.shown_state(project)]
    for number in range(edits.EDITS):
        edits.edit(project, seed, number)
        states.append(edits.shown_state(project))
    assert edits.state_of(project) == states[-1]
    project.close()
    return states


def _run_and_kill(folder: Path, seed: int, after: int, delay_s: float) -> list[str]:
    """Starts the edits and kills them after so many were told. Returns what was told of all of them."""
    process = subprocess.Popen(
        [sys.executable, str(SCRIPT), str(folder), str(seed)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    told = [process.stdout.readline().split()[1]]
    while len(told) <= after and (line := process.stdout.readline()) and line != "done\n":
        told.append(line.split()[1])
    time.sleep(delay_s)
    process.send_signal(signal.SIGKILL)
    rest = process.stdout.read()
    process.wait()
    process.stdin.close()
    process.stdout.close()
    whole = rest[: rest.rfind("\n") + 1].splitlines()  # the last line may be cut
    return told + [line.split()[1] for line in whole if line != "done"]


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is POSIX")
@pytest.mark.parametrize("seed", range(6))
def test_every_edit_that_was_told_is_there_after_a_kill(tmp_path: Path, qapp: object, seed: int) -> None:
    states = _reference(_folder(tmp_path / "reference"), seed)
    rng = random.Random(seed)
    after = edits.EDITS if seed == 0 else rng.randrange(edits.EDITS)
    folder = _folder(tmp_path / "killed")
    told = _run_and_kill(folder, seed, after, rng.random() * 0.004)
    assert told == states[: len(told)]
    with sqlite3.connect(folder / ".winnow" / "project.db") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    connection.close()
    project = Project.open(folder)
    assert not project.read_only  # the dead one's lock does not count
    # The edit that was under way may be there or not; nothing that was told may be missing.
    assert edits.state_of(project) in states[len(told) - 1 : len(told) + 1]
    assert edits.state_of(project) == edits.shown_state(project)
    project.document("a.png").set_note("and on it goes")
    project.close()
