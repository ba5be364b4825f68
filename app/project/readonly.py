"""A project's database that is only looked at: by a second window, by the command line."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from app.project import schema
from app.project.database import reading


class ReadOnlyDatabase:
    """Readers of a database that may not exist (yet): it is empty then. StorageError for newer and damaged files."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with self.reading() as connection:
            schema.check(connection, path)

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection of its own that sees one state of the file; from any thread. Raises StorageError."""
        if not self.path.exists():
            with _empty() as connection:
                yield connection
            return
        with reading(self.path) as connection:
            if schema.check(connection, self.path):
                yield connection
                return
        with _empty() as connection:  # the first window has made the file but not yet its tables
            yield connection

    def close(self) -> None:
        """There is nothing to close; every reader closes itself."""


@contextlib.contextmanager
def _empty() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    try:
        schema.prepare(connection, Path(":memory:"))
        yield connection
    finally:
        connection.close()
