"""`ClassList`: the classes of a project. Changes are commands of the project's own undo stack, for every picture."""

from __future__ import annotations

import colorsys
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from PySide6.QtCore import QCoreApplication, QObject, Signal

from app.commands import EditCommand, History
from app.instance import LabelClass
from app.overlays import PALETTE
from inference.errors import UsageError

HOTKEYS = tuple("123456789")
_COLOR = re.compile(r"#[0-9a-fA-F]{6}")


@dataclass(frozen=True, slots=True)
class ClassEdit:
    """A change of the classes.

    Attributes:
        put: classes to add or to change.
        merge: class ids that go, and what their instances become (None: unlabelled).
        relabel: instances by id, from which class to which; those that have another class by now are left alone.
        undoes: the edit that this one undoes; undoing this one does that again.
    """

    put: tuple[LabelClass, ...] = ()
    merge: Mapping[int, int | None] = field(default_factory=dict)
    relabel: Mapping[str, tuple[int | None, int | None]] = field(default_factory=dict)
    undoes: ClassEdit | None = None


@dataclass(frozen=True, slots=True)
class Relabelled:
    """An instance whose class an edit of the classes changed."""

    instance_id: str
    image_id: str
    was: int | None
    now: int | None


class ClassStore(Protocol):
    """What the classes need of their project."""

    def write_classes(self, edit: ClassEdit) -> Sequence[Relabelled]:
        """Makes an edit durable in one transaction; returns the instances it touched. Raises StorageError."""

    def new_class_id(self) -> int:
        """A number that no class of the project ever had."""

    def class_usage(self) -> dict[int | None, int]:
        """How many instances each class has in the whole project; None counts the unlabelled."""


