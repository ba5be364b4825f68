"""From what a person opened or dropped (folders, pictures) to the folder of a project and the picture to show first."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from inference.errors import UsageError
from inference.paths import typed
from inference.pictures import EXTENSIONS


def locate(paths: Iterable[str | Path]) -> tuple[Path, str | None]:
    """The folder to open and the id of the picture to show first, if one was named.

    A folder is itself. Pictures open their folder; pictures of several folders, the deepest folder that holds all.
    Raises UsageError for nothing, for what is not there and for files that are no pictures.
    """
    given = [Path(os.path.abspath(typed(p))) for p in paths]  # noqa: PTH100 - keeps symbolic links
    if not given:
        raise UsageError("Nothing was given to open.", remedy="Name a folder or a picture.")
    for path in given:
        _require(path)
    if len(given) == 1 and given[0].is_dir():
        return given[0], None
    folders = [p if p.is_dir() else p.parent for p in given]
    try:
        folder = Path(os.path.commonpath(folders))
    except ValueError:  # several drives
        raise UsageError("The pictures are on different drives.", given[0], "Open them one folder at a time.") from None
    first = next((p for p in given if not p.is_dir()), None)
    return folder, None if first is None else first.relative_to(folder).as_posix()


def _require(path: Path) -> None:
    try:
        path.stat()
    except FileNotFoundError:
        raise UsageError("There is no such file or folder.", path, "Look at the spelling of its name.") from None
    except OSError as error:
        raise UsageError(
            f"It cannot be opened ({error.strerror}).", path, "Look at its permissions and name."
        ) from None
    if not path.is_dir() and path.suffix.lower() not in EXTENSIONS:
        kinds = ", ".join(sorted(e[1:] for e in EXTENSIONS))
        raise UsageError("This is not a picture that Winnow reads.", path, f"Choose one of these kinds: {kinds}.")
