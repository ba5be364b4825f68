"""Pictures for the built-in classifier's training: random views, and coarse ones, since people have thumbnails too."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from inference.training.clip_pictures import Packed

Rgb = npt.NDArray[np.uint8]

_COARSE = 0.5  # share of views that are shrunk to few pixels first
_COARSE_SIDES = (24, 96)
_JPEG = 0.6  # share of views of few pixels that went through JPEG, as thumbnails do: at 32 pixels it hides a third
_QUALITIES = (40, 96)


def view(picture: Rgb, side: int, rng: np.random.Generator) -> Rgb:
    """A random crop, mirrored half of the time, in other light, coarse half of the time: (side, side, 3)."""
    height, width = picture.shape[:2]
    share = rng.uniform(0.35, 1.0)
    ratio = np.exp(rng.uniform(np.log(3 / 4), np.log(4 / 3)))
    w, h = (min(1.0, np.sqrt(share * ratio)) * width, min(1.0, np.sqrt(share / ratio)) * height)
    x, y = rng.uniform(0, width - w), rng.uniform(0, height - h)
    crop = picture[int(y) : max(int(y + h), int(y) + 4), int(x) : max(int(x + w), int(x) + 4)]
    if rng.random() < _COARSE:
        coarse = round(np.exp(rng.uniform(*np.log(_COARSE_SIDES))))
        if coarse < min(crop.shape[:2]):
            crop = cv2.resize(crop, (coarse, coarse), interpolation=cv2.INTER_AREA)
    if min(crop.shape[:2]) <= _COARSE_SIDES[1] and rng.random() < _JPEG:
        crop = _through_jpeg(crop, int(rng.integers(*_QUALITIES)))
    interpolation = (
        cv2.INTER_AREA if crop.shape[0] > side else cv2.INTER_CUBIC if rng.random() < 0.5 else cv2.INTER_LINEAR
    )
    out = cv2.resize(crop, (side, side), interpolation=interpolation)
    if rng.random() < 0.5:
        out = out[:, ::-1]
    return _light(out, rng)


def whole(picture: Rgb, side: int) -> Rgb:
    """The whole picture at (side, side), as at use."""
    interpolation = cv2.INTER_AREA if picture.shape[0] > side else cv2.INTER_CUBIC
    return cv2.resize(picture, (side, side), interpolation=interpolation)


def batch(packed: Packed, indices: npt.NDArray[np.int64], side: int, seed: tuple[int, ...]) -> Rgb:
    """(n, side, side, 3) random views; the same seed gives the same views."""
    rng = np.random.default_rng(seed)
    out = np.empty((len(indices), side, side, 3), np.uint8)
    for row, i in enumerate(indices):
        out[row] = view(packed.picture(int(i)), side, rng)
    return out


def _through_jpeg(rgb: Rgb, quality: int) -> Rgb:
    _, file = cv2.imencode(".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), (cv2.IMWRITE_JPEG_QUALITY, quality))
    return np.asarray(cv2.cvtColor(cv2.imdecode(file, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB), np.uint8)


def _light(rgb: Rgb, rng: np.random.Generator) -> Rgb:
    """Brightness, contrast and tint by a table a channel; grey once in ten."""
    if rng.random() < 0.1:
        rgb = cv2.cvtColor(cv2.cvtColor(np.ascontiguousarray(rgb), cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    levels = np.arange(256, dtype=np.float32)
    contrast, light = rng.uniform(0.65, 1.35), rng.uniform(-30, 30)
    table = np.empty((1, 256, 3), np.uint8)
    for channel in range(3):
        gain = contrast * rng.uniform(0.9, 1.1)
        table[0, :, channel] = np.clip((levels - 128) * gain + 128 + light, 0, 255)
    return np.asarray(cv2.LUT(np.ascontiguousarray(rgb), table), np.uint8)
