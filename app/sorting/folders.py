"""Class folders: the folders below the sort root, nested ones included, with how many pictures each holds. No Qt."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from app.library.scan import Scan
from app.markers import EXPORT_MARKER
from app.order import folder_key
from app.sorting.names import class_name, fold
from inference.errors import AppError, UsageError


@dataclass(frozen=True, slots=True)
class ClassFolder:
    """A class and its folder.

    Attributes:
        name: relative to the sort root with forward slashes, "animals/cat".
        count: pictures directly in it. total: with those of the classes below it.
    """

    name: str
    path: Path
    count: int
    total: int

    @property
    def title(self) -> str:
        """The last part of the name."""
        return self.name.rpartition("/")[2]

    @property
    def parent(self) -> str:
        """The name of the class it lies in, "" at the top."""
        return self.name.rpartition("/")[0]


class ClassFolders:
    """The classes below one sort root. Asks the disk each time; from any thread."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.problems: list[AppError] = []

    def scan(self) -> list[ClassFolder]:
        """All classes in natural order, parents before what lies in them. Hidden folders and exports are left out."""
        if not self.root.is_dir():
            self.problems = []
            return []
        look = Scan(self.root)
        direct = {entries[0].image_id.rpartition("/")[0]: len(entries) for entries in look.walk()}
        self.problems = list(look.problems)
        names = [folder for folder in look.folders if folder and not (self.root / folder / EXPORT_MARKER).exists()]
        total: Counter[str] = Counter()
        for folder, count in direct.items():
            parts = folder.split("/")
            for depth in range(1, len(parts) + 1):
                total["/".join(parts[:depth])] += count
        return [ClassFolder(n, self.root / n, direct.get(n, 0), total.get(n, 0)) for n in sorted(names, key=folder_key)]

    def resolve(self, text: str) -> str:
        """A class as written, as the folder that stands for it: one that differs by case only is the same class.

        "" is the sort root itself, for what is unsorted again. Raises UsageError for what cannot be a class.
        """
        if not text.strip("/ "):
            return ""
        found: list[str] = []
        for part in class_name(text).split("/"):
            found.append(_existing(self.root.joinpath(*found), part))
        return "/".join(found)

    def path(self, name: str) -> Path:
        """The folder of a class. UsageError for a name that would leave the sort root."""
        return self.root / class_name(name) if name else self.root

    def require(self, text: str) -> str:
        """As `resolve`, for a class that has to be there. UsageError when it is not."""
        name = self.resolve(text)
        if not name or not (self.root / name).is_dir():
            raise UsageError(f"There is no class “{text}”.", self.root, "Choose one from the list.")
        return name

    def class_of(self, path: Path) -> str | None:
        """The class that a file is filed under, None for one outside the class folders."""
        try:
            name = path.parent.relative_to(self.root).as_posix()
        except ValueError:
            return None
        return None if name == "." else name


def _existing(folder: Path, part: str) -> str:
    """The name of a subfolder that is this one to some file system, else the name itself."""
    if (folder / part).is_dir():
        return _spelled(folder, part)
    wanted = fold(part)
    try:
        with os.scandir(folder) as entries:
            return next((e.name for e in entries if fold(e.name) == wanted and e.is_dir()), part)
    except OSError:
        return part


def _spelled(folder: Path, part: str) -> str:
    """As the disk writes it: a case-insensitive one finds it under any spelling."""
    wanted = fold(part)
    with os.scandir(folder) as entries:
        names = [e.name for e in entries if fold(e.name) == wanted]
    return part if part in names or not names else names[0]
