"""Cut-outs put together: the matte over its background, with its shadow, cropped. NumPy and OpenCV; no torch.

Backgrounds and shadows are soft or plain, so they are made small and enlarged; the rest is whole numbers, strip by
strip: a picture of 100 megapixels costs two copies of itself.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from inference.engines.matte import Matte, matte
from inference.looks import TRANSPARENT, Look
from inference.pictures import read_rgb

Rgb = npt.NDArray[np.uint8]
Bytes = npt.NDArray[np.uint8]
Float32 = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]

_STRIP = 256
_SMALL = 1024  # the longer side at which backgrounds and shadows are made
_BLUR = 0.025  # of the longer side: the spread of a blurred background
_SHADOW_BLUR, _SHADOW_DROP, _SHADOW = 0.03, 0.025, 0.45  # of the subject's longer side; and how dark at most


def cut_out(rgb: Rgb, mask: BoolArray, look: Look) -> Bytes:
    """The finished cut-out, (h, w, 4) uint8, straight alpha; 255 everywhere unless the background is transparent.

    An empty mask gives the background alone, uncropped.

    Args:
        rgb: (H, W, 3) uint8; not changed.
        mask: (H, W) bool.

    Raises ImageError when the picture for the background cannot be read.
    """
    if rgb.shape[:2] != mask.shape:
        raise ValueError(f"a mask of {mask.shape[::-1]} does not fit a picture of {rgb.shape[1::-1]}")
    shade = _shadow(mask) if look.shadow else None
    behind = _blurred(rgb, mask) if look.background == "blur" else None
    made = matte(rgb, mask, look)
    if look.crop:
        window = crop_window(mask, look.margin)
        made = Matte(made.alpha[window], made.colours[window])
        shade = None if shade is None else shade[window]
        behind = None if behind is None else behind[window]
    height, width = made.alpha.shape
    if look.picture is not None:
        behind = _covering(read_rgb(look.picture, max(2 * max(width, height), _SMALL)), width, height)
    if look.background == TRANSPARENT:
        return _on_nothing(made, shade)
    ground = np.full((1, 1, 3), look.colour, np.uint8) if behind is None else behind
    return _on_ground(made, shade, np.broadcast_to(ground, (height, width, 3)))


def crop_window(mask: BoolArray, margin: float) -> tuple[slice, slice]:
    """The subject's box with `margin` (a share of its longer side) around it, inside the picture."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not rows.size:
        return slice(0, mask.shape[0]), slice(0, mask.shape[1])
    top, bottom, left, right = int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1
    more = round(margin * max(bottom - top, right - left))
    return slice(max(top - more, 0), bottom + more), slice(max(left - more, 0), right + more)


def _on_ground(made: Matte, shade: Bytes | None, ground: Bytes) -> Bytes:
    height, width = made.alpha.shape
    result = np.full((height, width, 4), 255, np.uint8)
    for top in range(0, height, _STRIP):
        rows = slice(top, top + _STRIP)
        behind = ground[rows]
        if shade is not None:
            behind = _mixed(np.zeros((1, 1, 3), np.uint8), behind, shade[rows])
        result[rows, :, :3] = _mixed(made.colours[rows], behind, made.alpha[rows])
    return result


def _on_nothing(made: Matte, shade: Bytes | None) -> Bytes:
    """Straight alpha; hidden pixels are black, for they would only make the file larger."""
    height, width = made.alpha.shape
    result = np.zeros((height, width, 4), np.uint8)
    for top in range(0, height, _STRIP):
        rows = slice(top, top + _STRIP)
        alpha, colours = made.alpha[rows].astype(np.uint32), made.colours[rows]
        total = alpha
        if shade is not None:  # the subject over black of that alpha
            total = alpha + (shade[rows].astype(np.uint32) * (255 - alpha) + 127) // 255
        share = np.where(total == 0, 0, (alpha * 255 + total // 2) // np.maximum(total, 1))
        result[rows, :, :3] = (colours * share[..., None] + 127) // 255
        result[rows, :, 3] = total
    return result


def _mixed(front: Bytes, behind: Bytes, alpha: Bytes) -> Bytes:
    cover = alpha.astype(np.uint16)[..., None]
    return np.asarray(
        (front * cover.astype(np.uint32) + behind * (255 - cover).astype(np.uint32) + 127) // 255, np.uint8
    )


def _blurred(rgb: Rgb, mask: BoolArray) -> Rgb:
    """The picture out of focus, with the subject taken out first: else it would shine around itself."""
    height, width = mask.shape
    small = _small_size(width, height)
    grown = cv2.dilate(mask.astype(np.uint8), np.ones((5, 5), np.uint8))
    around = 1 - cv2.resize(grown.astype(np.float32), small, interpolation=cv2.INTER_AREA)
    picture = cv2.resize(rgb, small, interpolation=cv2.INTER_AREA).astype(np.float32)
    soft = cv2.GaussianBlur(_filled(picture, around), (0, 0), max(_BLUR * max(small), 0.5))
    soft = np.clip(np.round(soft), 0, 255).astype(np.uint8)
    return np.asarray(cv2.resize(soft, (width, height), interpolation=cv2.INTER_LINEAR))


def _filled(picture: Float32, known: Float32) -> Float32:
    """Unknown pixels from the known ones around them: pulled up from ever smaller copies of the picture.

    Gortler et al., "The Lumigraph" (SIGGRAPH 1996), push-pull.
    """
    height, width = known.shape
    if min(height, width) < 2 or known.min() > 0:
        return picture
    half = (width + 1) // 2, (height + 1) // 2
    weight = cv2.resize(known, half, interpolation=cv2.INTER_AREA)
    colours = cv2.resize(picture * known[..., None], half, interpolation=cv2.INTER_AREA)
    coarse = _filled(colours / np.maximum(weight, 1e-6)[..., None], np.minimum(weight * 4, 1))
    wide = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(picture * known[..., None] + wide * (1 - known[..., None]), np.float32)


def _shadow(mask: BoolArray) -> Bytes:
    """The alpha of a soft shadow that falls a little below the subject, (H, W) uint8."""
    height, width = mask.shape
    small = _small_size(width, height)
    cover = cv2.resize(mask.astype(np.float32), small, interpolation=cv2.INTER_AREA)
    rows, columns = np.flatnonzero(cover.any(1)), np.flatnonzero(cover.any(0))
    if not rows.size:
        return np.zeros((height, width), np.uint8)
    side = max(rows[-1] - rows[0], columns[-1] - columns[0]) + 1
    drop = np.array([[1, 0, 0], [0, 1, side * _SHADOW_DROP]], np.float32)
    fallen = cv2.warpAffine(cover, drop, small)
    soft = cv2.GaussianBlur(fallen, (0, 0), max(side * _SHADOW_BLUR, 0.5)) * (255 * _SHADOW)
    return np.asarray(cv2.resize(np.round(soft).astype(np.uint8), (width, height), interpolation=cv2.INTER_LINEAR))


def _covering(rgb: Rgb, width: int, height: int) -> Rgb:
    """A picture scaled until it covers the whole area, its middle shown."""
    scale = max(width / rgb.shape[1], height / rgb.shape[0])
    size = max(width, round(rgb.shape[1] * scale)), max(height, round(rgb.shape[0] * scale))
    scaled = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    left, top = (size[0] - width) // 2, (size[1] - height) // 2
    return np.asarray(scaled[top : top + height, left : left + width])


def _small_size(width: int, height: int) -> tuple[int, int]:
    scale = min(1.0, _SMALL / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))
