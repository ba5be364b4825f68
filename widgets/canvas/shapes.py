"""What a mask looks like from a certain distance: an image of dots to tint and an outline, made once and kept.

A mask is sampled as finely as the screen can show and no finer, so a view from far away of a 100-megapixel mask is as
cheap as one of a small mask.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QObject, QRectF, Signal
from PySide6.QtGui import QColor, QImage, QPainter, QPainterPath

from app.patches import Rect, crop, sampled
from inference.masks import Mask
from widgets.canvas.background import Background
from widgets.canvas.paths import closed_path

ShapeKey = tuple[Mask, int, Rect, bool]
"""mask, level, rectangle, whether the outline is wanted as a path"""

_BLOCK = 2048  # samples: larger masks are cut to the blocks in sight
_INSTANT = 400_000  # samples: what is made at once, because a thread would take longer to answer than to work
_PREVIEW_SIDE = 1024
_CACHE_BYTES = 96 << 20
_OUTLINE_BYTES = 48  # roughly, for a vertex of a path


_EDGE, _RIM = 255, 254  # numbers of the dots on the outline, and of those just outside of it
_FULL = 250  # of a dot that is inside altogether
_EDGE_DOTS = 2


@dataclass(frozen=True)
class Shape:
    """The look of a mask. `area` is what the dots cover and `path` the outline, both in image pixels.

    The outline is in the dots, too: where a dot is about as small as a device pixel, one image drawn is many times
    faster than a path stroked.
    """

    area: QRectF
    dots: QImage
    path: QPainterPath

    @property
    def nbytes(self) -> int:
        return int(self.dots.sizeInBytes()) + self.path.elementCount() * _OUTLINE_BYTES

    def fill(self, painter: QPainter, color: QColor, opacity: float, edge: QColor | None = None) -> None:
        """Tints what is inside, and with `edge` draws the outline; the painter is in image pixels."""
        if not self.dots.isNull():
            outline = None if edge is None else edge.rgb() & 0xFFFFFF
            self.dots.setColorTable(_tints(color.rgb() & 0xFFFFFF, round(opacity * 255), outline))
            painter.drawImage(self.area, self.dots)


NOTHING = Shape(QRectF(), QImage(), QPainterPath())


def level_for(device_scale: float) -> int:
    """How often the sampling is halved at so many device pixels for an image pixel."""
    return max(0, math.floor(math.log2(1 / device_scale) + 1e-6)) if device_scale > 0 else 0


def key_of(mask: Mask, level: int, seen: QRectF, traced: bool = True) -> ShapeKey:
    """What to ask the cache for: the whole mask, or of a large one the blocks in sight.

    `traced` says that the outline's path is needed; following it is what takes the time, so large masks do without.
    """
    box = mask.bbox
    step = 1 << level
    if box[2] <= _BLOCK * step and box[3] <= _BLOCK * step:
        return mask, level, box, traced or _samples(box, level) <= _INSTANT
    side = _BLOCK // 2 * step
    left, top = math.floor(seen.left() / side) * side, math.floor(seen.top() / side) * side
    right, bottom = math.ceil(seen.right() / side) * side, math.ceil(seen.bottom() / side) * side
    x, y = max(left, box[0]), max(top, box[1])
    width, height = min(right, box[0] + box[2]) - x, min(bottom, box[1] + box[3]) - y
    rect = x, y, max(width, 0), max(height, 0)
    return mask, level, rect, traced or _samples(rect, level) <= _INSTANT


def of_mask(mask: Mask, level: int, rect: Rect, traced: bool = True) -> Shape:
    """Samples a rectangle of a mask every 2^level pixels, four samples to a dot, and follows its outline."""
    x, y, width, height = rect
    if not width or not height:
        return NOTHING
    step = 1 << level
    columns, rows = math.ceil(width / step), math.ceil(height / step)
    if level:
        half = step // 2
        fine = sampled(mask, _steps(x, columns * 2, half, mask.width), _steps(y, rows * 2, half, mask.height))
        # Samples lie column by column in memory, so they are made smaller before they are turned.
        dots = cv2.resize(fine.T.view(np.uint8) * 255, (rows, columns), interpolation=cv2.INTER_AREA).T
    else:
        dots = crop(mask, rect).view(np.uint8) * 255
    area = QRectF(x - step, y - step, (columns + 2) * step, (rows + 2) * step)
    rings = [ring * step + (x, y) for ring in edges(dots >= 128)] if traced else []
    return Shape(area, _inked(dots), closed_path(rings))


def of_logits(logits: npt.NDArray[np.float32], width: int, height: int, threshold: float = 0.0) -> Shape:
    """The look of low-resolution logits that cover a picture of `width` × `height`: for previews."""
    size = (min(_PREVIEW_SIDE, max(width, 16)), min(_PREVIEW_SIDE, max(height, 16)))
    inside = (cv2.resize(logits, size, interpolation=cv2.INTER_LINEAR) > threshold).astype(np.uint8)
    contours, _ = cv2.findContours(inside, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_TC89_L1)
    scale = np.array([width / size[0], height / size[1]])
    rings = [(c.reshape(-1, 2) + 0.5) * scale for c in contours if len(c) > 2]
    across, down = width / size[0], height / size[1]
    area = QRectF(-across, -down, width + 2 * across, height + 2 * down)
    return Shape(area, _inked(inside * 255), closed_path(rings))


def edges(inside: npt.NDArray[np.bool_]) -> list[npt.NDArray[np.float64]]:
    """The rings between inside and outside, along the edges of the dots: (N, 2) x, y of dot corners."""
    # OpenCV follows the centres of dots. In a picture of doubled dots every corner of a dot has a centre of its own.
    doubled = np.repeat(np.repeat(inside.astype(np.uint8), 2, axis=0), 2, axis=1)
    doubled = cv2.copyMakeBorder(doubled, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    contours, _ = cv2.findContours(doubled, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    return [_corners(c.reshape(-1, 2) // 2) for c in contours]


class ShapeCache(QObject):
    """Shapes by mask, distance and part. Small ones are there at once, large ones when `changed` says so."""

    changed = Signal()

    def __init__(self, parent: QObject | None = None, limit: int = _CACHE_BYTES) -> None:
        super().__init__(parent)
        self._shapes: OrderedDict[ShapeKey, Shape] = OrderedDict()
        self._bytes, self._limit = 0, limit
        self._wanted: set[ShapeKey] = set()
        self._background = Background(1, "shapes", self)
        self._background.done.connect(self._take)

    @property
    def pending(self) -> int:
        return len(self._wanted)

    def get(self, key: ShapeKey, patient: bool = False) -> Shape | None:
        """The shape; None when it is large and on its way. `patient` leaves even small ones to the thread."""
        known = self._shapes.get(key)
        if known is not None:
            self._shapes.move_to_end(key)
            return known
        if not patient and _samples(key[2], key[1]) <= _INSTANT:
            shape = of_mask(*key)
            self._keep(key, shape)
            return shape
        if key not in self._wanted:
            self._wanted.add(key)
            self._background.start(key, lambda: of_mask(*key))
        return None

    def similar(self, mask: Mask) -> Shape | None:
        """A shape of the same mask from another distance, to stand in."""
        return next((shape for key, shape in reversed(self._shapes.items()) if key[0] is mask or key[0] == mask), None)

    def clear(self) -> None:
        """Another picture is shown."""
        self._background.forget()
        self._wanted.clear()
        self._shapes.clear()
        self._bytes = 0

    def close(self) -> None:
        self._background.close()

    def _take(self, key: ShapeKey, shape: Shape) -> None:
        self._wanted.discard(key)
        self._keep(key, shape)
        self.changed.emit()

    def _keep(self, key: ShapeKey, shape: Shape) -> None:
        self._shapes[key] = shape
        self._bytes += shape.nbytes
        while self._bytes > self._limit and len(self._shapes) > 1:
            _, old = self._shapes.popitem(last=False)
            self._bytes -= old.nbytes


def _samples(rect: Rect, level: int) -> int:
    return (rect[2] * rect[3]) >> (2 * level)


def _steps(start: int, count: int, step: int, limit: int) -> npt.NDArray[np.int64]:
    return np.minimum(start + np.arange(count, dtype=np.int64) * step + step // 2, limit - 1)


def _corners(ring: npt.NDArray[np.int32]) -> npt.NDArray[np.float64]:
    """A ring without the corners that are doubled or on a straight line."""
    ring = ring[np.any(ring != np.roll(ring, 1, axis=0), axis=1)]
    before, after = ring - np.roll(ring, 1, axis=0), np.roll(ring, -1, axis=0) - ring
    turns = before[:, 0] * after[:, 1] != before[:, 1] * after[:, 0]
    return np.asarray(ring[turns], np.float64)


def _inked(coverage: npt.NDArray[np.uint8]) -> QImage:
    """Numbers for a colour table, with one more dot on every side: how much is inside, or edge, or rim."""
    padded = cv2.copyMakeBorder(np.ascontiguousarray(coverage), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    inside = (padded >= 128).astype(np.uint8)
    square = np.ones((3, 3), np.uint8)
    core = cv2.erode(inside, square, iterations=_EDGE_DOTS, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    rim = cv2.dilate(inside, square)
    dots = rim * np.uint8(_RIM) + inside * np.uint8(_EDGE - _RIM) - core * np.uint8(_EDGE - _FULL)
    height, width = dots.shape
    return QImage(dots.data, width, height, width, QImage.Format.Format_Indexed8).copy()


@lru_cache(maxsize=256)
def _tints(rgb: int, alpha: int, edge: int | None) -> list[int]:
    """A colour table for `_inked`; without `edge` the outline is filled like the rest."""
    table = [0] * 256
    table[_FULL] = table[_EDGE] = alpha << 24 | rgb
    if edge is not None:
        table[_EDGE], table[_RIM] = 0xFF << 24 | edge, 0x60 << 24
    return table
