"""From what a person asks for to the steps of an operation. Nothing is touched here; UsageError for what makes no
sense."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from app.project import Project
from app.sorting import removed
from app.sorting.folders import ClassFolders
from app.sorting.journal import Kind, Mode, Plan
from app.sorting.names import class_name, fold
from app.sorting.places import Places
from app.sorting.planning import Bundle, Planner, is_picture
from inference.errors import AppError, StorageError, UsageError


@dataclass(frozen=True, slots=True)
class Desk:
    """What orders look at."""

    project: Project
    places: Places
    planner: Planner
    folders: ClassFolders


@dataclass(slots=True)
class Ordered:
    """An operation to be carried out, and the pictures that are left out of it with the reason."""

    kind: Kind
    label: str
    plans: list[Plan] = field(default_factory=list)
    failed: list[AppError] = field(default_factory=list)


Order = Callable[[Desk], Ordered]
_NAMED = 3  # classes that the history names; there may be hundreds
_KINDS = {Mode.MOVE: Kind.MOVE, Mode.COPY: Kind.COPY, Mode.LINK: Kind.LINK}


def file(image_ids: Sequence[str], name: str, mode: Mode, desk: Desk) -> Ordered:
    """Pictures under a class, "" for the sort root."""
    ordered = Ordered(_KINDS[mode], desk.folders.resolve(name))
    _file(image_ids, ordered.label, mode, desk, ordered)
    return ordered


def file_all(by_class: Mapping[str, Sequence[str]], mode: Mode, desk: Desk) -> Ordered:
    """Pictures under several classes, as one operation; a class that cannot be is listed and left out."""
    ordered = Ordered(_KINDS[mode], "")
    spelled: dict[str, str] = {}
    names: list[str] = []
    for wanted, image_ids in by_class.items():
        try:
            name = _spelled_alike(desk.folders.resolve(wanted), spelled)
            _file(image_ids, name, mode, desk, ordered)
        except AppError as error:
            ordered.failed.append(error)
        else:
            names += [name] if name not in names else []
    ordered.label = ", ".join(names[:_NAMED]) + ("…" if len(names) > _NAMED else "")
    return ordered


def _file(image_ids: Sequence[str], name: str, mode: Mode, desk: Desk, ordered: Ordered) -> None:
    folder = desk.folders.path(name)
    pictures = [path for path in _present(image_ids, desk, ordered) if path.parent != folder]
    if pictures:
        planned = {plan.target for plan in ordered.plans if plan.mode is Mode.MAKE}
        ordered.plans += [plan for plan in _made(folder, desk) if plan.target not in planned]
        bundles = desk.planner.bundles(pictures, leaving=mode is Mode.MOVE)
        ordered.plans += desk.planner.plans(bundles, folder, mode, len(ordered.plans))


def _spelled_alike(name: str, spelled: dict[str, str]) -> str:
    """A class as it was spelled before: one that differs by case only is the same, also before it has a folder."""
    parts = name.split("/")
    for depth in range(len(parts)):
        above = "/".join(parts[: depth + 1])
        parts[: depth + 1] = spelled.setdefault(fold(above), above).split("/")
    return "/".join(parts)


def trash(image_ids: Sequence[str], desk: Desk) -> Ordered:
    """Pictures into a folder of the project's store."""
    ordered = Ordered(Kind.TRASH, "")
    bundles = desk.planner.bundles(_present(image_ids, desk, ordered), leaving=True)
    ordered.plans += desk.planner.plans(bundles, removed.new_folder(desk.places), Mode.MOVE)
    return ordered


def create(name: str, desk: Desk) -> Ordered:
    """An empty class, with those it lies in."""
    name = desk.folders.resolve(class_name(name))
    folder = desk.folders.path(name)
    if folder.is_dir():
        raise UsageError(f"There is a class “{name}” already.", folder, "Choose another name.")
    return Ordered(Kind.CREATE, name, _made(folder, desk))


