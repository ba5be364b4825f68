"""Filing, deleting, renaming and merging on disk: names, sidecars, annotations, obstacles, undo after a restart."""

from __future__ import annotations

import errno
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from app.instance import ImageState
from app.project import Project
from app.sorting import files, journal, orders
from app.sorting.folders import ClassFolders
from app.sorting.journal import Mode, Plan, State, Step
from app.sorting.moves import Mover, Outcome
from app.sorting.names import class_name, first_number, fold, numbered
from app.sorting.places import Places
from app.sorting.steps import Carrier, part_of
from inference.errors import AppError, UsageError

ROOT = Path(__file__).resolve().parents[2]


def picture(path: Path, color: object = "red") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 6), color).save(path)  # type: ignore[arg-type]
    return path


class Table:
    """A project that is being sorted, and what lies in its folder."""

    def __init__(self, folder: Path, root: Path | None = None) -> None:
        self.folder, self.root = folder, root or folder
        self.open()

    def open(self) -> None:
        self.project = Project.open(self.folder)
        self.mover = Mover(self.project)

    def restart(self) -> None:
        self.project.close()
        self.open()

    def __call__(self, order: Callable[..., orders.Ordered], *arguments: object) -> Outcome:
        desk = orders.Desk(self.project, self.mover.places, self.mover.planner(), ClassFolders(self.root))
        ordered = order(*arguments, desk)
        outcome = self.mover.run(ordered.kind, ordered.label, ordered.plans)
        outcome.failed[:0] = ordered.failed
        return outcome

    def file(self, ids: list[str], name: str, mode: Mode = Mode.MOVE) -> Outcome:
        return self(orders.file, ids, name, mode)

    @property
    def there(self) -> set[str]:
        """All files, the project's own left out."""
        found = (path.relative_to(self.folder) for path in self.folder.rglob("*") if path.is_file())
        return {path.as_posix() for path in found if path.parts[:1] != (".winnow",)}

    @property
    def classes(self) -> dict[str, tuple[int, int]]:
        return {c.name: (c.count, c.total) for c in ClassFolders(self.root).scan()}


@pytest.fixture
def table(tmp_path: Path, qapp: object) -> Iterator[Table]:
    folder = tmp_path / "photos"
    for name, color in (("a.jpg", "red"), ("b.jpg", "green"), ("c.jpg", "blue")):
        picture(folder / name, color)
    opened = Table(folder)
    yield opened
    opened.project.close()


@pytest.fixture
def other_disk(tmp_path: Path) -> Iterator[Path]:
    memory = Path("/dev/shm")
    if not memory.is_dir() or memory.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is no second disk")
    folder = Path(tempfile.mkdtemp(dir=memory))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "tiny"
    folder.mkdir()
    mounted = sys.platform == "linux" and os.geteuid() == 0
    if (
        not mounted
        or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder], check=False).returncode
    ):
        pytest.skip("only root may mount a disk")
    yield folder
    subprocess.run(["umount", folder], check=True)


# Names ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other"), [("Katze", "kATZE"), ("café", "cafe\u0301"), ("STRASSE", "straße"), ("Ä", "a\u0308")]
)
def test_names_that_some_disk_takes_for_one(one: str, other: str) -> None:
    assert fold(one) == fold(other)


