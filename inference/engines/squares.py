"""Pictures as classifiers with fixed classes see them: the square in the middle, normalised."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch

from inference.pictures import RGBArray


def resized(pixels: RGBArray, side: int) -> RGBArray:
    """To a square, by areas when it shrinks and cubic when it grows."""
    if pixels.shape[:2] == (side, side):
        return pixels
    way = cv2.INTER_AREA if min(pixels.shape[:2]) > side else cv2.INTER_CUBIC
    return cv2.resize(pixels, (side, side), interpolation=way).astype(np.uint8, copy=False)


def centred(pixels: RGBArray, side: int) -> RGBArray:
    """The largest square in the middle, at the model's size."""
    short = min(pixels.shape[:2])
    top, left = ((n - short) // 2 for n in pixels.shape[:2])
    return resized(pixels[top : top + short, left : left + short], side)


def normalised(squares: RGBArray, mean: Sequence[float], deviation: Sequence[float]) -> torch.Tensor:
    """(B, S, S, 3) uint8 to (B, 3, S, S) float32, channels last, as the model wants it."""
    images = torch.from_numpy(squares).permute(0, 3, 1, 2).float().div_(255)
    images = (images - as_channels(mean)) / as_channels(deviation)
    return images.contiguous(memory_format=torch.channels_last)


def as_channels(values: Sequence[float]) -> torch.Tensor:
    """(3, 1, 1) float32."""
    return torch.tensor(tuple(values))[:, None, None]
