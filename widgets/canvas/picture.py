"""`Picture`: what the canvas draws under everything else. Read, halved and cut into tiles in background threads only.

First comes an overview, then the whole pyramid, then tiles as they come into sight. The paint event draws what is
there, coarse where the fine is still on its way.
"""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QObject, QRectF, Signal
from PySide6.QtGui import QImage, QPainter

from inference.errors import AppError, ImageError
from widgets.canvas import pyramid
from widgets.canvas.background import Background
from widgets.canvas.pyramid import TILE, Pyramid
from widgets.canvas.view import View

TileKey = tuple[int, int, int]
"""level, column, row"""

CACHE_BYTES = 192 << 20


class Picture(QObject):
    """One picture at a time. Give it a path; it emits `changed` whenever there is more to draw."""

    changed = Signal()
    loaded = Signal()  # the overview or the whole picture can be drawn
    failed = Signal(object)  # AppError; nothing will be drawn

    def __init__(self, parent: QObject | None = None, cache_bytes: int = CACHE_BYTES) -> None:
        super().__init__(parent)
        self._background = Background(2, "picture", self)
        self._background.done.connect(self._take)
        self._background.failed.connect(self._fail)
        self._overview: QImage | None = None
        self._pyramid: Pyramid | None = None
        self._tiles: OrderedDict[TileKey, QImage] = OrderedDict()
        self._bytes, self._cache_bytes = 0, cache_bytes
        self._wanted: set[TileKey] = set()
        self._in_sight: frozenset[TileKey] = frozenset()
        self._size = (0, 0)
        self._gone = threading.Event()  # the picture that is read just now is not wanted any more

    @property
    def ready(self) -> bool:
        """There is something to draw."""
        return self._overview is not None or self._pyramid is not None

    @property
    def complete(self) -> bool:
        """The picture was read in full."""
        return self._pyramid is not None

    @property
    def cached_bytes(self) -> int:
        return self._bytes

    @property
    def pending(self) -> int:
        """Tiles on their way."""
        return len(self._wanted)

    def open(self, path: Path | None, width: int = 0, height: int = 0) -> None:
        """Shows another picture of `width` × `height` upright pixels; None shows none."""
        self._background.forget()
        self._gone.set()
        self._gone = gone = threading.Event()
        self._overview, self._pyramid = None, None
        self._tiles.clear()
        self._bytes = 0
        self._wanted.clear()
        self._size = (width, height)
        if path is not None:
            if max(width, height) > pyramid.OVERVIEW_SIDE * 1.5:
                self._background.start("overview", lambda: _as_image(pyramid.overview(path)))
            self._background.start("pyramid", lambda: _complete(path, gone.is_set))
        self.changed.emit()

    def close(self) -> None:
        """Stops the threads and waits for them; nothing is emitted afterwards."""
        self._gone.set()
        self._background.close()

    def pixel(self, x: int, y: int) -> tuple[int, int, int] | None:
        """Red, green, blue of a pixel; from the overview while there is nothing better, None off the picture."""
        width, height = self._size
        if not (0 <= x < width and 0 <= y < height):
            return None
        if self._pyramid is not None and x < self._pyramid.width and y < self._pyramid.height:
            return self._pyramid.pixel(x, y)
        if self._overview is not None:
            shown = self._overview.pixelColor(
                min(x * self._overview.width() // width, self._overview.width() - 1),
                min(y * self._overview.height() // height, self._overview.height() - 1),
            )
            return shown.red(), shown.green(), shown.blue()
        return None

    def draw(self, painter: QPainter, view: View) -> None:
        """Draws what is there of what is in sight, and asks for the rest. The painter is untransformed."""
        seen = view.visible()
        if seen.isEmpty() or not self.ready:
            return
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, view.device_scale < 2)
        if self._pyramid is None:
            self._draw_overview(painter, view)
            return
        level = self._pyramid.level_for(view.device_scale)
        missing = [key for key in self._keys(level, seen) if key not in self._tiles]
        if missing:
            self._draw_coarser(painter, view, level, missing)
        for key in self._keys(level, seen):
            if key in self._tiles:
                self._draw_tile(painter, view, key)
        self._request(missing)

    # Drawing -------------------------------------------------------------------------------------------------------

    def _draw_overview(self, painter: QPainter, view: View) -> None:
        if self._overview is not None:
            painter.drawImage(_snapped(view, QRectF(0, 0, *self._size)), self._overview)

    def _draw_coarser(self, painter: QPainter, view: View, level: int, missing: list[TileKey]) -> None:
        """Stand-ins for tiles that are not there: parts of coarser ones, at last of the overview."""
        assert self._pyramid is not None
        for key in missing:
            area = self._area(key)
            for coarser in range(level + 1, len(self._pyramid.levels)):
                parent = (coarser, key[1] >> (coarser - level), key[2] >> (coarser - level))
                tile = self._tiles.get(parent)
                if tile is not None:
                    factor = 2.0**coarser
                    source = QRectF(
                        area.x() / factor - parent[1] * TILE,
                        area.y() / factor - parent[2] * TILE,
                        area.width() / factor,
                        area.height() / factor,
                    )
                    painter.drawImage(_snapped(view, area), tile, source)
                    break
            else:
                if self._overview is not None:
                    across = self._overview.width() / self._size[0]
                    down = self._overview.height() / self._size[1]
                    source = QRectF(area.x() * across, area.y() * down, area.width() * across, area.height() * down)
                    painter.drawImage(_snapped(view, area), self._overview, source)

    def _draw_tile(self, painter: QPainter, view: View, key: TileKey) -> None:
        self._tiles.move_to_end(key)
        tile, area = self._tiles[key], self._area(key)
        factor = 2.0 ** key[0]
        # The last tile of an odd level reaches half a pixel over the picture: draw only what belongs to it.
        source = QRectF(0, 0, area.width() / factor, area.height() / factor)
        painter.drawImage(_snapped(view, area), tile, source)

    def _area(self, key: TileKey) -> QRectF:
        """What a tile covers, in image pixels."""
        level, column, row = key
        side = TILE << level
        whole = QRectF(0, 0, *self._size)
        return QRectF(column * side, row * side, side, side).intersected(whole)

    def _keys(self, level: int, seen: QRectF) -> list[TileKey]:
        side = TILE << level
        columns = range(int(seen.left() // side), math.ceil(seen.right() / side))
        rows = range(int(seen.top() // side), math.ceil(seen.bottom() / side))
        return [(level, column, row) for row in rows for column in columns]

    # Background ----------------------------------------------------------------------------------------------------

    def _request(self, missing: list[TileKey]) -> None:
        found = self._pyramid
        if found is None:
            return
        self._in_sight = frozenset(missing)
        for key in missing:
            if key not in self._wanted:
                self._wanted.add(key)
                self._background.start(key, lambda key=key: self._cut(found, key))  # type: ignore[misc]

    def _cut(self, found: Pyramid, key: TileKey) -> QImage | None:
        """In a thread. None for a tile that was scrolled out of sight before its turn came."""
        return _as_image(found.tile(*key)) if key in self._in_sight else None

    def _take(self, what: Any, result: Any) -> None:
        if what == "overview":
            if self._pyramid is None:
                self._overview = result
                self.loaded.emit()
        elif what == "pyramid":
            self._take_pyramid(*result)
        else:
            self._wanted.discard(what)
            if result is not None:
                self._keep(what, result)
        self.changed.emit()

    def _fail(self, what: Any, error: AppError) -> None:
        if what == "pyramid":  # the overview failed for the same reason
            self._overview = None
            self.failed.emit(error)
            self.changed.emit()

    def _take_pyramid(self, found: Pyramid, smallest: QImage) -> None:
        if (found.width, found.height) != self._size and self._size != (0, 0):
            self.failed.emit(
                ImageError(
                    f"The picture is {found.width} × {found.height} pixels now, not {self._size[0]} × {self._size[1]}.",
                    remedy="It was changed outside of Winnow: restore it, or open the folder again.",
                )
            )
            return
        self._size = (found.width, found.height)
        self._pyramid, self._overview = found, smallest
        self.loaded.emit()

    def _keep(self, key: TileKey, tile: QImage) -> None:
        self._tiles[key] = tile
        self._bytes += tile.sizeInBytes()
        while self._bytes > self._cache_bytes and len(self._tiles) > 1:
            _, old = self._tiles.popitem(last=False)
            self._bytes -= old.sizeInBytes()


def _complete(path: Path, unwanted: Callable[[], bool]) -> tuple[Pyramid, QImage]:
    found = pyramid.build(path, unwanted)
    return found, _as_image(found.levels[-1])


def _as_image(rgb: npt.NDArray[np.uint8]) -> QImage:
    """A copy in the format that Qt draws fastest."""
    pixels = np.ascontiguousarray(rgb)
    height, width = pixels.shape[:2]
    image = QImage(pixels.data, width, height, width * 3, QImage.Format.Format_RGB888)
    return image.convertToFormat(QImage.Format.Format_RGB32)


def _snapped(view: View, area: QRectF) -> QRectF:
    """Where an area of the picture is drawn, its edges on whole device pixels, so that tiles meet without a seam."""
    target, ratio = view.rect_to_view(area), view.ratio
    left, top = round(target.left() * ratio) / ratio, round(target.top() * ratio) / ratio
    right, bottom = round(target.right() * ratio) / ratio, round(target.bottom() * ratio) / ratio
    return QRectF(left, top, right - left, bottom - top)