def rename(old: str, new: str, desk: Desk) -> Ordered:
    """A class's folder under another name, with everything in it."""
    old = desk.folders.require(old)
    wanted = class_name(new)
    source, target = desk.folders.path(old), desk.folders.path(desk.folders.resolve(wanted))
    if wanted == old:
        return Ordered(Kind.RENAME, old)
    if target.is_relative_to(source) and target != source:
        raise UsageError(f"“{old}” cannot be moved into itself.", source, "Choose another name.")
    ordered = Ordered(Kind.RENAME, wanted)
    if fold(wanted) == fold(old):  # by case only: a name in between, for systems that take the two for one
        target = desk.folders.root / wanted
        between = target.with_name(f".{target.name}.winnow-renaming")
        ordered.plans += [_plan(Mode.RENAME, source, between, desk), _plan(Mode.RENAME, between, target, desk)]
        return ordered
    if target.exists():
        raise UsageError(f"There is a class “{wanted}” already.", target, "Merge the two, or choose another name.")
    ordered.plans += [*_made(target.parent, desk), _plan(Mode.RENAME, source, target, desk)]
    return ordered


def merge(sources: Sequence[str], target: str, desk: Desk) -> Ordered:
    """All files of some classes in another one; nested classes keep their places below it."""
    target = desk.folders.resolve(class_name(target))
    ordered = Ordered(Kind.MERGE, target)
    goal = desk.folders.path(target)
    names = [name for name in map(desk.folders.require, sources) if name != target]
    for name in names:
        if goal.is_relative_to(desk.folders.path(name)):
            raise UsageError(f"“{name}” cannot be merged into a class inside it.", goal, "Choose another target.")
        ordered.plans += _emptied(desk.folders.path(name), goal, desk, ordered)
    return ordered


def _present(image_ids: Iterable[str], desk: Desk, ordered: Ordered) -> list[Path]:
    """The files of pictures; those that are gone are listed."""
    found = []
    for image_id in dict.fromkeys(image_ids):
        path = desk.project.path_of(image_id)
        if os.path.lexists(path):
            found.append(path)
        else:
            ordered.failed.append(
                StorageError("The file is no longer there.", path, "Look whether another program moved it.")
            )
    return found


def _emptied(source: Path, goal: Path, desk: Desk, ordered: Ordered) -> Iterator[Plan]:
    """Steps that bring everything below one folder below another, and take the emptied folders away."""
    made: set[Path] = set()
    dropped: list[Path] = []
    count = len(ordered.plans)
    places = {source: goal}
    for top, folders, names in os.walk(source, onerror=_raise):
        here = Path(top)
        below = places[here]
        for folder in folders:
            found = next((f for f in _folders(below) if fold(f) == fold(folder)), folder)
            places[here / folder] = below / found
        dropped.append(here)
        for plan in _made(below, desk):
            if desk.places.path(plan.target) not in made:
                made.add(desk.places.path(plan.target))
                count += 1
                yield plan
        pictures = [here / name for name in names if is_picture(name)]
        bundles = list(desk.planner.bundles(pictures, leaving=True))
        along = {name for bundle in bundles for name in bundle.names}
        bundles += [Bundle(here, Path(name).stem, (name,)) for name in names if name not in along]
        plans = desk.planner.plans(bundles, below, Mode.MOVE, count)
        count += len(plans)
        yield from plans
    for emptied in reversed(dropped):
        yield _plan(Mode.DROP, emptied, emptied, desk)


def _folders(folder: Path) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return [entry.name for entry in entries if entry.is_dir()]
    except FileNotFoundError:
        return []


def _raise(error: OSError) -> None:
    raise StorageError(
        f"The folder cannot be read ({error.strerror}).", error.filename, "Change its permissions; nothing was moved."
    )


def _made(folder: Path, desk: Desk) -> list[Plan]:
    """Steps for the folders that are missing up to this one; the sort root itself is never made."""
    if not desk.folders.root.is_dir():
        raise StorageError(
            "The folder to sort into is not there.",
            desk.folders.root,
            "Connect its disk, or choose another folder to sort into.",
        )
    missing = []
    while not folder.exists():
        missing.append(_plan(Mode.MAKE, folder, folder, desk))
        folder = folder.parent
    if not folder.is_dir():
        raise UsageError("A file has the name of the class.", folder, "Rename it, or choose another class.")
    return missing[::-1]


def _plan(mode: Mode, source: Path, target: Path, desk: Desk) -> Plan:
    return Plan(mode, desk.places.written(source), desk.places.written(target))
