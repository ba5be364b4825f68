"""Killed at any moment of sorting 1,000 pictures, within a disk and to another: every file is in exactly one place."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.project import Project
from app.sorting import journal
from app.sorting.moves import Mover

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = Path(__file__).with_name("crash_moves.py")
MANY = 1000

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL and fork are POSIX")


@pytest.fixture
def other_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on another disk than the temporary ones, where there is one; else on the same."""
    memory = Path("/dev/shm")
    usable = memory.is_dir() and os.access(memory, os.W_OK) and memory.stat().st_dev != tmp_path.stat().st_dev
    folder = Path(tempfile.mkdtemp(dir=memory if usable else tmp_path))
    yield folder
    shutil.rmtree(folder)


def start(*arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(SCRIPT), *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )


def fill(folder: Path, count: int) -> dict[str, str]:
    """Files with contents of their own, every tenth with a sidecar and a row in the project: content by name."""
    folder.mkdir(parents=True)
    made = {f"bild {n:04d}.jpg": f"picture {n}" for n in range(count)}
    made |= {f"bild {n:04d}.json": f"sidecar {n}" for n in range(0, count, 10)}
    for name, content in made.items():
        (folder / name).write_text(content)
    project = Project.open(folder)
    rows = [(name, content) for name, content in made.items() if name.endswith("0.jpg")]
    project.transact(lambda c: c.executemany("INSERT INTO images (path, note) VALUES (?, ?)", rows).rowcount)
    project.close()
    return made


def where(*folders: Path) -> dict[str, list[Path]]:
    """Where each content is now."""
    found: dict[str, list[Path]] = {}
    for folder in folders:
        for path in folder.rglob("*"):
            inside = path.relative_to(folder).parts
            ours = inside[0] == ".winnow" and inside[1:2] != ("removed",)
            if path.is_file() and not ours:
                found.setdefault(path.read_text(), []).append(path)
    return found


def check(folder: Path, other: Path, made: dict[str, str]) -> None:
    """After a restart: one place each, notes follow, nothing is open; and everything can still be undone."""
    project = Project.open(folder)
    mover = Mover(project)
    outcome = mover.recover()
    assert outcome.failed == []
    places = where(folder, other)
    assert Counter({content: len(paths) for content, paths in places.items()}) == Counter(made.values())
    with project.reading() as connection:
        assert journal.under_way(connection) == []
        notes = connection.execute("SELECT path, note FROM images").fetchall()
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert len(notes) == sum(name.endswith("0.jpg") for name in made)
    for image_id, note in notes:
        assert image_id == mover.places.image_id(mover.places.written(places[note][0]))
    while mover.history()[0] is not None:
        assert mover.undo().failed == []
    assert {paths[0].relative_to(folder).as_posix(): content for content, paths in where(folder, other).items()} == made
    project.close()


@pytest.mark.timeout(180)
@pytest.mark.parametrize("seed", range(4))
def test_every_file_is_in_one_place_after_a_kill(tmp_path: Path, qapp: object, other_disk: Path, seed: int) -> None:
    folder = tmp_path / "here"
    made = fill(folder, MANY)
    rng = random.Random(seed)
    for _ in range(2):  # once more on what the first one left
        with start("run", folder, other_disk, rng.randrange(1000)) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            time.sleep(rng.random() * 1.2)
            process.send_signal(signal.SIGKILL)
        assert process.returncode == -signal.SIGKILL
    check(folder, other_disk, made)


@pytest.mark.timeout(180)
def test_a_kill_at_any_line_of_the_code(tmp_path: Path, qapp: object, other_disk: Path) -> None:
    numbers = [*range(0, 1400, 31), 10_000]
    made = {n: fill(tmp_path / str(n) / "here", 5) for n in numbers}
    for n in numbers:
        (other_disk / str(n)).mkdir()
        (tmp_path / str(n) / "other").write_text(str(other_disk / str(n)))
    with start("line", tmp_path, *numbers) as process:
        assert process.stdout is not None
        told = dict(line.split(maxsplit=1) for line in process.stdout.read().splitlines())
    assert told.pop("10000") == "ended 0"
    assert Counter(told.values())["killed"] > len(told) / 2, told
    for n in numbers:
        check(tmp_path / str(n) / "here", other_disk / str(n), made[n])


def test_a_project_of_the_first_version_gets_its_journal(tmp_path: Path, qapp: object) -> None:
    """A file of version 1 gets its journal when it is opened, and keeps what it had."""
    project = Project.open(tmp_path)
    project.classes.add("cat")
    project.close()
    database = tmp_path / ".winnow" / "project.db"
    connection = sqlite3.connect(database)
    with connection:
        for table in ("moves", "operations", "preferences"):
            connection.execute(f"DROP TABLE {table}")
        connection.execute("PRAGMA user_version = 1")
    connection.close()
    looked = Project.open(tmp_path, read_only=True)
    assert looked.preference("sort.mode", "move") == "move"
    looked.close()
    project = Project.open(tmp_path)
    assert [c.name for c in project.classes.all()] == ["cat"]
    assert Mover(project).history() == (None, None)
    project.close()
