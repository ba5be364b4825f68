"""Where embeddings wait to be used again: in memory, bounded in bytes, and on disk, bounded too."""

from __future__ import annotations

import contextlib
import logging
import os
import tempfile
import zlib
from collections import OrderedDict
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from inference.engines.embedding import Embedding

log = logging.getLogger(__name__)

_LAYOUT = 1  # raise when what a file means changes: reading of pictures, normalisation, names of the tensors
_SUFFIX = ".safetensors"


class MemoryCache:
    """The embeddings used last, until they exceed `limit` bytes. The newest one is always kept."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.nbytes = 0
        self._held: OrderedDict[str, Embedding] = OrderedDict()

    def __len__(self) -> int:
        return len(self._held)

    def get(self, key: str) -> Embedding | None:
        found = self._held.get(key)
        if found is not None:
            self._held.move_to_end(key)
        return found

    def put(self, key: str, embedding: Embedding) -> None:
        self.drop(key)
        self._held[key] = embedding
        self.nbytes += embedding.nbytes
        while self.nbytes > self.limit and len(self._held) > 1:
            self.drop(next(iter(self._held)))

    def drop(self, key: str) -> None:
        found = self._held.pop(key, None)
        if found is not None:
            self.nbytes -= found.nbytes

    def clear(self) -> None:
        self._held.clear()
        self.nbytes = 0


class DiskCache:
    """Embeddings as safetensors files in `folder`, at most `limit` bytes; those not used for longest go first.

    A cache can only help: whatever goes wrong with its files is logged and answered as if there were none. Files are
    written beside and renamed, so a reader in another process sees whole ones only.
    """

    def __init__(self, folder: Path, limit: int) -> None:
        self.folder = folder
        self.limit = limit
        self._nbytes: int | None = None  # unknown until the folder was looked through
        self._writable = True

    def get(self, key: str) -> Embedding | None:
        file = self._file(key)
        try:
            embedding = _read(file)
            os.utime(file)  # "used last", for eviction
            return embedding
        except FileNotFoundError:
            return None
        except (OSError, SafetensorError, ValueError, KeyError, RuntimeError) as error:
            log.warning("dropped the stored embedding %s: %s", file, error)
            with contextlib.suppress(OSError):
                file.unlink()
            self._nbytes = None
            return None

    def put(self, key: str, embedding: Embedding) -> bool:
        """Whether it is stored now."""
        if not self._writable or embedding.nbytes > self.limit:
            return False
        data = _packed(embedding)
        try:
            self._make_room(len(data))
            _write(self._file(key), data)
        except OSError as error:
            log.warning("embeddings are no longer stored in %s: %s", self.folder, error)
            self._writable = False  # a full or read-only disk stays so; once is enough to hear of it
            return False
        if self._nbytes is not None:
            self._nbytes += len(data)
        return True

    def _file(self, key: str) -> Path:
        return self.folder / f"{key}-{_LAYOUT}{_SUFFIX}"

    def _make_room(self, needed: int) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        if self._nbytes is not None and self._nbytes + needed <= self.limit:
            return
        entries = sorted(_entries(self.folder))
        total = sum(size for _, size, _ in entries)
        for _, size, name in entries:
            if total + needed <= self.limit:
                break
            with contextlib.suppress(OSError):  # another process evicts it or still reads it
                (self.folder / name).unlink()
            total -= size
        self._nbytes = total


def _entries(folder: Path) -> list[tuple[int, int, str]]:
    """(time used, size, name) of every file that is a cache's, left-over temporary ones too."""
    found = []
    with os.scandir(folder) as listing:
        for entry in listing:
            if entry.name.endswith((_SUFFIX, ".part")):
                with contextlib.suppress(FileNotFoundError):
                    status = entry.stat()
                    found.append((status.st_mtime_ns, status.st_size, entry.name))
    return found


def _write(file: Path, data: bytes) -> None:
    handle, name = tempfile.mkstemp(dir=file.parent, suffix=".part")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
        Path(name).replace(file)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise


def _packed(embedding: Embedding) -> bytes:
    """Tensors that lie channels-last are stored so and marked: convolutions round differently in another layout."""
    stored, layouts = {}, []
    for index, tensor in enumerate(embedding.tensors):
        value = tensor.detach().cpu()
        last = _is_channels_last(value)
        stored[f"t{index}"] = (value.permute(0, 2, 3, 1) if last else value).contiguous()
        layouts.append("last" if last else "first")
    metadata = {
        "width": str(embedding.width),
        "height": str(embedding.height),
        "layouts": ",".join(layouts),
        "crc": str(_checksum([stored[f"t{i}"] for i in range(len(stored))])),
    }
    return save(stored, metadata)


def _read(file: Path) -> Embedding:
    if not file.is_file():
        raise FileNotFoundError(file)
    with safe_open(file, framework="pt") as stream:
        metadata = stream.metadata() or {}
        layouts = metadata["layouts"].split(",")
        stored = [stream.get_tensor(f"t{index}") for index in range(len(layouts))]
    if int(metadata["crc"]) != _checksum(stored):
        raise ValueError("its checksum does not fit")
    tensors = [t.permute(0, 3, 1, 2) if how == "last" else t for t, how in zip(stored, layouts, strict=True)]
    return Embedding(tensors[0], tuple(tensors[1:]), int(metadata["width"]), int(metadata["height"]))


def _checksum(tensors: list[torch.Tensor]) -> int:
    value = 0
    for tensor in tensors:
        value = zlib.crc32(tensor.view(torch.uint8).numpy().reshape(-1).data, value)
    return value


def _is_channels_last(tensor: torch.Tensor) -> bool:
    return not tensor.is_contiguous() and tensor.is_contiguous(memory_format=torch.channels_last)
