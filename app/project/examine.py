"""Whether a picture is still the one that was annotated."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from app.instance import ImageRecord
from inference.errors import AppError, ImageError
from inference.pictures import read_size


def examined(
    path: Path, record: ImageRecord | None, image_id: str, annotated: bool
) -> tuple[ImageRecord, AppError | None]:
    """The record of a picture with its size, and what keeps it from being edited.

    Raises ImageError when the file cannot be read and the project knows nothing about it either.
    """
    try:
        width, height = read_size(path)
    except ImageError as error:
        if record is None or not record.width:
            raise
        return record, error
    if record is None:
        return ImageRecord(image_id, width, height), None
    if annotated and (record.width, record.height) != (width, height):
        return record, ImageError(
            f"The picture has {width} × {height} pixels now; it was annotated with {record.width} × {record.height}.",
            path,
            "Put the annotated version back, or delete the picture's annotations in its folder's project.",
        )
    return replace(record, width=width, height=height), None
