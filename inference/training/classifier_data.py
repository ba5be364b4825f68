"""Pictures by class folder, in a folder or a zip: which there are, and which serve for training, choosing, testing."""

from __future__ import annotations

import os
import stat
import threading
import zipfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import numpy as np

from inference.errors import AppError, FormatError, ImageError
from inference.pictures import EXTENSIONS, RGBArray, read_rgb, read_rgb_bytes

PARTS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
}
_MEMBER_LIMIT = 1 << 29  # bytes of one unpacked picture: a zip may promise anything


@dataclass(frozen=True, slots=True)
class Example:
    """A picture and its class: `source` numbers the folder or zip, `name` is its path there (slashes)."""

    source: int
    name: str
    label: int


@dataclass(frozen=True, slots=True)
class ClassData:
    """Pictures by class, split. `notes` says in words what was left out or done with them."""

    sources: tuple[Path, ...]
    classes: tuple[str, ...]
    train: tuple[Example, ...]
    val: tuple[Example, ...]
    test: tuple[Example, ...]
    notes: tuple[str, ...] = ()


@dataclass(slots=True)
class _Found:
    """What one source holds: (part or "", class, name) of every picture, and folders without pictures."""

    pictures: list[tuple[str, str, str]] = field(default_factory=list)
    loose: int = 0
    empty: list[str] = field(default_factory=list)


def find_classes(
    sources: Sequence[Path], validation_share: float, test_share: float, seed: int, limit: int = 0
) -> ClassData:
    """Looks through folders and zips of class folders.

    `train`, `val` and `test` folders at the top are taken as such; the test part stays as it is. What is missing is
    split from the training pictures, the same share of each class, always the same way for the same seed.

    Args:
        limit: only so many training pictures a class, the first after shuffling by `seed` (0: all).

    Raises:
        FormatError: nothing there, fewer than two classes, or test classes without training pictures.
    """
    rows: dict[str, list[tuple[int, str, str]]] = defaultdict(list)
    notes: list[str] = []
    for number, source in enumerate(sources):
        found = _look(source)
        for part, label, name in found.pictures:
            rows[part or "train"].append((number, label, name))
        if found.loose:
            notes.append(f"{source.name}: {found.loose} pictures lie in no class folder and were left out")
        notes += [f"{source.name}: the class folder {name} has no pictures" for name in found.empty]
    classes = tuple(sorted({label for _, label, _ in rows["train"]}))
    where = sources[0] if sources else None
    if not rows["train"]:
        raise FormatError("There are no pictures in class folders.", where, "Make a folder for each class.")
    if len(classes) < 2:
        raise FormatError(
            f"There is only one class, “{classes[0]}”.", where, "A classifier needs the pictures of two or more."
        )
    strange = sorted({label for part in ("val", "test") for _, label, _ in rows[part]} - set(classes))
    if strange:
        raise FormatError(
            f"These classes have no training pictures: {', '.join(strange[:5])}.", where, "Add some or remove them."
        )
    index = {name: i for i, name in enumerate(classes)}
    parts = {part: [Example(s, name, index[label]) for s, label, name in sorted(rows[part])] for part in rows}
    train, val, test = parts["train"], parts.get("val", []), parts.get("test", [])
    if not test:
        train, test = stratified(train, test_share, seed)
        notes.append(f"there is no test part: {len(test)} pictures were set apart for it")
    if limit:
        train = _limited(train, limit, seed)
    if not val:
        train, val = stratified(train, validation_share, seed)
    return ClassData(tuple(sources), classes, tuple(train), tuple(val), tuple(test), tuple(notes))


def stratified(examples: Iterable[Example], share: float, seed: int) -> tuple[list[Example], list[Example]]:
    """(the rest, `share` of each class). A class keeps at least one picture in the rest; lone ones stay there.

    Every class is shuffled by its own generator, so that a new class moves no picture of the others.
    """
    rest, taken = [], []
    for label, members in _by_class(examples).items():
        order = np.random.default_rng((seed, label)).permutation(len(members))
        count = min(max(1, round(share * len(members))), len(members) - 1)
        taken += [members[i] for i in order[:count]]
        rest += [members[i] for i in order[count:]]
    return sorted(rest, key=_place), sorted(taken, key=_place)


def _limited(examples: Iterable[Example], limit: int, seed: int) -> list[Example]:
    kept: list[Example] = []
    for label, members in _by_class(examples).items():
        order = np.random.default_rng((seed, label, 1)).permutation(len(members))
        kept += [members[i] for i in order[:limit]]
    return sorted(kept, key=_place)


def _by_class(examples: Iterable[Example]) -> dict[int, list[Example]]:
    groups: dict[int, list[Example]] = defaultdict(list)
    for example in sorted(examples, key=_place):
        groups[example.label].append(example)
    return groups


def _place(example: Example) -> tuple[int, int, str]:
    return example.label, example.source, example.name


