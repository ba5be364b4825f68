"""Annotations go along with pictures that sorting moves: their rows at once, the documents of the window after that."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

from app.commands import DocumentChange
from app.project import changes


class Moves(NamedTuple):
    """What sorting has moved: (old id, new id) of pictures, and of whole folders with all that is in them."""

    files: Sequence[tuple[str, str]] = ()
    folders: Sequence[tuple[str, str]] = ()


class Renames:
    """The ids whose rows have moved already and whose documents have not yet: edits made in between are redirected,
    or they would begin a second row under the old id. Written by the database's thread."""

    def __init__(self) -> None:
        self._now: dict[str, str] = {}

    def move_rows(self, connection: sqlite3.Connection, change: Callable[[sqlite3.Connection], Moves]) -> Moves:
        """Runs `change` and moves the rows it names, inside one transaction. Returns the moves with all pictures."""
        moves = change(connection)
        pairs = list(moves.files)
        for old, new in moves.files:
            changes.move_image(connection, old, new)
        for old, new in moves.folders:
            pairs += changes.move_folder(connection, old, new)
        ends = {last: first for first, last in self._now.items()}
        for old, new in pairs:
            if old in ends:
                self._now[ends[old]] = new
            self._now[old] = new
            self._now.pop(new, None)
        return moves._replace(files=pairs)

    def renewed(self, change: DocumentChange) -> DocumentChange:
        """An edit with the id that its picture's row has now."""
        now = self._now.get(change.record.image_id)
        return change if now is None else replace(change, record=replace(change.record, image_id=now))

    def arrived(self, image_id: str) -> None:
        """No document has this id any more."""
        self._now.pop(image_id, None)