@given(st.text(max_size=60))
def test_folding_twice_is_folding_once(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@given(st.text(min_size=1, max_size=300), st.integers(2, 99999))
def test_numbered_names_fit(stem: str, number: int) -> None:
    stem = stem.encode("utf-8", "ignore").decode()
    name = numbered(stem, number, 251)
    assert name.endswith(f" ({number})")
    assert len(os.fsencode(name)) <= 251


def test_counting_goes_on() -> None:
    assert (numbered("cat", 2, 99), numbered("cat (7)", first_number("cat (7)"), 99)) == ("cat (2)", "cat (8)")


@pytest.mark.parametrize("text", [" cat / big ", "cat/big", "/cat/big/"])
def test_classes_as_written(text: str) -> None:
    assert class_name(text) == "cat/big"


@pytest.mark.parametrize(
    "text", ["", "..", "a/../b", ".hidden", "a//b", "nul", "COM1.txt", "a:b", "tab\t.", "dot.", "x" * 256, "q?", "a\\b"]
)
def test_classes_that_cannot_be(text: str) -> None:
    with pytest.raises(UsageError, match="cannot be the name"):
        class_name(text)


# Filing -----------------------------------------------------------------------------------------------------------


def test_filing_moves_and_makes_the_class(table: Table) -> None:
    outcome = table.file(["a.jpg", "b.jpg"], "animals/cat")
    assert outcome.failed == []
    assert outcome.moved == [("a.jpg", "animals/cat/a.jpg"), ("b.jpg", "animals/cat/b.jpg")]
    assert table.there == {"animals/cat/a.jpg", "animals/cat/b.jpg", "c.jpg"}
    assert table.classes == {"animals": (0, 2), "animals/cat": (2, 2)}
    table.mover.undo()
    assert table.there == {"a.jpg", "b.jpg", "c.jpg"}
    assert table.classes == {}  # the folders that were made for it are gone
    table.mover.redo()
    assert table.classes == {"animals": (0, 2), "animals/cat": (2, 2)}


def test_several_classes_are_one_operation(table: Table) -> None:
    """One undo takes all back; a class that cannot be keeps its own pictures only."""
    picture(table.folder / "a.png")
    (table.folder / "a.json").write_text("{}")
    before = table.there
    wishes = {"animals/cat": ["a.jpg"], "Animals/dog": ["b.jpg"], "ANIMALS/CAT": ["a.png"], "a:b": ["c.jpg"]}
    outcome = table(orders.file_all, wishes, Mode.MOVE)
    assert len(outcome.failed) == 1
    assert table.there == {"animals/cat/a.jpg", "animals/cat/a.png", "animals/cat/a.json", "animals/dog/b.jpg", "c.jpg"}
    undo, _ = table.mover.history()
    assert undo is not None
    assert (undo.label, undo.pictures) == ("animals/cat, animals/dog", 3)
    assert table.mover.undo().failed == []
    assert table.there == before
    assert table.classes == {}
    table.mover.redo()
    assert table.classes == {"animals": (0, 3), "animals/cat": (2, 2), "animals/dog": (1, 1)}


def test_history_lasts_through_restarts(table: Table) -> None:
    table.file(["a.jpg"], "cat")
    table.file(["b.jpg"], "dog")
    table.restart()
    table.mover.undo()
    table.restart()
    undo, redo = table.mover.history()
    assert undo is not None
    assert redo is not None
    assert (undo.label, redo.label, redo.pictures) == ("cat", "dog", 1)
    table.mover.undo()
    assert table.mover.undo().moved == []
    table.mover.redo()
    table.restart()
    table.mover.redo()
    assert table.there == {"cat/a.jpg", "dog/b.jpg", "c.jpg"}
    table.mover.undo()
    table.file(["c.jpg"], "new")  # what was undone before a new order is history
    assert table.mover.history()[1] is None


def test_nothing_is_overwritten(table: Table) -> None:
    for name in ("A.JPG", "b.jpg", "b (2).jpg"):
        picture(table.folder / "cat" / name, "white")
    before = {name: (table.folder / "cat" / name).read_bytes() for name in ("A.JPG", "b.jpg", "b (2).jpg")}
    outcome = table.file(["a.jpg", "b.jpg"], "cat")
    assert [new for _, new in outcome.moved] == ["cat/a (2).jpg", "cat/b (3).jpg"]
    assert {name: (table.folder / "cat" / name).read_bytes() for name in before} == before


@pytest.mark.skipif(sys.platform != "linux", reason="other systems compose names themselves")
def test_names_that_differ_by_composition_only_collide(table: Table) -> None:
    picture(table.folder / "cafe\u0301.jpg")
    picture(table.folder / "x" / "caf\u00e9.jpg")
    assert table.file(["cafe\u0301.jpg"], "x").moved == [("cafe\u0301.jpg", "x/cafe\u0301 (2).jpg")]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
def test_names_that_are_no_utf8(table: Table) -> None:
    name = os.fsdecode(b"bad\xff.jpg")
    picture(table.folder / name)
    table.project.document(name).set_note("odd")
    assert table.file([name], "Vögel/größte").failed == []
    table.restart()
    assert table.project.summary()[f"Vögel/größte/{name}"].note == "odd"
    table.mover.undo()
    assert name in table.there


def test_a_class_that_differs_by_case_is_the_same_class(table: Table) -> None:
    table.file(["a.jpg"], "Cat")
    table.file(["b.jpg"], "cAT")
    assert table.classes == {"Cat": (2, 2)}
    with pytest.raises(UsageError, match="already"):
        table(orders.create, "CAT")


def test_same_names_from_several_folders(table: Table) -> None:
    ids = [f"{n}/a.jpg" for n in range(4)]
    for n, image_id in enumerate(ids):
        picture(table.folder / image_id, (n, n, n))
    assert [new for _, new in table.file(ids, "cat").moved] == [
        "cat/a.jpg", "cat/a (2).jpg", "cat/a (3).jpg", "cat/a (4).jpg",
    ]  # fmt: skip


def test_what_is_in_the_class_already_stays(table: Table) -> None:
    table.file(["a.jpg"], "cat")
    assert table.file(["cat/a.jpg"], "cat").moved == []
    assert table.file(["cat/a.jpg"], "").moved == [("cat/a.jpg", "a.jpg")]


def test_the_longest_names_can_be_numbered(table: Table) -> None:
    name = "ä" * 125 + ".jpg"
    for folder in ("", "x/"):
        picture(table.folder / f"{folder}{name}")
    outcome = table.file([name], "x")
    assert outcome.failed == []
    assert outcome.moved[0][1].endswith(" (2).jpg")


# Sidecars -----------------------------------------------------------------------------------------------------------


def test_sidecars_follow(table: Table) -> None:
    for name in ("a.json", "a.txt", "a.xml", "a.jpg.xmp", "other.json"):
        (table.folder / name).write_text(name)
    (table.folder / "cat").mkdir()
    (table.folder / "cat" / "a.txt").write_text("of another picture")
    table.file(["a.jpg"], "cat")
    along = {"cat/a (2).jpg", "cat/a (2).json", "cat/a (2).txt", "cat/a (2).xml", "cat/a (2).jpg.xmp"}
    assert table.there == {*along, "cat/a.txt", "other.json", "b.jpg", "c.jpg"}
    table.mover.undo()
    assert table.there == {
        "a.jpg",
        "a.json",
        "a.txt",
        "a.xml",
        "a.jpg.xmp",
        "other.json",
        "b.jpg",
        "c.jpg",
        "cat/a.txt",
    }


def test_a_sidecar_waits_for_the_last_picture_of_its_name(table: Table) -> None:
    picture(table.folder / "a.png")
    (table.folder / "a.json").write_text("{}")
    table.file(["a.jpg"], "cat")
    assert {"a.png", "a.json", "cat/a.jpg"} < table.there
    table.mover.undo()
    table.file(["a.jpg", "a.png"], "cat")
    assert {"cat/a.png", "cat/a.json", "cat/a.jpg"} < table.there


LABELME = '{"version": "5.0",  "imagePath": "..\\\\x\\\\a.jpg", "shapes": [{"label": "a.jpg"}], "imageData": null}'
VOC = "<annotation><filename>a.jpg</filename><path>/photos/a.jpg</path><name>a.jpg</name></annotation>"


@pytest.mark.parametrize("mode", [Mode.MOVE, Mode.COPY])
def test_sidecars_name_a_picture_that_was_numbered(table: Table, mode: Mode) -> None:
    (table.folder / "a.json").write_text(LABELME)
    (table.folder / "a.xml").write_text(VOC)
    picture(table.folder / "cat" / "a.jpg", "yellow")
    before = {name: (table.folder / name).read_bytes() for name in table.there}
    table.file(["a.jpg"], "cat", mode)
    named = (table.folder / "cat" / "a (2).json").read_text()
    assert named == LABELME.replace("x\\\\a.jpg", "x\\\\a (2).jpg")
    assert (table.folder / "cat" / "a (2).xml").read_text() == (
        "<annotation><filename>a (2).jpg</filename><path>/photos/a (2).jpg</path><name>a.jpg</name></annotation>"
    )
    assert table.mover.undo().failed == []
    assert {name: (table.folder / name).read_bytes() for name in table.there} == before
    table.mover.redo()
    assert (table.folder / "cat" / "a (2).json").read_text() == named


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"imagePath": 3}', b'{"imagePath": "other.jpg"}', b"\xff\xfe"])
def test_sidecars_that_say_something_else_stay_as_they_are(table: Table, content: bytes) -> None:
    (table.folder / "a.json").write_bytes(content)
    picture(table.folder / "cat" / "a.jpg", "yellow")
    assert table.file(["a.jpg"], "cat").failed == []
    assert (table.folder / "cat" / "a (2).json").read_bytes() == content


