"""Thumbnails on disk, in a folder that may be deleted at any time. No Qt.

A file's name is made of the picture's path, size and time of change, so a rewritten picture has a new one.
"""

from __future__ import annotations

import hashlib
import logging
import os
import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

log = logging.getLogger(__name__)

Rgb = npt.NDArray[np.uint8]
QUALITY = 88


class ThumbnailCache:
    """A bounded folder of small JPEGs. Failing to write is no failure: the next time costs a decoding."""

    def __init__(self, folder: Path, limit_bytes: int) -> None:
        self._folder, self._limit = folder, limit_bytes
        self._usable = True

    def key(self, path: Path, edge: int) -> str:
        """The name of a picture's thumbnail. OSError when the picture is not there."""
        status = path.stat()
        text = f"{edge} {status.st_size} {status.st_mtime_ns} ".encode() + os.fsencode(path)
        return hashlib.blake2b(text, digest_size=16).hexdigest()

    def get(self, key: str) -> Rgb | None:
        file = self._file(key)
        try:
            with Image.open(file, formats=("JPEG",)) as picture:
                pixels = np.asarray(picture.convert("RGB"))
            os.utime(file)  # what is looked at stays longest
        except FileNotFoundError:
            return None
        except (OSError, SyntaxError, ValueError) as error:
            log.info("%s: made again: %s", file, error)
            return None
        return pixels

    def put(self, key: str, pixels: Rgb) -> None:
        if not self._usable:
            return
        file = self._file(key)
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            _write(file, pixels)
        except OSError as error:
            self._usable = False
            log.warning("%s: thumbnails are not kept on disk: %s", self._folder, error)

    def prune(self) -> int:
        """Removes those that were not looked at for longest until the rest fits. Returns the bytes that are kept."""
        files = []
        for entry in self._folder.glob("*/*"):
            try:
                status = entry.stat()
            except OSError:
                continue  # another window removed it
            files.append((status.st_mtime, status.st_size, entry))
        total = sum(size for _, size, _ in files)
        for _, size, entry in sorted(files):
            if total <= self._limit:
                break
            try:
                entry.unlink(missing_ok=True)
            except OSError as error:
                log.info("%s: %s", entry, error)
                continue
            total -= size
        return total

    def _file(self, key: str) -> Path:
        return self._folder / key[:2] / f"{key}.jpg"


def _write(file: Path, pixels: Rgb) -> None:
    """There whole or not at all, and nothing half-written beside it."""
    with tempfile.NamedTemporaryFile(dir=file.parent, suffix=".part", delete=False) as stream:
        part = Path(stream.name)
    try:
        Image.fromarray(pixels).save(part, "JPEG", quality=QUALITY)
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)
