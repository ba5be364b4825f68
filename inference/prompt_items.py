"""What a prompt set is: items, the prompts made of them, and how they count together. No torch, no Qt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

Aggregate = Literal["mean", "max", "best"]
AGGREGATES: tuple[Aggregate, ...] = get_args(Aggregate)
PLACE = "{}"
OWN_WORDING = -1


@dataclass(frozen=True, slots=True)
class PromptItem:
    """What a picture can show.

    Attributes:
        name: also the name of its class.
        synonyms: other words for it; each makes prompts of its own.
        templates: prompts with `{}` where the word goes, in place of the set's prefixes and postfixes.
        negative: a picture that fits it best is none of the others.
        threshold: the score, 0..1, under which a picture is not taken for it.
    """

    name: str
    synonyms: tuple[str, ...] = ()
    templates: tuple[str, ...] = ()
    negative: bool = False
    threshold: float | None = None

    @property
    def words(self) -> tuple[str, ...]:
        """The name and its synonyms."""
        return (self.name, *self.synonyms)


@dataclass(frozen=True, slots=True)
class PromptSet:
    """Prefixes, items, postfixes, and how the prompts of an item count together.

    `aggregate`: "mean" compares with the mean of the item's prompts' embeddings; "max" with whichever of them fits the
    picture best; "best" finds the one wording (prefix and postfix) that fits the picture best and compares all items
    in that wording.
    """

    name: str
    prefixes: tuple[str, ...]
    items: tuple[PromptItem, ...]
    postfixes: tuple[str, ...]
    aggregate: Aggregate = "mean"

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(item.name for item in self.items)

    @property
    def count(self) -> int:
        """How many prompts there are, at most (equal ones of an item are made once)."""
        wordings = max(len(self.prefixes), 1) * max(len(self.postfixes), 1)
        return sum(len(item.words) * (len(item.templates) or wordings) for item in self.items)

    def prompts(self) -> tuple[tuple[str, ...], ...]:
        """The prompts of each item, in the order of items. An empty list of prefixes or postfixes adds nothing."""
        return tuple(tuple(self._wordings(item)) for item in self.items)

    def wordings(self) -> tuple[tuple[int, ...], ...]:
        """Beside `prompts`: the number of the prefix and postfix that made each, or OWN_WORDING for a template."""
        return tuple(tuple(self._wordings(item).values()) for item in self.items)

    def to_json(self) -> dict[str, Any]:
        """The file's form. Items that say nothing more are plain strings, as others write them."""
        return {
            "name": self.name,
            "prefixes": list(self.prefixes),
            "items": [_item_to_json(item) for item in self.items],
            "postfixes": list(self.postfixes),
            "aggregate": self.aggregate,
        }

    def _wordings(self, item: PromptItem) -> dict[str, int]:
        """Each prompt once, with the wording that made it first."""
        if item.templates:
            return dict.fromkeys((t.replace(PLACE, word) for word in item.words for t in item.templates), OWN_WORDING)
        pairs = [(before, after) for before in self.prefixes or ("",) for after in self.postfixes or ("",)]
        made: dict[str, int] = {}
        for word in item.words:
            for number, (before, after) in enumerate(pairs):
                made.setdefault(f"{before}{word}{after}", number)
        return made


def _item_to_json(item: PromptItem) -> str | dict[str, Any]:
    more: dict[str, Any] = {}
    if item.synonyms:
        more["synonyms"] = list(item.synonyms)
    if item.templates:
        more["templates"] = list(item.templates)
    if item.negative:
        more["negative"] = True
    if item.threshold is not None:
        more["threshold"] = item.threshold
    return {"name": item.name, **more} if more else item.name
