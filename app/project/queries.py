"""What is asked of a project's database. Every function takes a connection and one consistent state of the file."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from app.instance import AnnotatedImage, ImageRecord, ImageState, ImageSummary, Instance, LabelClass
from app.project.failures import DamagedProjectError
from app.project.rows import (
    CLASS_COLUMNS,
    INSTANCE_COLUMNS,
    RECORD_COLUMNS,
    class_of,
    image_id_of,
    instance_of,
    key_of,
    record_of,
)

_SUMMARY = """
SELECT images.path, images.state, count(instances.id), group_concat(DISTINCT ifnull(instances.class, '')), images.note
FROM images LEFT JOIN instances INDEXED BY instances_of_image ON instances.image = images.id
"""
# INDEXED BY: statistics from when a project was small make SQLite read all instances for each picture: minutes, not ms.
_PARKED = "images.path LIKE '.winnow/%'"  # pictures that sorting has taken out of the folder, see `place.PARKED`


def record(connection: sqlite3.Connection, image_id: str) -> ImageRecord | None:
    row = connection.execute(f"SELECT {RECORD_COLUMNS} FROM images WHERE path = ?", (key_of(image_id),)).fetchone()
    return None if row is None else record_of(row)


def instances(connection: sqlite3.Connection, image_id: str, database: Path) -> tuple[Instance, ...]:
    """A picture's instances, bottom to top. DamagedProjectError when a row makes no sense."""
    rows = connection.execute(
        f"SELECT {INSTANCE_COLUMNS} FROM instances WHERE image = (SELECT id FROM images WHERE path = ?) "
        "ORDER BY position, rowid",
        (key_of(image_id),),
    )
    return tuple(_instance(row, database) for row in rows)


def classes(connection: sqlite3.Connection) -> list[LabelClass]:
    return [class_of(row) for row in connection.execute(f"SELECT {CLASS_COLUMNS} FROM classes ORDER BY position, id")]


def class_usage(connection: sqlite3.Connection) -> dict[int | None, int]:
    """How many instances each class has; None counts the unlabelled."""
    return dict(connection.execute("SELECT class, count(*) FROM instances GROUP BY class").fetchall())


def summaries(connection: sqlite3.Connection, image_ids: Iterable[str] | None = None) -> dict[str, ImageSummary]:
    """One line a picture that the project knows; all of them, or those asked for."""
    if image_ids is None:
        rows: Iterable[tuple[Any, ...]] = connection.execute(f"{_SUMMARY} WHERE NOT {_PARKED} GROUP BY images.id")
    else:
        one = f"{_SUMMARY} WHERE images.path = ? GROUP BY images.id"
        rows = (row for i in image_ids for row in connection.execute(one, (key_of(i),)))
    return {summary.image_id: summary for summary in map(_summary, rows)}


def annotated(connection: sqlite3.Connection, database: Path) -> Iterator[AnnotatedImage]:
    """Every picture that the project knows, with its instances, by path; one at a time in memory."""
    columns = ", ".join(f"instances.{name}" for name in INSTANCE_COLUMNS.split(", "))
    pictures = ", ".join(f"images.{name}" for name in RECORD_COLUMNS.split(", "))
    width = len(RECORD_COLUMNS.split(", "))
    rows = connection.execute(
        f"SELECT {pictures}, {columns} "
        "FROM images LEFT JOIN instances INDEXED BY instances_of_image ON instances.image = images.id "
        f"WHERE NOT {_PARKED} ORDER BY images.path, instances.position, instances.rowid"
    )
    for head, group in groupby(rows, key=lambda row: row[:width]):
        picture = record_of(head)
        found = tuple(_instance(row[width:], database) for row in group if row[width] is not None)
        yield AnnotatedImage(picture.image_id, picture.state, picture.note, picture.width, picture.height, found)


def annotated_in_turns(
    reading: Callable[[], AbstractContextManager[sqlite3.Connection]], database: Path
) -> Iterator[AnnotatedImage]:
    """As `annotated`, with a short reading for each picture and the file free between them."""
    with reading() as connection:
        keys = [key for (key,) in connection.execute(f"SELECT path FROM images WHERE NOT {_PARKED} ORDER BY path")]
    for image_id in map(image_id_of, keys):
        with reading() as connection:
            picture, found = record(connection, image_id), instances(connection, image_id, database)
        if picture is not None:
            yield AnnotatedImage(image_id, picture.state, picture.note, picture.width, picture.height, found)


@dataclass(frozen=True, slots=True)
class State:
    """What a window shows of a project, as it was at one moment; documents by image id."""

    classes: list[LabelClass]
    summaries: dict[str, ImageSummary]
    documents: dict[str, tuple[ImageRecord, tuple[Instance, ...]]]


def state(connection: sqlite3.Connection, image_ids: Iterable[str], database: Path) -> State:
    """Of the pictures asked for only those that the project knows have a document."""
    records = {image_id: record(connection, image_id) for image_id in image_ids}
    found = {i: (one, instances(connection, i, database)) for i, one in records.items() if one is not None}
    return State(classes(connection), summaries(connection), found)


def contents(connection: sqlite3.Connection) -> list[tuple[str, int, str]]:
    """(image id, bytes, content key) of every picture whose content is known, but for those that can be undeleted."""
    rows = connection.execute(
        "SELECT path, bytes, content FROM images "
        "WHERE content IS NOT NULL AND path NOT LIKE '.winnow/removed/%' ORDER BY path"
    )
    return [(image_id_of(path), size, content) for path, size, content in rows]


def preference(connection: sqlite3.Connection, name: str) -> str | None:
    """A value that was kept with the project; None also in a file from before there were any."""
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'preferences'").fetchone():
        return None
    row = connection.execute("SELECT value FROM preferences WHERE name = ?", (name,)).fetchone()
    return None if row is None else str(row[0])


def known_ids(connection: sqlite3.Connection) -> frozenset[str]:
    """The ids of all pictures that the project has rows for."""
    return frozenset(image_id_of(path) for (path,) in connection.execute("SELECT path FROM images"))


def _instance(row: tuple[Any, ...], database: Path) -> Instance:
    try:
        return instance_of(row)
    except (ValueError, TypeError, KeyError) as error:
        raise DamagedProjectError(
            "An instance in the project's database is damaged.",
            database,
            "Restore the newest backup; nothing was deleted.",
            f"instance {row[0]}: {error}",
        ) from error


def _summary(row: tuple[Any, ...]) -> ImageSummary:
    path, state, count, names, note = row
    found = frozenset(int(n) if n else None for n in names.split(",")) if count else frozenset()
    return ImageSummary(image_id_of(path), ImageState(state), count, found, note)
