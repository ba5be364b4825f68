"""Where files are, as the journal writes it and as the project names pictures."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from app.project.place import PARKED
from inference.project_place import STORE

REMOVED = "removed"


class Places:
    """Of one project.

    Args:
        folder: the project's. store: where its database is, beside the pictures or in the person's data folder.
    """

    def __init__(self, folder: Path, store: Path) -> None:
        self.folder = folder
        self.removed = store / REMOVED
        """Deleted pictures wait here, each deletion in a folder of its own."""

    def written(self, path: Path) -> str:
        """A path for the journal: relative to the folder where it can be, so that folders may be moved."""
        try:
            return path.relative_to(self.folder).as_posix()
        except ValueError:
            return str(path)

    def path(self, written: str) -> Path:
        return self.folder / written  # an absolute one stays as it is

    def image_id(self, written: str) -> str:
        """The id of a picture at a place; outside the folder it is one that parks the picture's annotations."""
        path = self.path(written)
        if path.is_relative_to(self.removed):
            return f"{PARKED}{REMOVED}/{path.relative_to(self.removed).as_posix()}"
        if path.is_relative_to(self.folder) and not path.is_relative_to(self.folder / STORE):
            return path.relative_to(self.folder).as_posix()
        return f"{PARKED}outside/{PurePosixPath(*path.parts[1:])}"
