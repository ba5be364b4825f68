"""Rows of the database as instances, classes and picture records, and back. No SQL beyond column names."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from app.instance import ImageRecord, ImageState, Instance, LabelClass, Rings, Source
from inference.masks import Mask
from inference.prompts import Prompts

INSTANCE_COLUMNS = (
    "id, class, height, width, counts, score, source, prompts, polygon, locked, visible, note"  # of `instance_of`
)
CLASS_COLUMNS = "id, name, color, hotkey, supercategory, position"
RECORD_COLUMNS = "path, width, height, state, note"


def key_of(image_id: str) -> str | bytes:
    """An image id as the database holds it: names that are no UTF-8 go in as their bytes."""
    try:
        image_id.encode()
    except UnicodeEncodeError:
        return image_id.encode("utf-8", "surrogateescape")
    return image_id


def image_id_of(key: str | bytes) -> str:
    return key.decode("utf-8", "surrogateescape") if isinstance(key, bytes) else key


def instance_of(row: tuple[Any, ...]) -> Instance:
    """An instance from its `INSTANCE_COLUMNS`. ValueError, TypeError or KeyError when the row is damaged."""
    identity, class_id, height, width, counts, score, source, prompts, polygon, locked, visible, note = row
    return Instance(
        id=identity,
        mask=Mask.from_rle({"size": [height, width], "counts": counts}),
        class_id=class_id,
        score=score,
        source=Source(source),
        prompts=None if prompts is None else Prompts.from_json(json.loads(prompts)),
        polygon=None if polygon is None else _rings(json.loads(polygon)),
        locked=bool(locked),
        visible=bool(visible),
        note=note,
    )


def values_of(instance: Instance) -> tuple[Any, ...]:
    """The values of `INSTANCE_COLUMNS`."""
    i = instance
    named = columns_of(i, ("class_id", "mask", "score", "source", "prompts", "polygon", "locked", "visible", "note"))
    return (i.id, *named.values())


def columns_of(instance: Instance, fields: frozenset[str] | tuple[str, ...]) -> dict[str, Any]:
    """Column names and values of some fields of an instance."""
    result: dict[str, Any] = {}
    for name in fields:
        result |= _COLUMNS[name](instance)
    return result


def class_of(row: tuple[Any, ...]) -> LabelClass:
    return LabelClass(*row)


def class_values(label: LabelClass) -> tuple[Any, ...]:
    return label.id, label.name, label.color, label.hotkey, label.supercategory, label.position


def record_of(row: tuple[Any, ...]) -> ImageRecord:
    path, width, height, state, note = row
    return ImageRecord(image_id_of(path), width, height, ImageState(state), note)


def _rings(data: list[list[list[float]]]) -> Rings:
    return tuple(tuple((float(x), float(y)) for x, y in ring) for ring in data)


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


_COLUMNS: dict[str, Callable[[Instance], dict[str, Any]]] = {
    "class_id": lambda i: {"class": i.class_id},
    "mask": lambda i: {"height": i.mask.height, "width": i.mask.width, "counts": i.mask.counts},
    "score": lambda i: {"score": None if i.score is None else float(i.score)},
    "source": lambda i: {"source": i.source.value},
    "prompts": lambda i: {"prompts": None if i.prompts is None else _json(i.prompts.to_json())},
    "polygon": lambda i: {"polygon": None if i.polygon is None else _json(i.polygon)},
    "locked": lambda i: {"locked": int(i.locked)},
    "visible": lambda i: {"visible": int(i.visible)},
    "note": lambda i: {"note": i.note},
}
