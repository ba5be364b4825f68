"""Annotations follow a picture that was renamed or moved outside Winnow: the file's content tells which one it is."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path

from inference.errors import ImageError
from inference.pictures import content_key

log = logging.getLogger(__name__)


def moved_pictures(
    folder: Path, known: Iterable[tuple[str, int, str]], taken: frozenset[str], present: Iterable[str]
) -> list[tuple[str, str]]:
    """Pairs (old id, new id) of pictures that are at a new place.

    Args:
        known: (image id, bytes, content key) of pictures that the project has rows for.
        taken: ids that the project has rows for; they are no new place.
        present: ids of the pictures in the folder now.

    Only files of the right size are read, so this costs nothing while nothing is missing.
    """
    here = frozenset(present)
    lost = {(size, content): image_id for image_id, size, content in known if image_id not in here}
    if not lost:
        return []
    sizes = {size for size, _ in lost}
    pairs = []
    for image_id in sorted(here - taken):
        size = _size(folder / image_id)
        if size in sizes and (old := lost.pop((size, _content(folder / image_id)), None)) is not None:
            pairs.append((old, image_id))
    return pairs


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1  # it vanished meanwhile


def _content(path: Path) -> str:
    try:
        return content_key(path)
    except ImageError as error:
        log.info("%s", error)
        return ""
