"""`Mask`: one binary mask of a picture, held as COCO run-length code; pixels, area, box and polygons on demand.

The run-length code is COCO's (column-major, pycocotools), so a mask of a 100-megapixel picture costs kilobytes
and a COCO export is exact by construction.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
from pycocotools import mask as coco

BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]

_MOST_PIXELS = 2**32 - 1  # pycocotools counts in unsigned 32-bit numbers


@dataclass(frozen=True)
class Mask:
    """A binary mask of `height` × `width` pixels; `counts` is COCO's compressed run-length string (ASCII)."""

    height: int
    width: int
    counts: str

    @classmethod
    def from_array(cls, array: npt.ArrayLike) -> Mask:
        """From (H, W) booleans or numbers (non-zero is inside)."""
        pixels = np.asarray(array)
        if pixels.ndim != 2:
            raise ValueError(f"a mask has two dimensions, not {pixels.ndim}")
        code = coco.encode(np.asfortranarray(pixels != 0, dtype=np.uint8))
        return cls(pixels.shape[0], pixels.shape[1], code["counts"].decode("ascii"))

    @classmethod
    def from_rle(cls, rle: dict[str, object]) -> Mask:
        """From a COCO RLE object `{"size": [h, w], "counts": str | bytes | list}`; ValueError when it is none.

        The counts are checked before pycocotools sees them: it trusts its input and reads past the end.
        """
        size, counts = rle.get("size"), rle.get("counts")
        if not (isinstance(size, (list, tuple)) and len(size) == 2):
            raise ValueError("an RLE has a size of [height, width]")
        height, width = _whole(size[0]), _whole(size[1])
        if height < 0 or width < 0 or height * width > _MOST_PIXELS:
            raise ValueError("an RLE's size is not negative and not beyond all pictures")
        if isinstance(counts, list):
            runs = [_whole(c) for c in counts]
        elif isinstance(counts, (str, bytes)):
            runs = _runs(counts.decode("ascii") if isinstance(counts, bytes) else counts).tolist()
        else:
            raise ValueError("an RLE has counts")
        if any(r < 0 for r in runs) or sum(runs) != height * width:
            raise ValueError(f"the RLE's runs do not cover {height} × {width} pixels")
        if isinstance(counts, list):
            counts = coco.frPyObjects({"size": [height, width], "counts": runs}, height, width)["counts"]
        return cls(height, width, counts.decode("ascii") if isinstance(counts, bytes) else counts)

    @classmethod
    def from_polygons(cls, polygons: Sequence[npt.ArrayLike], height: int, width: int) -> Mask:
        """From polygons ((N, 2) x, y in pixels): the pixels whose centres lie inside by the even-odd rule.

        So inner rings are holes. Not `cv2.fillPoly`, which adds the pixels of the outline.
        """
        flips = np.zeros((height, width + 1), np.uint8)
        for polygon in polygons:
            ring = np.asarray(polygon, np.float64).reshape(-1, 2) - 0.5
            for start, end in zip(ring, np.roll(ring, -1, axis=0), strict=True):
                _flip_right_of(flips, start, end)
        return cls.from_array(np.bitwise_xor.accumulate(flips, axis=1)[:, :width])

    @classmethod
    def empty(cls, height: int, width: int) -> Mask:
        return cls.from_array(np.zeros((height, width), bool))

    @property
    def rle(self) -> dict[str, object]:
        """COCO's `{"size": [h, w], "counts": str}`."""
        return {"size": [self.height, self.width], "counts": self.counts}

    def array(self) -> BoolArray:
        """The pixels, (H, W) bool."""
        return np.ascontiguousarray(coco.decode(self._native())).astype(bool)

    @functools.cached_property
    def area(self) -> int:
        """Pixels inside."""
        return int(coco.area(self._native()))

    @functools.cached_property
    def bbox(self) -> tuple[int, int, int, int]:
        """x, y, width, height of the tight box; all 0 when empty."""
        x, y, w, h = (int(v) for v in coco.toBbox(self._native()))
        return x, y, w, h

    def run_ends(self) -> IntArray:
        """Where each run ends, counted down the columns; runs are outside and inside in turn, the first one outside."""
        return _runs(self.counts).cumsum()

    def polygons(self) -> list[npt.NDArray[np.int32]]:
        """Outer rings and holes as (N, 2) x, y pixel centres (cv2 RETR_CCOMP; holes turn the other way)."""
        return [ring for ring, _ in self.rings()]

    def rings(self) -> list[tuple[npt.NDArray[np.int32], bool]]:
        """Every contour with whether it is a hole."""
        x, y, w, h = self.bbox
        if not w:
            return []
        patch = self.array()[y : y + h, x : x + w].astype(np.uint8)
        contours, tree = cv2.findContours(patch, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE, offset=(x, y))
        return [(c.reshape(-1, 2), int(t[3]) >= 0) for c, t in zip(contours, tree[0], strict=True)]

    def iou(self, other: Mask) -> float:
        """Intersection over union; 0 when both are empty. ValueError when the sizes differ."""
        self._same_size(other)
        return float(coco.iou([self._native()], [other._native()], [0])[0][0]) if self.area or other.area else 0.0

    def union(self, other: Mask) -> Mask:
        return self._merged(other, intersect=False)

    def intersection(self, other: Mask) -> Mask:
        return self._merged(other, intersect=True)

    def minus(self, other: Mask) -> Mask:
        self._same_size(other)
        return Mask.from_array(self.array() & ~other.array())

    def shifted(self, dx: int, dy: int) -> Mask:
        """Moved by whole pixels; what leaves the picture is cut off."""
        source, target = self.array(), np.zeros((self.height, self.width), bool)
        h, w = self.height, self.width
        if abs(dx) < w and abs(dy) < h:
            target[max(dy, 0) : h + min(dy, 0), max(dx, 0) : w + min(dx, 0)] = source[
                max(-dy, 0) : h + min(-dy, 0), max(-dx, 0) : w + min(-dx, 0)
            ]
        return Mask.from_array(target)

    def _native(self) -> dict[str, object]:
        return {"size": [self.height, self.width], "counts": self.counts.encode("ascii")}

    def _same_size(self, other: Mask) -> None:
        if (self.height, self.width) != (other.height, other.width):
            raise ValueError(f"masks of {self.width}×{self.height} and {other.width}×{other.height} do not match")

    def _merged(self, other: Mask, *, intersect: bool) -> Mask:
        self._same_size(other)
        code = coco.merge([self._native(), other._native()], intersect)
        return Mask(self.height, self.width, code["counts"].decode("ascii"))


