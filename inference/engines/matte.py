"""Mattes: from a hard mask to soft edges in the subject's own colours. NumPy and OpenCV; no torch.

The edge is worked on in tiles around the outline only, so that pictures of 100 megapixels neither take long nor much
memory. Two published methods, both plain box filters, so that they need no solver:

- The edge follows the picture by a guided filter: K. He, J. Sun, X. Tang, "Guided Image Filtering", TPAMI 2013.
- Half-covered pixels get the subject's colour by "blur fusion": M. Forte, "Approximate Fast Foreground Colour
  Estimation", ICIP 2021: the minimum of the compositing equation around smoothed foreground and background.
  (PyMatting's multi-level estimate is finer still, but needs numba, which weighs more than all of this program's own
  code.)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from inference.looks import Look

Rgb = npt.NDArray[np.uint8]
Bytes = npt.NDArray[np.uint8]
Float32 = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]
Window = tuple[slice, slice]

_TILE = 512
_SHARP = 1e-4  # the guided filter's epsilon, in squared grey values of 0..1: smaller follows weaker edges
_STEEP = 2.0  # how much the filtered edge is steepened: guided filters leave a haze on both sides


@dataclass(frozen=True, slots=True, eq=False)
class Matte:
    """(H, W) uint8 alpha and (H, W, 3) uint8 colours of the subject, which count where alpha is not 0."""

    alpha: Bytes
    colours: Rgb


def matte(rgb: Rgb, mask: BoolArray, look: Look) -> Matte:
    """The soft matte of a hard mask.

    Args:
        rgb: (H, W, 3) uint8; not changed.
        mask: (H, W) bool.
        look: its `feather`, `follow` and `decontaminate` count.
    """
    height, width = mask.shape
    feather = fitting_feather(width, height) if look.feather is None else look.feather
    reach = edge_reach(width, height) if look.follow else 0
    alpha = mask.astype(np.uint8) * 255
    if feather <= 0 and not reach:
        return Matte(alpha, rgb)
    colours = rgb.copy() if look.decontaminate else rgb
    band = max(reach, int(np.ceil(feather))) + 1
    blur = max(6, band + 8)
    for inner, outer in _edge_tiles(mask, band, 2 * band + blur + 8):
        patch, pixels = mask[outer], rgb[outer]
        distance = _signed_distance(patch)
        soft = _feathered(patch, distance, feather)
        if reach:
            soft = _followed(pixels, patch, distance, soft, reach)
        inside = _within(inner, outer)
        alpha[inner] = np.round(soft[inside] * 255).astype(np.uint8)
        if look.decontaminate:
            colours[inner] = _own_colours(pixels, soft, blur)[inside]
    return Matte(alpha, colours)


def fitting_feather(width: int, height: int) -> float:
    """A feather that looks alike on small and large pictures: 1 pixel up to 1 megapixel, 3.5 at 12."""
    return max(1.0, (width * height / 1e6) ** 0.5)


def edge_reach(width: int, height: int) -> int:
    """How far, in pixels, the picture may draw the edge away from the mask's: models see pictures coarsely."""
    return int(np.clip(round(0.008 * max(width, height)), 0, 40))


def _edge_tiles(mask: BoolArray, band: int, overlap: int) -> Iterator[tuple[Window, Window]]:
    """Windows that hold an outline or lie within `band` of one, each with a wider one that its filters look at."""
    height, width = mask.shape
    for top in range(0, height, _TILE):
        for left in range(0, width, _TILE):
            near = mask[_around(top, band, height), _around(left, band, width)]
            if near.any() and not near.all():
                inner = slice(top, min(top + _TILE, height)), slice(left, min(left + _TILE, width))
                yield inner, (_around(top, overlap, height), _around(left, overlap, width))


def _around(start: int, more: int, end: int) -> slice:
    return slice(max(start - more, 0), min(start + _TILE + more, end))


def _within(inner: Window, outer: Window) -> Window:
    """The inner window as seen from the outer one."""
    rows, columns = (slice(i.start - o.start, i.stop - o.start) for i, o in zip(inner, outer, strict=True))
    return rows, columns


def _feathered(mask: BoolArray, distance: Float32, feather: float) -> Float32:
    """A ramp of `feather` pixels across the outline, by the distance to it."""
    if feather <= 0:
        return mask.astype(np.float32)
    return np.asarray(np.clip(0.5 + distance / feather, 0, 1), np.float32)


def _signed_distance(mask: BoolArray) -> Float32:
    """Pixels to the outline, positive inside."""
    inside = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    outside = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.asarray(np.where(mask, inside - 0.5, 0.5 - outside), np.float32)


