"""`EmbeddingStore`: what models have seen in pictures, kept so that no picture is decoded twice. No torch, no Qt.

A vector belongs to a content and a model's checksum. A path with its size and time of change stands for a content, so
asking about an unchanged folder costs one `stat` a picture; a picture that moved is known again by its bytes. The file
is a cache: it may be deleted at any time, and a damaged one is begun anew.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from app.project import Project
from app.project.rows import image_id_of, key_of
from inference.errors import ImageError
from inference.pictures import content_key

log = logging.getLogger(__name__)
T = TypeVar("T")

FILE = "embeddings.db"
Vector = npt.NDArray[np.float16]
KEEP = 1_000_000  # vectors, about a gigabyte; the oldest go
_SINGLY = 2000  # up to so many pictures are looked up one by one, more by reading the tables through
_TABLES = """
CREATE TABLE IF NOT EXISTS files (
    path TEXT PRIMARY KEY, size INTEGER NOT NULL, changed INTEGER NOT NULL, content TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS files_by_size ON files(size);
CREATE TABLE IF NOT EXISTS vectors (
    content TEXT NOT NULL, checksum TEXT NOT NULL, data BLOB NOT NULL, UNIQUE(content, checksum)
);
"""


class EmbeddingStore:
    """The vectors of one project's pictures; from any thread. Never raises for its own file: what cannot be kept is
    computed again next time.

    Args:
        file: the database. folder: what image ids are relative to.
    """

    def __init__(self, file: Path, folder: Path) -> None:
        self._file, self._folder = file, folder
        self._lock = threading.Lock()
        self._closed = False
        self._connection = _open(file)

    @classmethod
    def of(cls, project: Project) -> EmbeddingStore:
        """In memory only for a project that is open for reading only: another window has the file."""
        return cls(Path(":memory:") if project.read_only else project.store_dir / FILE, project.folder)

    def close(self) -> None:
        """Twice is harmless."""
        with self._lock:
            self._closed = True
            self._connection.close()

    def get_many(self, image_ids: Sequence[str], checksum: str) -> dict[str, Vector]:
        """The vectors that are known, (d,) each, by image id. Files that changed are not known; moved ones are."""
        stats = {image_id: found for image_id in image_ids if (found := self._stat(image_id)) is not None}
        contents, sizes = self._run(lambda c: (_contents(c, stats), _sizes(c)))
        moved = [i for i, (size, _) in stats.items() if i not in contents and size in sizes]
        new = {i: content for i in moved if (content := self._content(i)) is not None}
        if new:
            self._run(lambda c: _put_files(c, [(key_of(i), *stats[i], content) for i, content in new.items()]))
        return self._run(lambda c: _vectors(c, contents | new, checksum))

    def put_many(self, items: Iterable[tuple[str, str, npt.NDArray[np.floating[Any]]]], checksum: str) -> None:
        """Keeps (image id, content key, vector) of pictures that were just embedded."""
        files, vectors = [], []
        for image_id, content, vector in items:
            if (found := self._stat(image_id)) is not None:
                files.append((key_of(image_id), *found, content))
            vectors.append((content, checksum, np.asarray(vector, np.float16).tobytes()))

        def put(connection: sqlite3.Connection) -> None:
            _put_files(connection, files)
            connection.executemany("INSERT OR REPLACE INTO vectors (content, checksum, data) VALUES (?, ?, ?)", vectors)

        self._run(put)

    def follow(self, pairs: Iterable[tuple[str, str]], folders: Iterable[tuple[str, str]] = ()) -> None:
        """Pictures, or whole folders, have other ids now: (old, new) of each. Saves reading them to know them again."""
        renamed, moved = list(pairs), list(folders)

        def rename(connection: sqlite3.Connection) -> None:
            known = [image_id_of(path) for (path,) in connection.execute("SELECT path FROM files")] if moved else []
            for old, new in moved:
                renamed.extend((i, new + i[len(old) :]) for i in known if i.startswith(old + "/"))
            connection.executemany(
                "UPDATE OR REPLACE files SET path = ? WHERE path = ?", [(key_of(b), key_of(a)) for a, b in renamed]
            )

        self._run(rename)

    def _run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """One transaction. When the file refuses, vectors stay in memory for this session."""
        with self._lock:
            if self._closed:
                raise RuntimeError("the store is closed")
            try:
                return _transact(self._connection, work)
            except sqlite3.Error as error:
                log.warning("%s: embeddings are kept in memory only: %s", self._file, error)
                self._connection.close()
                self._connection = _connect(Path(":memory:"))
                return _transact(self._connection, work)

    def _stat(self, image_id: str) -> tuple[int, int] | None:
        try:
            status = os.stat(f"{self._folder}/{image_id}")  # noqa: PTH116 - 100,000 times
        except OSError:
            return None
        return status.st_size, status.st_mtime_ns

    def _content(self, image_id: str) -> str | None:
        try:
            return content_key(self._folder / image_id)
        except ImageError as error:
            log.info("%s", error)
            return None


def _open(file: Path) -> sqlite3.Connection:
    """The file; a new one in the place of one that is damaged; memory where none can be written."""
    try:
        return _connect(file)
    except sqlite3.Error as error:
        log.warning("%s is begun anew: %s", file, error)
    try:
        for ending in ("-wal", "-shm", ""):
            file.with_name(file.name + ending).unlink(missing_ok=True)
        return _connect(file)
    except (sqlite3.Error, OSError) as error:
        log.warning("%s: embeddings are kept in memory only: %s", file, error)
        return _connect(Path(":memory:"))


def _connect(file: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA busy_timeout = 3000")
        connection.execute("PRAGMA journal_mode = TRUNCATE")  # works on network shares, too
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.executescript(_TABLES)
        if file.exists() and connection.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
            raise sqlite3.DatabaseError("it is damaged")
        connection.execute("DELETE FROM vectors WHERE rowid <= (SELECT max(rowid) FROM vectors) - ?", (KEEP,))
    except BaseException:
        connection.close()
        raise
    return connection


def _transact(connection: sqlite3.Connection, work: Callable[[sqlite3.Connection], T]) -> T:
    connection.execute("BEGIN")
    try:
        result = work(connection)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return result


def _sizes(connection: sqlite3.Connection) -> set[int]:
    return {size for (size,) in connection.execute("SELECT DISTINCT size FROM files")}


def _contents(connection: sqlite3.Connection, stats: dict[str, tuple[int, int]]) -> dict[str, str]:
    """The content keys of files whose size and time of change are the known ones."""
    question = "SELECT path, size, changed, content FROM files"
    rows: Iterable[tuple[str | bytes, int, int, str]]
    if len(stats) > _SINGLY:
        rows = connection.execute(question)
    else:
        rows = (r for i in stats for r in connection.execute(f"{question} WHERE path = ?", (key_of(i),)))
    return {i: content for key, *stat, content in rows if stats.get(i := image_id_of(key)) == tuple(stat)}


def _vectors(connection: sqlite3.Connection, contents: dict[str, str], checksum: str) -> dict[str, Vector]:
    question = "SELECT content, data FROM vectors WHERE checksum = ?"
    rows: Iterable[tuple[str, bytes]]
    if len(contents) > _SINGLY:
        rows = connection.execute(question, (checksum,))
    else:
        rows = (
            r
            for content in set(contents.values())
            for r in connection.execute(f"{question} AND content = ?", (checksum, content))
        )
    data = dict(rows)
    return {i: np.frombuffer(data[c], np.float16) for i, c in contents.items() if c in data}


def _put_files(connection: sqlite3.Connection, rows: Sequence[tuple[str | bytes, int, int, str]]) -> None:
    connection.executemany("INSERT OR REPLACE INTO files (path, size, changed, content) VALUES (?, ?, ?, ?)", rows)
