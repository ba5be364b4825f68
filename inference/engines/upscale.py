"""From low-resolution logits to the full-size mask, the very bits of `F.interpolate` and a threshold, but by runs.

The plain way (SAM2Transforms.postprocess_masks) blends every pixel of the picture: 12 million for 8,000 that matter.
Bilinear upscaling is monotonic between two samples, so a column changes sides only between low-resolution rows on
different sides of the threshold. Where, a straight line tells (close calls are computed as torch does), and the run
lengths of the COCO code fall out directly: no full-size array exists at any time.

Bit equality rests on torch's rounding: its kernel blends along x and then along y, with or without a fused
multiply-add as it was compiled. `_rounding` finds out on this machine which it is; where no rule fits (another
kernel, another processor), and for small pictures (where torch uses another kernel), the plain way is taken.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from pycocotools import mask as coco

from inference.masks import Mask

log = logging.getLogger(__name__)

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]
Int = npt.NDArray[np.int64]
Blend = Callable[[Float64, Float64, Float64, Float64], Float32]

_SMALL = 65536  # pixels under which the plain way is as fast
_DOUBT = 1e-3  # rows; float32 places a pixel among a few hundred rows to about 1e-4


def mask_of_logits(low_res: Float32, width: int, height: int, threshold: float = 0.0) -> Mask:
    """The pixels whose upscaled logit is over `threshold`.

    Args:
        low_res: (h, w) float32 logits covering the whole picture.
        width, height: of the picture.
        threshold: in logits.
    """
    logits = np.ascontiguousarray(low_res, np.float32)
    if not (logits > threshold).any():
        return mask_of_runs(height, width, np.array([height * width]))
    blend = _rounding()
    mask = None
    told_apart = height * 4 * _DOUBT < logits.shape[0]  # towers of 64,000 rows on 256 are still right
    if blend is not None and height * width >= _SMALL and told_apart and np.isfinite(logits).all():
        mask = _by_runs(logits, width, height, np.float32(threshold), blend)
    return mask or Mask.from_array(_plain(logits, height, width) > np.float32(threshold))


def _plain(logits: Float32, height: int, width: int) -> Float32:
    tensor = torch.from_numpy(np.ascontiguousarray(logits))[None, None]
    return F.interpolate(tensor, (height, width), mode="bilinear", align_corners=False)[0, 0].numpy()


@dataclass(frozen=True)
class _Rows:
    """How output positions along y hang on low-resolution rows: runs of positions ("stretches") share two rows.

    Attributes:
        above, below: (S,) the two rows of every stretch.
        low, high: (S,) its first position, and the one after its last.
        weight: (H,) the share of the row below, torch's float32 value.
        scale: rows per position.
    """

    above: Int
    below: Int
    low: Int
    high: Int
    weight: Float32
    scale: float


@functools.lru_cache(maxsize=16)
def _rows(out: int, size: int) -> _Rows:
    """The stretches of `out` positions over `size` rows (area_pixel_compute_source_index of torch)."""
    scale, half = np.float32(size) / np.float32(out), np.float32(0.5)
    source = np.maximum(scale * (np.arange(out, dtype=np.float32) + half) - half, np.float32(0))
    index = np.minimum(source.astype(np.int64), size - 1)
    weight = np.clip(source - index.astype(np.float32), np.float32(0), np.float32(1))
    low = np.concatenate([[0], np.flatnonzero(np.diff(index)) + 1])
    above = index[low]
    high = np.concatenate([low[1:], [out]])
    return _Rows(above, np.minimum(above + 1, size - 1), low, high, weight, size / out)


def _by_runs(logits: Float32, width: int, height: int, threshold: np.float32, blend: Blend) -> Mask | None:
    """The mask by its runs; None where rounding alone could decide, so that every pixel must be looked at."""
    columns, first = _columns(logits, width, threshold)  # (W', h): blended along x, transposed
    rows = _rows(height, logits.shape[0])
    if threshold != 0 and _undecided(columns, rows, threshold):
        return None
    bright = columns > threshold
    head = bright.take(rows.above, axis=1)  # (W', S): the side of the first pixel of every stretch
    end = bright.take(rows.below, axis=1)
    mixed = np.flatnonzero(head != end)
    column, stretch = _divided(mixed, len(rows.low))
    flip = _flips(columns, column, stretch, rows, threshold, blend)
    heads, tails = head.ravel(), end.ravel()  # the last pixel is what the row below says, unless the flip comes later
    at_once = np.flatnonzero(flip <= rows.low[stretch])
    never = np.flatnonzero(flip >= rows.high[stretch])
    heads[mixed[at_once]] = tails[mixed[at_once]]
    tails[mixed[never]] = heads[mixed[never]]
    inner = column * height + flip
    inner = np.delete(inner, np.concatenate([at_once, never]))
    return _assembled(heads, tails, inner, first, width, height, rows.low)


def _flips(columns: Float32, column: Int, stretch: Int, rows: _Rows, threshold: np.float32, blend: Blend) -> Int:
    """The first position of each mixed stretch that lies on the side of the row below.

    The crossing of a straight line tells it. Where the crossing falls so close to a pixel that float32 may see it on
    the other side (its error is under `_DOUBT` rows), that one pixel is computed as torch does.
    """
    above = rows.above[stretch]
    corner = column * columns.shape[1]
    starts, ends = columns.take(corner + above), columns.take(corner + rows.below[stretch])
    crossing = (starts - threshold) / (starts - ends)
    crossing += above.astype(np.float32)
    crossing += np.float32(0.5)
    crossing /= np.float32(rows.scale)
    crossing -= np.float32(0.5)
    flip = np.ceil(crossing).astype(np.int64)
    doubtful = np.flatnonzero(abs(crossing - np.rint(crossing)) < np.float32(_DOUBT / rows.scale))
    if doubtful.size:
        pixel = np.rint(crossing[doubtful]).astype(np.int64)
        y = np.clip(pixel, rows.low[stretch[doubtful]], rows.high[stretch[doubtful]] - 1)
        weight = rows.weight[y]
        upper, lower = starts[doubtful].astype(np.float64), ends[doubtful].astype(np.float64)
        value = blend(upper, lower, (np.float32(1) - weight).astype(np.float64), weight.astype(np.float64))
        flip[doubtful] = pixel + ((value > threshold) != (lower > threshold))
    return flip


def _undecided(columns: Float32, rows: _Rows, threshold: np.float32) -> bool:
    """Whether samples lie so close to a threshold other than 0 that the rounding of a blend decides the side."""
    unit = np.float32(1) + abs(threshold)
    distance = abs(columns - threshold)
    close = distance < np.float32(1e-4) * unit
    both = close.take(rows.above, axis=1) & close.take(rows.below, axis=1)
    return bool((distance < np.float32(1e-6) * unit).any() or both.any())


def _assembled(heads: Bool, tails: Bool, inner: Int, first: int, width: int, height: int, low: Int) -> Mask:
    """Joins flips inside stretches with those between them (and between columns) to the run lengths of the mask."""
    column, stretch = _divided(np.flatnonzero(heads[1:] != tails[:-1]) + 1, len(low))
    changes = np.concatenate([inner, column * height + low[stretch]])
    changes.sort()
    changes += first * height
    start = [first * height] if heads[0] else []
    stop = (first + len(heads) // len(low)) * height
    ends = [stop] if tails[-1] and stop < width * height else []
    return mask_of_runs(height, width, np.diff(np.concatenate([[0], start, changes, ends, [width * height]])))


def _divided(number: Int, by: int) -> tuple[Int, Int]:
    """`np.divmod`, several times as fast: only the division alone is vectorised."""
    quotient = number // by
    return quotient, number - quotient * by


def _columns(logits: Float32, width: int, threshold: np.float32) -> tuple[Float32, int]:
    """Logits blended along x by torch itself, (columns, h), where they can pass; and the first column's number."""
    candidates = np.flatnonzero((logits > threshold).any(axis=0))
    scale = width / logits.shape[1]
    first = max(0, int((candidates[0] - 1) * scale) - 1)
    last = min(width, int((candidates[-1] + 2) * scale) + 2)
    blended = _plain(np.ascontiguousarray(logits.T), width, logits.shape[0])
    return blended[first:last], first


