"""What readers of data sets give back, and the checks that every file from outside goes through."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from inference.errors import FormatError, ImageError
from inference.masks import Mask


@dataclass(frozen=True)
class Labelled:
    """One annotated object: its mask and the name of its class (None: the data set does not say)."""

    mask: Mask
    label: str | None
    crowd: bool = False


@dataclass(frozen=True)
class Sample:
    """A picture of a data set. `path` is inside the data set's folder and was there when it was read.

    `source` names the collection it came from, where a data set is made of several.
    """

    name: str
    path: Path
    width: int
    height: int
    objects: tuple[Labelled, ...] = ()
    source: str = ""


@dataclass
class DataSet:
    """A data set that was read.

    Attributes:
        classes: names in the data set's order.
        problems: what could not be used, one for each picture or object; the rest is in `samples`.
    """

    samples: list[Sample] = field(default_factory=list)
    classes: list[str] = field(default_factory=list)
    problems: list[FormatError | ImageError] = field(default_factory=list)


def read_json(path: Path) -> Any:
    """A JSON file; FormatError names it when it is none, or missing."""
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError as error:
        raise FormatError("The annotation file is not there.", path, "Look whether it was moved.") from error
    except (OSError, ValueError, RecursionError) as error:
        raise FormatError(f"The annotation file cannot be read ({error}).", path, "Write it anew.") from error


def confined(roots: Sequence[Path], name: object, source: Path) -> Path:
    """The file of that name in the first root that has it; FormatError when it is missing or leaves the roots."""
    if not isinstance(name, str) or not name:
        raise FormatError(f"A file name is {name!r}.", source, "Mend the annotation file.")
    posix = PurePosixPath(name.replace("\\", "/"))
    if posix.is_absolute() or ".." in posix.parts or PureWindowsPath(name).drive or "\0" in name:
        raise FormatError(f"The file name {name!r} leads out of the data set.", source, "Use names inside its folder.")
    for root in roots:
        path = root.joinpath(*posix.parts)
        if path.is_file():
            if not path.resolve().is_relative_to(root.resolve()):
                raise FormatError(f"The file {name!r} is a link out of the data set.", source, "Copy the picture in.")
            return path
    raise FormatError(f"The picture {name!r} is missing.", source, "Put it beside the annotations or in images/.")


def whole(value: object, what: str, source: Path, low: int = 0, high: int = 1_000_000) -> int:
    """An integer within bounds; FormatError otherwise."""
    number = int(value) if isinstance(value, float) and value.is_integer() else value
    if isinstance(number, bool) or not isinstance(number, int) or not low <= number <= high:
        raise FormatError(f"{what} is {value!r}.", source, "Mend the annotation file.")
    return number
