"""Opening folders and pictures, summaries, annotations that follow moved files, names of all kinds."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pytestqt.qtbot import QtBot

from app.instance import ImageState, ImageSummary, Instance, new_id
from app.project import Project, locate, place
from app.sorting import moves
from inference.errors import AppError, UsageError
from inference.masks import Mask

MASK = Mask.from_array(np.ones((6, 8), bool))


def picture(path: Path, color: object = "red") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 6), color).save(path)  # type: ignore[arg-type]
    return path


def instance(class_id: int | None = None) -> Instance:
    return Instance(new_id(), MASK, class_id=class_id)


@pytest.fixture
def project(tmp_path: Path, qapp: object) -> Iterator[Project]:
    folder = tmp_path / "photos"
    picture(folder / "a.png")
    picture(folder / "sub" / "b.png", "blue")
    opened = Project.open(folder)
    yield opened
    opened.close()


def test_summaries_in_one_go(project: Project) -> None:
    cat = project.classes.add("cat")
    project.document("a.png").add([instance(), instance(cat.id), instance(cat.id)])
    project.document("sub/b.png").set_state(ImageState.DONE)
    expected = {
        "a.png": ImageSummary("a.png", ImageState.TODO, 3, frozenset({None, cat.id})),
        "sub/b.png": ImageSummary("sub/b.png", ImageState.DONE, 0, frozenset()),
    }
    assert project.summary() == expected
    assert project.summary(["sub/b.png", "unknown.png"]) == {"sub/b.png": expected["sub/b.png"]}


def test_looking_at_a_picture_writes_nothing(project: Project) -> None:
    project.document("a.png")
    assert project.summary() == {}


def test_annotated_pictures_for_exports(project: Project) -> None:
    one, two = instance(), instance()
    project.document("sub/b.png").add([one, two])
    project.document("a.png").set_note("empty")
    first, second = project.annotated()
    assert tuple(first) == ("a.png", ImageState.TODO, "empty", 8, 6, ())
    assert (second.image_id, second.instances) == ("sub/b.png", (one, two))


def test_on_a_network_share_a_slow_export_blocks_no_edit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(place, "on_network", lambda _: True)
    for name in ("a.png", "b.png"):
        picture(tmp_path / name)
    project = Project.open(tmp_path)
    for name in ("a.png", "b.png"):
        project.document(name).add([instance()])
    walk = project.annotated()
    assert next(walk).image_id == "a.png"
    project.document("b.png").add([instance()])
    assert [len(image.instances) for image in walk] == [2]
    project.close()


def test_changes_are_told_once_they_are_shown(project: Project) -> None:
    document = project.document("a.png")
    told = []
    project.images_changed.connect(lambda ids: told.append((ids, len(document), project.summary(ids)["a.png"].count)))
    document.add([instance()])
    document.undo_stack.undo()
    assert told == [(["a.png"], 1, 1), (["a.png"], 0, 0)]


def test_annotations_follow_a_moved_file(project: Project, qtbot: QtBot) -> None:
    document = project.document("sub/b.png")
    document.add([instance()])
    qtbot.waitUntil(lambda: _content_known(project))
    folder = project.folder
    (folder / "elsewhere").mkdir()
    (folder / "sub" / "b.png").rename(folder / "elsewhere" / "ü.png")
    with qtbot.waitSignal(project.image_moved) as moved:
        project.follow_moves(["a.png", "elsewhere/ü.png"])
    assert moved.args == ["sub/b.png", "elsewhere/ü.png"]
    assert document.image_id == "elsewhere/ü.png"
    assert project.document("elsewhere/ü.png") is document
    document.undo_stack.undo()
    document.undo_stack.redo()
    assert list(project.summary()) == ["elsewhere/ü.png"]


def test_annotations_follow_a_file_that_is_on_the_screen_already(project: Project, qtbot: QtBot) -> None:
    project.document("sub/b.png").add([instance()])
    qtbot.waitUntil(lambda: _content_known(project))
    (project.folder / "sub" / "b.png").rename(project.folder / "c.png")
    shown = project.document("c.png")
    with qtbot.waitSignal(shown.added):
        project.follow_moves(["a.png", "c.png"])
    assert len(shown) == 1
    shown.set_note("works")
    assert project.summary()["c.png"].note == "works"


def test_a_copy_takes_no_annotations_away(project: Project, qtbot: QtBot) -> None:
    project.document("a.png").add([instance()])
    qtbot.waitUntil(lambda: _content_known(project))
    (project.folder / "copy.png").write_bytes((project.folder / "a.png").read_bytes())
    done: list[bool] = []
    project.follow_moves(["a.png", "copy.png"], lambda: done.append(True))
    qtbot.waitUntil(lambda: done == [True])
    assert list(project.summary()) == ["a.png"]


def _content_known(project: Project) -> bool:
    with project._database.reading() as connection:
        return bool(connection.execute("SELECT count(*) FROM images WHERE content IS NOT NULL").fetchone()[0])


NAMES = [
    "日本語 фото é.png",
    "semi;colon 'quote' %20 #?.png",
    "e\u0301 decomposed.png",
    "n" * 240 + ".png",
    "tab\tline\n.png",
]


@pytest.mark.parametrize("name", NAMES)
def test_names_of_all_kinds(tmp_path: Path, qapp: object, name: str) -> None:
    folder = tmp_path / "Ordner mit Ümläut #1?"
    picture(folder / "日本" / name)
    project = Project.open(folder)
    project.document(f"日本/{name}").add([instance()])
    project.close()
    again = Project.open(folder)
    assert len(again.document(f"日本/{name}")) == 1
    assert not again.kept_elsewhere
    again.close()


@pytest.mark.skipif(os.name == "nt" or os.uname().sysname == "Darwin", reason="names are always Unicode here")
def test_a_name_that_is_no_utf8(tmp_path: Path, qapp: object) -> None:
    plain = picture(tmp_path / "plain.png")
    name = os.fsdecode(b"latin-\xe9.png")
    plain.rename(tmp_path / name)
    project = Project.open(tmp_path)
    project.document(name).add([instance()])
    project.close()
    again = Project.open(tmp_path)
    assert list(again.summary()) == [name]
    assert len(again.document(name)) == 1
    again.close()


def test_a_very_long_path(tmp_path: Path, qapp: object) -> None:
    folder = tmp_path.joinpath(*["tief" * 25] * 12)
    picture(folder / "a.png")
    project = Project.open(folder)
    assert "too long" in str(project.kept_elsewhere)
    project.document("a.png").add([instance()])
    project.close()
    again = Project.open(folder)
    assert len(again.document("a.png")) == 1
    again.close()


def test_locate(tmp_path: Path) -> None:
    a, b = picture(tmp_path / "x" / "a.png"), picture(tmp_path / "x" / "y" / "b.JPG")
    assert locate([tmp_path]) == (tmp_path, None)
    assert locate([str(a)]) == (tmp_path / "x", "a.png")
    assert locate([b, a]) == (tmp_path / "x", "y/b.JPG")
    assert locate([tmp_path / "x" / "y", a]) == (tmp_path / "x", "a.png")


def test_locate_refuses(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")
    for wrong in ([], [tmp_path / "none"], [tmp_path / "notes.txt"], [tmp_path / ("n" * 300 + ".png")]):
        with pytest.raises(UsageError) as caught:
            locate(wrong)
        assert caught.value.remedy


def test_closing_twice_and_late_results(project: Project) -> None:
    project.document("a.png").add([instance()])
    project.close()
    project.close()


def test_a_bug_in_what_follows_opening_keeps_no_lock(
    tmp_path: Path, qapp: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    Project.open(tmp_path).close()

    def fails(project: Project) -> None:
        raise RuntimeError(project.folder)

    with monkeypatch.context() as patch:
        patch.setattr(moves, "recover", fails)
        with pytest.raises(RuntimeError):
            Project.open(tmp_path)
    again = Project.open(tmp_path)
    assert not again.read_only
    again.close()


def test_a_home_that_nobody_has_is_a_missing_folder() -> None:
    with pytest.raises(AppError, match="nosuchuser"):
        Project.open(Path("~nosuchuser/pictures"))