class Reader:
    """Reads the pictures of a `ClassData`, from several threads. Close it when done: zips stay open meanwhile."""

    def __init__(self, sources: Sequence[Path]) -> None:
        self.sources = tuple(sources)
        self._zips: dict[int, zipfile.ZipFile] = {}
        self._lock = threading.Lock()

    def read(self, example: Example, max_side: int | None = None) -> RGBArray:
        """(H, W, 3) uint8, upright. ImageError when it cannot be read."""
        source = self.sources[example.source]
        if source.is_dir():
            return read_rgb(source / example.name, max_side)
        where = f"{source}/{example.name}"
        try:
            archive = self._archive(example.source)
            if archive.getinfo(example.name).file_size > _MEMBER_LIMIT:
                raise ImageError("The picture in the zip is too large.", where, "Unpack and shrink it.")
            data = archive.read(example.name)
        except (OSError, KeyError, RuntimeError, zipfile.BadZipFile, NotImplementedError, EOFError) as error:
            raise ImageError(f"The zip's picture cannot be read ({error}).", where, "Fetch the zip again.") from error
        except zipfile.zlib.error as error:  # type: ignore[attr-defined]
            raise ImageError("The zip's picture is damaged.", where, "Fetch the zip again.") from error
        return read_rgb_bytes(data, where, max_side)

    def where(self, example: Example) -> str:
        """Its path, for people."""
        return str(self.sources[example.source] / example.name)

    def close(self) -> None:
        for archive in self._zips.values():
            archive.close()
        self._zips.clear()

    def _archive(self, number: int) -> zipfile.ZipFile:
        with self._lock:
            if number not in self._zips:
                self._zips[number] = zipfile.ZipFile(self.sources[number])
            return self._zips[number]


def _look(source: Path) -> _Found:
    try:
        if source.is_dir():
            return _sorted_out(_walk(source), source)
        if source.is_file() and zipfile.is_zipfile(source):
            with zipfile.ZipFile(source) as archive:
                return _sorted_out(_members(archive, source), source)
    except (OSError, zipfile.BadZipFile) as error:
        raise FormatError(f"The data cannot be read ({error}).", source, "Check the path and permissions.") from error
    if source.exists():
        raise FormatError("This is neither a folder nor a zip.", source, "Give a folder or zip of class folders.")
    raise FormatError("There is no such folder or zip.", source, "Check the path.")


def _sorted_out(names: Iterator[str], source: Path) -> _Found:
    """Names of pictures, and of folders with a slash at the end, to parts and classes."""
    paths = list(names)
    wrap = _wrapping(paths)
    tops = {p.removeprefix(wrap).split("/")[0].lower() for p in paths if "/" in p.removeprefix(wrap)}
    has_parts = bool(tops & {k for k, v in PARTS.items() if v == "train"})
    found = _Found()
    folders: set[str] = set()
    counts: Counter[str] = Counter()
    for path in sorted(paths):
        pieces = PurePosixPath(path.removeprefix(wrap)).parts
        if not pieces:
            continue
        part = PARTS.get(pieces[0].lower(), "") if has_parts else ""
        if has_parts and not part:
            found.loose += not path.endswith("/")
            continue
        inner = pieces[1:] if part else pieces
        label = "/".join(inner if path.endswith("/") else inner[:-1])
        if path.endswith("/"):
            folders.add(label)
        elif label:
            found.pictures.append((part, label, path))
            for depth in range(1, label.count("/") + 2):
                counts["/".join(label.split("/")[:depth])] += 1
        else:
            found.loose += 1
    found.empty = sorted(name for name in folders if name and not counts[name])
    if not paths:
        raise FormatError("There are no pictures in it.", source, "Make a folder for each class.")
    return found


def _wrapping(paths: Sequence[str]) -> str:
    """The one folder around all parts or class folders ("cifar10/"), as zips often have it; "" when there is none."""
    tops = {path.split("/")[0] for path in paths}
    pictures = [path for path in paths if not path.endswith("/")]
    if len(tops) == 1 and not tops & set(PARTS) and pictures and all(path.count("/") > 1 for path in pictures):
        return f"{next(iter(tops))}/"
    return ""


def _walk(root: Path) -> Iterator[str]:
    """Relative names of pictures and (with a slash) folders; hidden ones and links out of the folder are left out."""
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(f for f in folders if not f.startswith("."))
        inside = Path(folder).relative_to(root)
        for name in folders:
            yield f"{(inside / name).as_posix()}/"
        for name in files:
            if not name.startswith(".") and Path(name).suffix.lower() in EXTENSIONS:
                yield (inside / name).as_posix()


def _members(archive: zipfile.ZipFile, source: Path) -> Iterator[str]:
    """Names of a zip's pictures. They are only read, never unpacked; names that lead out are refused all the same."""
    infos = archive.infolist()
    for info in infos:
        path = PurePosixPath(info.filename)
        if "\\" in info.filename or path.is_absolute() or ".." in path.parts:
            raise FormatError(f"The zip names a file outside itself: {info.filename}.", source, "Do not use this zip.")
        if any(piece.startswith((".", "__MACOSX")) for piece in path.parts) or stat.S_ISLNK(info.external_attr >> 16):
            continue
        if info.is_dir() or path.suffix.lower() in EXTENSIONS:
            yield info.filename


__all__ = ["AppError", "ClassData", "Example", "Reader", "find_classes", "stratified"]
