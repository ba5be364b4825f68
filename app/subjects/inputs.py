"""Which pictures a command line means: files and folders, in the order people expect."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from app.order import image_key
from app.subjects.outputs import INDEX, RESULTS, holds_results
from inference.errors import AppError, ImageError
from inference.paths import is_there, typed
from inference.pictures import EXTENSIONS


def pictures(
    paths: Iterable[Path], *, recursive: bool = True, without: Path | None = None
) -> tuple[list[Path], list[AppError]]:
    """The pictures of files and folders, each once, and what could not be found.

    Folders give their pictures in natural order, hidden folders (`.winnow`), `without` (the output) and what earlier
    runs wrote left out; a file that is named is taken whatever its suffix, so that its reader can say what is wrong
    with it.
    """
    found: dict[Path, None] = {}
    failures: list[AppError] = []
    for path in paths:
        place = typed(path)
        if not is_there(place):
            failures.append(ImageError("There is no such file or folder.", place, "Check the path."))
        elif place.is_dir():
            files, missing = _of_folder(place, recursive, without)
            failures += missing
            found |= dict.fromkeys(files)
        else:
            found[place.absolute()] = None
    return list(found), failures


def _of_folder(folder: Path, recursive: bool, without: Path | None) -> tuple[list[Path], list[AppError]]:
    barred = None if without is None else typed(without).resolve()
    missing: list[AppError] = []
    files = list(_walk(folder.absolute(), recursive, barred, missing))
    if not files and not missing:
        missing.append(ImageError("There are no pictures in this folder.", folder, "Choose another folder."))
    return sorted(files, key=lambda file: image_key(file.as_posix())), missing


def _walk(folder: Path, recursive: bool, barred: Path | None, missing: list[AppError]) -> Iterator[Path]:
    def unreadable(error: OSError) -> None:
        why = error.strerror or str(error)
        missing.append(ImageError(f"This folder cannot be read ({why}).", error.filename, "Check its permissions."))

    for place, folders, names in os.walk(folder, onerror=unreadable):
        here = Path(place)
        results = RESULTS if INDEX in names and holds_results(here) else ()
        keep = [f for f in folders if recursive and not f.startswith(".") and f not in results]
        folders[:] = [f for f in keep if (here / f).resolve() != barred]
        yield from (here / n for n in names if Path(n).suffix.lower() in EXTENSIONS and not n.startswith("."))
