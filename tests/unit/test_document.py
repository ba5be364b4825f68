"""A document on a real project: edits, undo, locks, failures, selection."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from pytestqt.qtbot import QtBot

from app.document import Document
from app.instance import ImageState, Instance, Source, new_id
from app.project import Project
from app.selection import Selection
from inference.errors import AppError, ImageError, StorageError, UsageError
from inference.masks import Mask
from inference.prompts import Box, Point, Prompts

W, H = 40, 30


def instance(x: int = 2, **fields: object) -> Instance:
    pixels = np.zeros((H, W), bool)
    pixels[3:9, x : x + 5] = True
    return replace(Instance(new_id(), Mask.from_array(pixels)), **fields)  # type: ignore[arg-type]


@pytest.fixture
def project(tmp_path: Path, qapp: object) -> Iterator[Project]:
    Image.new("RGB", (W, H), "red").save(tmp_path / "a.png")
    Image.new("RGB", (W, H), "blue").save(tmp_path / "b.png")
    opened = Project.open(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def document(project: Project) -> Document:
    return project.document("a.png")


def stored(project: Project, image_id: str = "a.png") -> tuple[Instance, ...]:
    """What is on the disk, by another connection."""
    return next((p.instances for p in project.annotated() if p.image_id == image_id), ())


def test_every_edit_is_on_disk_when_its_signal_comes(project: Project, document: Document) -> None:
    seen = []
    for signal in (document.added, document.changed, document.removed):
        signal.connect(lambda ids: seen.append((list(ids), stored(project) == document.instances)))
    one, two = instance(), instance(9)
    document.add([one, two])
    document.set_visible([one.id], False)
    document.remove([two.id])
    assert seen == [([one.id, two.id], True), ([one.id], True), ([two.id], True)]
    assert [i.id for i in stored(project)] == [one.id]


def test_a_new_instance_takes_pixels_from_others_in_one_step(project: Project, document: Document) -> None:
    cut, gone, locked = instance(2), instance(12), instance(20, locked=True)
    document.add([cut, gone, locked])
    before = document.instances
    smaller = cut.with_mask(instance(4).mask.minus(instance(2).mask))
    empty = gone.with_mask(gone.mask.minus(gone.mask))
    new = instance(5)
    document.put(new, [smaller, empty], "Put")
    assert [i.id for i in document.instances] == [cut.id, locked.id, new.id]
    assert document.get(cut.id) == smaller and stored(project) == document.instances
    document.undo_stack.undo()
    assert document.instances == before and stored(project) == before
    document.undo_stack.redo()
    again = replace(new, mask=instance(6).mask)
    document.put(again, [], "Refine")
    assert document.get(new.id) == again and len(document) == 3
    with pytest.raises(UsageError, match="locked"):
        document.put(instance(9), [locked.with_mask(cut.mask)], "Put")
    with pytest.raises(UsageError, match="locked"):
        document.put(instance(9), [locked.with_mask(empty.mask)], "Put")


def test_everything_about_an_instance_survives(project: Project, document: Document, tmp_path: Path) -> None:
    cat = project.classes.add("cat")
    rich = instance(
        class_id=cat.id,
        score=0.75,
        source=Source.POLYGON,
        prompts=Prompts((Point(1.5, 2.0), Point(3, 4, False)), Box(0, 1, 9, 10)),
        polygon=(((1.0, 2.0), (3.5, 4.0), (5.0, 1.0)),),
        locked=True,
        visible=False,
        note="Ümläut “quoted”; DROP TABLE",
    )
    document.add([rich, instance(5)])
    document.set_state(ImageState.FLAGGED)
    document.set_note("look again\n猫")
    expected = document.instances
    project.close()
    again = Project.open(tmp_path)
    try:
        reopened = again.document("a.png")
        assert reopened.instances == expected
        assert (reopened.state, reopened.note) == (ImageState.FLAGGED, "look again\n猫")
        assert (reopened.width, reopened.height) == (W, H)
    finally:
        again.close()


def test_each_edit_is_one_step_of_undo(project: Project, document: Document) -> None:
    a, b, c = instance(1), instance(6), instance(12)
    states = [document.instances]
    edits = [
        lambda: document.add([a, b, c]),
        lambda: document.reorder([c.id, a.id, b.id]),
        lambda: document.swap([a.id, b.id], [instance(20, note="union")], "Union"),
        lambda: document.replace([replace(document.instances[0], note="n", mask=instance(3).mask)]),
        lambda: document.set_locked([c.id], True),
        lambda: document.set_locked([c.id], False),
        lambda: document.remove([c.id]),
    ]
    for count, edit in enumerate(edits, 1):
        edit()
        states.append(document.instances)
        assert document.undo_stack.count() == count
        assert stored(project) == document.instances
    for state in reversed(states[:-1]):
        document.undo_stack.undo()
        assert document.instances == state == stored(project)
    for state in states[1:]:
        document.undo_stack.redo()
        assert document.instances == state == stored(project)


def test_the_union_takes_the_place_of_the_topmost(document: Document) -> None:
    a, b, c, d = (instance(x) for x in (1, 6, 12, 18))
    document.add([a, b, c, d])
    new = instance(25)
    document.swap([a.id, c.id], [new], "Union")
    assert [i.id for i in document.instances] == [b.id, new.id, d.id]


def test_state_and_note_are_undone(document: Document) -> None:
    document.set_state(ImageState.DONE)
    document.set_note("hm")
    document.undo_stack.undo()
    assert (document.state, document.note) == (ImageState.DONE, "")
    document.undo_stack.undo()
    assert document.state is ImageState.TODO


def test_nothing_to_do_is_no_command(document: Document) -> None:
    one = instance()
    document.add([one])
    document.replace([one])
    document.set_class([one.id], None)
    document.set_visible([], False)
    document.reorder([one.id])
    document.set_note("")
    document.set_state(ImageState.TODO)
    document.add([])
    assert document.undo_stack.count() == 1


def test_locked_instances_keep_their_shape(document: Document) -> None:
    one = instance(locked=True)
    document.add([one])
    with pytest.raises(UsageError, match="locked"):
        document.remove([one.id])
    with pytest.raises(UsageError, match="locked"):
        document.replace([one.with_mask(instance(9).mask)])
    document.replace([replace(one, note="allowed")])
    assert document.instances[0].note == "allowed"
    assert document.instances[0].mask == one.mask


def test_an_edited_mask_drops_the_polygon(document: Document) -> None:
    one = instance(polygon=(((0.0, 0.0), (5.0, 0.0), (5.0, 5.0)),))
    document.add([one])
    document.replace([replace(one, mask=instance(8).mask)])
    assert document.instances[0].polygon is None
    document.undo_stack.undo()
    assert document.instances[0] == one


def test_wrong_edits_are_refused(document: Document) -> None:
    one = instance()
    document.add([one])
    with pytest.raises(UsageError, match="no longer there"):
        document.remove(["0" * 32])
    with pytest.raises(ValueError, match="does not fit"):
        document.add([replace(instance(), mask=Mask.empty(5, 5))])
    with pytest.raises(ValueError, match="already"):
        document.add([one])
    with pytest.raises(ValueError, match="order"):
        document.reorder([])
    assert document.undo_stack.count() == 1


def test_a_full_disk_changes_nothing_and_leaves_no_command(project: Project, document: Document) -> None:
    one = instance()
    document.add([one])
    document.undo_stack.undo()
    project._writable().limit_pages(1)
    big = replace(instance(), note="x" * 500_000)
    with pytest.raises(StorageError, match="full"):
        document.add([big])
    assert document.instances == stored(project) == ()
    assert document.undo_stack.canRedo()  # what was there to redo still is
    project._writable().limit_pages(0)
    document.undo_stack.redo()
    assert document.instances == (one,)


def test_an_undo_that_cannot_be_written_is_told_and_put_back(
    project: Project, document: Document, qtbot: QtBot
) -> None:
    heavy = [replace(instance(n), note="x" * 300_000) for n in range(3)]
    document.add(heavy)
    document.remove([heavy[0].id])
    document.remove([heavy[1].id])
    document.set_note("last")
    project.document("b.png").add([replace(instance(), note="x" * 700_000)])  # takes the space that became free
    before = document.instances
    project._writable().limit_pages(1)
    errors: list[AppError] = []
    project.failed.connect(errors.append)
    document.undo_stack.setIndex(0)  # through the history list: several steps at once
    qtbot.waitUntil(lambda: not document.undo_stack.stuck)
    assert document.instances == stored(project) == before
    assert (document.note, document.undo_stack.index()) == ("", 3)  # the note was undone, the heavy one was not
    assert len(errors) == 1
    assert isinstance(errors[0], StorageError)
    project._writable().limit_pages(0)
    document.undo_stack.setIndex(0)
    assert document.instances == () == stored(project)
    document.undo_stack.setIndex(4)
    assert document.instances == before == stored(project)


def test_undo_survives_switching_pictures(project: Project, document: Document) -> None:
    document.add([instance()])
    other = project.document("b.png")
    other.add([instance()])
    assert project.document("a.png") is document
    document.undo_stack.undo()
    assert (len(document), len(other)) == (0, 1)
    assert set(project.undo_group.stacks()) == {project.stack, document.undo_stack, other.undo_stack}


def test_a_read_only_project_says_why(project: Project, tmp_path: Path) -> None:
    project.document("a.png").add([instance()])
    second = Project.open(tmp_path)
    try:
        assert second.read_only
        document = second.document("a.png")
        assert document.read_only
        with pytest.raises(StorageError, match="Another window"):
            document.set_note("no")
        assert document.note == ""
        assert document.undo_stack.count() == 0
    finally:
        second.close()


def test_a_vanished_picture_keeps_its_annotations(project: Project, document: Document, tmp_path: Path) -> None:
    document.add([instance()])
    data = (tmp_path / "a.png").read_bytes()
    (tmp_path / "a.png").unlink()
    again = project.document("a.png")
    assert again is document
    assert isinstance(document.problem, ImageError)
    assert len(document) == 1
    with pytest.raises(StorageError, match="cannot be edited"):
        document.set_note("no")
    (tmp_path / "a.png").write_bytes(data)
    project.document("a.png").set_note("yes")
    assert document.note == "yes"


def test_a_picture_of_another_size_is_not_drawn_over(project: Project, document: Document, tmp_path: Path) -> None:
    document.add([instance()])
    Image.new("RGB", (W * 2, H)).save(tmp_path / "a.png")
    assert "annotated with 40 × 30" in str(project.document("a.png").problem)
    assert document.read_only


def test_unknown_and_damaged_pictures(project: Project, tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="not there"):
        project.document("none.png")
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff nonsense")
    with pytest.raises(ImageError, match=r"broken\.jpg"):
        project.document("broken.jpg")
    for outside in ("../a.png", "/etc/passwd", ""):
        with pytest.raises(UsageError):
            project.document(outside)


def test_selection_forgets_what_is_gone(document: Document) -> None:
    a, b = instance(1), instance(6)
    document.add([a, b])
    selection = Selection(document)
    selection.set([a.id, b.id, a.id])
    assert selection.ids == (a.id, b.id)
    selection.toggle(a.id)
    assert b.id in selection
    document.remove([b.id])
    assert selection.ids == ()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_sequence_of_edits_undoes_and_redoes(project: Project, data: st.DataObject) -> None:
    document = project.document("b.png")
    document.undo_stack.setIndex(0)
    states = [document.instances]
    start = 0
    for _ in range(data.draw(st.integers(1, 8))):
        ids = [i.id for i in document.instances]
        some = data.draw(st.lists(st.sampled_from(ids), unique=True)) if ids else []
        kind = data.draw(st.sampled_from(["add", "remove", "swap", "order", "hide"]))
        if kind == "add" or not some:
            document.add([instance(data.draw(st.integers(0, 30))) for _ in range(data.draw(st.integers(1, 3)))])
        elif kind == "remove":
            document.remove(some)
        elif kind == "swap":
            document.swap(some, [instance(), instance(9)], "Split")
        elif kind == "order":
            document.reorder(data.draw(st.permutations(ids)))
        else:
            document.set_visible(some, data.draw(st.booleans()))
        if document.undo_stack.index() > start:
            start = document.undo_stack.index()
            states.append(document.instances)
    for state in reversed(states[:-1]):
        document.undo_stack.undo()
        assert document.instances == state
    assert stored(project, "b.png") == document.instances
    for state in states[1:]:
        document.undo_stack.redo()
        assert document.instances == state
    assert stored(project, "b.png") == document.instances
