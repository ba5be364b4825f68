"""Near-duplicates in stacks, with the picture of each that is most worth keeping. numpy and OpenCV, no torch.

Embeddings find candidates; a perceptual hash of the pixels decides, because two pictures of the same kind of thing can
be as close to a model as two exposures of one scene.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from inference.errors import AppError
from inference.pictures import read_rgb, read_size

log = logging.getLogger(__name__)

Floats = npt.NDArray[np.floating[Any]]
ALIKE = 0.92
"""Cosine from which two pictures are looked at. Copies saved anew are at 0.97 and above."""
DIFFERENT_BITS = 14
"""Of 64 bits of the perceptual hash, so many may differ in one stack. The sample photos differ in 26 and more; their
reduced, blurred, brighter and slightly cropped copies in 14 at most."""
_BLOCK = 1024  # rows compared at once
_EDGE = 256  # of the picture that sharpness is measured on


@dataclass(frozen=True, slots=True)
class Look:
    """What the pixels of a picture say.

    Attributes:
        hash: 64 bits that stay nearly the same through scaling and compression (DCT signs, Zauner 2010).
        sharpness: variance of the Laplacian on a picture of a common size; more is sharper.
        pixels, bytes: of the file.
    """

    hash: int
    sharpness: float
    pixels: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Stack:
    """Pictures that are nearly the same, the one proposed to keep first."""

    ids: tuple[str, ...]

    @property
    def best(self) -> str:
        return self.ids[0]

    @property
    def others(self) -> tuple[str, ...]:
        return self.ids[1:]


def look(path: Path) -> Look:
    """Looks at one picture, decoded small. Raises ImageError."""
    grey = cv2.cvtColor(read_rgb(path, _EDGE), cv2.COLOR_RGB2GRAY)
    width, height = read_size(path)
    small = cv2.resize(grey, (32, 32), interpolation=cv2.INTER_AREA).astype(np.float32)
    low = cv2.dct(small)[:8, :8].ravel()
    bits = low > np.median(low[1:])
    number = int.from_bytes(np.packbits(bits).tobytes(), "big")
    fitted = cv2.resize(grey, (_EDGE, _EDGE), interpolation=cv2.INTER_AREA)
    return Look(number, float(cv2.Laplacian(fitted, cv2.CV_32F).var()), width * height, path.stat().st_size)


def stacks(
    ids: Sequence[str],
    embeddings: Floats,
    look_at: Callable[[str], Look],
    alike: float = ALIKE,
    progress: Callable[[int, int], None] | None = None,
) -> list[Stack]:
    """Stacks of two and more, the largest first.

    Args:
        embeddings: (n, d) of the pictures.
        look_at: gives the look of a picture, asked once for each candidate; one that cannot be read is left out.
        progress: called with rows compared and rows in all; may raise to stop.

    A picture joins the stack of the first picture that it is like, so that long chains of small changes (a film's
    frames) do not become one stack.
    """
    looks: dict[int, Look | None] = {}

    def seen(row: int) -> Look | None:
        if row not in looks:
            try:
                looks[row] = look_at(ids[row])
            except AppError as error:
                log.info("%s", error)
                looks[row] = None
        return looks[row]

    taken: set[int] = set()
    found = []
    for row, near in _neighbours(embeddings, alike, taken, progress):
        mine = seen(row)
        if mine is None:
            continue
        members = [(mine, row)]
        for other in near:
            its = None if other in taken else seen(other)
            if its is not None and (mine.hash ^ its.hash).bit_count() <= DIFFERENT_BITS:
                members.append((its, other))
        if len(members) > 1:
            taken.update(number for _, number in members)
            members.sort(key=lambda member: (*_worth(member[0]), -member[1]), reverse=True)
            found.append(Stack(tuple(ids[number] for _, number in members)))
    return sorted(found, key=lambda stack: (-len(stack.ids), stack.best))


def _worth(look: Look) -> tuple[float, int]:
    """Twice the pixels count as much as twice the sharpness; then the larger file."""
    return float(np.log2(look.pixels + 1) + np.log2(look.sharpness + 1)), look.bytes


def _neighbours(
    embeddings: Floats, alike: float, taken: set[int], progress: Callable[[int, int], None] | None
) -> Iterator[tuple[int, list[int]]]:
    """Each row that is not taken with the later rows that are at least so close, where there are any."""
    rows = np.asarray(embeddings, np.float32)
    rows = rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), np.float32(1e-12))
    for start in range(0, len(rows), _BLOCK):
        near = np.triu(rows[start : start + _BLOCK] @ rows[start:].T >= alike, 1)
        for row in np.flatnonzero(near.any(axis=1)).tolist():
            if start + row not in taken:
                yield start + row, (np.flatnonzero(near[row]) + start).tolist()
        if progress is not None:
            progress(min(start + _BLOCK, len(rows)), len(rows))
