"""Undo: an `Edit` says what to change, an `EditCommand` applies it and keeps its inverse, a `History` stacks them.

An edit is written to disk before it is shown. Where that fails nothing changes: a new command never reaches the
stack, and a failed undo or redo leaves the stack where it was.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtGui import QUndoCommand, QUndoStack

from app.instance import ImageRecord, Instance
from inference.errors import AppError

E = TypeVar("E")


@dataclass(frozen=True, slots=True)
class Edit:
    """A change of one document: removals first, then insertions in rising order of index, updates, order, picture.

    Attributes:
        insert: (index in the resulting list, instance) pairs.
        update: by instance id, only the fields that change, so that undoing it keeps what others changed meanwhile
            (a class merged on the project's own stack).
        order: every id, bottom to top; None leaves the order.
        image: `state` and `note` of the picture.
    """

    insert: tuple[tuple[int, Instance], ...] = ()
    remove: tuple[str, ...] = ()
    update: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    order: tuple[str, ...] | None = None
    image: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DocumentChange:
    """An edit as rows, one transaction's worth.

    Attributes:
        record: the picture after the change.
        removed: ids that go.
        inserted: instances that come.
        updated: instances after the change with the names of their changed fields.
        positions: by id, the new place of those that moved in the list.
    """

    record: ImageRecord
    removed: tuple[str, ...] = ()
    inserted: tuple[Instance, ...] = ()
    updated: tuple[tuple[Instance, frozenset[str]], ...] = ()
    positions: Mapping[str, int] = field(default_factory=dict)


class History(QUndoStack):
    """An undo stack whose commands may fail. `failed` tells views about an undo or redo that could not be written."""

    failed = Signal(object)  # AppError

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._error: AppError | None = None
        self._applied = 0  # commands in effect; Qt's own index lags behind while it jumps over several

    def run(self, command: EditCommand[Any]) -> None:
        """Executes a new command and keeps it. Raises what the writing raises; then nothing has changed."""
        self.settle()
        command.bind(self)
        command.execute()
        self.push(command)
        self._applied = self.index()

    def settle(self) -> AppError | None:
        """Puts the index back to what is true on disk after a failed undo or redo; returns the failure, if any."""
        if self._error is None:
            return None
        self.setIndex(self._applied)  # its commands see `stuck` and do nothing
        error, self._error = self._error, None
        self.failed.emit(error)
        return error

    @property
    def stuck(self) -> bool:
        """A command failed and the index is not yet put back."""
        return self._error is not None

    def turned(self, step: int) -> None:
        """For commands: one was undone (-1) or redone (+1)."""
        self._applied += step

    def report(self, error: AppError) -> None:
        """For commands: remembers the failure. Qt moves its index all the same; it is put back at the next event."""
        self._error = error
        QTimer.singleShot(0, self, self.settle)


class EditCommand(QUndoCommand, Generic[E]):
    """Applies an edit, and in turn whatever `apply` said undoes it."""

    def __init__(self, text: str, edit: E, apply: Callable[[E], E]) -> None:
        super().__init__(text)
        self._next, self._apply = edit, apply
        self._history: History | None = None
        self._executed = False

    def bind(self, history: History) -> None:
        self._history = history

    def execute(self) -> None:
        """Applies the edit for the first time, before the command is on the stack. Raises AppError."""
        self._next = self._apply(self._next)
        self._executed = True

    def redo(self) -> None:
        if self._executed:  # Qt redoes a command when it is pushed; it has been carried out already
            self._executed = False
        else:
            self._turn(+1)

    def undo(self) -> None:
        self._turn(-1)

    def _turn(self, step: int) -> None:
        history = self._history
        if history is None or history.stuck:
            return
        try:
            self._next = self._apply(self._next)
        except AppError as error:
            history.report(error)
        else:
            history.turned(step)