def mask_of_runs(height: int, width: int, runs: npt.NDArray[Any]) -> Mask:
    """The mask of run lengths, column by column, the first of them outside."""
    code = coco.frPyObjects({"size": [height, width], "counts": runs.astype(np.uint32)}, height, width)
    return Mask(height, width, code["counts"].decode("ascii"))


# Products of float32 numbers are exact in float64, so one rounding to float32 at the end is a fused multiply-add.
def _fused_first(a: Float64, b: Float64, wa: Float64, wb: Float64) -> Float32:
    return (a * wa + (b * wb).astype(np.float32)).astype(np.float32)


def _fused_second(a: Float64, b: Float64, wa: Float64, wb: Float64) -> Float32:
    return (b * wb + (a * wa).astype(np.float32)).astype(np.float32)


def _separate(a: Float64, b: Float64, wa: Float64, wb: Float64) -> Float32:
    return (a * wa).astype(np.float32) + (b * wb).astype(np.float32)


@functools.cache
def _rounding() -> Blend | None:
    """The rule by which this machine's torch rounds, found by trying; None when none gives its bits."""
    generator = np.random.default_rng(1)
    for height, width, size in ((509, 641, 128), (1200, 77, 256), (96, 333, 128)):
        logits = (generator.standard_normal((size, size)) * 12).astype(np.float32)
        truth = _plain(logits, height, width)
        across = _plain(np.ascontiguousarray(logits.T), width, size).T
        rules = [rule for rule in (_fused_first, _separate, _fused_second) if _fits(rule, across, truth)]
        if not rules:
            log.warning("torch's upscaling rounds in an unknown way here; full-size masks are made the plain way")
            return None
    return rules[0]


def _fits(rule: Blend, across: Float32, truth: Float32) -> bool:
    size, height = across.shape[0], truth.shape[0]
    rows = _rows(height, size)
    lengths = rows.high - rows.low
    upper = across[np.repeat(rows.above, lengths)].astype(np.float64)
    lower = across[np.repeat(rows.below, lengths)].astype(np.float64)
    weight = rows.weight[:, None]
    return bool((rule(upper, lower, (1 - weight).astype(np.float64), weight.astype(np.float64)) == truth).all())
