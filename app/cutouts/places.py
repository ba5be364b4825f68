"""Where cut-outs go: a name for every picture, decided before the first is written, so that runs agree."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from app.cutouts.ledger import FOLDER, Ledger
from app.formats.names import distinct, safe
from inference.errors import UsageError
from inference.paths import typed

NONE_OF_THESE = "none of these"
REPORTS = ("index.html", "scores.csv", "results.json")
_RESERVED = {FOLDER, "debug", *REPORTS}


def output_folder(out: Path, inputs: Sequence[Path]) -> Path:
    """The output as an absolute path. UsageError when it is a file, or a folder that is asked to be cut out itself."""
    folder = typed(out).absolute()
    if folder.exists() and not folder.is_dir():
        raise UsageError("The output is a file, not a folder.", folder, "Choose a folder.")
    for given in inputs:
        place = typed(given)
        if place.is_dir() and folder.exists() and place.resolve() == folder.resolve():
            raise UsageError(
                "The output is the folder of the pictures.", folder, "Choose a folder inside or beside it."
            )
    return folder


class Places:
    """Names for the pictures of a batch.

    Args:
        images: all pictures of the batch.
        ledger: its files keep their names.
        suffix: of the cut-outs.
        items: what pictures are filed under; none when they keep the folders they came in.
        roots: the folders that were asked for: what is below them keeps its place there.
    """

    def __init__(
        self, images: Sequence[Path], ledger: Ledger, suffix: str, items: Sequence[str] = (), roots: Sequence[Path] = ()
    ) -> None:
        self._out = ledger.out
        self._suffix = suffix
        self._sorted = bool(items)
        self._folders = dict(zip(items, _folder_names(items), strict=True))
        self._owner = ledger.files
        self._inputs = {_key(image) for image in images}
        self._stems = self._named(images, [typed(root).absolute() for root in roots], ledger.records)

    def of(self, source: Path, label: str | None) -> str:
        """The cut-out's path in the output, posix. A file of somebody else there gets this one another name."""
        folder = self._folders.get(label, NONE_OF_THESE) if label is not None else NONE_OF_THESE
        stem = f"{folder}/{self._stems[source]}" if self._sorted else self._stems[source]
        wish, number = stem + self._suffix, 2
        while not self._free(wish, source):
            wish, number = f"{stem}-{number}{self._suffix}", number + 1
        self._owner[wish.casefold()] = str(source)
        return wish

    def _free(self, relative: str, source: Path) -> bool:
        owner = self._owner.get(relative.casefold())
        if owner is not None:
            return owner == str(source)
        target = self._out / relative
        return not os.path.lexists(target) and _key(target) not in self._inputs

    def _named(self, images: Sequence[Path], roots: Sequence[Path], known: Mapping[str, object]) -> dict[Path, str]:
        """Stems that differ, whatever the file system thinks of case. Pictures done before come first."""
        order = sorted(images, key=lambda image: str(image) not in known)
        wishes = [[safe(part) for part in _below(image, () if self._sorted else roots)] for image in order]
        taken: set[str] = set()
        named = {}
        for image, parts in zip(order, wishes, strict=True):
            wish = name = "/".join(parts)
            number = 2
            while name.casefold() in taken or name.split("/")[0].casefold() in _RESERVED:
                name, number = f"{wish}-{number}", number + 1
            taken.add(name.casefold())
            named[image] = name
        return named


def _below(image: Path, roots: Sequence[Path]) -> tuple[str, ...]:
    """The parts of a picture's name: with its folders below the root it was found in, without its suffix."""
    for root in roots:
        if image.is_relative_to(root) and image != root:
            return image.relative_to(root).with_suffix("").parts
    return (image.stem,)


def _folder_names(items: Sequence[str]) -> list[str]:
    """A folder for each item: safe, distinct, and none that the batch needs itself."""
    wishes = [f"{item} (item)" if item.casefold() in {NONE_OF_THESE, *_RESERVED} else item for item in items]
    return distinct(wishes)


def _key(path: Path) -> str:
    return os.path.normcase(os.path.realpath(path))  # says nothing of links in a loop; opening them will
