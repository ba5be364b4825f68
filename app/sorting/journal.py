"""The journal of moves in the project's database: what was asked for, step by step, and how far each step came.

A step is written before its file is touched and closed afterwards. Every function takes a connection inside a reader
or the writer's transaction.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from app.project.rows import image_id_of, key_of

KEEP = 500  # operations that can be undone


class Kind(StrEnum):
    """What a person asked for."""

    MOVE = "move"
    COPY = "copy"
    LINK = "link"
    TRASH = "trash"
    CREATE = "create"
    RENAME = "rename"
    MERGE = "merge"


class Mode(StrEnum):
    """What one step does: to a file, or (rename, make, drop) to a folder; drop takes away an empty one."""

    MOVE = "move"
    COPY = "copy"
    LINK = "link"
    RENAME = "rename"
    MAKE = "make"
    DROP = "drop"


class State(StrEnum):
    """Where a step is. The three in the middle are found after a crash only."""

    UNDONE = "undone"
    OPEN = "open"
    REDOING = "redoing"
    UNDOING = "undoing"
    DONE = "done"


UNDER_WAY = (State.OPEN, State.REDOING, State.UNDOING)


@dataclass(frozen=True, slots=True)
class Step:
    """One file's or folder's part of an operation.

    Attributes:
        source, target: relative to the project's folder, or absolute for what is outside it.
        leader: the step of the picture that this file goes along with.
        written: device and number of a copy that is complete while the original is still there.
    """

    id: int
    operation: int
    mode: Mode
    source: str
    target: str
    leader: int | None
    state: State
    written: str | None = None

    @property
    def backwards(self) -> bool:
        return self.state is State.UNDOING

    @property
    def ends(self) -> tuple[str, str]:
        """Where the file comes from and where it goes, in the direction of its state."""
        return (self.target, self.source) if self.backwards else (self.source, self.target)

    def to(self, target: str) -> Step:
        """The same with another end, in the direction of its state."""
        return replace(self, source=target) if self.backwards else replace(self, target=target)


@dataclass(frozen=True, slots=True)
class Plan:
    """A step to be written. `leader` is the index of the picture's plan among those given together."""

    mode: Mode
    source: str
    target: str
    leader: int | None = None


@dataclass(frozen=True, slots=True)
class Operation:
    """What a person asked for, as the history shows it."""

    id: int
    kind: Kind
    label: str
    pictures: int


_STEP = "id, operation, mode, source, target, leader, state, written"


def begin(connection: sqlite3.Connection, kind: Kind, label: str, plans: Sequence[Plan]) -> list[Step]:
    """Writes an operation with its steps, all open; what was undone before can no longer be redone."""
    connection.execute("DELETE FROM operations WHERE state = 'undone'")
    _forget_old(connection)
    operation = connection.execute("INSERT INTO operations (kind, label) VALUES (?, ?)", (kind, label)).lastrowid
    assert operation is not None
    steps: list[Step] = []
    for plan in plans:
        leader = None if plan.leader is None else steps[plan.leader].id
        row = connection.execute(
            "INSERT INTO moves (operation, mode, source, target, leader, state) VALUES (?, ?, ?, ?, ?, 'open')",
            (operation, plan.mode, key_of(plan.source), key_of(plan.target), leader),
        ).lastrowid
        assert row is not None
        steps.append(Step(row, operation, plan.mode, plan.source, plan.target, leader, State.OPEN))
    return steps


def turn(connection: sqlite3.Connection, operation: int, *, back: bool) -> list[Step]:
    """Opens an operation's steps for undoing (the last first) or for doing them again."""
    was, now, order = (State.DONE, State.UNDOING, "DESC") if back else (State.UNDONE, State.REDOING, "ASC")
    connection.execute("UPDATE moves SET state = ? WHERE operation = ? AND state = ?", (now, operation, was))
    return _steps(connection, f"WHERE operation = ? AND state = ? ORDER BY id {order}", (operation, now))


def under_way(connection: sqlite3.Connection) -> list[Step]:
    """What a crash has left open."""
    return _steps(connection, "WHERE state IN (?, ?, ?) ORDER BY id", UNDER_WAY)


def settle(connection: sqlite3.Connection, step: Step, state: State | None) -> None:
    """Closes a step with its state, its ends as they came out; without a state it never was."""
    if state is None:
        connection.execute("DELETE FROM moves WHERE id = ?", (step.id,))
        return
    connection.execute(
        "UPDATE moves SET state = ?, source = ?, target = ?, written = NULL WHERE id = ?",
        (state, key_of(step.source), key_of(step.target), step.id),
    )


def retarget(connection: sqlite3.Connection, steps: Iterable[Step]) -> None:
    """Other names, because theirs were taken in the meantime."""
    connection.executemany(
        "UPDATE moves SET source = ?, target = ? WHERE id = ?",
        [(key_of(s.source), key_of(s.target), s.id) for s in steps],
    )


def note_written(connection: sqlite3.Connection, step: Step, identity: str) -> None:
    connection.execute("UPDATE moves SET written = ? WHERE id = ?", (identity, step.id))


def close(connection: sqlite3.Connection, operation: int) -> None:
    """Counts an operation as done while a step of it is; one without steps never was.

    To be called whenever steps are settled, or a crash in between would leave the two at odds.
    """
    connection.execute(
        "UPDATE operations SET state = "
        "CASE WHEN EXISTS (SELECT 1 FROM moves WHERE operation = :id AND state = 'done') THEN 'done' ELSE 'undone' END "
        "WHERE id = :id",
        {"id": operation},
    )
    connection.execute(
        "DELETE FROM operations WHERE id = :id AND NOT EXISTS (SELECT 1 FROM moves WHERE operation = :id)",
        {"id": operation},
    )


def next_undo(connection: sqlite3.Connection) -> Operation | None:
    """The operation that an undo takes back."""
    return _operation(connection, "WHERE state = 'done' ORDER BY id DESC LIMIT 1")


def next_redo(connection: sqlite3.Connection) -> Operation | None:
    return _operation(connection, "WHERE state = 'undone' ORDER BY id ASC LIMIT 1")


def forget_trash(connection: sqlite3.Connection) -> None:
    """Deleted pictures have left for the system's trash; only that can give them back."""
    connection.execute("DELETE FROM operations WHERE kind = 'trash' AND state = 'done'")


def _operation(connection: sqlite3.Connection, which: str) -> Operation | None:
    row = connection.execute(f"SELECT id, kind, label FROM operations {which}").fetchone()
    if row is None:
        return None
    count = connection.execute(
        "SELECT count(*) FROM moves WHERE operation = ? AND leader IS NULL AND mode IN ('move', 'copy', 'link')",
        row[:1],
    ).fetchone()[0]
    return Operation(row[0], Kind(row[1]), row[2], count)


def _steps(connection: sqlite3.Connection, which: str, values: Sequence[object]) -> list[Step]:
    return [
        Step(row, operation, Mode(mode), image_id_of(source), image_id_of(target), leader, State(state), written)
        for row, operation, mode, source, target, leader, state, written in connection.execute(
            f"SELECT {_STEP} FROM moves {which}", values
        )
    ]


def _forget_old(connection: sqlite3.Connection) -> None:
    """Long histories end. Deletions stay until they are emptied, or their files could not come back."""
    connection.execute(
        "DELETE FROM operations WHERE kind <> 'trash' AND id <= (SELECT max(id) FROM operations) - ?", (KEEP,)
    )
