"""`Pieces`: the objects found in a picture before any is kept; what overlaps what, and what is a part. No Qt."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from pycocotools import mask as coco

from app import editing
from app.patches import contains, minus
from inference.everything import FoundMask
from inference.masks import Mask

Level = Literal["all", "wholes", "parts"]

_INSIDE = 0.9  # share of a piece that lies in its whole


@dataclass(frozen=True, slots=True)
class Piece:
    """One of them.

    Attributes:
        number: tells it apart in its picture.
        mask: of the picture's size.
        score: the IoU that the model predicts; None for what a person merged or split.
        point: x, y in pixels: what found it.
    """

    number: int
    mask: Mask
    score: float | None = None
    point: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Filters:
    """Which pieces are shown.

    Attributes:
        score: the least predicted IoU.
        area: the least share of the picture.
        overlap: of two that overlap more (IoU), the one with the lower score is left out.
        level: all, those that are part of nothing, or those that have no parts.
    """

    score: float = 0.4
    area: float = 0.0005
    overlap: float = 0.8
    level: Level = "all"


class Pieces:
    """The pieces of one picture. Overlaps are worked out when a piece comes, so filters only compare numbers."""

    def __init__(self) -> None:
        self._pieces: dict[int, Piece] = {}
        self._shared: dict[int, dict[int, float]] = {}  # pixels that two have in common
        self._steps: list[tuple[list[Piece], list[Piece]]] = []  # what a person took away and put in its place
        self._made: set[int] = set()  # by a person
        self._replaced: set[int] = set()  # found, and merged or split

    def __len__(self) -> int:
        return len(self._pieces)

    def get(self, number: int) -> Piece | None:
        return self._pieces.get(number)

    def numbers(self) -> tuple[int, ...]:
        return tuple(self._pieces)

    # Coming and going ----------------------------------------------------------------------------------------

    def take(self, found: Iterable[FoundMask]) -> None:
        """More results of the search."""
        self._add(Piece(f.number, f.mask, f.predicted_iou, f.point) for f in found if f.mask.area)

    def settle(self, found: Iterable[FoundMask]) -> None:
        """The end of the search: what is not among its results goes, but for what a person made."""
        final = {f.number: f for f in found}
        self._remove([n for n in self._pieces if n not in final and n not in self._made])
        self.take(f for n, f in final.items() if n not in self._pieces and n not in self._replaced)

    def merge(self, numbers: Iterable[int]) -> int | None:
        """Several become one. Its number, or None for fewer than two."""
        old = [self._pieces[n] for n in dict.fromkeys(numbers) if n in self._pieces]
        if len(old) < 2:
            return None
        return self._replace(old, [editing.union([piece.mask for piece in old])])[0]

    def split(self, number: int) -> tuple[int, ...]:
        """A piece becomes its separate parts; one that hangs together, what is known of its parts and the rest.

        The new numbers; none when there is nothing to split.
        """
        piece = self._pieces.get(number)
        if piece is None:
            return ()
        masks = editing.parts(piece.mask)
        if len(masks) < 2:
            inner = [self._pieces[n] for n in self._pieces if self.whole_of(n) == number]
            rest = piece.mask
            for part in inner:
                rest = minus(rest, part.mask)
            if not inner or not rest.area:
                return ()
            masks = [rest]
        return self._replace([piece], masks)

    def undo(self) -> bool:
        """Takes the last merge or split back. False when there was none."""
        if not self._steps:
            return False
        old, new = self._steps.pop()
        self._remove([piece.number for piece in new])
        self._replaced -= {piece.number for piece in old}
        self._add(old)
        return True

    def forget_steps(self) -> None:
        """Merges and splits up to now stay."""
        self._steps.clear()

    @property
    def changed_by_hand(self) -> bool:
        """Something was merged or split that can be taken back."""
        return bool(self._steps)

    # Looking -------------------------------------------------------------------------------------------------

    def shown(self, filters: Filters, without: Iterable[int] = ()) -> list[Piece]:
        """What passes the filters, large ones first, so that parts lie on their wholes."""
        barred = set(without)
        passing = [p for p in self._pieces.values() if p.number not in barred and _passes(p, filters)]
        passing.sort(key=lambda p: -1.0 if p.score is None else -p.score)
        kept: list[Piece] = []
        for piece in passing:
            if piece.score is None or all(self.iou(piece.number, k.number) <= filters.overlap for k in kept):
                kept.append(piece)
        numbers = {p.number for p in kept}
        if filters.level == "wholes":
            kept = [p for p in kept if self.whole_of(p.number, numbers) is None]
        elif filters.level == "parts":
            wholes = {self.whole_of(n, numbers) for n in numbers}
            kept = [p for p in kept if p.number not in wholes]
        return sorted(kept, key=lambda p: -p.mask.area)

    def iou(self, one: int, other: int) -> float:
        shared = self._shared[one].get(other, 0.0)
        return shared / (self._pieces[one].mask.area + self._pieces[other].mask.area - shared)

    def whole_of(self, number: int, among: Iterable[int] | None = None) -> int | None:
        """The smallest larger piece that this one is a part of."""
        mine = self._pieces[number].mask.area
        others = self._pieces if among is None else among
        wholes = [
            (self._pieces[other].mask.area, other)
            for other in others
            if other != number
            and (self._pieces[other].mask.area, other) > (mine, number)
            and self._shared[number].get(other, 0.0) >= _INSIDE * mine
        ]
        return min(wholes)[1] if wholes else None

    # Within --------------------------------------------------------------------------------------------------

    def _replace(self, old: list[Piece], masks: Iterable[Mask]) -> tuple[int, ...]:
        new = []
        for mask in masks:
            number = -1 - len(self._made)
            self._made.add(number)
            new.append(Piece(number, mask))
        self._replaced |= {piece.number for piece in old}
        self._steps.append((old, new))
        self._remove([piece.number for piece in old])
        self._add(new)
        return tuple(piece.number for piece in new)

    def _add(self, pieces: Iterable[Piece]) -> None:
        for piece in pieces:
            others = list(self._pieces.values())
            ious = coco.iou([_code(piece.mask)], [_code(o.mask) for o in others], [0] * len(others)) if others else []
            row: dict[int, float] = {}
            for other, iou in zip(others, ious[0] if others else (), strict=True):
                if iou > 0:
                    shared = float(iou) * (piece.mask.area + other.mask.area) / (1 + float(iou))
                    row[other.number] = self._shared[other.number][piece.number] = shared
            self._pieces[piece.number], self._shared[piece.number] = piece, row

    def _remove(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            for other in self._shared.pop(number, {}):
                self._shared[other].pop(number, None)
            self._pieces.pop(number, None)


def topmost(pieces: Iterable[Piece], x: float, y: float, below: int | None = None) -> Piece | None:
    """The smallest piece at a point; with `below`, the next larger one than that."""
    hits = sorted((p for p in pieces if contains(p.mask, x, y)), key=lambda p: (p.mask.area, p.number))
    place = next((i for i, p in enumerate(hits) if p.number == below), None)
    if place is not None:
        return hits[(place + 1) % len(hits)]
    return hits[0] if hits else None


def _passes(piece: Piece, filters: Filters) -> bool:
    if piece.score is None:
        return True
    return piece.score >= filters.score and piece.mask.area >= filters.area * piece.mask.width * piece.mask.height


def _code(mask: Mask) -> dict[str, object]:
    return {"size": [mask.height, mask.width], "counts": mask.counts.encode("ascii")}
