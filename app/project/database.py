"""The SQLite file of a project: one writer thread that makes changes durable, and short-lived readers anywhere.

On a local disk: write-ahead log with `synchronous=FULL`, so a commit is on the disk when it returns and readers never
wait. On a network share, where the log's shared memory does not work: rollback journal with `synchronous=EXTRA`.
"""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import TypeVar

from app.project import schema
from app.project.failures import gone, storage_error

log = logging.getLogger(__name__)
T = TypeVar("T")

BUSY_MS = 3000  # how long another program may hold the file before an edit is refused


class Database:
    """A project's database, open for writing.

    Raises StorageError from the constructor: a newer or foreign file, no space, no permission, damaged.
    """

    def __init__(self, path: Path, *, shared: bool, busy_ms: int = BUSY_MS) -> None:
        self.path, self._shared, self._busy_ms = path, shared, busy_ms
        self._tasks: queue.SimpleQueue[Callable[[sqlite3.Connection], None] | None] = queue.SimpleQueue()
        self._closed = False
        self._identity: os.stat_result | None = None
        opened: Future[None] = Future()
        self._thread = threading.Thread(target=self._work, args=(opened,), name=f"writer {path}", daemon=True)
        self._thread.start()
        try:
            opened.result()
        except BaseException:
            self._thread.join()
            raise

    def write(self, change: Callable[[sqlite3.Connection], T]) -> T:
        """Runs `change` in one transaction on the writer thread; durable on return. StorageError: nothing done."""
        return self.post(change).result()

    def post(self, change: Callable[[sqlite3.Connection], T]) -> Future[T]:
        """As `write`, without waiting."""
        if self._closed:
            raise RuntimeError("the database is closed")
        future: Future[T] = Future()
        self._tasks.put(lambda connection: self._transact(connection, change, future))
        return future

    @property
    def in_place(self) -> bool:
        """Whether the open file is still the one at its path. SQLite would go on with one that was moved or deleted."""
        try:
            status = self.path.stat()
        except OSError:
            return False
        # Network shares may number their files anew.
        return self._shared or self._identity is None or os.path.samestat(status, self._identity)

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection of its own that sees one state of the file; from any thread. Raises StorageError."""
        with reading(self.path, self._busy_ms) as connection:
            yield connection

    def fold_log(self) -> None:
        """Moves what is in the write-ahead log into the database itself, so that closing changes no byte of it."""
        self._pragma("PRAGMA wal_checkpoint(TRUNCATE)")

    def limit_pages(self, pages: int) -> None:
        """Lets the file grow to so many pages at most; then it is full, like a disk. 0 lifts the limit."""
        self._pragma(f"PRAGMA max_page_count = {pages or 2**32 - 2}")

    def _pragma(self, statement: str) -> None:
        future: Future[None] = Future()
        self._tasks.put(lambda connection: self._run_plain(connection, statement, future))
        future.result()

    def _run_plain(self, connection: sqlite3.Connection, statement: str, future: Future[None]) -> None:
        try:
            connection.execute(statement).fetchall()
        except sqlite3.Error as error:
            future.set_exception(storage_error(error, self.path))
        else:
            future.set_result(None)

    def close(self) -> None:
        """Finishes what was posted and closes the file. Twice is harmless."""
        if not self._closed:
            self._closed = True
            self._tasks.put(None)
            self._thread.join()

    def _work(self, opened: Future[None]) -> None:
        try:
            connection = _open(self.path, shared=self._shared, busy_ms=self._busy_ms)
        except BaseException as error:  # noqa: BLE001 - handed to the thread that waits for it
            opened.set_exception(error)
            return
        with contextlib.suppress(OSError):  # gone already: `in_place` says so
            self._identity = self.path.stat()
        opened.set_result(None)
        while (task := self._tasks.get()) is not None:
            task(connection)
        connection.close()

    def _transact(
        self, connection: sqlite3.Connection, change: Callable[[sqlite3.Connection], T], future: Future[T]
    ) -> None:
        try:
            if not self.in_place:
                raise gone(self.path)
            connection.execute("BEGIN IMMEDIATE")
            result = change(connection)
            connection.execute("COMMIT")
        except BaseException as error:  # noqa: BLE001 - handed to the thread that waits for it
            self._roll_back(connection)
            future.set_exception(storage_error(error, self.path) if isinstance(error, sqlite3.Error) else error)
        else:
            future.set_result(result)

    def _roll_back(self, connection: sqlite3.Connection) -> None:
        """A failing disk may refuse this, too; the thread and whoever waits for it have to go on all the same."""
        try:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        except sqlite3.Error as error:
            log.warning("%s: no rollback: %s", self.path, error)


@contextlib.contextmanager
def reading(path: Path, busy_ms: int = BUSY_MS) -> Iterator[sqlite3.Connection]:
    """Opens a database for reading inside one transaction. Raises StorageError."""
    try:
        with contextlib.closing(_reader(path, busy_ms)) as connection:
            yield connection
    except sqlite3.Error as error:
        raise (storage_error(error, path) if path.exists() else gone(path)) from error


def _reader(path: Path, busy_ms: int) -> sqlite3.Connection:
    try:
        return _connect_reading(path, "mode=ro", busy_ms)
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_CANTOPEN or not path.exists():
            raise
    # In a folder that cannot be written the log's companions cannot be made. Nobody else writes there either.
    return _connect_reading(path, "immutable=1", busy_ms)


def _connect_reading(path: Path, mode: str, busy_ms: int) -> sqlite3.Connection:
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?{mode}", uri=True, isolation_level=None)
    try:
        connection.execute(f"PRAGMA busy_timeout = {busy_ms}")
        connection.execute("BEGIN")
        connection.execute("SELECT 1 FROM sqlite_master").fetchone()  # opens the file and takes its state
    except BaseException:
        connection.close()
        raise
    return connection


def _open(path: Path, *, shared: bool, busy_ms: int) -> sqlite3.Connection:
    try:
        connection = sqlite3.connect(path, isolation_level=None, cached_statements=64)
    except sqlite3.Error as error:
        raise storage_error(error, path) from error
    try:
        connection.execute(f"PRAGMA busy_timeout = {busy_ms}")
        schema.check(connection, path)  # before anything is written into a file that is not ours
        wal = not shared and connection.execute("PRAGMA journal_mode = WAL").fetchone()[0] == "wal"
        if not wal:
            mode = connection.execute("PRAGMA journal_mode = DELETE").fetchone()[0]
            log.info("%s: rollback journal (%s)", path, mode)
        connection.execute(f"PRAGMA synchronous = {'FULL' if wal else 'EXTRA'}")
        connection.execute("PRAGMA fullfsync = ON")  # macOS: a commit reaches the platter, not only the drive's cache
        connection.execute("PRAGMA foreign_keys = ON")
        schema.prepare(connection, path)
    except sqlite3.Error as error:
        connection.close()
        raise storage_error(error, path) from error
    except BaseException:
        connection.close()
        raise
    return connection
