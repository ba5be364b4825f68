"""Objects laid out for picking: filters, overlaps, wholes and parts, merging and splitting."""

from __future__ import annotations

import numpy as np

from app.session.pieces import Filters, Pieces, topmost
from inference.everything import FoundMask, parents
from inference.masks import Mask

ALL = Filters(score=0.0, area=0.0, overlap=0.8)


def found(number: int, x: int, y: int, w: int, h: int, score: float = 0.9) -> FoundMask:
    pixels = np.zeros((80, 100), bool)
    pixels[y : y + h, x : x + w] = True
    return FoundMask(Mask.from_array(pixels), score, 0.97, (x + 1.0, y + 1.0), (0, 0, 100, 80), number)


CAR, WHEEL, WINDOW, TREE, AGAIN = (
    found(1, 10, 30, 50, 30),
    found(2, 15, 50, 10, 10, 0.8),
    found(3, 25, 32, 20, 10, 0.6),
    found(4, 70, 5, 20, 60, 0.7),
    found(5, 10, 31, 50, 29, 0.85),  # the car once more
)


def laid_out() -> Pieces:
    pieces = Pieces()
    pieces.take([CAR, WHEEL])
    pieces.take([WINDOW, TREE, AGAIN])
    return pieces


def numbers(pieces: Pieces, filters: Filters = ALL) -> set[int]:
    return {piece.number for piece in pieces.shown(filters)}


def test_of_two_alike_the_better_one_is_shown() -> None:
    assert numbers(laid_out()) == {1, 2, 3, 4}
    assert numbers(laid_out(), Filters(0.0, 0.0, overlap=1.0)) == {1, 2, 3, 4, 5}


def test_filters() -> None:
    assert numbers(laid_out(), Filters(score=0.75, area=0.0)) == {1, 2}
    assert numbers(laid_out(), Filters(score=0.0, area=0.1)) == {1, 4}


def test_wholes_and_parts() -> None:
    pieces = laid_out()
    assert (pieces.whole_of(2, [1, 2, 3, 4]), pieces.whole_of(1, [1, 2, 3, 4])) == (1, None)
    assert numbers(pieces, Filters(0.0, 0.0, level="wholes")) == {1, 4}
    assert numbers(pieces, Filters(0.0, 0.0, level="parts")) == {2, 3, 4}
    assert parents([f.mask for f in (CAR, WHEEL, WINDOW, TREE)]) == (None, 0, 0, None)
    assert parents([]) == ()


def test_large_ones_lie_below_and_the_smallest_is_picked() -> None:
    shown = laid_out().shown(ALL)
    assert [piece.number for piece in shown] == [1, 4, 3, 2]
    small = topmost(shown, 18, 55)
    assert small is not None and small.number == 2
    whole = topmost(shown, 18, 55, below=2)
    assert whole is not None and whole.number == 1
    again = topmost(shown, 18, 55, below=1)
    assert again is not None and again.number == 2
    assert topmost(shown, 1, 1) is None


def test_merge_and_its_undo() -> None:
    pieces = laid_out()
    assert pieces.merge([1]) is None
    made = pieces.merge([2, 4])
    assert made is not None and numbers(pieces) == {1, 3, made}
    merged = pieces.get(made)
    assert merged is not None and merged.mask == WHEEL.mask.union(TREE.mask)
    assert pieces.undo() and numbers(pieces) == {1, 2, 3, 4}
    assert not pieces.undo()


def test_split_into_separate_parts_and_back() -> None:
    pieces = laid_out()
    made = pieces.merge([2, 4])
    assert made is not None
    parts = pieces.split(made)
    assert {pieces.get(n).mask for n in parts} == {WHEEL.mask, TREE.mask}  # type: ignore[union-attr]


def test_what_hangs_together_loses_its_known_parts() -> None:
    pieces = Pieces()
    pieces.take([CAR, WHEEL, WINDOW])
    (rest,) = pieces.split(1)
    piece = pieces.get(rest)
    assert piece is not None and piece.mask == CAR.mask.minus(WHEEL.mask).minus(WINDOW.mask)
    assert pieces.split(2) == ()


def test_the_end_of_the_search_removes_what_was_superseded_but_not_what_a_person_made() -> None:
    pieces = laid_out()
    made = pieces.merge([2, 3])
    new = found(6, 0, 70, 5, 5)
    pieces.settle([CAR, WHEEL, TREE, new])
    assert set(pieces.numbers()) == {1, 4, 6, made}
    pieces.forget_steps()
    assert not pieces.undo()


def test_empty_masks_are_no_pieces() -> None:
    pieces = Pieces()
    pieces.take([FoundMask(Mask.empty(80, 100), 0.9, 0.9, (0, 0), (0, 0, 100, 80), 1)])
    assert not len(pieces) and pieces.shown(ALL) == []
