"""What is written into a project's database. Every function runs inside the writer's transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from app.commands import DocumentChange
from app.instance import ImageRecord, Instance
from app.labels import ClassEdit, Relabelled
from app.project.rows import CLASS_COLUMNS, INSTANCE_COLUMNS, class_values, columns_of, image_id_of, key_of, values_of

_INSERT = (
    f"INSERT INTO instances ({INSTANCE_COLUMNS}, image, position) "
    f"VALUES ({', '.join('?' * (len(INSTANCE_COLUMNS.split(', ')) + 2))})"
)

_CLASS_NAMES = CLASS_COLUMNS.split(", ")
_PUT_CLASS = (
    f"INSERT INTO classes ({CLASS_COLUMNS}) VALUES ({', '.join('?' * len(_CLASS_NAMES))}) "
    f"ON CONFLICT(id) DO UPDATE SET {', '.join(f'{n} = excluded.{n}' for n in _CLASS_NAMES[1:])}"
)
_INSTANCE_OF = (
    "SELECT instances.id, images.path, instances.class FROM instances JOIN images ON images.id = instances.image"
)


def write_document(connection: sqlite3.Connection, change: DocumentChange) -> bool:
    """Writes one edit of a picture. Returns whether the content of its file is still unknown."""
    image, known = _image(connection, change.record)
    connection.executemany("DELETE FROM instances WHERE id = ?", [(i,) for i in change.removed])
    places = change.positions
    connection.executemany(_INSERT, [(*values_of(i), image, places.get(i.id, 0)) for i in change.inserted])
    for instance, fields in change.updated:
        _update(connection, instance, fields)
    new = {i.id for i in change.inserted}
    moved = [(n, i) for i, n in places.items() if i not in new]
    connection.executemany("UPDATE instances SET position = ? WHERE id = ?", moved)
    return not known


def write_classes(connection: sqlite3.Connection, edit: ClassEdit) -> list[Relabelled]:
    """Adds and changes classes, gives instances their new ones, then removes classes. Returns the touched instances."""
    connection.executemany(_PUT_CLASS, [class_values(label) for label in edit.put])
    touched = [*_merged(connection, edit), *_relabelled(connection, edit)]
    connection.executemany("UPDATE instances SET class = ? WHERE id = ?", [(t.now, t.instance_id) for t in touched])
    connection.executemany("DELETE FROM classes WHERE id = ?", [(c,) for c in edit.merge])
    return touched


def _merged(connection: sqlite3.Connection, edit: ClassEdit) -> Iterator[Relabelled]:
    for source, target in edit.merge.items():
        for instance, image, _ in connection.execute(f"{_INSTANCE_OF} WHERE instances.class = ?", (source,)).fetchall():
            yield Relabelled(instance, image_id_of(image), source, target)


def _relabelled(connection: sqlite3.Connection, edit: ClassEdit) -> Iterator[Relabelled]:
    for wanted, (was, now) in edit.relabel.items():
        row = connection.execute(f"{_INSTANCE_OF} WHERE instances.id = ?", (wanted,)).fetchone()
        if row is not None and row[2] == was and was not in edit.merge:
            yield Relabelled(wanted, image_id_of(row[1]), was, now)


def next_class_id(connection: sqlite3.Connection) -> int:
    """A number that no class of this project ever had."""
    row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'classes'").fetchone()
    return 1 if row is None else int(row[0]) + 1


def remember_content(connection: sqlite3.Connection, image_id: str, size: int, content: str) -> None:
    connection.execute("UPDATE images SET bytes = ?, content = ? WHERE path = ?", (size, content, key_of(image_id)))


def move_image(connection: sqlite3.Connection, old: str, new: str) -> bool:
    """Gives a picture's row, and all that hangs on it, another path unless that has a row itself. Returns whether."""
    cursor = connection.execute(
        "UPDATE images SET path = :new WHERE path = :old AND NOT EXISTS (SELECT 1 FROM images WHERE path = :new)",
        {"old": key_of(old), "new": key_of(new)},
    )
    return cursor.rowcount == 1


def move_folder(connection: sqlite3.Connection, old: str, new: str) -> list[tuple[str, str]]:
    """Gives the rows of all pictures below a folder their ids below another one. Returns (old id, new id) of each."""
    known = [image_id_of(path) for (path,) in connection.execute("SELECT path FROM images")]
    pairs = [(i, new + i[len(old) :]) for i in known if i.startswith(old + "/")]
    return [(one, other) for one, other in pairs if move_image(connection, one, other)]


def keep_preference(connection: sqlite3.Connection, name: str, value: str) -> None:
    connection.execute(
        "INSERT INTO preferences (name, value) VALUES (?, ?) ON CONFLICT(name) DO UPDATE SET value = excluded.value",
        (name, value),
    )


def _image(connection: sqlite3.Connection, record: ImageRecord) -> tuple[int, bool]:
    """The row of a picture, created on first need and brought up to date: (row id, its content is known)."""
    row = connection.execute(
        "INSERT INTO images (path, width, height, state, note) VALUES (?, ?, ?, ?, ?) "
        "ON CONFLICT(path) DO UPDATE SET width = excluded.width, height = excluded.height, "
        "state = excluded.state, note = excluded.note RETURNING id, content IS NOT NULL",
        (key_of(record.image_id), record.width, record.height, record.state.value, record.note),
    ).fetchone()
    return int(row[0]), bool(row[1])


def _update(connection: sqlite3.Connection, instance: Instance, fields: frozenset[str]) -> None:
    columns = columns_of(instance, fields)
    assignments = ", ".join(f"{name} = ?" for name in columns)
    connection.execute(f"UPDATE instances SET {assignments} WHERE id = ?", (*columns.values(), instance.id))
