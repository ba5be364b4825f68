"""The list of pictures: order, batches, filters, states, what changes on disk, links, unreadable folders."""

from __future__ import annotations

import os
import random
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import natsort
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from PySide6.QtCore import QPersistentModelIndex, Qt
from PySide6.QtTest import QAbstractItemModelTester
from pytestqt.qtbot import QtBot

from app.instance import ImageState, Instance, new_id
from app.library import UNLABELLED, FolderModel, ImageModel, Role, ThumbnailService, follower
from app.library.follower import Follower
from app.library.scan import Scan
from app.order import image_key, natural_key
from app.project import Project
from inference.errors import StorageError
from inference.masks import Mask

MASK = Mask.from_array(np.ones((6, 8), bool))


def until(qtbot: QtBot, condition: Callable[[], bool]) -> None:
    """With patience: other programs may need the cores."""
    qtbot.waitUntil(condition, timeout=20_000)


def touch(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        colour = zlib.crc32(name.encode()).to_bytes(4, "big")  # each another: pictures are known again by their content
        Image.new("RGB", (8, 6), tuple(colour[:3])).save(path, "PNG")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    touch(tmp_path, "img10.png", "img2.png", "IMG1.png", "b/x.jpg", "b/c/y.jpg", "a/z.jpg", ".hidden/n.png", ".n.png")
    (tmp_path / "notes.txt").write_text("no picture")
    return tmp_path


@pytest.fixture
def project(folder: Path, qapp: object) -> Iterator[Project]:
    opened = Project.open(folder)
    yield opened
    opened.close()


@pytest.fixture
def model(project: Project, qtbot: QtBot) -> Iterator[ImageModel]:
    made = ImageModel(project)
    tester = QAbstractItemModelTester(made, QAbstractItemModelTester.FailureReportingMode.Fatal)
    until(qtbot, lambda: not made.is_scanning)
    yield made
    made.close()
    del tester


ORDER = ["IMG1.png", "img2.png", "img10.png", "a/z.jpg", "b/x.jpg", "b/c/y.jpg"]


def test_natural_order_files_before_subfolders(model: ImageModel) -> None:
    assert model.shown_ids() == ORDER
    assert [model.row_of(i) for i in ORDER] == list(range(6))
    assert model.row_of("none.png") == -1
    assert model.image_id(2) == "img10.png"


def test_what_a_row_tells(model: ImageModel, project: Project) -> None:
    project.document("img2.png").add([Instance(new_id(), MASK)])
    project.document("img2.png").set_state(ImageState.FLAGGED)
    index = model.index(1)
    assert index.data(Role.ID) == index.data(ImageModel.IdRole) == "img2.png"
    assert index.data(Qt.ItemDataRole.DisplayRole) == "img2.png"
    assert index.data(Role.PATH) == project.folder / "img2.png"
    assert (index.data(Role.COUNT), index.data(Role.STATE), index.data(Role.FLAGGED)) == (1, ImageState.FLAGGED, True)
    assert index.data(Qt.ItemDataRole.AccessibleTextRole) == "img2.png, flagged, 1 instance"
    assert index.data(Qt.ItemDataRole.ToolTipRole) == "img2.png"
    assert index.data(Qt.ItemDataRole.FontRole) is None


def test_filters(model: ImageModel, project: Project) -> None:
    cat = project.classes.add("cat")
    project.document("img2.png").set_state(ImageState.DONE)
    project.document("b/x.jpg").add([Instance(new_id(), MASK, class_id=cat.id)])
    project.document("a/z.jpg").add([Instance(new_id(), MASK)])
    model.set_filter("IMG1")
    assert model.shown_ids() == ["IMG1.png", "img10.png"]
    model.set_filter(state=ImageState.DONE)
    assert model.shown_ids() == ["img2.png"]
    model.set_filter(subfolder="b")
    assert model.shown_ids() == ["b/x.jpg", "b/c/y.jpg"]
    model.set_filter(class_id=cat.id)
    assert model.shown_ids() == ["b/x.jpg"]
    model.set_filter(class_id=UNLABELLED)
    assert model.shown_ids() == ["a/z.jpg"]
    model.set_filter("y", ImageState.TODO, "b")
    assert model.shown_ids() == ["b/c/y.jpg"]
    model.set_filter()
    assert model.shown_ids() == ORDER


def test_a_state_filter_follows_edits(model: ImageModel, project: Project) -> None:
    model.set_filter(state=ImageState.TODO)
    project.document("img2.png").set_state(ImageState.DONE)
    assert "img2.png" not in model.shown_ids()
    assert model.next_of("img2.png") == "img10.png"  # from where it stood
    assert model.next_of("img2.png", -1) == "IMG1.png"
    project.document("img2.png").undo_stack.undo()
    assert model.shown_ids() == ORDER


def test_stepping_stops_at_the_ends(model: ImageModel) -> None:
    assert model.next_of("IMG1.png", -1) == "IMG1.png"
    assert model.next_of("b/c/y.jpg", 5) == "b/c/y.jpg"
    assert model.next_of("img2.png", 2) == "a/z.jpg"
    assert model.next_of(None) == "IMG1.png"
    model.set_filter("nothing like this")
    assert model.next_of("img2.png") is None


def test_changes_on_disk_appear(model: ImageModel, folder: Path, qtbot: QtBot) -> None:
    touch(folder, "img3.png", "new/deep/q.png")
    (folder / "img2.png").unlink()
    (folder / "b").rename(folder / "beta")
    expected = ["IMG1.png", "img3.png", "img10.png", "a/z.jpg", "beta/x.jpg", "beta/c/y.jpg", "new/deep/q.png"]
    until(qtbot, lambda: model.shown_ids() == expected)
    assert sorted(model.image_ids(), key=image_key) == model.image_ids()


def test_without_watching_a_refresh_finds_changes(project: Project, folder: Path, qtbot: QtBot) -> None:
    model = ImageModel(project, watch=False)
    until(qtbot, lambda: not model.is_scanning)
    touch(folder, "a/new.png")
    os.utime(folder / "a", ns=(1, 1))  # time stamps of a fast test may be equal
    model.refresh()
    until(qtbot, lambda: model.row_of("a/new.png") >= 0)
    model.close()


def test_an_annotated_picture_that_vanishes_stays_listed(
    model: ImageModel, project: Project, folder: Path, qtbot: QtBot
) -> None:
    project.document("a/z.jpg").add([Instance(new_id(), MASK)])
    data = (folder / "a" / "z.jpg").read_bytes()
    (folder / "a" / "z.jpg").unlink()
    until(qtbot, lambda: model.is_missing("a/z.jpg"))
    index = model.index(model.row_of("a/z.jpg"))
    assert index.data(Role.MISSING)
    assert "annotations are kept" in index.data(Qt.ItemDataRole.ToolTipRole)
    (folder / "a" / "z.jpg").write_bytes(data)
    until(qtbot, lambda: not model.is_missing("a/z.jpg"))
    assert model.shown_ids() == ORDER


def test_annotations_follow_a_rename_while_open(
    model: ImageModel, project: Project, folder: Path, qtbot: QtBot
) -> None:
    document = project.document("img2.png")
    document.add([Instance(new_id(), MASK)])
    until(qtbot, lambda: bool(_contents(project)))
    (folder / "img2.png").rename(folder / "renamed.png")
    until(qtbot, lambda: document.image_id == "renamed.png")
    until(qtbot, lambda: model.row_of("img2.png") < 0 and model.summary("renamed.png").count == 1)


def test_annotations_follow_a_rename_between_sessions(project: Project, folder: Path, qtbot: QtBot) -> None:
    project.document("img2.png").add([Instance(new_id(), MASK)])
    project.document("img10.png").set_note("gone for good")
    until(qtbot, lambda: len(_contents(project)) == 2)
    project.close()
    (folder / "img2.png").rename(folder / "b" / "moved.png")
    (folder / "img10.png").unlink()
    again = Project.open(folder)
    model = ImageModel(again)
    until(qtbot, lambda: model.summary("b/moved.png").count == 1 and model.is_missing("img10.png"))
    assert not model.is_missing("img2.png")
    assert model.row_of("img2.png") < 0
    model.close()
    again.close()


def _contents(project: Project) -> list[tuple[str]]:
    with project._database.reading() as connection:
        return connection.execute("SELECT content FROM images WHERE content IS NOT NULL").fetchall()


def test_a_rewritten_picture_gets_a_new_thumbnail(project: Project, folder: Path, qtbot: QtBot) -> None:
    thumbnails = ThumbnailService(folder, edge=32, threads=1)
    model = ImageModel(project, thumbnails)
    until(qtbot, lambda: not model.is_scanning)
    index = model.index(1)
    until(qtbot, lambda: index.data(ImageModel.ThumbnailRole) is not None)
    Image.new("RGB", (60, 30)).save(folder / "img2.png")
    until(qtbot, lambda: (i := index.data(ImageModel.ThumbnailRole)) is not None and i.width() == 32)
    model.close()
    thumbnails.close()


def test_a_broken_picture_is_marked(project: Project, folder: Path, qtbot: QtBot) -> None:
    (folder / "img2.png").write_bytes(b"\x89PNG broken")
    thumbnails = ThumbnailService(folder, edge=32, threads=1)
    model = ImageModel(project, thumbnails)
    until(qtbot, lambda: not model.is_scanning)
    index = model.index(1)
    until(qtbot, lambda: index.data(ImageModel.ThumbnailRole) is None and index.data(Role.PROBLEM) is not None)
    assert "not a picture" in index.data(Qt.ItemDataRole.ToolTipRole)
    model.close()
    thumbnails.close()


def test_subfolders_with_counts(model: ImageModel, folder: Path, qtbot: QtBot) -> None:
    folders = FolderModel(model, "photos")
    until(qtbot, lambda: folders.folders() == {"": 6, "a": 1, "b": 2, "b/c": 1})
    item = folders.item_of("b/c")
    assert item is not None
    assert (item.data(FolderModel.FolderRole), item.data(FolderModel.CountRole)) == ("b/c", 1)
    tester = QAbstractItemModelTester(folders, QAbstractItemModelTester.FailureReportingMode.Fatal)
    chosen = QPersistentModelIndex(item.index())
    (folder / "b" / "x.jpg").unlink()
    (folder / "a" / "z.jpg").unlink()
    touch(folder, "A1/q.png", "b10/r.png")
    until(qtbot, lambda: folders.folders() == {"": 6, "A1": 1, "b": 1, "b/c": 1, "b10": 1})
    root = folders.item(0)
    assert [root.child(row).text() for row in range(root.rowCount())] == ["A1  1", "b  1", "b10  1"]
    assert chosen.data(FolderModel.FolderRole) == "b/c"  # what a view has chosen stays chosen
    del tester


def test_many_changes_at_once(project: Project, folder: Path, qtbot: QtBot) -> None:
    for n in range(3000):
        (folder / f"n{n}.jpg").touch()
    model = ImageModel(project)
    until(qtbot, lambda: not model.is_scanning)
    assert model.rowCount() == 3006
    for n in range(0, 3000, 2):
        (folder / f"n{n}.jpg").unlink()
    until(qtbot, lambda: model.rowCount() == 1506)
    assert model.image_ids() == sorted(model.image_ids(), key=image_key)
    model.close()


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_links_are_followed_once(tmp_path: Path) -> None:
    touch(tmp_path, "real/a.png", "b.png")
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "real" / "up").symlink_to(tmp_path / "real")
    (tmp_path / "dangling.png").symlink_to(tmp_path / "nowhere.png")
    (tmp_path / "self").symlink_to(tmp_path / "self")
    outside = tmp_path.parent / f"{tmp_path.name}-outside"
    touch(outside, "o.png")
    (tmp_path / "link").symlink_to(outside)
    scan = Scan(tmp_path)
    found = [e.image_id for entries in scan.walk() for e in entries]
    assert found == ["b.png", "dangling.png", "link/o.png", "real/a.png"]
    assert scan.problems == []


