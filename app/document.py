"""`Document`: the instances of one picture. Views listen to it and store nothing; a `QUndoCommand` is its only mutator.

Every public edit is exactly one command and one transaction, and is on disk before a signal tells views to show it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from PySide6.QtCore import QCoreApplication, QObject, Signal

from app.commands import DocumentChange, Edit, EditCommand, History
from app.instance import ImageRecord, ImageState, Instance
from app.texts import QT_TRANSLATE_NOOP, Counted, counted
from inference.errors import AppError, StorageError, UsageError

_GEOMETRY = ("mask", "polygon")
_FIELDS = ("mask", "class_id", "score", "source", "prompts", "polygon", "locked", "visible", "note")
_ADD = QT_TRANSLATE_NOOP("History", "Add instance"), QT_TRANSLATE_NOOP("History", "Add %n instances")
KEEP = QT_TRANSLATE_NOOP("History", "Keep object"), QT_TRANSLATE_NOOP("History", "Keep %n objects")
_DELETE = QT_TRANSLATE_NOOP("History", "Delete instance"), QT_TRANSLATE_NOOP("History", "Delete %n instances")
_CHANGE = QT_TRANSLATE_NOOP("History", "Change instance"), QT_TRANSLATE_NOOP("History", "Change %n instances")
_LABEL = QT_TRANSLATE_NOOP("History", "Label instance"), QT_TRANSLATE_NOOP("History", "Label %n instances")
_LOCK = QT_TRANSLATE_NOOP("History", "Lock instance"), QT_TRANSLATE_NOOP("History", "Lock %n instances")
_UNLOCK = QT_TRANSLATE_NOOP("History", "Unlock instance"), QT_TRANSLATE_NOOP("History", "Unlock %n instances")
_SHOW = QT_TRANSLATE_NOOP("History", "Show instance"), QT_TRANSLATE_NOOP("History", "Show %n instances")
_HIDE = QT_TRANSLATE_NOOP("History", "Hide instance"), QT_TRANSLATE_NOOP("History", "Hide %n instances")
_NOTE = QT_TRANSLATE_NOOP("History", "Note on instance"), QT_TRANSLATE_NOOP("History", "Note on %n instances")


class DocumentStore(Protocol):
    """What a document needs of its project."""

    @property
    def read_only_reason(self) -> str | None:
        """Why nothing can be written, in words for the person; None when it can."""

    def write(self, change: DocumentChange) -> None:
        """Makes one change durable in one transaction. Raises StorageError; then nothing is written."""

    def known_class(self, class_id: int | None) -> int | None:
        """The class that stands for this one now: itself, what it was merged into, or None once it is removed."""


class Document(QObject):
    """One picture's instances, bottom to top, with their undo history.

    Not made by hand: `Project.document(image_id)` gives the one document of a picture.

    Edits raise UsageError for what makes no sense (a locked instance, an unknown id) and StorageError when the project
    cannot be written; then the document is unchanged and the history has no new entry.
    """

    added = Signal(list)  # ids
    changed = Signal(list)  # ids
    removed = Signal(list)  # ids
    reordered = Signal()
    meta_changed = Signal()  # state, note, or the file's name
    edited = Signal(str)  # the image id, once after each edit and its other signals

    def __init__(
        self,
        store: DocumentStore,
        record: ImageRecord,
        path: Path,
        instances: Iterable[Instance] = (),
        *,
        problem: AppError | None = None,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._store, self._record, self._path = store, record, path
        self._instances = {i.id: i for i in instances}
        self._problem = problem
        self.undo_stack = History(self)

    # What it is -------------------------------------------------------------------------------------------------

    @property
    def image_id(self) -> str:
        """The picture's path relative to the project's folder, with forward slashes."""
        return self._record.image_id

    @property
    def path(self) -> Path:
        return self._path

    @property
    def width(self) -> int:
        """Of the upright picture, in pixels."""
        return self._record.width

    @property
    def height(self) -> int:
        return self._record.height

    @property
    def instances(self) -> tuple[Instance, ...]:
        """Bottom to top."""
        return tuple(self._instances.values())

    def get(self, instance_id: str) -> Instance | None:
        return self._instances.get(instance_id)

    def index(self, instance_id: str) -> int:
        """The place of an instance in `instances`. KeyError when it is not here."""
        for index, known in enumerate(self._instances):
            if known == instance_id:
                return index
        raise KeyError(instance_id)

    def __len__(self) -> int:
        return len(self._instances)

    @property
    def state(self) -> ImageState:
        return self._record.state

    @property
    def note(self) -> str:
        return self._record.note

    @property
    def problem(self) -> AppError | None:
        """Why a picture that the project knows cannot be edited: gone, damaged, another size. None for most."""
        return self._problem

    @property
    def read_only(self) -> bool:
        return self.read_only_reason is not None

    @property
    def read_only_reason(self) -> str | None:
        """Why edits are refused, in words for the person; None when they are not."""
        if self._problem is not None:
            return str(self._problem)
        return self._store.read_only_reason

    # Edits ------------------------------------------------------------------------------------------------------

    def add(self, instances: Iterable[Instance], text: str | Counted = "") -> None:
        """Puts instances on top of the others."""
        self.swap((), instances, text or _ADD)

    def remove(self, ids: Iterable[str], text: str = "") -> None:
        self.swap(ids, (), text or _DELETE)

    def swap(self, removed_ids: Iterable[str], added_instances: Iterable[Instance], text: str | Counted) -> None:
        """Removes some and adds others as one step (union, split …); these take the place of the topmost removed."""
        gone, new = tuple(dict.fromkeys(removed_ids)), tuple(added_instances)
        for instance in self._known(gone):
            self._refuse_locked(instance)
        self._refuse_misfits(new)
        taken = [i.id for i in new if i.id in self._instances and i.id not in gone]
        if taken or len({i.id for i in new}) != len(new):
            raise ValueError(f"an instance with the id {taken or 'of another added one'} is here already")
        start = max(map(self.index, gone)) - len(gone) + 1 if gone else len(self._instances)
        edit = Edit(remove=gone, insert=tuple((start + n, i) for n, i in enumerate(new)))
        if gone or new:
            self._run(text, edit, len(new) or len(gone))

    def put(self, instance: Instance, losers: Iterable[Instance], text: str) -> None:
        """Adds an instance, or gives one that is here new content, while others lose pixels to it: one step.

        A loser whose mask is empty is removed.
        """
        others = list(losers)
        self._refuse_misfits([instance, *others])
        gone = tuple(one.id for one in others if not one.mask.area)
        changed = [one for one in others if one.mask.area]
        insert: tuple[tuple[int, Instance], ...] = ()
        if instance.id in self._instances:
            changed.append(instance)
        else:
            insert = ((len(self._instances) - len(gone), instance),)
        for old in self._known(gone):
            self._refuse_locked(old)
        edit = Edit(insert=insert, remove=gone, update=self._updates(changed))
        if edit.insert or edit.remove or edit.update:
            self._run(text, edit)

    def replace(self, instances: Iterable[Instance], text: str = "") -> None:
        """Gives instances that are here new content. An edited mask drops the polygon that the old one was drawn as."""
        changed = list(instances)
        self._refuse_misfits(changed)
        self._update(text or _CHANGE, self._updates(changed))

    def set_class(self, ids: Iterable[str], class_id: int | None) -> None:
        self._set(ids, "class_id", class_id, _LABEL)

    def set_locked(self, ids: Iterable[str], locked: bool) -> None:
        self._set(ids, "locked", locked, _LOCK if locked else _UNLOCK)

    def set_visible(self, ids: Iterable[str], visible: bool) -> None:
        self._set(ids, "visible", visible, _SHOW if visible else _HIDE)

    def set_instance_note(self, ids: Iterable[str], note: str) -> None:
        self._set(ids, "note", note, _NOTE)

    def reorder(self, ids: Iterable[str]) -> None:
        """Puts all instances into this order, bottom to top. ValueError when it is not a permutation of them."""
        order = tuple(ids)
        if sorted(order) != sorted(self._instances):
            raise ValueError("an order names every instance once")
        if order != tuple(self._instances):
            self._run(_tr("Reorder instances"), Edit(order=order))

    def set_state(self, state: ImageState) -> None:
        if state is not self.state:
            texts = {
                ImageState.TODO: _tr("Mark as to do"),
                ImageState.DONE: _tr("Mark as done"),
                ImageState.FLAGGED: _tr("Flag the picture"),
            }
            self._run(texts[state], Edit(image={"state": state}))

    def set_note(self, text: str) -> None:
        if text != self.note:
            self._run(_tr("Note on the picture"), Edit(image={"note": text}))

    # For the project and for commands ---------------------------------------------------------------------------

    def relabelled(self, classes: Mapping[str, int | None]) -> None:
        """Takes over new classes of instances that the project has already written (a merge)."""
        mine = {i: c for i, c in classes.items() if i in self._instances and self._instances[i].class_id != c}
        for instance_id, class_id in mine.items():
            self._instances[instance_id] = replace(self._instances[instance_id], class_id=class_id)
        if mine:
            self.changed.emit(list(mine))

    def moved(self, image_id: str, path: Path, problem: AppError | None = None) -> None:
        """Follows its file to another name, which the project has already written."""
        self._record, self._path, self._problem = replace(self._record, image_id=image_id), path, problem
        self.meta_changed.emit()

    def reloaded(self, record: ImageRecord, instances: Iterable[Instance]) -> None:
        """Takes over what is in the project now: a file that was moved here, or another window's edits."""
        before, after = self._instances, {i.id: i for i in instances}
        told = record != self._record
        self._record, self._instances = record, after
        stayed = [i for i in after if i in before]
        if gone := [i for i in before if i not in after]:
            self.removed.emit(gone)
        if new := [i for i in after if i not in before]:
            self.added.emit(new)
        if changed := [i for i in stayed if after[i] != before[i]]:
            self.changed.emit(changed)
        if stayed != [i for i in before if i in after]:
            self.reordered.emit()
        if told:
            self.meta_changed.emit()

    def _apply(self, edit: Edit) -> Edit:
        """Writes an edit, then shows it. Returns the edit that undoes it."""
        if self._problem is not None:
            raise StorageError(
                "The picture cannot be edited.",
                self._path,
                f"{self._problem.message} {self._problem.remedy or ''}".strip(),
            )
        before = self._instances
        after, inverse = self._edited(edit)
        record = replace(self._record, **edit.image)
        places = {i: n for n, i in enumerate(before)}
        inserted = tuple(after[i.id] for _, i in edit.insert)
        updated = tuple((after[i], frozenset(fields)) for i, fields in edit.update.items())
        positions = {i: n for n, i in enumerate(after) if places.get(i) != n}
        self._store.write(DocumentChange(record, edit.remove, inserted, updated, positions))
        self._instances, self._record = after, record
        self._tell(edit)
        return inverse

    def _edited(self, edit: Edit) -> tuple[dict[str, Instance], Edit]:
        """The instances after an edit, and its inverse."""
        before, order = self._instances, list(self._instances)
        restore = tuple((n, before[i]) for n, i in enumerate(order) if i in edit.remove)
        order = [i for i in order if i not in edit.remove]
        after = {i: before[i] for i in order}
        for index, instance in edit.insert:
            order.insert(index, instance.id)
            after[instance.id] = replace(instance, class_id=self._store.known_class(instance.class_id))
        undo_update: dict[str, Mapping[str, Any]] = {}
        for instance_id, fields in edit.update.items():
            old = after[instance_id]
            undo_update[instance_id] = {name: getattr(old, name) for name in fields}
            new = replace(old, **fields)
            after[instance_id] = replace(new, class_id=self._store.known_class(new.class_id))
        undo_order = tuple(order) if edit.order is not None else None
        inverse = Edit(
            insert=restore,
            remove=tuple(i.id for _, i in edit.insert),
            update=undo_update,
            order=undo_order,
            image={name: getattr(self._record, name) for name in edit.image},
        )
        return {i: after[i] for i in (edit.order or order)}, inverse

    def _tell(self, edit: Edit) -> None:
        if edit.remove:
            self.removed.emit(list(edit.remove))
        if edit.insert:
            self.added.emit([i.id for _, i in edit.insert])
        if edit.update:
            self.changed.emit(list(edit.update))
        if edit.order is not None:
            self.reordered.emit()
        if edit.image:
            self.meta_changed.emit()
        self.edited.emit(self.image_id)

    def _run(self, text: str | Counted, edit: Edit, count: int = 1) -> None:
        said = text if isinstance(text, str) else counted("History", text, count)
        self.undo_stack.run(EditCommand(said, edit, self._apply))

    def _set(self, ids: Iterable[str], name: str, value: object, text: Counted) -> None:
        chosen = self._known(dict.fromkeys(ids))
        self._update(text, {i.id: {name: value} for i in chosen if getattr(i, name) != value})

    def _update(self, text: str | Counted, update: Mapping[str, Mapping[str, Any]]) -> None:
        if update:
            self._run(text, Edit(update=update), len(update))

    def _updates(self, changed: list[Instance]) -> dict[str, Mapping[str, Any]]:
        """What is new in instances that are here."""
        update: dict[str, Mapping[str, Any]] = {}
        for old, new in zip(self._known(i.id for i in changed), changed, strict=True):
            if new.mask != old.mask and new.polygon == old.polygon:
                new = replace(new, polygon=None)
            fields = _difference(old, new)
            if any(name in fields for name in _GEOMETRY):
                self._refuse_locked(old)
            if fields:
                update[old.id] = fields
        return update

    def _known(self, ids: Iterable[str]) -> list[Instance]:
        chosen = list(ids)
        missing = [i for i in chosen if i not in self._instances]
        if missing:
            raise UsageError("The instance is no longer there.", self._path, "Select it anew.")
        return [self._instances[i] for i in chosen]

    def _refuse_locked(self, instance: Instance) -> None:
        if instance.locked:
            raise UsageError("The instance is locked.", self._path, "Unlock it first.")

    def _refuse_misfits(self, instances: Iterable[Instance]) -> None:
        for instance in instances:
            size = instance.mask.width, instance.mask.height
            if size != (self.width, self.height):
                raise ValueError(f"a mask of {size} does not fit a picture of {self.width} × {self.height}")


def _difference(old: Instance, new: Instance) -> dict[str, Any]:
    return {name: getattr(new, name) for name in _FIELDS if getattr(new, name) != getattr(old, name)}


def _tr(text: str) -> str:
    return QCoreApplication.translate("History", text)