def test_a_sidecar_is_named_after_a_crash(table: Table) -> None:
    """The file had its new name, the step was still open."""
    (table.folder / "a.json").write_text(LABELME)
    picture(table.folder / "cat" / "a.jpg", "yellow")
    table.file(["a.jpg"], "cat")
    moved = table.folder / "cat" / "a (2).json"
    moved.write_text(LABELME)
    table.project.transact(lambda c: c.execute("UPDATE moves SET state = 'open' WHERE target LIKE '%.json'").rowcount)
    assert Mover(table.project).recover().failed == []
    assert "a (2).jpg" in moved.read_text()


# Annotations --------------------------------------------------------------------------------------------------------


def test_annotations_follow_in_every_direction(table: Table) -> None:
    document = table.project.document("a.jpg")
    document.set_note("mine")
    document.set_state(ImageState.DONE)
    moved: list[tuple[str, str]] = []
    table.project.image_moved.connect(lambda old, new: moved.append((old, new)))
    table.file(["a.jpg"], "cat")
    assert table.project.opened("cat/a.jpg") is document
    document.set_note("still mine")
    assert table.project.summary()["cat/a.jpg"].note == "still mine"
    table(orders.trash, ["cat/a.jpg"])
    assert table.project.summary() == {}
    assert list(table.project.annotated()) == []
    assert document.read_only
    table.mover.undo()
    assert not document.read_only
    table(orders.rename, "cat", "tiger")
    assert document.image_id == "tiger/a.jpg"
    assert [i for i, s in table.project.summary().items() if s.note == "still mine"] == ["tiger/a.jpg"]
    document.undo_stack.undo()
    table.restart()
    assert table.project.summary()["tiger/a.jpg"].note == "mine"
    assert moved == [("a.jpg", "cat/a.jpg"), (moved[1][0], "cat/a.jpg"), ("cat/a.jpg", "tiger/a.jpg")]


