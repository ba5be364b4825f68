"""The formats that are offered, in the order of the dialog."""

from __future__ import annotations

from app.formats import coco, cutouts, indexed, labelme, masks, sam2, voc, yolo
from app.formats.base import Format
from inference.errors import UsageError

FORMATS: tuple[Format, ...] = (
    coco.FORMAT,
    yolo.FORMAT,
    voc.FORMAT,
    labelme.FORMAT,
    sam2.FORMAT,
    masks.FORMAT,
    indexed.FORMAT,
    cutouts.FORMAT,
)


def format_of(format_id: str) -> Format:
    """A format by its id; UsageError names the known ones."""
    for form in FORMATS:
        if form.id == format_id:
            return form
    known = ", ".join(form.id for form in FORMATS)
    raise UsageError(f"There is no format {format_id!r}.", remedy=f"Use one of {known}.")
