"""`Filing`: which pictures of a folder are unsorted, and which class the others are in; what is on its way counts as
there."""

from __future__ import annotations

from collections.abc import Iterable

from app.project import Project
from app.project.rows import image_id_of
from app.session.desk import Opened
from app.sorting.sorter import Sorter


class Filing:
    """Of one open folder. Classes are told by ids alone, so 100,000 pictures cost no disk.

    Attributes:
        copied: originals of copies and links; they count as sorted.
    """

    def __init__(self, opened: Opened, sorter: Sorter) -> None:
        self._opened, self._sorter = opened, sorter
        self._leaving: dict[str, str | None] = {}
        self.copied: frozenset[str] = frozenset()

    @property
    def settled(self) -> bool:
        """Nothing is on its way."""
        return not self._leaving

    def image_ids(self) -> list[str]:
        """All pictures, in order; those that are being removed are gone already."""
        every = self._opened.images.image_ids()
        return [i for i in every if self._leaving.get(i, "") is not None] if self._leaving else every

    def class_of(self, image_id: str) -> str | None:
        """The class a picture is filed under, None: unsorted."""
        if image_id in self._leaving:
            return self._leaving[image_id] or None
        prefix = self._prefix()
        return None if prefix is None else _class_in(image_id, prefix)

    def classes(self) -> dict[str, str]:
        """The class of every picture that is in one."""
        prefix, found = self._prefix(), {}
        for image_id in self.image_ids():
            name = self._leaving.get(image_id) if image_id in self._leaving else (
                None if prefix is None else _class_in(image_id, prefix)
            )  # fmt: skip
            if name:
                found[image_id] = name
        return found

    def unsorted(self) -> list[str]:
        """Pictures in no class; of those that were copied or linked into one, the originals count as sorted."""
        filed = self.classes()
        return [i for i in self.image_ids() if i not in filed and i not in self.copied]

    def of_class(self, name: str) -> list[str]:
        """The pictures of a class and of the classes within it."""
        within = f"{name}/"
        return [i for i, own in self.classes().items() if own == name or own.startswith(within)]

    # What is on its way -----------------------------------------------------------------------------------------

    def leave(self, image_ids: Iterable[str], name: str | None) -> None:
        """These are on their way to a class, "" to the unsorted ones, None to the removed ones."""
        self._leaving.update(dict.fromkeys(image_ids, name))

    def arrived(self, pairs: Iterable[tuple[str, str]]) -> None:
        """What has moved; a picture that came back is not on its way any more."""
        for _, new in pairs:
            self._leaving.pop(new, None)

    def listed(self) -> None:
        """The list of pictures is another: what is not in it has arrived."""
        if self._leaving:
            there = frozenset(self._opened.images.image_ids())
            self._leaving = {i: c for i, c in self._leaving.items() if i in there}

    def stay(self, moved: Iterable[str]) -> None:
        """An operation ended early: only these have moved, the others stay where they are."""
        gone = frozenset(moved)
        self._leaving = {i: c for i, c in self._leaving.items() if i in gone}

    def _prefix(self) -> str | None:
        """What ids of filed pictures begin with, None when the class folders are outside the open folder."""
        root, folder = self._sorter.root, self._opened.project.folder
        if not root.is_relative_to(folder):
            return None
        inner = root.relative_to(folder).as_posix()
        return "" if inner == "." else f"{inner}/"


def originals(project: Project) -> frozenset[str]:
    """The originals of the copies and links that stand, as the journal has it. From any thread."""
    query = "SELECT source FROM moves WHERE mode IN ('copy', 'link') AND state = 'done' AND leader IS NULL"
    with project.reading() as connection:
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'moves'").fetchone():
            return frozenset()  # an older project that is open for reading only
        return frozenset(image_id_of(source) for (source,) in connection.execute(query))


def _class_in(image_id: str, prefix: str) -> str | None:
    return (image_id[len(prefix) :].rpartition("/")[0] or None) if image_id.startswith(prefix) else None
