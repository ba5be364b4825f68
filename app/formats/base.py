"""What a format is: its table of options, and a writer that takes one picture at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from app.formats.options import ExportOptions, Option
from app.formats.staging import Staging
from app.formats.summary import Notes

if TYPE_CHECKING:
    from app.instance import Instance


@dataclass(frozen=True)
class Category:
    """A class as exports number it: 1, 2, … in the person's order. `class_id` is None for instances without a class."""

    number: int
    name: str
    colour: str
    supercategory: str
    class_id: int | None


@dataclass(frozen=True)
class Shape:
    """An instance that is exported, with its class."""

    instance: Instance
    category: Category


@dataclass(frozen=True)
class Item:
    """A picture that is exported.

    Attributes:
        name: its distinct name without suffix; may hold folders unless the format is flat.
        number: 1, 2, … in natural order of the ids, over all splits.
        split: `train`, `val`, `test`, or empty without a split.
        shapes: bottom to top.
    """

    image_id: str
    path: Path
    name: str
    number: int
    split: str
    width: int
    height: int
    shapes: tuple[Shape, ...]
    state: str = "todo"
    note: str = ""

    def under(self, folder: str, suffix: str = "") -> str:
        """The relative path of a file of this picture: folder / split / name + suffix."""
        return "/".join(p for p in (folder, self.split, self.name) if p) + suffix


@dataclass(frozen=True)
class Setting:
    """Everything a writer is given.

    Attributes:
        name: of the data set. categories: in order. splits: the names of the splits, empty without one.
        values: the format's own options, checked.
        previous: the output folder as it was, for formats that keep what they find there.
    """

    name: str
    categories: Sequence[Category]
    splits: Sequence[str]
    values: Mapping[str, Any]
    options: ExportOptions
    staging: Staging
    notes: Notes
    previous: Path


class Writer(Protocol):
    """Writes one export. `add` raises ImageError or FormatError for a picture that cannot be part of it."""

    def add(self, item: Item) -> bool:
        """Whether the picture is in the export now."""

    def finish(self) -> None:
        """Writes what belongs to the whole: lists, tables, annotation files."""


@dataclass(frozen=True)
class Format:
    """A format as it is offered.

    Attributes:
        id: on the command line. title, description: in the dialog, the latter one line.
        options: its own options.
        flat: subfolders are joined into the names.
        split: it can hold train/val/test.
        pictures: what happens to the pictures unless chosen otherwise: `copy`, `none`, empty for no place.
        most_classes: more cannot be numbered; 0 for no limit.
        beside: it may be written into the folder of the originals, next to them.
    """

    id: str
    title: str
    description: str
    writer: Callable[[Setting], Writer]
    options: tuple[Option, ...] = ()
    flat: bool = False
    split: bool = True
    pictures: Literal["copy", "none", ""] = "copy"
    most_classes: int = 0
    beside: bool = False