class ClassList(QObject):
    """The classes in their order. Edits raise UsageError (bad names, keys, colours) and StorageError."""

    changed = Signal()
    relabelled = Signal(object)  # of Relabelled, after `changed`

    def __init__(
        self, store: ClassStore, classes: Iterable[LabelClass], stack: History, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._store, self._stack = store, stack
        self._classes = {c.id: c for c in classes}
        self._became: dict[int, int | None] = {}

    # Asking -----------------------------------------------------------------------------------------------------

    def all(self) -> tuple[LabelClass, ...]:
        """In the person's order."""
        return tuple(sorted(self._classes.values(), key=lambda c: (c.position, c.id)))

    def __len__(self) -> int:
        return len(self._classes)

    def get(self, class_id: int | None) -> LabelClass | None:
        return None if class_id is None else self._classes.get(class_id)

    def by_name(self, name: str) -> LabelClass | None:
        wanted = clean_name(name)
        return next((c for c in self._classes.values() if c.name == wanted), None)

    def by_hotkey(self, key: str) -> LabelClass | None:
        return next((c for c in self._classes.values() if c.hotkey == key), None)

    def usage(self) -> dict[int | None, int]:
        """How many instances each class has in the whole project; None counts the unlabelled."""
        return self._store.class_usage()

    def known(self, class_id: int | None) -> int | None:
        """The class that stands for this one now: itself, what it was merged into, or None when it is gone."""
        while class_id is not None and class_id not in self._classes:
            class_id = self._became.get(class_id)
        return class_id

    # Changing ---------------------------------------------------------------------------------------------------

    def add(
        self, name: str, color: str | None = None, hotkey: str | None = None, supercategory: str = ""
    ) -> LabelClass:
        """A new class at the end. Without a colour or a hot-key it gets a distinct one and the next free one."""
        name = self._free_name(name)
        free = next((k for k in HOTKEYS if self.by_hotkey(k) is None), None)
        label = LabelClass(
            id=self._store.new_class_id(),
            name=name,
            color=_checked_color(color) if color else self._distinct_color(),
            hotkey=_checked_hotkey(hotkey) if hotkey else free,
            supercategory=supercategory.strip(),
            position=len(self._classes),
        )
        self._run(_tr("Add class {name}").format(name=name), ClassEdit(put=(*self._without_key(label.hotkey), label)))
        return self._classes[label.id]

    def ensure(self, name: str) -> LabelClass:
        """The class of this name, added when there is none."""
        return self.by_name(name) or self.add(name)

    def rename(self, class_id: int, name: str) -> None:
        label = self._require(class_id)
        if clean_name(name) != label.name:
            self._put(_tr("Rename class {name}"), replace(label, name=self._free_name(name)))

    def set_color(self, class_id: int, color: str) -> None:
        self._put(_tr("Colour of class {name}"), replace(self._require(class_id), color=_checked_color(color)))

    def set_hotkey(self, class_id: int, key: str | None) -> None:
        """A key that another class has is taken from it."""
        label = replace(self._require(class_id), hotkey=_checked_hotkey(key) if key else None)
        self._put(_tr("Hot-key of class {name}"), label)

    def set_supercategory(self, class_id: int, supercategory: str) -> None:
        label = replace(self._require(class_id), supercategory=supercategory.strip())
        self._put(_tr("Supercategory of class {name}"), label)

    def move(self, class_id: int, position: int) -> None:
        """Puts a class to a place in the list, from 0."""
        label = self._require(class_id)
        order = [c for c in self.all() if c.id != class_id]
        order.insert(max(0, min(position, len(order))), label)
        put = tuple(replace(c, position=n) for n, c in enumerate(order) if c.position != n)
        if put:
            self._run(_tr("Move class {name}").format(name=label.name), ClassEdit(put=put))

    def merge(self, source_ids: Iterable[int], target_id: int) -> None:
        """Makes the instances of some classes those of another, in every picture, and removes those classes."""
        target = self._require(target_id)
        sources = [self._require(i) for i in dict.fromkeys(source_ids) if i != target_id]
        if sources:
            text = _tr("Merge {names} into {name}").format(names=", ".join(s.name for s in sources), name=target.name)
            self._run(text, ClassEdit(merge={s.id: target_id for s in sources}))

    def remove(self, class_id: int) -> None:
        """Removes a class; its instances stay, unlabelled."""
        label = self._require(class_id)
        self._run(_tr("Remove class {name}").format(name=label.name), ClassEdit(merge={class_id: None}))

    def reloaded(self, classes: Iterable[LabelClass]) -> None:
        """Takes over what another window made of the classes."""
        fresh = {c.id: c for c in classes}
        if fresh != self._classes:
            self._classes = fresh
            self.changed.emit()

    # Within -----------------------------------------------------------------------------------------------------

    def _put(self, text: str, label: LabelClass) -> None:
        if label != self._classes[label.id]:
            edit = ClassEdit(put=(*self._without_key(label.hotkey, label.id), label))
            self._run(text.format(name=label.name), edit)

    def _run(self, text: str, edit: ClassEdit) -> None:
        self._stack.run(EditCommand(text, edit, self._apply))

    def _apply(self, edit: ClassEdit) -> ClassEdit:
        """Writes an edit, then shows it. Returns the edit that undoes it."""
        before = self._classes
        added = {c.id: None for c in edit.put if c.id not in before}
        touched = self._store.write_classes(edit)
        inverse = ClassEdit(
            put=tuple(before[c.id] for c in edit.put if c.id in before) + tuple(before[c] for c in edit.merge),
            merge=added,
            relabel={t.instance_id: (t.now, t.was) for t in touched},
            undoes=edit,
        )
        self._classes = {i: c for i, c in before.items() if i not in edit.merge} | {c.id: c for c in edit.put}
        self._became |= edit.merge
        for label in edit.put:
            self._became.pop(label.id, None)
        self.changed.emit()
        if touched:
            self.relabelled.emit(list(touched))
        return inverse if edit.undoes is None else replace(edit.undoes, relabel=inverse.relabel)

    def _without_key(self, key: str | None, but: int | None = None) -> tuple[LabelClass, ...]:
        holder = self.by_hotkey(key) if key else None
        return () if holder is None or holder.id == but else (replace(holder, hotkey=None),)

    def _require(self, class_id: int) -> LabelClass:
        label = self._classes.get(class_id)
        if label is None:
            raise UsageError("The class is no longer there.", remedy="Choose another one.")
        return label

    def _free_name(self, name: str) -> str:
        name = clean_name(name)
        if not name:
            raise UsageError("A class needs a name.", remedy="Type at least one letter.")
        if self.by_name(name) is not None:
            raise UsageError(f"There is a class “{name}” already.", remedy="Merge the two, or choose another name.")
        return name

    def _distinct_color(self) -> str:
        used = {c.color for c in self._classes.values()}
        unused = (c for c in PALETTE if c not in used)
        return next(unused, None) or _spread_color(len(self._classes))


def clean_name(name: str) -> str:
    """A name as it is kept: one line, composed, without spaces around."""
    return " ".join(unicodedata.normalize("NFC", name).split())


def _spread_color(index: int) -> str:
    """Colours without end: hues a golden angle apart, in three strengths."""
    red, green, blue = colorsys.hsv_to_rgb(
        index * 0.618034 % 1, (0.85, 0.6, 0.95)[index % 3], (0.9, 0.95, 0.7)[index % 3]
    )
    return f"#{round(red * 255):02x}{round(green * 255):02x}{round(blue * 255):02x}"


def _checked_color(color: str) -> str:
    if not _COLOR.fullmatch(color):
        raise UsageError(f"{color!r} is not a colour.", remedy="Write it as #rrggbb.")
    return color.lower()


def _checked_hotkey(key: str) -> str:
    if key not in HOTKEYS:
        raise UsageError(f"{key!r} cannot be a hot-key.", remedy="Choose one of 1 to 9.")
    return key


def _tr(text: str) -> str:
    """For the undo history; {name} and {names} are classes."""
    return QCoreApplication.translate("History", text)
