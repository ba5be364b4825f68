"""Which pictures and classes an export takes, and which split each picture goes to. Pure: the dialog counts live."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.formats.base import Category
from app.formats.options import SPLIT_NAMES, ExportOptions
from app.formats.source import Source, natural
from inference.errors import UsageError

if TYPE_CHECKING:
    from app.instance import LabelClass


@dataclass(frozen=True)
class Digest:
    """A picture without its masks: how many instances it has of each class (None: without a class)."""

    image_id: str
    state: str
    counts: tuple[tuple[int | None, int], ...] = ()


Tally = Counter[Digest]
"""Digests without their names, and how often each occurs."""


@dataclass(frozen=True)
class Selection:
    """What an export would write.

    Attributes:
        images: ids in natural order. instances: how many they hold of the chosen classes.
        split_of: image id to split; empty without a split.
        categories: the chosen classes, numbered.
    """

    images: tuple[str, ...]
    instances: int
    split_of: dict[str, str]
    categories: tuple[Category, ...]

    @property
    def splits(self) -> dict[str, int]:
        """Pictures in each split, in order."""
        counted = Counter(self.split_of.values())
        return {name: counted[name] for name in SPLIT_NAMES if name in counted}


def digest(source: Source, progress: Callable[[int, int, str], None] | None = None) -> list[Digest]:
    """Every picture of a source, annotated or not."""
    found = {}
    for count, image in enumerate(source.images()):
        counts = Counter(i.class_id for i in image.instances)
        found[image.image_id] = Digest(image.image_id, str(image.state), tuple(counts.items()))
        if progress and count % 50 == 0:
            progress(count, 0, "Counting")
    for image_id in source.files():
        if image_id not in found:
            found[image_id] = Digest(image_id, "todo")
    return list(found.values())


def select(digests: Iterable[Digest], classes: Sequence[LabelClass], options: ExportOptions) -> Selection:
    """Applies the options. UsageError for a class that does not exist."""
    digests = list(digests)
    chosen = kept(digests, classes, options)
    images = tuple(natural(chosen))
    without_class = options.unlabelled and any(None in dict(d.counts) for d in digests)
    categories = number(classes, _wanted_classes(classes, options), without_class=without_class)
    return Selection(images, sum(chosen.values()), assign(images, options.split, options.seed), categories)


def kept(digests: Iterable[Digest], classes: Sequence[LabelClass], options: ExportOptions) -> dict[str, int]:
    """The chosen pictures and how many instances of each are exported, unsorted."""
    wanted = _wanted_classes(classes, options)
    counted = ((each, _count(each, wanted, options)) for each in digests)
    return {each.image_id: count for each, count in counted if _takes(each, count, options)}


def tally(digests: Iterable[Digest]) -> Tally:
    """How many pictures are alike. Made once, in the background; counting from it follows every click."""
    return Counter(Digest("", each.state, tuple(sorted(each.counts, key=str))) for each in digests)


def totals(tally: Tally, classes: Sequence[LabelClass], options: ExportOptions) -> tuple[int, int]:
    """Pictures and instances that an export would write. UsageError for a class that does not exist."""
    wanted = _wanted_classes(classes, options)
    images = instances = 0
    for each, times in tally.items():
        count = _count(each, wanted, options)
        if _takes(each, count, options):
            images, instances = images + times, instances + times * count
    return images, instances


def _count(image: Digest, wanted: set[int], options: ExportOptions) -> int:
    return sum(n for c, n in image.counts if (c in wanted if c is not None else options.unlabelled))


def number(classes: Sequence[LabelClass], wanted: set[int], *, without_class: bool) -> tuple[Category, ...]:
    """The chosen classes as 1, 2, … in the person's order; instances without a class come last, as "object"."""
    chosen = [c for c in classes if c.id in wanted]
    categories = [Category(i, c.name, c.color, c.supercategory or "", c.id) for i, c in enumerate(chosen, 1)]
    if without_class:
        taken = {c.name for c in chosen}
        name = next(n for n in ("object", "unlabelled", "without class", "no class (Winnow)") if n not in taken)
        categories.append(Category(len(categories) + 1, name, "#808080", "", None))
    return tuple(categories)


def assign(images: Sequence[str], shares: Sequence[float], seed: int) -> dict[str, str]:
    """Image id to split. Depends on ids, shares and seed only, not on the order or on what the pictures show.

    Pictures are ranked by a hash of seed and id and the ranking is cut at the shares, so the counts are exact to one
    picture, and a picture that joins later moves at most the few at the cuts.
    """
    if not shares:
        return {}
    ranked = sorted(
        images, key=lambda i: hashlib.blake2b(f"{seed}:{i}".encode("utf-8", "surrogatepass"), digest_size=8).digest()
    )
    result, start = {}, 0
    for name, count in split_counts(len(ranked), shares).items():
        result.update(dict.fromkeys(ranked[start : start + count], name))
        start += count
    return result


def split_counts(count: int, shares: Sequence[float]) -> dict[str, int]:
    """How many of `count` pictures each split gets; together all of them."""
    result, start, total = {}, 0, 0.0
    for name, share in zip(SPLIT_NAMES, shares, strict=False):
        total += share
        end = count if total > 1 - 1e-9 else max(start, round(total * count))
        result[name], start = end - start, end
    return result


def _wanted_classes(classes: Sequence[LabelClass], options: ExportOptions) -> set[int]:
    if options.classes is None:
        return {c.id for c in classes}
    by_name = {c.name: c.id for c in classes}
    for name in options.classes:
        if name not in by_name:
            known = ", ".join(by_name) or "none yet"
            raise UsageError(f"There is no class called {name!r}.", remedy=f"The classes are: {known}.")
    return {by_name[name] for name in options.classes}


def _takes(image: Digest, count: int, options: ExportOptions) -> bool:
    if options.which == "done" and image.state != "done":
        return False
    if options.which == "annotated" and not image.counts:
        return False
    return count > 0 or options.keeps_empty
