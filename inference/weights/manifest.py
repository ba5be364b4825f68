"""One folder a model, one `manifest.json` in it: what the file is, where it came from, and the hash it is held to.

A model is installed when its folder holds a readable manifest: the folder is filled under another name and renamed
at the end, so a half-finished install cannot look like a finished one.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from inference.errors import ModelError, StorageError
from inference.paths import is_there

log = logging.getLogger(__name__)

NAME = "manifest.json"
INCOMING = ".incoming"
_KINDS: dict[str, type] = {"size": int, "extra": dict}


@dataclass(frozen=True, slots=True)
class Manifest:
    """What was installed.

    Attributes:
        id: the catalogue's or the import's id; also the name of the folder.
        filename: the weights' file inside the folder.
        size: bytes.
        sha256: hex digest every later load is held to.
        source: "hub" or "import".
        repo, commit: the hub's repository and commit, for downloads.
        origin: the path an import was copied from.
        title, family, licence, architecture: what the screens show.
        installed: when, ISO 8601 in UTC.
        extra: further files by name, each {"sha256": hex, "size": bytes}, held to these as well.
    """

    id: str
    filename: str
    size: int
    sha256: str
    source: str
    title: str
    family: str = "sam2"
    licence: str = ""
    repo: str = ""
    commit: str = ""
    origin: str = ""
    architecture: str = ""
    installed: str = ""
    extra: dict[str, Any] = field(default_factory=dict)


def now() -> str:
    """The present moment as manifests write it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def read(folder: Path) -> Manifest | None:
    """The manifest of a model's folder; None where there is none.

    Raises ModelError when there is one that cannot be read, is of another folder, or points outside of its own.
    """
    path = folder / NAME
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except OSError as error:
        if not is_there(path):  # no folder can have this name, or a file has it
            return None
        raise _damaged(path) from error
    except ValueError as error:
        raise _damaged(path) from error
    kinds = {f.name: _KINDS.get(f.name, str) for f in fields(Manifest)}
    try:
        manifest = Manifest(**{key: value for key, value in data.items() if key in kinds})
    except (TypeError, AttributeError) as error:
        raise _damaged(path) from error
    sound = all(type(getattr(manifest, name)) is kind for name, kind in kinds.items())
    if not (sound and manifest.id == folder.name and _is_plain(manifest.filename) and _are_files(manifest.extra)):
        raise _damaged(path)
    return manifest


def _are_files(extra: dict[str, Any]) -> bool:
    """Plain names, each with a hash and a size and nothing else."""
    shapes = [{key: type(value) for key, value in entry.items()} for entry in extra.values() if type(entry) is dict]
    sound = len(shapes) == len(extra) and all(shape == {"sha256": str, "size": int} for shape in shapes)
    return sound and all(_is_plain(name) and name != NAME for name in extra)


def _is_plain(name: str) -> bool:
    """A file's name and no way out of its folder, on any system."""
    return name not in ("", ".", "..") and not set(name) & set("/\\:\0")


def installed(models_dir: Path) -> Iterator[tuple[Path, Manifest]]:
    """Every readable installed model, by folder name. Damaged ones are left out here and named when asked for."""
    try:
        folders = sorted(f for f in models_dir.iterdir() if not f.name.startswith(".") and f.is_dir())
    except OSError as error:
        if is_there(models_dir):
            log.warning("the models folder %s cannot be read: %s", models_dir, error)
        return
    for folder in folders:
        try:
            manifest = read(folder)
        except ModelError:
            continue
        if manifest is not None:
            yield folder, manifest


@contextmanager
def installing(models_dir: Path, model_id: str) -> Iterator[Path]:
    """A private folder to fill; on a clean end it becomes `models_dir/model_id`, otherwise it vanishes.

    Raises StorageError when the models folder cannot be written.
    """
    scratch = models_dir / INCOMING / f"{model_id}-{uuid.uuid4().hex[:8]}"
    try:
        scratch.mkdir(parents=True)
    except OSError as error:
        raise unwritable(models_dir, error) from error
    try:
        yield scratch
        _swap(scratch, models_dir / model_id)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def write(folder: Path, manifest: Manifest) -> None:
    """Writes a manifest through to the disk."""
    with (folder / NAME).open("w", encoding="utf-8") as file:
        json.dump(asdict(manifest), file, indent=2)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())


def unwritable(folder: Path, error: OSError) -> StorageError:
    """The failure to show when the models folder refuses a write."""
    return StorageError(
        f"The models folder cannot be written ({error.strerror or error}).",
        folder,
        "Choose another one with --models-dir or the variable WINNOW_MODELS_DIR.",
    )


def _swap(scratch: Path, target: Path) -> None:
    """Puts a finished folder in place of an older one; the old one only goes when the new one stands."""
    try:
        if target.exists():
            old = scratch.with_name(scratch.name + "-old")
            target.rename(old)
            scratch.rename(target)
            shutil.rmtree(old, ignore_errors=True)
        else:
            scratch.rename(target)
    except OSError as error:
        raise unwritable(target, error) from error


def _damaged(path: Path) -> ModelError:
    return ModelError(
        "The manifest of this model cannot be read.", path, "Remove the folder and download or import the model again."
    )