def test_names_of_missing_annotated_pictures_are_taken(table: Table) -> None:
    picture(table.folder / "cat" / "a.jpg")
    table.project.document("cat/a.jpg").set_note("of the missing one")
    (table.folder / "cat" / "a.jpg").unlink()
    table.project.document("a.jpg").set_note("mine")
    assert table.file(["a.jpg"], "cat").moved == [("a.jpg", "cat/a (2).jpg")]
    assert {i: s.note for i, s in table.project.summary().items()} == {
        "cat/a.jpg": "of the missing one", "cat/a (2).jpg": "mine",
    }  # fmt: skip


def test_edits_between_the_row_and_its_document_are_not_lost(table: Table) -> None:
    """The row moves in the worker's thread; the document hears of it later."""
    document = table.project.document("a.jpg")
    document.set_note("before")
    table.project._background._home.disconnect(table.project._background._at_home)  # the window is busy
    table.file(["a.jpg"], "cat")
    document.set_note("between")
    table.file(["cat/a.jpg"], "dog")
    document.set_state(ImageState.DONE)
    assert {i: s.note for i, s in table.project.summary().items()} == {"dog/a.jpg": "between"}


# Copies and links -----------------------------------------------------------------------------------------------------


def test_copies_and_links_leave_the_original(table: Table) -> None:
    (table.folder / "a.json").write_text("{}")
    assert table.file(["a.jpg"], "cat", Mode.COPY).added == ["cat/a.jpg"]
    assert table.file(["b.jpg"], "cat", Mode.LINK).added == ["cat/b.jpg"]
    assert (table.folder / "cat" / "b.jpg").samefile(table.folder / "b.jpg")
    assert not (table.folder / "cat" / "a.jpg").samefile(table.folder / "a.jpg")
    assert table.there == {"a.jpg", "a.json", "b.jpg", "c.jpg", "cat/a.jpg", "cat/a.json", "cat/b.jpg"}
    table.mover.undo()
    table.mover.undo()
    assert table.there == {"a.jpg", "a.json", "b.jpg", "c.jpg"}


@pytest.mark.parametrize("mode", [Mode.COPY, Mode.LINK])
def test_undo_removes_no_copy_that_is_the_only_one(table: Table, mode: Mode) -> None:
    table.file(["a.jpg"], "cat", mode)
    (table.folder / "a.jpg").unlink()
    outcome = table.mover.undo()
    assert "The copy stays" in str(outcome.failed[0])
    assert "cat/a.jpg" in table.there


