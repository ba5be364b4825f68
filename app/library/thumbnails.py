"""Small pictures for lists, made in background threads: what was asked for last, and so is in sight, comes first."""

from __future__ import annotations

import logging
import os
import threading
from collections import OrderedDict
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QImage

from app.library.thumbnail_cache import ThumbnailCache
from inference.errors import AppError, BugError, ImageError
from inference.paths import cache_dir
from inference.pictures import read_rgb

log = logging.getLogger(__name__)

EDGE = 256
PENDING = 600  # older wishes are dropped; a view asks again when it comes back to them
PRUNE_EVERY = 2000


class ThumbnailService(QObject):
    """Thumbnails of the pictures of one folder.

    Args:
        folder: what image ids are relative to.
        edge: the longer side in pixels.
        memory_bytes, disk_bytes: how much is kept.
        threads: at least one core is left to the window.

    Signals:
        ready(image id): `get` has it now, or `problem` says why there will be none.
    """

    ready = Signal(str)

    def __init__(
        self,
        folder: Path,
        *,
        edge: int = EDGE,
        memory_bytes: int = 128 << 20,
        disk_bytes: int = 1 << 30,
        cache_folder: Path | None = None,
        threads: int | None = None,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._folder, self._edge, self._memory_bytes = folder, edge, memory_bytes
        self._cache = ThumbnailCache(cache_folder or cache_dir() / "thumbnails", disk_bytes)
        self._images: OrderedDict[str, QImage] = OrderedDict()
        self._bytes = 0
        self._problems: dict[str, AppError] = {}
        self._pending: OrderedDict[str, None] = OrderedDict()  # the last is made first
        self._making: dict[str, bool] = {}  # True: the file changed meanwhile, the result is stale
        self._made = 0
        self._wake = threading.Condition()
        self._closed = False
        count = threads or max(1, min(4, (os.cpu_count() or 2) - 1))
        self._threads = [threading.Thread(target=self._work, name=f"thumbnails {n}", daemon=True) for n in range(count)]
        for thread in self._threads:
            thread.start()

    @property
    def edge(self) -> int:
        return self._edge

    @property
    def made(self) -> int:
        """How many there were so far."""
        return self._made

    def get(self, image_id: str) -> QImage | None:
        """The thumbnail, or None: then it is being made (`ready` follows) or cannot be (`problem`). Never waits."""
        with self._wake:
            image = self._images.get(image_id)
            if image is not None:
                self._images.move_to_end(image_id)
                return image
            if image_id not in self._problems and image_id not in self._making:
                self._ask(image_id)
            return None

    def want(self, image_ids: Iterable[str]) -> None:
        """Makes these first, in this order, and forgets earlier wishes: for a view that knows what it shows."""
        with self._wake:
            self._pending.clear()
            for image_id in reversed(list(image_ids)):
                if not (image_id in self._images or image_id in self._problems or image_id in self._making):
                    self._ask(image_id)

    def problem(self, image_id: str) -> AppError | None:
        """Why a picture has no thumbnail: it is gone, damaged, too large."""
        return self._problems.get(image_id)

    def forget(self, image_ids: Iterable[str]) -> None:
        """The files changed or went: what is known about them holds no longer."""
        with self._wake:
            for image_id in image_ids:
                image = self._images.pop(image_id, None)
                self._bytes -= image.sizeInBytes() if image is not None else 0
                self._problems.pop(image_id, None)
                self._pending.pop(image_id, None)
                if image_id in self._making:
                    self._making[image_id] = True

    def close(self) -> None:
        """Ends the threads after the picture each is at. Twice is harmless."""
        with self._wake:
            self._closed = True
            self._pending.clear()
            self._wake.notify_all()
        for thread in self._threads:
            thread.join()

    def _ask(self, image_id: str) -> None:
        self._pending[image_id] = None
        self._pending.move_to_end(image_id)
        if len(self._pending) > PENDING:
            self._pending.popitem(last=False)
        self._wake.notify()

    def _work(self) -> None:
        while (image_id := self._next()) is not None:
            result: QImage | AppError
            try:
                result = as_qimage(self._pixels(self._folder / image_id))
            except AppError as error:
                result = error
            except Exception as error:  # a bug, or a decoder's: it costs this picture's thumbnail, not the thread
                log.exception("%s: no thumbnail", image_id)
                result = BugError(f"No thumbnail could be made ({type(error).__name__}: {error}).", image_id)
            if self._keep(image_id, result):
                self.ready.emit(image_id)
            self._prune_at_times()

    def _next(self) -> str | None:
        with self._wake:
            while not self._pending and not self._closed:
                self._wake.wait()
            if self._closed:
                return None
            image_id, _ = self._pending.popitem(last=True)
            self._making[image_id] = False
            return image_id

    def _pixels(self, path: Path) -> npt.NDArray[np.uint8]:
        try:
            key = self._cache.key(path, self._edge)
        except OSError as error:
            raise ImageError(f"The picture is not there ({error.strerror}).", path, "Look where it went.") from error
        known = self._cache.get(key)
        if known is not None:
            return known
        pixels = read_rgb(path, self._edge)
        self._cache.put(key, pixels)
        return pixels

    def _keep(self, image_id: str, result: QImage | AppError) -> bool:
        """Puts a result where `get` finds it. Returns whether there is something to tell."""
        with self._wake:
            if self._making.pop(image_id):
                self._ask(image_id)
                return False
            if isinstance(result, AppError):
                self._problems[image_id] = result
                return not self._closed
            self._images[image_id] = result
            self._bytes += result.sizeInBytes()
            while self._bytes > self._memory_bytes and len(self._images) > 1:
                _, oldest = self._images.popitem(last=False)
                self._bytes -= oldest.sizeInBytes()
            return not self._closed

    def _prune_at_times(self) -> None:
        with self._wake:
            self._made += 1
            due = self._made % PRUNE_EVERY == 1
        if due:
            self._cache.prune()


def as_qimage(pixels: npt.NDArray[np.uint8]) -> QImage:
    """(H, W, 3) uint8 RGB as an image that owns its pixels."""
    pixels = np.ascontiguousarray(pixels)
    height, width = pixels.shape[:2]
    return QImage(pixels.data, width, height, 3 * width, QImage.Format.Format_RGB888).copy()
