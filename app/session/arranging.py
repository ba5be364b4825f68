"""In which order pictures are shown, and under which headings. No Qt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.sorting.suggest import Suggestion


@dataclass(frozen=True, slots=True)
class Group:
    """Pictures under one heading. `sure`: how many of them are suggested firmly enough to be taken together."""

    label: str | None
    count: int
    sure: int


def by_suggestion(
    ids: Sequence[str], suggestions: Mapping[str, Suggestion], level: float
) -> tuple[list[str], list[Group]]:
    """Groups of one suggested class each, the largest first, those without one last; the surest first within."""
    groups: dict[str | None, list[str]] = {}
    for image_id in ids:
        one = suggestions.get(image_id)
        groups.setdefault(one.label if one is not None else None, []).append(image_id)
    shown: list[str] = []
    made = []
    for label in sorted(groups, key=lambda label: (label is None, -len(groups[label]), label or "")):
        members = groups[label]
        if label is not None:
            members.sort(key=lambda i: -suggestions[i].confidence)
        shown += members
        sure = sum(suggestions[i].confidence >= level for i in members) if label is not None else 0
        made.append(Group(label, len(members), sure))
    return shown, made


def by_use(ids: Sequence[str], suggestions: Mapping[str, Suggestion]) -> list[str]:
    """The pictures whose answer teaches most come first (two classes are as likely); those without a suggestion last,
    in their order."""
    return sorted(ids, key=lambda i: suggestions[i].margin if i in suggestions else 2.0)


def above(ids: Sequence[str], suggestions: Mapping[str, Suggestion], level: float) -> dict[str, list[str]]:
    """By class, the pictures whose suggestion is at least so sure."""
    found: dict[str, list[str]] = {}
    for image_id in ids:
        one = suggestions.get(image_id)
        if one is not None and one.label is not None and one.confidence >= level:
            found.setdefault(one.label, []).append(image_id)
    return found


def unsure(ids: Sequence[str], suggestions: Mapping[str, Suggestion], level: float) -> list[str]:
    """Pictures that were looked at and whose suggestion is weaker than that, or none."""
    return [i for i in ids if (one := suggestions.get(i)) is not None and (one.label is None or one.confidence < level)]