# Other disks ----------------------------------------------------------------------------------------------------------


def test_to_another_disk_and_back(table: Table, other_disk: Path) -> None:
    table.root = other_disk
    (table.folder / "a.txt").write_text("label")
    table.project.document("a.jpg").set_note("mine")
    content, changed = (table.folder / "a.jpg").read_bytes(), (table.folder / "a.jpg").stat().st_mtime_ns
    assert table.file(["a.jpg"], "cat").failed == []
    assert (other_disk / "cat" / "a.jpg").read_bytes() == content
    assert (other_disk / "cat" / "a.jpg").stat().st_mtime_ns == changed
    assert sorted(p.name for p in (other_disk / "cat").iterdir()) == ["a.jpg", "a.txt"]
    assert table.there == {"b.jpg", "c.jpg"}
    assert table.project.summary() == {}
    table.restart()
    assert table.mover.undo().failed == []
    assert table.project.summary()["a.jpg"].note == "mine"
    assert list(other_disk.iterdir()) == []


def test_links_do_not_reach_another_disk(table: Table, other_disk: Path) -> None:
    table.root = other_disk
    outcome = table.file(["a.jpg", "b.jpg"], "cat", Mode.LINK)
    assert [e.message for e in outcome.failed] == ["Hard links cannot lead to another disk."] * 2
    assert table.mover.history()[0] is not None  # the class was made
    assert table.there == {"a.jpg", "b.jpg", "c.jpg"}


def test_a_full_disk_keeps_nothing_half(table: Table, tiny_disk: Path) -> None:
    table.root = tiny_disk
    for name in ("a.jpg", "c.jpg"):
        with (table.folder / name).open("ab") as stream:
            stream.write(os.urandom(100_000))
    outcome = table.file(["a.jpg", "b.jpg", "c.jpg"], "cat")
    assert [new.rpartition("/")[2] for _, new in outcome.moved] == ["b.jpg"]
    assert ["no space" in e.message for e in outcome.failed] == [True, True]
    assert [p.name for p in (tiny_disk / "cat").iterdir()] == ["b.jpg"]
    assert table.there == {"a.jpg", "c.jpg"}
    assert table.mover.undo().failed == []
    assert table.there == {"a.jpg", "b.jpg", "c.jpg"}


def test_a_disk_that_became_read_only(table: Table, tiny_disk: Path) -> None:
    table.root = tiny_disk
    table.file(["a.jpg"], "cat")
    subprocess.run(["mount", "-o", "remount,ro", tiny_disk], check=True)
    assert "read-only" in str(table.file(["b.jpg"], "cat").failed[0])
    assert "read-only" in str(table.mover.undo().failed[0])  # copied back already when the original refused to go
    assert table.there == {"b.jpg", "c.jpg"}
    assert [p.name for p in (tiny_disk / "cat").iterdir()] == ["a.jpg"]
    subprocess.run(["mount", "-o", "remount,rw", tiny_disk], check=True)
    assert table.mover.undo().failed == []
    assert table.there == {"a.jpg", "b.jpg", "c.jpg"}


@pytest.mark.skipif(sys.platform == "win32", reason="limits of POSIX")
def test_a_file_that_may_not_grow_stays(table: Table) -> None:
    """A limit on the size of files stands in for a full disk where nobody may mount one."""
    with (table.folder / "a.jpg").open("ab") as stream:
        stream.write(os.urandom(20_000_000))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8_000_000, hard))
    try:
        outcome = table.file(["a.jpg", "b.jpg"], "cat", Mode.COPY)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "no space" in outcome.failed[0].message
    assert table.there == {"a.jpg", "b.jpg", "c.jpg", "cat/b.jpg"}
    assert [p.name for p in (table.folder / "cat").iterdir()] == ["b.jpg"]  # no hidden part either


# Obstacles ------------------------------------------------------------------------------------------------------------


