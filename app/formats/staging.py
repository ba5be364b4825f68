"""Writing beside and renaming at the end: an export is there whole or not at all."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from app.formats.leftovers import Claim, sweep
from app.markers import EXPORT_MARKER as MARKER
from inference.errors import StorageError, UsageError

_OVERWRITE = "Choose another folder, or allow overwriting (--overwrite): files that are not the export's are kept."


def check_target(out: Path, *, overwrite: bool) -> None:
    """UsageError when the output folder may not be written to."""
    if out.exists() and not out.is_dir():
        raise UsageError("The output is a file, not a folder.", out, "Choose a folder.")
    if not overwrite and out.is_dir() and any(out.iterdir()):
        what = "holds an earlier export" if (out / MARKER).exists() else "is not empty"
        raise UsageError(f"The output folder {what}.", out, _OVERWRITE)


class Staging:
    """A temporary folder on the file system of the output; `commit` moves its files into place.

    Args:
        out: the output folder; need not exist.
        protected: files that must never be replaced (the originals), resolved.

    Every path given to it is relative and posix. Failing writes raise StorageError.
    """

    def __init__(self, out: Path, protected: Iterable[Path] = ()) -> None:
        self.out = out
        self._protected = {os.path.normcase(p) for p in protected}
        self._files: list[str] = []
        self._taken: set[str] = set()
        with storing(out):
            parent = _staging_parent(out)
            sweep(parent)
            self._claim = Claim(parent)
            self.folder = self._claim.folder
            self.folder.mkdir()

    @property
    def files(self) -> list[str]:
        return self._files

    def free(self, stem: str, suffix: str) -> str:
        """A relative path that no file of this export has yet, on no file system: `-2`, `-3` … are added."""
        name, number = stem, 2
        while (name + suffix).casefold() in self._taken:
            name, number = f"{stem}-{number}", number + 1
        return name + suffix

    def place(self, relative: str) -> Path:
        """Where to write a file; its folder is there. The file counts as the export's from now on."""
        path = self.folder.joinpath(*relative.split("/"))
        if not path.is_relative_to(self.folder) or ".." in path.parts:
            raise ValueError(f"{relative} leaves the export")
        with storing(self.out / relative):
            path.parent.mkdir(parents=True, exist_ok=True)
        if relative.casefold() in self._taken:
            raise ValueError(f"{relative} is written twice")
        self._taken.add(relative.casefold())
        self._files.append(relative)
        return path

    def write_bytes(self, relative: str, data: bytes) -> None:
        path = self.place(relative)
        with storing(self.out / relative):
            path.write_bytes(data)

    def write_text(self, relative: str, text: str) -> None:
        self.write_bytes(relative, text.encode("utf-8", "replace"))

    def write_json(self, relative: str, data: Any, *, indent: int | None = None) -> None:
        text = json.dumps(data, ensure_ascii=False, indent=indent) + "\n"
        # A file name that is not UTF-8 holds surrogates: as \udcff they are JSON, and read back as the same name.
        self.write_bytes(relative, text.encode("utf-8", "backslashreplace"))

    @contextmanager
    def together(self) -> Iterator[None]:
        """Files written inside are taken back when something fails: no picture is half in an export."""
        start = len(self._files)
        try:
            yield
        except BaseException:
            for relative in self._files[start:]:
                self.folder.joinpath(*relative.split("/")).unlink(missing_ok=True)
                self._taken.discard(relative.casefold())
            del self._files[start:]
            raise

    def size(self) -> int:
        """Bytes written so far."""
        return sum((self.folder / f).stat().st_size for f in self._files)

    def commit(self, about: dict[str, Any] | None, *, replace: bool) -> None:
        """Moves everything into place.

        Args:
            about: goes into the marker; None leaves no marker (files that lie beside originals).
            replace: existing files of the same names are replaced; else they are a UsageError.
        """
        self._refuse_clashes(replace=replace)
        if about is not None:
            self.write_json(MARKER, {"winnow_export": 1, **about, "files": sorted(self._files)}, indent=1)
        with storing(self.out):
            if not self._appear():
                stale = marked_files(self.out) - set(self._files) if about is not None else set()
                self._move_in()
                self._remove_stale(stale)
        self.discard()

    def discard(self) -> None:
        """Removes the temporary folder; what was there before is untouched."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self._claim.release()

    def _appear(self) -> bool:
        """One rename when nothing is there yet: the export appears at once."""
        if self.out.exists():
            return False
        self.out.parent.mkdir(parents=True, exist_ok=True)
        self.folder.replace(self.out)
        return True

    def _move_in(self) -> None:
        """The marker last: while it is the old one, an interrupted move can be repeated."""
        for relative in self._files:
            target = self.out / relative
            target.parent.mkdir(parents=True, exist_ok=True)
            (self.folder / relative).replace(target)

    def _refuse_clashes(self, *, replace: bool) -> None:
        """Before anything moves: no original is replaced, no folder stands where a file goes or the other way round."""
        for relative in self._files:
            target = self.out / relative
            if os.path.normcase(target.resolve()) in self._protected:
                raise UsageError("The export would replace an original picture.", target, "Choose another folder.")
            if not replace and target.exists():
                raise UsageError("A file of that name is there already.", target, _OVERWRITE)
            above = [p for p in target.parents if p != self.out and p.is_relative_to(self.out)]
            if target.is_dir() or any(p.is_file() for p in above):
                raise UsageError("A file and a folder would have the same name.", target, "Choose another folder.")

    def _remove_stale(self, stale: set[str]) -> None:
        """Files of the earlier export that this one does not have, and the folders they leave empty."""
        for relative in stale:
            path = self.out / relative
            if os.path.normcase(path.resolve()) in self._protected:
                continue
            path.unlink(missing_ok=True)
            parent = path.parent
            while parent != self.out and parent.is_dir() and not any(parent.iterdir()):
                parent.rmdir()
                parent = parent.parent


def marked_files(folder: Path) -> set[str]:
    """The files an earlier export left in a folder; empty when there is none or its marker says nothing usable."""
    try:
        data = json.loads((folder / MARKER).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return set()
    names = data.get("files") if isinstance(data, dict) else None
    if not isinstance(names, list):
        return set()
    # The marker lies where anyone can edit it: names that lead elsewhere are not followed.
    return {n for n in names if isinstance(n, str) and _confined(folder, n)}


def _confined(folder: Path, name: str) -> bool:
    path = Path(name)
    inside = not path.is_absolute() and ".." not in path.parts and not path.drive and bool(path.parts)
    return inside and (folder / path).resolve().is_relative_to(folder.resolve())


@contextmanager
def storing(path: Path) -> Iterator[None]:
    """Says StorageError, with the remedy, for whatever the file system refuses."""
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        what = "The disk is full." if full else f"It cannot be written ({error.strerror or error})."
        remedy = "Free some space or choose another disk." if full else "Choose a folder you may write to."
        raise StorageError(what, path, remedy + " Nothing was exported.") from error


def _staging_parent(out: Path) -> Path:
    """The output itself when it is there, else the nearest folder above it: renames then stay on one disk."""
    folder = out
    while not folder.is_dir():
        folder = folder.parent
    return folder
