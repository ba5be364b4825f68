"""The Sorter in an event loop, beside the list of pictures that watches the same folder."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image
from pytestqt.qtbot import QtBot

from app.library import ImageModel
from app.project import Project
from app.sorting.journal import Mode
from app.sorting.moves import Outcome
from app.sorting.sorter import Sorter

ROOT = Path(__file__).resolve().parents[2]


def picture(path: Path, color: object = "red") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 6), color).save(path)  # type: ignore[arg-type]
    return path


@pytest.fixture
def project(tmp_path: Path, qapp: object) -> Iterator[Project]:
    folder = tmp_path / "photos"
    for n in range(12):
        picture(folder / f"{n}.jpg", (n, n, n))
    opened = Project.open(folder)
    yield opened
    opened.close()


@pytest.fixture
def sorter(project: Project, qtbot: QtBot) -> Iterator[Sorter]:
    made = Sorter(project)
    qtbot.waitUntil(lambda: not made.busy)
    yield made
    made.close()


def finish(qtbot: QtBot, sorter: Sorter, ask: Callable[[], object]) -> Outcome:
    with qtbot.waitSignal(sorter.finished) as signal:
        ask()
    qtbot.waitUntil(lambda: not sorter.busy)
    assert signal.args is not None
    return signal.args[0]


def test_what_the_workspace_hears(sorter: Sorter, qtbot: QtBot) -> None:
    heard: list[tuple[str, object]] = []
    for name in ("changed", "moved", "failed", "busy_changed"):
        getattr(sorter, name).connect(lambda value, name=name: heard.append((name, value)))
    finish(qtbot, sorter, lambda: sorter.file(["1.jpg", "2.jpg", "gone.jpg"], "cat"))
    pairs = [("1.jpg", "cat/1.jpg"), ("2.jpg", "cat/2.jpg")]
    assert [h for h in heard if h[0] != "failed"] == [
        ("busy_changed", True),
        ("busy_changed", False),
        ("moved", pairs),
        ("changed", ["1.jpg", "cat/1.jpg", "2.jpg", "cat/2.jpg"]),
    ]
    assert ["gone.jpg" in str(value) for name, value in heard if name == "failed"] == [True]
    assert [(c.name, c.title, c.parent, c.count, c.total) for c in sorter.classes] == [("cat", "cat", "", 2, 2)]
    assert sorter.undo_text == "Move 2 pictures to cat"
    assert sorter.class_of("cat/1.jpg") == "cat"
    finish(qtbot, sorter, sorter.undo)
    assert (sorter.undo_text, sorter.redo_text, sorter.classes) == (None, "Move 2 pictures to cat", [])


def test_orders_queue_up(sorter: Sorter, project: Project, qtbot: QtBot) -> None:
    outcomes: list[Outcome] = []
    sorter.finished.connect(outcomes.append)
    sorter.create_class("cat")
    sorter.file(["1.jpg"], "cat")
    sorter.rename_class("cat", "tiger")
    sorter.file(["2.jpg"], "tiger")
    sorter.file(["3.jpg"], "dog")
    sorter.merge_classes(["dog"], "tiger")
    sorter.trash(["tiger/1.jpg"])
    qtbot.waitUntil(lambda: len(outcomes) == 7 and not sorter.busy)
    assert [o.failed for o in outcomes] == [[]] * 7
    assert [(c.name, c.count) for c in sorter.classes] == [("tiger", 2)]
    assert sorter.removed_count == 1
    for _ in range(7):
        finish(qtbot, sorter, sorter.undo)
    assert sorter.classes == []
    assert len(list(project.folder.glob("*.jpg"))) == 12


def test_what_makes_no_sense_is_told(sorter: Sorter, qtbot: QtBot) -> None:
    with qtbot.waitSignal(sorter.failed) as failed:
        finish(qtbot, sorter, lambda: sorter.file(["1.jpg"], "../out"))
    assert "cannot be the name" in str(failed.args)
    with qtbot.waitSignal(sorter.failed) as failed:
        finish(qtbot, sorter, lambda: sorter.file(["../1.jpg"], "cat"))
    assert "not inside the open folder" in str(failed.args)


def test_many_failures_are_told_as_a_number(sorter: Sorter, qtbot: QtBot) -> None:
    told: list[str] = []
    sorter.failed.connect(lambda error: told.append(str(error)))
    finish(qtbot, sorter, lambda: sorter.file([f"gone {n}.jpg" for n in range(9)], "cat"))
    assert len(told) == 6
    assert "4 more files were left" in told[-1]


def test_root_and_mode_are_kept(project: Project, qtbot: QtBot, tmp_path: Path) -> None:
    elsewhere = tmp_path / "sorted"
    elsewhere.mkdir()
    first = Sorter(project)
    first.set_mode(Mode.COPY)
    first.set_root(elsewhere)
    with qtbot.waitSignal(first.failed):
        first.set_root(tmp_path / "none")
    with qtbot.waitSignal(first.failed):
        first.set_root(project.store_dir / "removed")
    first.close()
    again = Sorter(project)
    assert (again.mode, again.root) == (Mode.COPY, elsewhere)
    outcome = finish(qtbot, again, lambda: again.file(["1.jpg"], "cat"))
    assert (outcome.moved, (elsewhere / "cat" / "1.jpg").exists()) == ([], True)
    outcome = finish(qtbot, again, lambda: again.file(["1.jpg"], "cat", Mode.MOVE))
    assert outcome.moved == [("1.jpg", f".winnow/outside{elsewhere.as_posix()}/cat/1 (2).jpg")]
    again.close()
    elsewhere.rename(tmp_path / "unplugged")
    third = Sorter(project)
    with qtbot.waitSignal(third.failed) as failed:
        qtbot.waitUntil(lambda: not third.busy)
    assert "sort into is not there" in str(failed.args)
    with qtbot.waitSignal(third.failed) as failed:  # nothing is put anywhere else instead
        finish(qtbot, third, lambda: third.file(["2.jpg"], "cat"))
    assert (project.folder / "2.jpg").exists()
    assert not elsewhere.exists()
    third.set_root(None)
    assert third.root == project.folder
    qtbot.waitUntil(lambda: not third.busy)
    third.close()


def test_stopping_leaves_the_rest(project: Project, qtbot: QtBot) -> None:
    sorter = Sorter(project)
    for n in range(400):
        picture(project.folder / "many" / f"{n}.jpg")
    stop = sorter.progressed.connect(lambda done, total: sorter.stop())
    outcome = finish(qtbot, sorter, lambda: sorter.merge_classes(["many"], "few"))
    sorter.progressed.disconnect(stop)
    left, moved = len(list((project.folder / "many").iterdir())), len(outcome.moved)
    assert left + moved == 400
    assert len(list((project.folder / "few").iterdir())) == moved
    finish(qtbot, sorter, sorter.undo)  # what was done before the stop
    assert len(list((project.folder / "many").iterdir())) == 400
    sorter.close()


def test_closing_ends_what_is_under_way(project: Project, qtbot: QtBot) -> None:
    for n in range(400):
        picture(project.folder / "many" / f"{n}.jpg")
    sorter = Sorter(project)
    sorter.merge_classes(["many"], "few")
    sorter.trash(["0.jpg"])
    sorter.close()
    names = [p.name for p in project.folder.rglob("*.jpg") if p.parent.name in ("many", "few")]
    assert sorted(names) == sorted(f"{n}.jpg" for n in range(400))
    sorter.undo()  # nothing happens any more
    sorter.close()


def test_the_list_of_pictures_follows(sorter: Sorter, project: Project, qtbot: QtBot) -> None:
    images = ImageModel(project)
    try:
        qtbot.waitUntil(lambda: images.total == 12 and not images.is_scanning)
        project.document("1.jpg").set_note("mine")
        finish(qtbot, sorter, lambda: sorter.file(["1.jpg", "2.jpg"], "cat"))
        qtbot.waitUntil(lambda: {"cat/1.jpg", "cat/2.jpg"} <= set(images.image_ids()))
        qtbot.waitUntil(lambda: images.total == 12)
        assert images.summary("cat/1.jpg").note == "mine"
        finish(qtbot, sorter, lambda: sorter.trash(["cat/1.jpg"]))
        qtbot.waitUntil(lambda: images.total == 11)
        finish(qtbot, sorter, sorter.undo)
        qtbot.waitUntil(lambda: images.total == 12 and images.summary("cat/1.jpg").note == "mine")
        finish(qtbot, sorter, lambda: sorter.rename_class("cat", "tiger"))
        qtbot.waitUntil(lambda: "tiger/1.jpg" in images.image_ids() and "cat/1.jpg" not in images.image_ids())
        assert images.summary("tiger/1.jpg").note == "mine"
        assert not images.is_missing("tiger/1.jpg")
    finally:
        images.close()


def test_a_project_for_reading_only_says_why(project: Project, qtbot: QtBot) -> None:
    looked = Project.open(project.folder, read_only=True)
    sorter = Sorter(looked)
    with qtbot.waitSignal(sorter.failed) as failed:
        finish(qtbot, sorter, lambda: sorter.file(["1.jpg"], "cat"))
    assert "reading only" in str(failed.args)
    assert not (project.folder / "cat").exists()
    with qtbot.waitSignal(sorter.failed):
        sorter.set_mode(Mode.LINK)
    sorter.close()
    looked.close()


_EMPTY = """
import sys
from PySide6.QtCore import QCoreApplication
from app.project import Project
from app.sorting import removed
from app.sorting.moves import Mover
app = QCoreApplication([])
project = Project.open(sys.argv[1])
mover = Mover(project)
print(removed.empty(project, mover.places), len(removed.waiting(mover.places)), mover.history())
project.close()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the trash of the free desktops has a folder that can be chosen")
def test_emptying_goes_to_the_systems_trash(
    sorter: Sorter, project: Project, qtbot: QtBot, tmp_path: Path, winnow_home: Path
) -> None:
    project.document("1.jpg").set_note("mine")
    finish(qtbot, sorter, lambda: sorter.trash(["1.jpg", "2.jpg"]))
    qtbot.waitUntil(lambda: project._background._thread._work_queue.empty())  # its content is known
    sorter.close()
    project.close()
    trash = tmp_path / "data"
    # send2trash reads where the trash is once, when it is imported
    done = subprocess.run(
        [sys.executable, "-c", _EMPTY, project.folder],
        cwd=ROOT, capture_output=True, text=True, check=False,
        env={"XDG_DATA_HOME": str(trash), "WINNOW_HOME": str(winnow_home), "PATH": "", "QT_QPA_PLATFORM": "offscreen"},
    )  # fmt: skip
    assert done.stdout == "(2, []) 0 (None, None)\n", done.stderr
    assert sorted(p.name for p in (trash / "Trash" / "files").iterdir()) == ["1.jpg", "2.jpg"]
    assert not (project.store_dir / "removed").exists() or not any((project.store_dir / "removed").iterdir())
    (trash / "Trash" / "files" / "1.jpg").rename(project.folder / "back again.jpg")
    again = Project.open(project.folder)
    with qtbot.waitSignal(again.image_moved):
        again.follow_moves(["back again.jpg"])
    assert again.summary()["back again.jpg"].note == "mine"
    again.close()