def test_a_file_that_vanished_does_not_stop_the_others(table: Table) -> None:
    (table.folder / "b.jpg").unlink()
    outcome = table.file(["a.jpg", "b.jpg", "c.jpg"], "cat")
    assert "no longer there" in str(outcome.failed[0])
    assert [new for _, new in outcome.moved] == ["cat/a.jpg", "cat/c.jpg"]
    (table.folder / "cat" / "a.jpg").unlink()
    outcome = table.mover.undo()
    assert "no longer there" in str(outcome.failed[0])
    assert table.there == {"c.jpg"}
    assert table.mover.history()[0] is None  # nothing of it is left to be undone


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_class(table: Table) -> None:
    folder = table.folder / "cat"
    folder.mkdir()
    folder.chmod(0o555)
    outcome = table.file(["a.jpg"], "cat")
    folder.chmod(0o755)
    assert "may not be moved" in str(outcome.failed[0])
    assert table.there == {"a.jpg", "b.jpg", "c.jpg"}


def test_a_file_in_the_place_of_the_class(table: Table) -> None:
    (table.folder / "cat").write_text("no folder")
    for name in ("cat", "cat/small"):
        with pytest.raises(UsageError, match="A file has the name"):
            table.file(["a.jpg"], name)
    assert table.there == {"a.jpg", "b.jpg", "c.jpg", "cat"}


@pytest.mark.skipif(sys.platform == "win32", reason="links need a right there")
def test_links_that_would_lead_nowhere_stay(table: Table) -> None:
    (table.folder / "l.jpg").symlink_to("a.jpg")
    assert "lead nowhere" in str(table.file(["l.jpg"], "cat").failed[0])
    assert table.file(["l.jpg"], "cat", Mode.COPY).added == ["cat/l.jpg"]


def test_a_name_taken_in_a_race_is_left_alone(table: Table) -> None:
    """Another program writes the name after it was chosen: through the journal's own plan."""
    (table.folder / "a.txt").write_text("label")
    plans = [Plan(Mode.MOVE, "a.jpg", "cat/a.jpg"), Plan(Mode.MOVE, "a.txt", "cat/a.txt", 0)]
    picture(table.folder / "cat" / "a.jpg", "white")
    outcome = table.mover.run(journal.Kind.MOVE, "cat", plans)
    assert outcome.moved == [("a.jpg", "cat/a (2).jpg")]
    assert {"cat/a.jpg", "cat/a (2).jpg", "cat/a (2).txt"} < table.there
    picture(table.folder / "a.jpg", "black")  # and its old name is taken when it comes back
    assert table.mover.undo().moved == [("cat/a (2).jpg", "a (2).jpg")]
    assert {"a.jpg", "a (2).jpg", "a (2).txt"} < table.there


@pytest.mark.parametrize("kernel", [True, False])
def test_renaming_never_replaces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kernel: bool) -> None:
    if not kernel:  # as on systems without such a call
        monkeypatch.setattr(files, "_kernel_rename", lambda: None)
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text("1")
    two.write_text("2")
    with pytest.raises(FileExistsError):
        files.rename_no_replace(one, two)
    assert (one.read_text(), two.read_text()) == ("1", "2")
    files.rename_no_replace(one, tmp_path / "three")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["three", "two"]
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "x").touch()
    (tmp_path / "taken").mkdir()
    with pytest.raises(FileExistsError):
        files.rename_no_replace(tmp_path / "folder", tmp_path / "taken")
    files.rename_no_replace(tmp_path / "folder", tmp_path / "renamed")
    assert (tmp_path / "renamed" / "x").exists()


def test_renaming_without_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object, **_named: object) -> None:
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(files, "_kernel_rename", lambda: None)
    monkeypatch.setattr(os, "link", refuse)
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text("1")
    files.rename_no_replace(one, two)
    one.write_text("2")
    with pytest.raises(FileExistsError):
        files.rename_no_replace(one, two)
    assert (one.read_text(), two.read_text()) == ("2", "1")


# Crashes, told apart ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", [State.OPEN, State.REDOING, State.UNDOING])
def test_what_a_crash_left_under_both_names(tmp_path: Path, state: State) -> None:
    carrier = Carrier(Places(tmp_path, tmp_path / ".winnow"), lambda step, identity: None)
    step = Step(1, 1, Mode.MOVE, "a", "b", None, state)
    origin, goal = (tmp_path / end for end in step.ends)
    origin.write_text("mine")
    os.link(origin, goal)  # cut short between link and unlink
    assert carrier.outcome(step) is (State.UNDONE if state is State.UNDOING else State.DONE)
    assert [p.name for p in tmp_path.iterdir()] == [goal.name]
    origin.write_text("mine")  # a foreign file came to the name before the move began, with the same content even
    before = {State.OPEN: None, State.REDOING: State.UNDONE, State.UNDOING: State.DONE}[state]
    assert carrier.outcome(step) is before
    assert len(list(tmp_path.iterdir())) == 2
    part_of(step, goal).write_text("half")
    assert carrier.outcome(step) is before
    assert len(list(tmp_path.iterdir())) == 2


