"""The polygons of an instance for formats that know nothing else, with a word about what they lose."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from app.formats.polygons import Part, Ring, parts_of
from app.formats.summary import Notes, counted

if TYPE_CHECKING:
    from app.instance import Instance


def outlines(instance: Instance, tolerance: float) -> list[Part]:
    """The rings as the person drew them when there is one and nothing edited it since; else the mask's own."""
    if instance.polygon and len(instance.polygon) == 1 and len(instance.polygon[0]) >= 3:
        return [Part(np.asarray(instance.polygon[0], np.float64))]
    return parts_of(instance.mask, tolerance)


def hole_count(parts: list[Part]) -> int:
    return sum(len(p.holes) for p in parts)


def inside(ring: Ring, width: int, height: int) -> Ring:
    """Cut to the picture: drawn polygons may reach over its border."""
    return np.clip(ring, 0, [width, height])


def report_holes(notes: Notes, image_id: str, holes: int, instances: int) -> None:
    """Says that polygons were filled."""
    if holes:
        notes.loss(
            image_id, f"{counted(holes, 'hole')} in {counted(instances, 'instance')} filled: polygons have none."
        )
