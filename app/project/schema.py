"""The tables of `project.db`, their version, and how older files are brought up to it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

from inference.errors import StorageError

VERSION = 2
APPLICATION_ID = 0x57696E6E  # "Winn": tells our files from other SQLite databases

_TABLES = """
CREATE TABLE images (
    id INTEGER PRIMARY KEY,
    path TEXT NOT NULL UNIQUE,          -- relative to the folder, forward slashes; a BLOB where a name is not UTF-8
    width INTEGER NOT NULL DEFAULT 0,   -- of the upright picture; 0: unknown
    height INTEGER NOT NULL DEFAULT 0,
    state TEXT NOT NULL DEFAULT 'todo',
    note TEXT NOT NULL DEFAULT '',
    bytes INTEGER,                      -- size and key of the file's content, to know it again under another name
    content TEXT
);
CREATE TABLE classes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    color TEXT NOT NULL,
    hotkey TEXT,
    supercategory TEXT NOT NULL DEFAULT '',
    position INTEGER NOT NULL
);
CREATE TABLE instances (
    id TEXT PRIMARY KEY,
    image INTEGER NOT NULL REFERENCES images(id) ON DELETE CASCADE,
    position INTEGER NOT NULL,          -- from the bottom
    class INTEGER REFERENCES classes(id),
    height INTEGER NOT NULL,            -- the mask in COCO's compressed run-length code
    width INTEGER NOT NULL,
    counts TEXT NOT NULL,
    score REAL,
    source TEXT NOT NULL,
    prompts TEXT,                       -- JSON of Prompts.to_json
    polygon TEXT,                       -- JSON: a list of rings of [x, y]
    locked INTEGER NOT NULL DEFAULT 0,
    visible INTEGER NOT NULL DEFAULT 1,
    note TEXT NOT NULL DEFAULT ''
);
CREATE INDEX instances_of_image ON instances(image, position);
CREATE INDEX instances_of_class ON instances(class);
"""

_SORTING = """
CREATE TABLE operations (
    id INTEGER PRIMARY KEY AUTOINCREMENT, -- in the order they were asked for
    kind TEXT NOT NULL,                   -- move, copy, link, trash, create, rename, merge
    label TEXT NOT NULL,                  -- the class it is about, for the history
    state TEXT NOT NULL DEFAULT 'done'    -- done, undone
);
CREATE TABLE moves (
    id INTEGER PRIMARY KEY,
    operation INTEGER NOT NULL REFERENCES operations(id) ON DELETE CASCADE,
    mode TEXT NOT NULL,                   -- move, copy, link; of folders: rename, make, drop
    source TEXT NOT NULL,                 -- relative to the folder, else absolute; a BLOB where a name is not UTF-8
    target TEXT NOT NULL,
    leader INTEGER,                       -- the picture that this file goes along with
    state TEXT NOT NULL,                  -- open, done, undoing, undone, redoing
    written TEXT                          -- device and inode of a copy that is complete but not yet accounted for
);
CREATE INDEX moves_of_operation ON moves(operation);
CREATE INDEX moves_under_way ON moves(state) WHERE state IN ('open', 'undoing', 'redoing');
CREATE TABLE preferences (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL                   -- JSON
);
"""


def _add_sorting(connection: sqlite3.Connection) -> None:
    for statement in _statements(_SORTING):
        connection.execute(statement)


# What turns a file of version N into one of N + 1, by N. Never change one that was released.
MIGRATIONS: dict[int, Callable[[sqlite3.Connection], None]] = {1: _add_sorting}


def prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Creates the tables in an empty file or migrates an older one, in one transaction. Refuses newer, foreign ones."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        found = check(connection, path)
        if found == VERSION:  # nothing to write: an unchanged file needs no new backup
            connection.execute("ROLLBACK")
            return
        if found == 0:
            for statement in _statements(_TABLES):
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        for step in range(max(found, 1), VERSION):
            MIGRATIONS[step](connection)
        connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def check(connection: sqlite3.Connection, path: Path) -> int:
    """The version of a file, 0 for an empty one. StorageError when this program must not touch it."""
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    owner = int(connection.execute("PRAGMA application_id").fetchone()[0])
    tables = int(connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0])
    if version > VERSION and owner == APPLICATION_ID:
        raise StorageError(
            f"The project was written by a newer Winnow (its format is {version}, this program knows {VERSION}).",
            path,
            "Update Winnow. Nothing was changed.",
        )
    if tables and owner != APPLICATION_ID:
        raise StorageError("This database was not made by Winnow.", path, "Move it away to start a project here.")
    return version


def _statements(script: str) -> list[str]:
    return [s for s in script.split(";\n") if s.strip()]