@pytest.mark.parametrize("why", ["nothing is told", "refused"])
def test_where_the_system_does_not_tell_the_folder_is_looked_through(
    folder: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    """As on a network share, whose other users' changes no system tells, and with too many folders to watch."""

    class Deaf:
        def __init__(self, *_: object) -> None:
            if why == "refused":
                raise OSError(28, "inotify watch limit reached")

        def close(self) -> None:
            pass

    monkeypatch.setattr("app.library.follower.Watch", Deaf)
    monkeypatch.setattr("app.library.follower.on_network", lambda _: True)
    follower = Follower(folder, poll_s=0.05)
    try:
        with qtbot.waitSignal(follower.scanned, timeout=20_000):
            follower.found.connect(lambda _: follower.take_next())
            follower.start()
        with qtbot.waitSignal(follower.changed, timeout=20_000) as told:
            touch(folder, "new.png")
        assert [e.image_id for e in told.args[0].added] == ["new.png"]
    finally:
        follower.close()


def test_an_unreadable_subfolder_is_named(tmp_path: Path) -> None:
    touch(tmp_path, "a.png", "sub/b.png")
    scan = Scan(tmp_path)
    walk = scan.walk()
    assert [e.image_id for e in next(walk)] == ["a.png"]
    (tmp_path / "sub" / "b.png").unlink()
    (tmp_path / "sub").rmdir()  # vanishes while it is waited for
    assert list(walk) == []
    assert [p.path for p in scan.problems] == [str(tmp_path / "sub")]


def test_a_folder_that_goes_away_keeps_its_list(tmp_path: Path) -> None:
    folder = tmp_path / "drive"
    touch(folder, "a.png", "sub/b.png")
    scan = Scan(folder)
    assert sum(len(e) for e in scan.walk()) == 2
    folder.rename(tmp_path / "unplugged")
    assert scan.again({""}).removed == []
    (tmp_path / "unplugged").rename(folder)
    assert scan.again(set(scan.folders)).added == []


def test_a_folder_that_goes_away_is_told_and_comes_back(
    tmp_path: Path, qapp: object, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follower, "GLANCE_S", 0.05)
    folder = tmp_path / "drive"
    touch(folder, "a.png", "sub/b.png")
    project = Project.open(folder)
    model = ImageModel(project)
    told: list[bool] = []
    model.lost.connect(told.append)
    until(qtbot, lambda: not model.is_scanning)
    document = project.document("a.png")
    folder.rename(tmp_path / "unplugged")
    until(qtbot, lambda: told == [True])
    with pytest.raises(StorageError) as caught:
        document.set_state(ImageState.DONE)
    assert "drive" in str(caught.value.path) and caught.value.remedy
    assert document.state is ImageState.TODO and model.shown_ids() == ["a.png", "sub/b.png"]
    (tmp_path / "unplugged").rename(folder)
    until(qtbot, lambda: told == [True, False])
    document.set_state(ImageState.DONE)
    touch(folder, "sub/c.png")  # it is watched again
    until(qtbot, lambda: model.shown_ids() == ["a.png", "sub/b.png", "sub/c.png"])
    model.close()
    folder.rename(tmp_path / "gone")
    project.close()  # which says nothing either
    assert (tmp_path / "gone" / ".winnow" / "project.db").exists() and not folder.exists()


def test_our_order_is_natsort_s() -> None:
    rng = random.Random(3)
    names = [
        f"{rng.choice(['img', 'IMG_', 'a b'])}{rng.randrange(2000)}{rng.choice(['', 'b', '_7'])}.jpg"
        for _ in range(500)
    ]
    names = list(dict.fromkeys(n.casefold() for n in names))
    assert sorted(names, key=natural_key) == natsort.natsorted(names)


@given(st.lists(st.text(st.characters(exclude_characters="\0/", exclude_categories=["Cs"]), min_size=1), unique=True))
def test_keys_are_a_total_order_of_names(names: list[str]) -> None:
    assert len({natural_key(n) for n in names}) == len(names)
