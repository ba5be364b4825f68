"""Is a weights file what it says it is? Hash, size and container, without loading a tensor. No torch."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from inference.errors import ModelError

SUFFIXES = frozenset({".safetensors", ".pt", ".pth", ".ckpt", ".bin"})
_CHUNK = 1 << 20
_LONGEST_HEADER = 100_000_000


def sha256_of(path: Path, progress: Callable[[int], None] | None = None) -> str:
    """The hex SHA-256 of a file; `progress` is told the bytes read so far and may raise to stop.

    ModelError when the file cannot be read.
    """
    digest, done = hashlib.sha256(), 0
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
                done += len(chunk)
                if progress is not None:
                    progress(done)
    except OSError as error:
        raise unreadable(path, error) from error
    return digest.hexdigest()


def check_hash(path: Path, sha256: str, size: int, remedy: str) -> None:
    """Raises ModelError unless the file has this size and hash.

    A file is hashed once a process: the answer is kept for as long as its size and time stay the same.
    """
    try:
        status = path.stat()
    except OSError as error:
        raise unreadable(path, error, remedy) from error
    if status.st_size != size:
        raise ModelError(
            f"The file has {status.st_size:,} bytes instead of {size:,}: it is truncated or another one.", path, remedy
        )
    if _hash_once(str(path), status.st_size, status.st_mtime_ns) != sha256:
        raise ModelError("The file's SHA-256 is not the recorded one: it was changed or damaged.", path, remedy)


def check_container(path: Path, remedy: str = "Fetch or copy the file again.") -> None:
    """Raises ModelError when a weights file is missing, empty, truncated, or no weights file at all.

    A safetensors file says in its header how long it has to be; a PyTorch file is a zip, whose directory stands at
    its end. Both betray a cut without reading the tensors.
    """
    try:
        size = path.stat().st_size
        if path.is_dir():
            raise ModelError("This is a folder, not a weights file.", path, "Name the .safetensors or .pt file in it.")
        if size == 0:
            raise ModelError("The weights file is empty.", path, remedy)
        if path.suffix.lower() == ".safetensors":
            expected = safetensors_size(path)
            if expected != size:
                raise ModelError(
                    f"The weights file has {size:,} bytes instead of {expected:,}: it is truncated.", path, remedy
                )
        elif path.suffix.lower() not in SUFFIXES:
            raise ModelError(
                f"Weights come as {', '.join(sorted(SUFFIXES))}, not as {path.suffix or 'a file without suffix'}.",
                path,
                remedy,
            )
        elif not zipfile.is_zipfile(path):
            raise ModelError(
                "This is no PyTorch weights file, or it is truncated, or it is of the old pickle format.",
                path,
                "Fetch it again, or save it anew with a present torch or as safetensors.",
            )
    except OSError as error:
        raise unreadable(path, error, remedy) from error


def safetensors_size(path: Path) -> int:
    """The length in bytes that a safetensors header promises (format: huggingface.co/docs/safetensors).

    Raises ModelError when the header is none.
    """
    broken = ModelError("This is not a safetensors file.", path, "Fetch or copy the file again.")
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if not 2 <= length <= _LONGEST_HEADER:
            raise broken
        text = file.read(length)
    try:
        header = json.loads(text)
        ends = [int(entry["data_offsets"][1]) for name, entry in header.items() if name != "__metadata__"]
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise broken from error
    return 8 + length + max(ends, default=0)


def tensor_names(path: Path) -> set[str]:
    """The names in a safetensors file's header; none for other files and for broken ones."""
    if path.suffix.lower() != ".safetensors":
        return set()
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            names = json.loads(file.read(length)) if length <= _LONGEST_HEADER else {}
    except (OSError, ValueError):
        return set()
    return set(names) if isinstance(names, dict) else set()


def unreadable(path: Path, error: OSError, remedy: str | None = None) -> ModelError:
    """The failure to show for a weights file that is missing or cannot be read."""
    if isinstance(error, FileNotFoundError):
        return ModelError("The weights file is not there.", path, remedy or "Check the path.")
    return ModelError(
        f"The weights file cannot be read ({error.strerror or error}).", path, remedy or "Check its permissions."
    )


@lru_cache(maxsize=64)
def _hash_once(path: str, size: int, mtime_ns: int) -> str:  # noqa: ARG001  size and time are part of the key
    return sha256_of(Path(path))