def _followed(rgb: Rgb, mask: BoolArray, distance: Float32, soft: Float32, reach: int) -> Float32:
    """The feathered edge drawn to the picture's edges; pixels beyond `reach` of the outline stay what they are."""
    filtered = _guided(np.asarray(rgb, np.float32) / np.float32(255), mask.astype(np.float32), reach)
    steep = np.clip((filtered - 0.5) * _STEEP + 0.5, 0, 1)
    trust = np.clip(2 - 2 * np.abs(distance) / reach, 0, 1)  # whole up to half the reach, none at its end
    return np.asarray(soft + (steep - soft) * trust, np.float32)


def _guided(guide: Float32, target: Float32, reach: int) -> Float32:
    """He et al.'s guided filter with a colour guide (their equations 14 to 16).

    Its linear models are found on a smaller copy where the radius is large (K. He, J. Sun, "Fast Guided Filter", 2015).

    Args:
        guide: (h, w, 3), 0..1.
        target: (h, w), 0..1.
    """
    step = _step(reach)
    slope, offset = _models(_smaller(guide, step), _smaller(target, step), max(1, reach // step))
    size = target.shape[1], target.shape[0]
    slope, offset = (cv2.resize(part, size, interpolation=cv2.INTER_LINEAR) for part in (slope, offset))
    return np.asarray((slope * guide).sum(2) + offset, np.float32)


def _models(guide: Float32, target: Float32, radius: int) -> tuple[Float32, Float32]:
    """(h, w, 3) slopes and (h, w) offsets of the filter's linear models, averaged."""

    def mean(values: Float32) -> Float32:
        side = 2 * radius + 1
        return np.asarray(cv2.blur(values, (side, side), borderType=cv2.BORDER_REFLECT))

    guide_mean, target_mean = mean(guide), mean(target)
    together = mean(guide * target[..., None]) - guide_mean * target_mean[..., None]
    spread = {(i, j): mean(guide[..., i] * guide[..., j]) - guide_mean[..., i] * guide_mean[..., j]
              for i in range(3) for j in range(i, 3)}  # fmt: skip
    slope = _solved(spread, together)
    offset = target_mean - (slope * guide_mean).sum(2)
    return mean(slope), mean(offset)


def _step(radius: int) -> int:
    """How much smaller a copy serves filters of a radius."""
    return max(1, radius // 8)


def _smaller(values: Float32, step: int) -> Float32:
    if step == 1:
        return values
    size = max(1, values.shape[1] // step), max(1, values.shape[0] // step)
    return np.asarray(cv2.resize(values, size, interpolation=cv2.INTER_AREA))


def _solved(spread: dict[tuple[int, int], Float32], right: Float32) -> Float32:
    """Solves the symmetric 3 × 3 system of every pixel by its adjugate; `_SHARP` on the diagonal."""
    a, d, f = (spread[i, i] + _SHARP for i in range(3))
    b, c, e = spread[0, 1], spread[0, 2], spread[1, 2]
    minors = (d * f - e * e, c * e - b * f, b * e - c * d, a * f - c * c, b * c - a * e, a * d - b * b)
    determinant = a * minors[0] + b * minors[1] + c * minors[2]
    x, y, z = (right[..., i] for i in range(3))
    solution = np.dstack(
        [
            minors[0] * x + minors[1] * y + minors[2] * z,
            minors[1] * x + minors[3] * y + minors[4] * z,
            minors[2] * x + minors[4] * y + minors[5] * z,
        ]
    )
    return np.asarray(solution / determinant[..., None], np.float32)


def _own_colours(rgb: Rgb, alpha: Float32, radius: int) -> Rgb:
    """The subject's colours where it covers pixels only in part (Forte's blur fusion, coarse and then fine)."""
    picture, cover = rgb.astype(np.float32), alpha[..., None]
    step = _step(radius)
    small, thin = _smaller(picture, step), _smaller(alpha, step)[..., None]
    size = alpha.shape[1], alpha.shape[0]
    coarse = _means(small, small, thin, max(1, radius // step))
    front, back = (cv2.resize(part, size, interpolation=cv2.INTER_LINEAR) for part in coarse)
    front = np.clip(front + cover * (picture - cover * front - (1 - cover) * back), 0, 255)
    front, back = _means(front, back, cover, 3)
    front = np.clip(front + cover * (picture - cover * front - (1 - cover) * back), 0, 255)
    return np.asarray(np.round(np.where(cover >= 1, picture, front)), np.uint8)


def _means(front: Float32, back: Float32, cover: Float32, radius: int) -> tuple[Float32, Float32]:
    """The foreground's and the background's colours around each pixel, weighted by their shares."""
    side = (2 * radius + 1,) * 2
    weight = cv2.blur(cover, side)[..., None]
    return (
        np.asarray(cv2.blur(front * cover, side) / (weight + 1e-5), np.float32),
        np.asarray(cv2.blur(back * (1 - cover), side) / (1 - weight + 1e-5), np.float32),
    )