# Deleting, renaming, merging ------------------------------------------------------------------------------------------


def test_opening_the_folder_ends_what_a_crash_cut_short(table: Table) -> None:
    """Whoever opens it: nobody sorts here."""
    table.project.transact(lambda c: c.execute("INSERT INTO images (path, note) VALUES ('a.jpg', 'mine')").rowcount)
    table.file(["a.jpg"], "cat")
    table.project.transact(lambda c: c.execute("UPDATE moves SET state = 'open' WHERE mode = 'move'").rowcount)
    table.project.transact(lambda c: c.execute("UPDATE images SET path = 'a.jpg'").rowcount)
    table.project.close()
    project = Project.open(table.folder)
    with project.reading() as connection:
        assert journal.under_way(connection) == []
        assert connection.execute("SELECT path, note FROM images").fetchall() == [("cat/a.jpg", "mine")]
    project.close()


def test_deleting_is_undoable_until_it_is_emptied(table: Table) -> None:
    picture(table.folder / "sub" / "a.jpg", "white")
    outcome = table(orders.trash, ["a.jpg", "sub/a.jpg"])
    assert outcome.failed == []
    assert table.there == {"b.jpg", "c.jpg"}
    table.restart()
    assert table.mover.undo().failed == []
    assert table.there == {"a.jpg", "b.jpg", "c.jpg", "sub/a.jpg"}


def test_renaming_classes(table: Table) -> None:
    table.file(["a.jpg"], "cat/small")
    table(orders.rename, "cat", "Cat")
    assert table.classes == {"Cat": (0, 1), "Cat/small": (1, 1)}
    table(orders.rename, "Cat/small", "tiny cats")
    assert table.classes == {"Cat": (0, 0), "tiny cats": (1, 1)}
    for old, new, words in (
        ("tiny cats", "cat", "already"),
        ("none", "x", "no class"),
        ("Cat", "Cat/x", "into itself"),
    ):
        with pytest.raises(UsageError, match=words):
            table(orders.rename, old, new)
    for _ in range(3):
        assert table.mover.undo().failed == []
    assert table.there == {"a.jpg", "b.jpg", "c.jpg"}


def test_merging_classes(table: Table) -> None:
    for name in ("a.jpg", "young/x.jpg", "notes.md"):
        (table.folder / "kitten" / name).parent.mkdir(parents=True, exist_ok=True)
        (table.folder / "kitten" / name).write_text(name)
    table.file(["a.jpg"], "cat/Young")
    table.file(["b.jpg"], "cat")
    table(orders.rename, "cat/Young", "cat/YOUNG")
    before = table.there
    assert table(orders.merge, ["kitten"], "cat").failed == []
    assert table.there == {"c.jpg", "cat/a.jpg", "cat/b.jpg", "cat/notes.md", "cat/YOUNG/a.jpg", "cat/YOUNG/x.jpg"}
    assert "kitten" not in table.classes
    with pytest.raises(UsageError, match="inside it"):
        table(orders.merge, ["cat"], "cat/new")
    table.mover.undo()
    assert table.there == before
    assert table.classes["kitten"] == (1, 2)


def test_classes_leave_out_hidden_folders_and_exports(table: Table) -> None:
    for name in (".hidden/x.jpg", "out/x.jpg", "cat/y.jpg"):
        picture(table.folder / name)
    (table.folder / "out" / ".winnow-export.json").write_text("{}")
    assert table.classes == {"cat": (1, 1)}
    folders = ClassFolders(table.folder)
    assert folders.class_of(table.folder / "cat" / "y.jpg") == "cat"
    assert folders.class_of(table.folder / "a.jpg") is None
    assert folders.class_of(Path("/elsewhere/a.jpg")) is None


def test_a_project_for_reading_only_moves_nothing(table: Table) -> None:
    table.file(["a.jpg"], "cat")
    project = Project.open(table.folder, read_only=True)
    mover = Mover(project)
    assert mover.history() == (None, None)
    with pytest.raises(AppError, match="reading only"):
        mover.undo()
    project.close()
    assert "cat/a.jpg" in table.there
