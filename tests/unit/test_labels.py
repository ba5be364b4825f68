"""Classes: names, colours, keys, merging and removing them in every picture, undo."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app.instance import Instance, new_id
from app.labels import ClassList
from app.project import Project
from inference.errors import StorageError, UsageError
from inference.masks import Mask

MASK = Mask.from_array(np.ones((6, 8), bool))


def instance(class_id: int | None) -> Instance:
    return Instance(new_id(), MASK, class_id=class_id)


@pytest.fixture
def project(tmp_path: Path, qapp: object) -> Iterator[Project]:
    for name in "abc":
        Image.new("RGB", (8, 6)).save(tmp_path / f"{name}.png")
    opened = Project.open(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def classes(project: Project) -> ClassList:
    return project.classes


def on_disk(project: Project) -> dict[str, list[int | None]]:
    return {p.image_id: [i.class_id for i in p.instances] for p in project.annotated()}


def test_a_new_class_gets_a_colour_and_a_key_of_its_own(classes: ClassList) -> None:
    made = [classes.add(f"class {n}") for n in range(40)]
    assert len({c.color for c in made}) == 40
    assert [c.hotkey for c in made[:10]] == [*"123456789", None]
    assert classes.all() == tuple(made)


def test_classes_survive(project: Project, classes: ClassList, tmp_path: Path) -> None:
    classes.add("  Katze \n groß ", color="#ABCDEF", hotkey="7", supercategory="animal")
    project.close()
    again = Project.open(tmp_path)
    try:
        (label,) = again.classes.all()
        assert (label.name, label.color, label.hotkey, label.supercategory) == ("Katze groß", "#abcdef", "7", "animal")
    finally:
        again.close()


def test_bad_names_keys_and_colours_are_refused(project: Project, classes: ClassList) -> None:
    cat = classes.add("cat")
    for wrong in (
        lambda: classes.add("   "),
        lambda: classes.add(" cat"),
        lambda: classes.rename(classes.add("dog").id, "cat"),
        lambda: classes.set_color(cat.id, "red"),
        lambda: classes.set_hotkey(cat.id, "0"),
        lambda: classes.rename(99, "x"),
        lambda: classes.merge([cat.id], 99),
    ):
        with pytest.raises(UsageError):
            wrong()
    assert project.stack.count() == 2


def test_a_key_belongs_to_one_class(project: Project, classes: ClassList) -> None:
    cat, dog = classes.add("cat"), classes.add("dog")
    classes.set_hotkey(dog.id, cat.hotkey)
    assert (classes.all()[0].hotkey, classes.all()[1].hotkey) == (None, "1")
    project.stack.undo()
    assert classes.all() == (cat, dog)


def test_renaming_and_moving_are_undone(project: Project, classes: ClassList) -> None:
    a, b, c = (classes.add(n) for n in "abc")
    classes.move(c.id, 0)
    classes.rename(a.id, "A")
    classes.set_supercategory(b.id, "letters")
    assert [k.name for k in classes.all()] == ["c", "A", "b"]
    assert classes.ensure("A").id == a.id
    for _ in range(3):
        project.stack.undo()
    assert classes.all() == (a, b, c)
    assert project.stack.undoText() == "Add class c"


def test_a_merge_reaches_every_picture_opened_or_not(project: Project, classes: ClassList) -> None:
    cat, kitty, dog = (classes.add(n) for n in ("cat", "kitty", "dog"))
    project.document("b.png").add([instance(kitty.id), instance(dog.id)])
    project.close()
    again = Project.open(project.folder)
    try:
        opened = again.document("a.png")
        opened.add([instance(kitty.id), instance(cat.id), instance(None)])
        told: list[list[str]] = []
        news: list[list[str]] = []
        opened.changed.connect(told.append)
        again.images_changed.connect(news.append)
        again.classes.merge([kitty.id, cat.id], cat.id)
        assert told == [[opened.instances[0].id]]
        assert sorted(news[-1]) == ["a.png", "b.png"]
        merged = {"a.png": [cat.id, cat.id, None], "b.png": [cat.id, dog.id]}
        assert on_disk(again) == merged
        assert [i.class_id for i in opened.instances] == merged["a.png"]
        assert again.classes.get(kitty.id) is None
        again.stack.undo()
        before = {"a.png": [kitty.id, cat.id, None], "b.png": [kitty.id, dog.id]}
        assert on_disk(again) == before
        assert [i.class_id for i in opened.instances] == before["a.png"]
        assert again.classes.get(kitty.id) == kitty
        again.stack.redo()
        assert on_disk(again) == merged
    finally:
        again.close()


def test_undoing_a_merge_leaves_later_choices_alone(project: Project, classes: ClassList) -> None:
    cat, kitty, dog = (classes.add(n) for n in ("cat", "kitty", "dog"))
    document = project.document("a.png")
    one, two = instance(kitty.id), instance(kitty.id)
    document.add([one, two])
    classes.merge([kitty.id], cat.id)
    document.set_class([one.id], dog.id)
    project.stack.undo()
    assert [i.class_id for i in document.instances] == [dog.id, kitty.id]


def test_a_picture_s_own_undo_after_a_merge(project: Project, classes: ClassList) -> None:
    """Old steps of a picture name a class that is gone: what it was merged into stands for it."""
    cat, kitty = classes.add("cat"), classes.add("kitty")
    document = project.document("a.png")
    one = instance(kitty.id)
    document.add([one])
    document.set_locked([one.id], True)
    document.set_locked([one.id], False)
    document.remove([one.id])
    classes.merge([kitty.id], cat.id)
    document.undo_stack.undo()
    assert [i.class_id for i in document.instances] == [cat.id]
    document.undo_stack.setIndex(1)
    assert document.instances == (replace(one, class_id=cat.id),)
    assert on_disk(project) == {"a.png": [cat.id]}


def test_removing_a_class_in_use_and_taking_it_back(project: Project, classes: ClassList) -> None:
    cat = classes.add("cat")
    document = project.document("c.png")
    document.add([instance(cat.id)])
    assert classes.usage() == {cat.id: 1}
    classes.remove(cat.id)
    assert [i.class_id for i in document.instances] == [None]
    assert classes.usage() == {None: 1}
    project.stack.undo()
    assert [i.class_id for i in document.instances] == [cat.id]
    project.stack.undo()  # the addition itself, although it is in use by now
    assert (classes.all(), on_disk(project)) == ((), {"c.png": [None]})
    project.stack.redo()
    assert (classes.all(), on_disk(project)) == ((cat,), {"c.png": [cat.id]})


def test_numbers_of_classes_are_never_used_again(classes: ClassList) -> None:
    first = classes.add("cat")
    classes.remove(first.id)
    assert classes.add("dog").id > first.id


def test_a_read_only_project_refuses(project: Project) -> None:
    second = Project.open(project.folder)
    try:
        with pytest.raises(StorageError):
            second.classes.add("cat")
        assert second.classes.all() == ()
    finally:
        second.close()
