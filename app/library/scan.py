"""Finding the pictures of a folder and its subfolders, and what changed since. No Qt.

Hidden folders and files are left out (`.winnow` is one), and so are exports. Links to folders are followed, each folder
once.
"""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from app.markers import EXPORT_MARKER
from app.order import folder_key, natural_key
from inference.errors import AppError, StorageError
from inference.pictures import EXTENSIONS

log = logging.getLogger(__name__)

_RUN = 4000  # names sorted at once: sorting holds the interpreter, and the window must not wait for it


class Entry(NamedTuple):
    """A picture in the list. Entries compare by `key`, the natural order."""

    key: str
    image_id: str


@dataclass(slots=True)
class Difference:
    """What a second look at some folders found."""

    added: list[Entry] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    problems: list[AppError] = field(default_factory=list)


class Scan:
    """What is known of a folder tree. Used by one thread."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._files: dict[str, frozenset[str]] = {}  # by folder, "" is the root
        self._folders: dict[str, frozenset[str]] = {}
        self._changed: dict[str, int] = {}  # st_mtime_ns of folders
        self._identities: dict[str, tuple[int, int]] = {}  # device and inode of folders: links lead to each only once
        self._seen: set[tuple[int, int]] = set()
        self.problems: list[AppError] = []

    @property
    def folders(self) -> list[str]:
        return list(self._files)

    def image_ids(self) -> list[str]:
        return [_join(folder, name) for folder, names in self._files.items() for name in names]

    def walk(self, folder: str = "") -> Iterator[list[Entry]]:
        """Looks through a folder and all below it; a list for each folder, in the order of the keys."""
        pending = [folder]
        while pending:
            current = pending.pop()
            if not self._enter(current):
                continue
            files, folders = self._look(current)
            if files:
                yield _entries(current, files)
            pending += (_join(current, name) for name in sorted(folders, key=natural_key, reverse=True))

    def again(self, folders: set[str]) -> Difference:
        """Looks at some folders anew, and through those that came or went below them."""
        result = Difference()
        problems = len(self.problems)
        for folder in sorted(folders):
            if folder in self._files:
                self._compare(folder, result)
        result.problems = self.problems[problems:]
        return result

    def stale(self) -> set[str]:
        """The folders whose entries changed since they were looked at, by their time of change."""
        return {f for f in self._files if self._mtime(f) != self._changed.get(f)}

    def _compare(self, folder: str, result: Difference) -> None:
        files, folders = self._files[folder], self._folders[folder]
        new_files, new_folders = self._look(folder)
        result.added += _entries(folder, new_files - files)
        result.removed += (_join(folder, name) for name in files - new_files)
        for name in folders - new_folders:
            self._leave(_join(folder, name), result)
        for name in new_folders - folders:
            for entries in self.walk(_join(folder, name)):
                result.added += entries

    def _leave(self, folder: str, result: Difference) -> None:
        for name in self._folders.pop(folder, frozenset()):
            self._leave(_join(folder, name), result)
        result.removed += (_join(folder, name) for name in self._files.pop(folder, frozenset()))
        self._changed.pop(folder, None)
        self._seen.discard(self._identities.pop(folder, (0, 0)))

    def _enter(self, folder: str) -> bool:
        """Whether a folder is looked through for the first time, under any of the names that links give it."""
        try:
            status = (self._root / folder).stat()
        except OSError as error:
            self._report(folder, error)
            return False
        identity = status.st_dev, status.st_ino
        if folder in self._files or (status.st_ino and identity in self._seen):
            return False
        self._seen.add(identity)
        self._identities[folder] = identity
        return True

    def _look(self, folder: str) -> tuple[frozenset[str], frozenset[str]]:
        files: list[str] = []
        folders: list[str] = []
        self._changed[folder] = self._mtime(folder)
        try:
            with os.scandir(self._root / folder) as entries:
                for entry in entries:
                    if entry.name == EXPORT_MARKER and folder:  # copies of pictures, not pictures of the project
                        files.clear()
                        folders.clear()
                        break
                    if _hidden(entry):
                        continue
                    if _is_folder(entry):
                        folders.append(entry.name)
                    elif os.path.splitext(entry.name)[1].lower() in EXTENSIONS:  # noqa: PTH122 - 100,000 times
                        files.append(entry.name)
        except FileNotFoundError as error:
            if not folder:  # a drive that was pulled out comes back; its pictures stay listed
                return self._unread(folder, error)
        except OSError as error:
            return self._unread(folder, error)
        self._files[folder], self._folders[folder] = frozenset(files), frozenset(folders)
        return self._files[folder], self._folders[folder]

    def _unread(self, folder: str, error: OSError) -> tuple[frozenset[str], frozenset[str]]:
        """What was known before stays."""
        self._report(folder, error)
        return self._files.setdefault(folder, frozenset()), self._folders.setdefault(folder, frozenset())

    def _mtime(self, folder: str) -> int:
        try:
            return (self._root / folder).stat().st_mtime_ns
        except OSError:
            return -1  # gone; looking at it tells

    def _report(self, folder: str, error: OSError) -> None:
        log.info("%s: %s", self._root / folder, error)
        self.problems.append(
            StorageError(
                f"The folder cannot be read ({error.strerror}); its pictures are not listed.",
                self._root / folder,
                "Change its permissions or look after its disk.",
            )
        )


def _entries(folder: str, names: frozenset[str]) -> list[Entry]:
    head, prefix = folder_key(folder) + "\1", f"{folder}/" if folder else ""
    entries = [Entry(head + natural_key(name), prefix + name) for name in names]
    if len(entries) <= _RUN:
        return sorted(entries, key=_key)
    runs = [sorted(entries[n : n + _RUN], key=_key) for n in range(0, len(entries), _RUN)]
    return sorted((entry for run in runs for entry in run), key=_key)  # merges the runs, which is quick


def _key(entry: Entry) -> str:
    return entry.key


def _join(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name


def _hidden(entry: os.DirEntry[str]) -> bool:
    if entry.name.startswith("."):
        return True
    if os.name != "nt":
        return False
    return bool(entry.stat(follow_symlinks=False).st_file_attributes & stat.FILE_ATTRIBUTE_HIDDEN)  # type: ignore[attr-defined,unused-ignore]


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False  # a link that leads nowhere or to itself
