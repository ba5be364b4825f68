"""Splits pictures into those that teach and those that choose, without the same content on both sides."""

from __future__ import annotations

import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np

from inference.errors import FormatError, ImageError
from inference.pictures import content_key

T = TypeVar("T")


def split_by_content(
    items: Sequence[T], path_of: Callable[[T], Path], kind_of: Callable[[T], str], share: float, seed: int
) -> tuple[list[T], list[T]]:
    """(the rest, `share` of every kind), always the same for the same seed and files.

    Files with the same bytes go together, whatever they are called; each kind is shuffled by its own generator, so
    that a new kind moves no picture of the others.

    Raises:
        FormatError: there are not two different pictures.
    """
    groups: dict[str, list[T]] = defaultdict(list)
    for item in items:
        groups[key_of(path_of(item))].append(item)
    kinds: dict[str, list[str]] = defaultdict(list)
    for key, members in groups.items():
        kinds[Counter(kind_of(m) for m in members).most_common(1)[0][0]].append(key)
    if len(groups) < 2:
        raise FormatError(
            "A part to choose on cannot be split off: there are not two different pictures.",
            path_of(items[0]) if items else None,
            "Add pictures, or name a set with --val.",
        )
    taken: set[str] = set()
    for kind, keys in sorted(kinds.items()):
        order = np.random.default_rng((seed, zlib.crc32(kind.encode()))).permutation(len(keys))
        shuffled = [sorted(keys)[i] for i in order]
        taken.update(shuffled[: min(round(share * len(keys)), max(len(keys) - 1, 0) or len(keys))])
    if not taken:  # many kinds of one or two pictures each
        taken.add(sorted(groups)[int(np.random.default_rng(seed).integers(len(groups)))])
    if len(taken) == len(groups):
        taken.discard(min(taken))
    rest = [m for key, members in groups.items() if key not in taken for m in members]
    return rest, [m for key, members in groups.items() if key in taken for m in members]


def without_content_of(items: Sequence[T], others: Sequence[T], path_of: Callable[[T], Path]) -> tuple[list[T], int]:
    """`items` without those whose bytes are also among `others`, and how many those were."""
    known = {key_of(path_of(o)) for o in others}
    kept = [item for item in items if key_of(path_of(item)) not in known]
    return kept, len(items) - len(kept)


def key_of(path: Path) -> str:
    """A name for a file's bytes; its path where it cannot be read, which is found out later."""
    try:
        return content_key(path)
    except ImageError:
        return str(path)


__all__ = ["key_of", "split_by_content", "without_content_of"]
