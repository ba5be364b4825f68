"""Reads masks as COCO writes them, with Python's own library only. For smoke.py."""

from __future__ import annotations

from typing import Any

Box = tuple[float, float, float, float]


class Damaged(Exception):  # noqa: N818  what a person reads is the message
    """What should be a mask is none."""


def area(height: int, width: int, counts: str) -> int:
    """Pixels of a mask in COCO's compressed run-length code (pycocotools' rleFrString)."""
    return sum(_runs(height, width, counts)[1::2])


def inside(mask: dict[str, Any], box: Box) -> int:
    """Pixels of a mask {"size": [height, width], "counts"} in a box x0, y0, x1, y1; the code goes down the columns."""
    height, width = mask["size"]
    x0, y0, x1, y1 = box
    place = found = 0
    for number, run in enumerate(_runs(height, width, mask["counts"])):
        if number % 2:
            found += sum(x0 <= p // height < x1 and y0 <= p % height < y1 for p in range(place, place + run))
        place += run
    return found


def _runs(height: int, width: int, counts: str) -> list[int]:
    runs: list[int] = []
    place = 0
    while place < len(counts):
        value, shift, more = 0, 0, True
        while more:
            code = ord(counts[place]) - 48
            value |= (code & 0x1F) << shift
            more = bool(code & 0x20)
            place, shift = place + 1, shift + 5
            if not more and code & 0x10:
                value |= -1 << shift
        runs.append(value + (runs[-2] if len(runs) > 2 else 0))
    if sum(runs) != height * width:
        raise Damaged("a mask is damaged")
    return runs
