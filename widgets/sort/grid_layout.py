"""Where tiles and headings of the grid are: rows of equal tiles in sections. Arithmetic only, so 100,000 cost nothing.

All coordinates are pixels of the whole grid, y down from the top of the first section.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QRect, QSize


@dataclass(frozen=True, slots=True)
class Section:
    """Rows `start` to `start + count` of the grid under one heading.

    Attributes:
        key: what it stands for, given back when its offer is taken.
        title: its heading; "" has none.
        note: said more quietly after the title.
        offer: what can be done with all of it, as a link at the right; "" is nothing.
        spared: how many of its first pictures a click on the heading does not select.
    """

    start: int
    count: int
    key: str = ""
    title: str = ""
    note: str = ""
    offer: str = ""
    spared: int = 0


class GridLayout:
    """Sections of tiles in a width.

    Args:
        sections: in order, without gaps between their rows.
        width: what there is for the tiles.
        tile: the smallest size of a tile; tiles are made wider to fill the width.
        heading: the height of a heading.
    """

    def __init__(self, sections: Sequence[Section], width: int, tile: QSize, heading: int) -> None:
        self.sections = tuple(sections)
        self.width = max(width, tile.width())
        self.columns = max(1, self.width // tile.width())
        self.tile = QSize(self.width // self.columns, tile.height())
        self._heading = heading
        self._starts = [section.start for section in self.sections]
        self._tops: list[int] = []
        top = 0
        for section in self.sections:
            self._tops.append(top)
            top += self._head(section) + -(-section.count // self.columns) * self.tile.height()
        self.height = top

    def rect(self, row: int) -> QRect:
        """Where a row's tile is; empty for a row that is not there."""
        place = bisect_right(self._starts, row) - 1
        if place < 0 or row >= self.sections[place].start + self.sections[place].count:
            return QRect()
        section = self.sections[place]
        line, column = divmod(row - section.start, self.columns)
        top = self._tops[place] + self._head(section) + line * self.tile.height()
        return QRect(column * self.tile.width(), top, self.tile.width(), self.tile.height())

    def row_at(self, x: int, y: int) -> int:
        """The row whose tile is there, -1 for none."""
        found = self._at(y)
        if found is None or not 0 <= x < self.columns * self.tile.width():
            return -1
        section, line = found
        row = section.start + line * self.columns + x // self.tile.width()
        return row if line >= 0 and row < section.start + section.count else -1

    def heading_at(self, y: int) -> Section | None:
        """The section whose heading is there."""
        found = self._at(y)
        return found[0] if found is not None and found[1] < 0 else None

    def headings(self, top: int, bottom: int) -> Iterator[tuple[Section, QRect]]:
        """The headings that show between two heights."""
        for place in self._places(top, bottom):
            section, y = self.sections[place], self._tops[place]
            if section.title and y < bottom and y + self._heading > top:
                yield section, QRect(0, y, self.width, self._heading)

    def within(self, area: QRect) -> Iterator[range]:
        """The rows whose tiles touch an area, as ranges."""
        left, right = max(area.left(), 0), min(area.right(), self.columns * self.tile.width() - 1)
        if right < left:
            return
        first, last = left // self.tile.width(), right // self.tile.width()
        for place in self._places(area.top(), area.bottom() + 1):
            section = self.sections[place]
            top = self._tops[place] + self._head(section)
            end = section.start + section.count
            for line in range(max(0, (area.top() - top) // self.tile.height()),
                              (area.bottom() - top) // self.tile.height() + 1):  # fmt: skip
                start = section.start + line * self.columns
                if start >= end:
                    break
                found = range(start + first, min(start + last + 1, end))
                if found:
                    yield found

    def heading_over(self, row: int) -> int:
        """The height of the heading that stands right above a tile, 0 for none."""
        section = next((s for s in self.sections if s.start <= row < s.start + s.count), None)
        return self._head(section) if section is not None and row - section.start < self.columns else 0

    def beside(self, row: int, lines: int) -> int:
        """The row `lines` further down (up when negative) in the same column, crossing sections; itself at the ends."""
        at = self.rect(row)
        x = at.center().x()
        for _ in range(abs(lines)):
            probe = at.bottom() + 1 if lines > 0 else at.top() - 1
            place = self._place(probe)
            if place is None:
                break
            section, top = self.sections[place], self._tops[place] + self._head(self.sections[place])
            if probe < top and lines < 0:  # on a heading: the last line of the section above
                if place == 0:
                    break
                place -= 1
                section, top = self.sections[place], self._tops[place] + self._head(self.sections[place])
                line = (section.count - 1) // self.columns
            else:
                line = max(0, (probe - top) // self.tile.height())
            row = min(section.start + line * self.columns + x // self.tile.width(), section.start + section.count - 1)
            at = self.rect(row)
        return row

    def _head(self, section: Section) -> int:
        return self._heading if section.title else 0

    def _place(self, y: int) -> int | None:
        if not 0 <= y < self.height:
            return None
        return bisect_right(self._tops, y) - 1

    def _places(self, top: int, bottom: int) -> range:
        first = max(0, bisect_right(self._tops, top) - 1)
        return range(first, bisect_right(self._tops, bottom))

    def _at(self, y: int) -> tuple[Section, int] | None:
        """The section at a height and its line of tiles there, -1 for the heading."""
        place = self._place(y)
        if place is None:
            return None
        section = self.sections[place]
        below = y - self._tops[place] - self._head(section)
        return section, below // self.tile.height() if below >= 0 else -1