def _whole(value: object) -> int:
    """A number of pixels out of a file; ValueError for anything else."""
    if isinstance(value, (int, float, np.integer, np.floating)) and np.isfinite(value) and value == int(value):
        return int(value)
    raise ValueError(f"an RLE holds whole numbers, not {value!r}")


def _flip_right_of(flips: npt.NDArray[np.uint8], start: npt.NDArray[np.float64], end: npt.NDArray[np.float64]) -> None:
    """Marks, in every row that an edge crosses, the first pixel centre to its right (the last column: none)."""
    (ax, ay), (bx, by) = (start, end) if start[1] < end[1] else (end, start)
    rows = np.arange(max(int(np.ceil(ay)), 0), min(int(np.ceil(by)), flips.shape[0]))
    if rows.size:  # none for a horizontal edge
        crossings = np.ceil(ax + (rows - ay) * ((bx - ax) / (by - ay)))
        flips[rows, np.clip(crossings, 0, flips.shape[1] - 1).astype(np.int64)] ^= 1


def _runs(counts: str) -> IntArray:
    """COCO's compressed counts as run lengths (rleFrString of pycocotools' maskApi.c); ValueError on bad code.

    Five bits a character, the lowest first; bit 5 says that more follow, bit 4 of the last is the sign. From the
    fourth run on, the difference to the run before the last is written.
    """
    codes = np.frombuffer(counts.encode("ascii"), np.uint8).astype(np.int64) - 48
    if not len(codes):
        return codes
    if codes.min() < 0 or codes.max() >= 64:
        raise ValueError("the RLE holds a character that COCO does not use")
    last = (codes & 0x20) == 0
    if not last[-1]:
        raise ValueError("the RLE ends in the middle of a run")
    ends = np.flatnonzero(last)
    starts = np.concatenate(([0], ends[:-1] + 1))
    lengths = ends - starts + 1
    if lengths.max() > 7:
        raise ValueError("the RLE holds a run that is longer than any picture")
    place = np.arange(len(codes)) - np.repeat(starts, lengths)
    runs = np.add.reduceat((codes & 0x1F) << (5 * place), starts)
    runs -= np.where(codes[ends] & 0x10, np.int64(1) << (5 * lengths), 0)
    runs[1::2] = np.cumsum(runs[1::2])
    runs[2::2] = np.cumsum(runs[2::2])
    return runs
