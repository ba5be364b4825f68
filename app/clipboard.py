"""Instances on the system's clipboard: copied here, pasted on this or another picture, in this or another window.

What comes from the clipboard was written by anybody, so it is checked like a file.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from PySide6.QtCore import QMimeData

from app.editing import resized_canvas
from app.instance import Instance, Rings, Source, new_id
from inference.errors import FormatError
from inference.masks import Mask
from inference.prompts import Prompts

MIME = "application/x-winnow-instances"
_VERSION = 1
_LARGEST = 1 << 28  # bytes; more is no copy of a person's instances
_WRONG = "Copy the instances again in Winnow."


def to_mime(instances: Iterable[Instance], class_name: Callable[[int | None], str | None]) -> QMimeData:
    """Clipboard data. Classes travel by name, because another project numbers them differently."""
    rows = [_row(instance, class_name(instance.class_id)) for instance in instances]
    data = QMimeData()
    data.setData(MIME, json.dumps({"version": _VERSION, "instances": rows}).encode())
    return data


def holds_instances(mime: QMimeData | None) -> bool:
    """Whether `from_mime` would find something."""
    return mime is not None and mime.hasFormat(MIME)


def from_mime(mime: QMimeData, width: int, height: int, class_id: Callable[[str], int | None]) -> list[Instance]:
    """The instances under new ids, at their old place in a picture of `width` × `height`, cut to it.

    Args:
        class_id: the number of a class by its name; None leaves the instance unlabelled.

    Raises:
        FormatError: this is not what `to_mime` writes.
    """
    raw = bytes(mime.data(MIME).data())
    if len(raw) > _LARGEST:
        raise FormatError("The clipboard holds too much.", remedy=_WRONG)
    try:
        rows = json.loads(raw)["instances"]
        found = [_instance(row, class_id) for row in rows]
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise FormatError("The clipboard does not hold instances that can be read.", remedy=_WRONG) from error
    return [_fitted(instance, width, height) for instance in found]


def _row(instance: Instance, class_name: str | None) -> dict[str, Any]:
    return {
        "mask": instance.mask.rle,
        "class": class_name,
        "score": instance.score,
        "source": str(instance.source),
        "prompts": None if instance.prompts is None else instance.prompts.to_json(),
        "polygon": instance.polygon,
        "note": instance.note,
    }


def _instance(row: dict[str, Any], class_id: Callable[[str], int | None]) -> Instance:
    name, score, prompts, polygon = row["class"], row["score"], row["prompts"], row["polygon"]
    return Instance(
        new_id(),
        Mask.from_rle(row["mask"]),
        None if name is None else class_id(str(name)),
        None if score is None else float(score),
        Source(row["source"]),
        None if prompts is None else Prompts.from_json(prompts),
        None if polygon is None else _rings(polygon),
        note=str(row.get("note", "")),
    )


def _rings(data: Any) -> Rings:
    return tuple(tuple((float(x), float(y)) for x, y in ring) for ring in data)


def _fitted(instance: Instance, width: int, height: int) -> Instance:
    if (instance.mask.width, instance.mask.height) == (width, height):
        return instance
    # Prompts and polygon would point at the other picture.
    return replace(instance, mask=resized_canvas(instance.mask, width, height), prompts=None, polygon=None)
