"""The sample photographs: shipped read-only, copied to a folder of the person's own before they are annotated."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from inference import paths
from inference.errors import StorageError
from inference.prompts import Box, Point


@dataclass(frozen=True, slots=True)
class Sample:
    """A shipped photograph: where its subject is (box and click, pixels, x before y), and whom to thank for it."""

    file: Path
    title: str
    box: Box
    point: Point
    author: str
    licence: str
    source: str


def samples() -> list[Sample]:
    """What is shipped, in the order of `samples.json`."""
    folder = paths.resource("samples")
    entries = json.loads((folder / "samples.json").read_text(encoding="utf-8"))["samples"]
    return [
        Sample(
            file=folder / entry["file"],
            title=entry["title"],
            box=Box(*(float(v) for v in entry["box"])),
            point=Point(float(entry["point"][0]), float(entry["point"][1])),
            author=entry["author"],
            licence=entry["licence"],
            source=entry["source"],
        )
        for entry in entries
    ]


def copy_samples(target: Path | None = None) -> Path:
    """Copies the photographs that are not there yet and returns their folder; nothing that is there is touched.

    Raises StorageError when the folder cannot be written.
    """
    folder = target or paths.data_dir() / "samples"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for sample in samples():
            copy = folder / sample.file.name
            if not copy.exists():
                beside = copy.with_suffix(".part")
                shutil.copyfile(sample.file, beside)
                beside.replace(copy)
        credits_file = paths.resource("samples", "CREDITS.md")
        if credits_file.is_file() and not (folder / credits_file.name).exists():
            shutil.copyfile(credits_file, folder / credits_file.name)
    except OSError as error:
        raise StorageError(
            f"The sample photographs could not be copied ({error.strerror}).",
            folder,
            "Check the folder's permissions and the free space.",
        ) from error
    return folder
