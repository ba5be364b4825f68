"""Which files go along with a picture and under which names: nothing is touched here.

Pictures of one folder with the same stem ("a.jpg", "a.png") that move together keep one stem. Their sidecars ("a.json",
"a.txt", "a.xml", "a.jpg.xmp") follow once no other picture of that stem stays behind.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from app.sorting.journal import Mode, Plan
from app.sorting.names import LONGEST, first_number, fold, numbered
from app.sorting.places import Places
from inference.errors import StorageError
from inference.pictures import EXTENSIONS

SIDECARS = frozenset((".json", ".txt", ".xml", ".xmp"))
"""labelme, YOLO, Pascal VOC, and what photo programs write beside a picture."""


def is_picture(name: str) -> bool:
    return os.path.splitext(name)[1].lower() in EXTENSIONS  # noqa: PTH122 - names, many of them


@dataclass(slots=True)
class _Listing:
    """The names in a folder, folded, and those that are promised to steps that were planned."""

    names: set[str] = field(default_factory=set)
    pictures: dict[str, list[str]] = field(default_factory=dict)  # by folded stem
    sidecars: dict[str, list[str]] = field(default_factory=dict)  # by folded stem, "a" or "a.jpg"

    def add(self, name: str) -> None:
        stem, suffix = os.path.splitext(name)  # noqa: PTH122
        self.names.add(fold(name))
        if suffix.lower() in EXTENSIONS:
            self.pictures.setdefault(fold(stem), []).append(name)
        elif suffix.lower() in SIDECARS:
            self.sidecars.setdefault(fold(stem), []).append(name)


@dataclass(frozen=True, slots=True)
class Bundle:
    """Files that keep a common stem: the picture that leads, and what goes along with it."""

    folder: Path
    stem: str
    names: tuple[str, ...]

    @property
    def endings(self) -> list[str]:
        """What follows the stem in each name."""
        return [_ending(name, self.stem) for name in self.names]


class Planner:
    """Plans one operation.

    Args:
        known: ids of pictures that the project has annotations for; their names are taken even while a file is gone.
    """

    def __init__(self, places: Places, known: frozenset[str]) -> None:
        self._places = places
        self._known: dict[str, list[str]] = {}
        for image_id in known:
            folder, _, name = image_id.rpartition("/")
            self._known.setdefault(folder, []).append(name)
        self._here: dict[Path, _Listing] = {}
        self._taken: dict[Path, _Listing] = {}

    def bundles(self, pictures: Iterable[Path], *, leaving: bool) -> Iterator[Bundle]:
        """Pictures with what goes along. `leaving`: they do not stay where they are, as copied ones do."""
        by_stem: dict[tuple[Path, str], list[str]] = {}
        for path in dict.fromkeys(pictures):
            by_stem.setdefault((path.parent, fold(path.stem)), []).append(path.name)
        for (folder, key), names in by_stem.items():
            here = self._listing(folder)
            staying = leaving and any(name not in names for name in here.pictures.get(key, ()))
            along = [] if staying else here.sidecars.get(key, [])
            along = along + [s for name in names for s in here.sidecars.get(fold(name), ())]
            if leaving:  # the last of a stem takes the sidecars, whichever call it comes in
                here.pictures[key] = [name for name in here.pictures.get(key, ()) if name not in names]
            yield Bundle(folder, Path(names[0]).stem, (*names, *along))

    def plans(self, bundles: Iterable[Bundle], folder: Path, mode: Mode, first: int = 0) -> list[Plan]:
        """Steps that bring bundles into a folder under free names. `first`: how many plans go before these."""
        found: list[Plan] = []
        for bundle in bundles:
            leader = first + len(found)
            for n, (name, new) in enumerate(zip(bundle.names, self.free(folder, bundle), strict=True)):
                source, target = self._places.written(bundle.folder / name), self._places.written(folder / new)
                found.append(Plan(mode, source, target, leader if n else None))
        return found

    def free(self, folder: Path, bundle: Bundle) -> list[str]:
        """Names for a bundle that nothing in the folder has and nothing that was planned, on no file system."""
        taken = self._taken_in(folder)
        room = LONGEST - max(len(os.fsencode(ending)) for ending in bundle.endings)
        stem, number = bundle.stem, first_number(bundle.stem)
        while self._clashes(taken, stem, bundle.endings):
            stem, number = numbered(bundle.stem, number, room), number + 1
        names = [stem + ending for ending in bundle.endings]
        for name in names:
            taken.add(name)
        return names

    def forget(self, folder: Path) -> None:
        """The folder changed: look at it anew."""
        self._taken.pop(folder, None)

    def is_annotated(self, path: Path) -> bool:
        """Whether the project has annotations for a picture of this name."""
        folder, _, name = self._places.image_id(self._places.written(path)).rpartition("/")
        return name in self._known.get(folder, ())

    def _clashes(self, taken: _Listing, stem: str, endings: Sequence[str]) -> bool:
        """A taken name; or a sidecar would belong to another's picture as well."""
        if any(fold(stem + ending) in taken.names for ending in endings):
            return True
        has_sidecars = any(os.path.splitext(e)[1].lower() in SIDECARS for e in endings)  # noqa: PTH122
        return fold(stem) in taken.sidecars or (has_sidecars and fold(stem) in taken.pictures)

    def _listing(self, folder: Path) -> _Listing:
        if folder not in self._here:
            self._here[folder] = _listing(folder)
        return self._here[folder]

    def _taken_in(self, folder: Path) -> _Listing:
        if folder not in self._taken:
            self._taken[folder] = taken = _listing(folder)
            image_id = self._places.image_id(self._places.written(folder / "x"))
            for name in self._known.get(image_id.rpartition("/")[0], ()):
                taken.add(name)
        return self._taken[folder]


def bundle_of(paths: Sequence[Path]) -> Bundle:
    """A bundle of files that are to lie in one folder, the leading picture first."""
    return Bundle(paths[0].parent, paths[0].stem, tuple(path.name for path in paths))


def _ending(name: str, stem: str) -> str:
    if name.startswith(stem):
        return name[len(stem) :]
    head, suffix = os.path.splitext(name)  # noqa: PTH122 - the stem in another spelling, "IMG" for "img"
    inner = os.path.splitext(head)[1]  # noqa: PTH122
    return inner + suffix if inner.lower() in EXTENSIONS else suffix


def _listing(folder: Path) -> _Listing:
    listing = _Listing()
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                listing.add(entry.name)
    except FileNotFoundError:
        return listing  # it is about to be made
    except OSError as error:
        raise StorageError(
            f"The folder cannot be read ({error.strerror}).", folder, "Change its permissions or look after its disk."
        ) from error
    return listing
