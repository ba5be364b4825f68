"""Which pictures the grid shows for a tray or a class, in which order, under which headings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from PySide6.QtCore import QCoreApplication

from app.overlays import colour_of
from app.session import arranging
from app.session.sorting import SortSession
from app.texts import QT_TRANSLATE_NOOP, counted
from widgets.sort.class_tree import CLASS
from widgets.sort.folders_panel import ALIKE, ALL, UNSORTED, UNSURE
from widgets.sort.grid_layout import Section

_MOST_FOUND = 500
_STACKS = QT_TRANSLATE_NOOP("Listing", "Alike  1 stack"), QT_TRANSLATE_NOOP("Listing", "Alike  %n stacks")


@dataclass(frozen=True, slots=True)
class Shown:
    """What the grid shows. `why_empty` stands in place of pictures."""

    ids: Sequence[str]
    sections: Sequence[Section]
    title: str
    why_empty: str = ""


class Listing:
    """Asks the session anew each time. `tray` is a tray's key or "class:NAME".

    Attributes:
        useful: the pictures whose answer teaches most come first.
        groups: grouped by what is suggested.
        best: of each stack of alike pictures, the one to keep.
        above: how many unsorted pictures have a suggestion that is sure enough.
    """

    def __init__(self, session: SortSession) -> None:
        self._session = session
        self._colors: dict[str, str] = {}
        self._counts: dict[str, int | None] = {}
        self._offers: dict[str, list[str]] = {}
        self.tray = UNSORTED
        self.useful, self.groups = False, True
        self.best: frozenset[str] = frozenset()
        self.above = 0

    def color(self, name: str) -> str:
        """The colour of a class, the same as long as the window is open."""
        return self._colors.setdefault(name, colour_of(len(self._colors)))

    def counts(self) -> dict[str, int | None]:
        """How many pictures each tray holds, as last listed; None while that is not known."""
        return self._counts

    def offered(self, key: str) -> list[str]:
        """The pictures that the offer of a heading is about."""
        return self._offers.get(key, [])

    @property
    def grouped(self) -> bool:
        """The pictures stand in groups by what is suggested for them."""
        here = self.tray in (UNSORTED, UNSURE) and self._session.finder.found is None
        return here and self.groups and not self.useful and bool(self._session.suggestions)

    def list(self) -> Shown:
        session, level = self._session, self._session.level
        every, unsorted = session.image_ids(), session.unsorted()
        unsure = arranging.unsure(unsorted, session.suggestions, level)
        self.above = sum(map(len, arranging.above(unsorted, session.suggestions, level).values()))
        stacked = None if session.finder.stacks is None else len(session.finder.stacks)
        self._counts = {UNSORTED: len(unsorted), UNSURE: len(unsure), ALIKE: stacked, ALL: len(every)}
        self._offers = {}
        if self.tray == ALIKE:
            return self._stacks(frozenset(every))
        ids = {UNSORTED: unsorted, UNSURE: unsure, ALL: every}.get(self.tray)
        name = self.tray.removeprefix(CLASS)
        if ids is None:
            ids = session.of_class(name)
        titles = {UNSORTED: _tr("Unsorted"), UNSURE: _tr("Unsure"), ALL: _tr("All pictures")}
        title = titles.get(self.tray, name)
        if session.finder.found is not None:
            return self._found(ids, title)
        if self.useful and self.tray in (UNSORTED, UNSURE):
            ids = arranging.by_use(ids, session.suggestions)
        elif self.grouped:
            return self._grouped(ids, title)
        return Shown(ids, (Section(0, len(ids)),), f"{title}  {len(ids):,}", self._why_empty())

    def without(self, ids: Sequence[str], sections: Sequence[Section], gone: Sequence[str]) -> Shown:
        """What is shown less some pictures, without arranging anything anew: at once, however many there are."""
        out = frozenset(gone)
        kept: list[str] = []
        left = []
        for section in sections:
            members = [i for i in ids[section.start : section.start + section.count] if i not in out]
            if members:
                left.append(replace(section, start=len(kept), count=len(members)))
                kept += members
        return Shown(kept, left, "", self._why_empty())

    # Within ---------------------------------------------------------------------------------------------------------

    def _grouped(self, ids: Sequence[str], title: str) -> Shown:
        session = self._session
        shown, groups = arranging.by_suggestion(ids, session.suggestions, session.level)
        sections, start = [], 0
        for group in groups:
            members = shown[start : start + group.count]
            key = group.label or ""
            offer = ""
            if group.sure:
                offer = _tr("Accept the %1 sure ones").replace("%1", f"{group.sure:,}")
                if group.sure == group.count:
                    offer = _tr("Accept all %1").replace("%1", f"{group.sure:,}")
                self._offers[key] = [i for i in members if session.suggestions[i].confidence >= session.level]
            heading = group.label if group.label is not None else _tr("No suggestion")
            sections.append(Section(start, group.count, key, f"{heading}?" if group.label else heading,
                                    f"{group.count:,}", offer))  # fmt: skip
            start += group.count
        return Shown(shown, sections, f"{title}  {len(ids):,}", self._why_empty())

    def _found(self, ids: Sequence[str], title: str) -> Shown:
        """What the search found among these, the best first."""
        assert self._session.finder.found is not None
        here = frozenset(ids)
        found = [i for i in self._session.finder.found if i in here][:_MOST_FOUND]
        heading = _tr("Found in %1").replace("%1", title)
        why = _tr("Nothing was found: the pictures are still being looked at, or there are none here.")
        return Shown(found, (Section(0, len(found)),), heading, why)

    def _stacks(self, every: frozenset[str]) -> Shown:
        stacks = self._session.finder.stacks
        if stacks is None:
            return Shown((), (), _tr("Alike"), _tr("Looking for pictures that are nearly the same…"))
        shown: list[str] = []
        sections: list[Section] = []
        best = set()
        for stack in stacks:
            members = [i for i in stack.ids if i in every]
            if len(members) < 2:  # the rest was resolved
                continue
            key = members[0]
            best.add(key)
            self._offers[key] = members[1:]
            heading = _tr("%1 alike").replace("%1", str(len(members)))
            offer = _tr("Keep the marked one, remove %1").replace("%1", str(len(members) - 1))
            note = "" if sections else _tr("the sharpest and largest is marked; a click here selects the others")
            sections.append(Section(len(shown), len(members), key, heading, note, offer, spared=1))
            shown += members
        self.best = frozenset(best)
        self._counts[ALIKE] = len(sections)
        title = counted("Listing", _STACKS, len(sections))
        return Shown(shown, sections, title, _tr("No two pictures are nearly the same."))

    def _why_empty(self) -> str:
        if self.tray == UNSORTED:
            return _tr("Everything is sorted.") if self._session.image_ids() else _tr("There are no pictures here.")
        if self.tray == UNSURE:
            return _tr("No suggestion is in doubt.")
        return _tr("No pictures yet: drag some onto this class.") if self.tray.startswith(CLASS) else ""


def _tr(text: str) -> str:
    return QCoreApplication.translate("Listing", text)
