"""Where exports read from: a protocol small enough for a project, a batch command and a test alike."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from app.order import image_key

if TYPE_CHECKING:
    from app.instance import Instance, LabelClass
    from app.project import Project


@dataclass(frozen=True)
class SourceImage:
    """One picture with its instances, bottom to top.

    Attributes:
        image_id: relative posix path, the project's key. path: the file.
        width, height: of the upright picture, in pixels; 0 while unknown (no instances then).
        state: `todo`, `done` or `flagged`.
    """

    image_id: str
    path: Path
    width: int
    height: int
    instances: tuple[Instance, ...] = ()
    state: str = "todo"
    note: str = ""


class Source(Protocol):
    """Something that can be exported."""

    @property
    def folder(self) -> Path | None:
        """The folder of the originals, which exports must not touch."""

    @property
    def name(self) -> str:
        """What the data set is called."""

    def classes(self) -> Sequence[LabelClass]:
        """In the person's order, which is the order of class numbers."""

    def images(self) -> Iterator[SourceImage]:
        """Every annotated picture, one at a time; may be walked more than once."""

    def files(self) -> Iterator[str]:
        """The ids of every picture there is, annotated or not."""


@dataclass(frozen=True)
class MemorySource:
    """A source held in memory: what a batch command made, or a test."""

    items: tuple[SourceImage, ...]
    label_classes: tuple[LabelClass, ...] = ()
    name: str = "Winnow"
    folder: Path | None = None

    def classes(self) -> Sequence[LabelClass]:
        return self.label_classes

    def images(self) -> Iterator[SourceImage]:
        return iter(self.items)

    def files(self) -> Iterator[str]:
        return (item.image_id for item in self.items)


class ProjectSource:
    """An opened project; may be walked in any thread. Instances are read one picture at a time, so any size fits."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._classes = tuple(project.classes.all())  # here, in the project's thread
        self.folder: Path | None = project.folder
        self.name = project.folder.name or "Winnow"

    def classes(self) -> Sequence[LabelClass]:
        return self._classes

    def images(self) -> Iterator[SourceImage]:
        for image_id, state, note, width, height, instances in self._project.annotated():
            path = self._project.folder / image_id
            yield SourceImage(image_id, path, width or 0, height or 0, tuple(instances), str(state), note)

    def files(self) -> Iterator[str]:
        return picture_files(self._project.folder)


def picture_files(folder: Path) -> Iterator[str]:
    """Relative posix paths of the pictures below a folder, as the window lists them."""
    from app.library.scan import Scan  # here: the library's package loads Qt, which a batch command may do without

    for entries in Scan(folder).walk():
        yield from (entry.image_id for entry in entries)


def natural(image_ids: Iterable[str]) -> list[str]:
    """Sorted as the window lists them."""
    return sorted(image_ids, key=image_key)
