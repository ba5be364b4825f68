"""Carrying out one step on the disk, forwards or backwards, and finding out after a crash how far it had come."""

from __future__ import annotations

import errno
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from app.sorting import files
from app.sorting.journal import Mode, State, Step
from app.sorting.places import Places
from app.sorting.sidecars import follow_name, renamed, write_durably
from inference.errors import AppError, StorageError

BEFORE = {State.OPEN: None, State.REDOING: State.UNDONE, State.UNDOING: State.DONE}
AFTER = {State.OPEN: State.DONE, State.REDOING: State.DONE, State.UNDOING: State.UNDONE}


def part_of(step: Step, goal: Path) -> Path:
    """What a copy is called until it is complete: hidden, and of this step only."""
    return goal.parent / f".{step.id}.winnow-part"


class Carrier:
    """Carries steps out.

    Args:
        note_written: makes durable that the copy for a step is complete, by its identity.
    """

    def __init__(self, places: Places, note_written: Callable[[Step, str], None]) -> None:
        self._places, self._note_written = places, note_written

    def carry(self, step: Step) -> None:
        """Carries a step out in the direction of its state. Nothing is ever overwritten.

        Raises FileExistsError for a taken name, AppError or another OSError for what else keeps it; then nothing has
        happened.
        """
        origin, goal = map(self._places.path, step.ends)
        if step.mode is Mode.MOVE:
            self._move(step, origin, goal)
            _follow_name(step, origin, goal)
        elif step.mode is Mode.RENAME:
            _rename_folder(origin, goal)
        elif (step.mode is Mode.MAKE) != step.backwards and step.mode in (Mode.MAKE, Mode.DROP):
            self._places.path(step.target).mkdir(parents=True, exist_ok=True)
        elif step.mode in (Mode.MAKE, Mode.DROP):
            _drop(self._places.path(step.target))
        elif step.backwards:
            _take_back(step, self._places.path(step.source), self._places.path(step.target))
        else:
            self._duplicate(step, origin, goal)

    def outcome(self, step: Step) -> State | None:
        """What became of a step that a crash interrupted, after finishing or taking back what was half done.

        None for one that never began, or whose file is nowhere (somebody else took it).
        """
        origin, goal = map(self._places.path, step.ends)
        part_of(step, goal).unlink(missing_ok=True)
        if step.mode in (Mode.MAKE, Mode.DROP):
            there = self._places.path(step.target).is_dir()
            forwards = there if step.mode is Mode.MAKE else not there
            return _settled(step, forwards)
        if step.mode in (Mode.COPY, Mode.LINK):
            return self._outcome_of_duplicate(step)
        if step.mode is Mode.MOVE and os.path.lexists(origin) and os.path.lexists(goal):
            _leave_one(step, origin, goal)
        if os.path.lexists(origin):
            return BEFORE[step.state]
        if not os.path.lexists(goal):
            return None
        if step.mode is Mode.MOVE:
            _follow_name(step, origin, goal)
        return AFTER[step.state]

    def _outcome_of_duplicate(self, step: Step) -> State | None:
        source, target = self._places.path(step.source), self._places.path(step.target)
        if step.backwards:
            return State.DONE if os.path.lexists(target) else State.UNDONE
        if step.mode is Mode.LINK:
            ours = os.path.lexists(target) and os.path.lexists(source) and source.samefile(target)
        else:
            ours = step.written is not None and files.identity(target) == step.written
        return State.DONE if ours else BEFORE[step.state]

    def _move(self, step: Step, origin: Path, goal: Path) -> None:
        if origin.is_symlink() and not origin.readlink().is_absolute() and origin.parent != goal.parent:
            raise StorageError(
                "This is a link that would lead nowhere from another folder.", origin, "Copy it, or move its file."
            )
        goal.parent.mkdir(parents=True, exist_ok=True)
        try:
            files.rename_no_replace(origin, goal)
        except OSError as error:
            if not _other_disk(error):
                raise
            self._move_across(step, origin, goal)

    def _move_across(self, step: Step, origin: Path, goal: Path) -> None:
        """To another disk: copied, on the disk, compared and noted before the original goes."""
        self._write(step, origin, goal)
        files.sync_folders([goal.parent])
        try:
            origin.unlink()
        except OSError:
            goal.unlink()  # a folder that may be read only: the file stays where it was, in one place
            raise

    def _duplicate(self, step: Step, source: Path, target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        if step.mode is Mode.LINK:
            os.link(source.resolve(), target)
        else:
            self._write(step, source, target)

    def _write(self, step: Step, source: Path, target: Path) -> None:
        if os.path.lexists(target):
            raise FileExistsError(target)
        part = part_of(step, target)
        try:
            identity = files.write_copy(source, part)
            if step.mode is Mode.COPY and (content := _as_named(step, source, target)) is not None:
                write_durably(part, content)
                shutil.copystat(source, part)
            self._note_written(step, identity)
            files.rename_no_replace(part, target)
        except BaseException:
            part.unlink(missing_ok=True)
            raise


def _follow_name(step: Step, origin: Path, goal: Path) -> None:
    if step.leader is not None:
        follow_name(goal, origin.stem, goal.stem, part_of(step, goal))


def _settled(step: Step, forwards: bool) -> State | None:
    if forwards == step.backwards:
        return BEFORE[step.state]
    return AFTER[step.state]


def _leave_one(step: Step, origin: Path, goal: Path) -> None:
    """A file under both names: of a link that was cut short, or of a copy that is complete, the original goes; a name
    that was only reserved goes; what is somebody else's stays."""
    if files.identity(origin) == files.identity(goal):
        origin.unlink()
    elif step.written is not None and files.identity(goal) == step.written:
        if files.same_bytes(origin, goal):
            origin.unlink()
        else:
            goal.unlink()  # the original was changed since


def _rename_folder(origin: Path, goal: Path) -> None:
    goal.parent.mkdir(parents=True, exist_ok=True)
    try:
        files.rename_no_replace(origin, goal)
    except OSError as error:
        if not _other_disk(error):
            raise
        raise StorageError(
            "The folder cannot be renamed to another disk.", origin, "Merge it into a new class there."
        ) from error


def _drop(folder: Path) -> None:
    """A folder that still holds something stays."""
    try:
        folder.rmdir()
    except OSError as error:
        if folder.is_dir() and next(folder.iterdir(), None) is None:
            raise error


def _take_back(step: Step, source: Path, target: Path) -> None:
    """Removes a copy or a link, as long as the original still holds the same."""
    if not os.path.lexists(target):
        return
    if not source.exists() or not _is_its_copy(step, source, target):
        raise AppError(
            "The copy stays: it was changed, or its original is gone.", target, "Delete it if it is not needed."
        )
    target.unlink()


def _is_its_copy(step: Step, source: Path, target: Path) -> bool:
    if step.mode is Mode.LINK:
        return source.samefile(target)
    content = _as_named(step, source, target)
    return files.same_bytes(source, target) if content is None else target.read_bytes() == content


def _as_named(step: Step, source: Path, target: Path) -> bytes | None:
    """A sidecar's content as its copy has it where the picture's copy has another name; None: as it is."""
    return None if step.leader is None else renamed(source, source.stem, target.stem)


def _other_disk(error: OSError) -> bool:
    """Windows tells by an error of its own."""
    return error.errno == errno.EXDEV or (sys.platform == "win32" and error.winerror == 17)
