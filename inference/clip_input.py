"""From picture files to what a classifier looks at, as open_clip's transform does it but many times faster. No torch.

open_clip decodes a picture whole, then makes it small (`open_clip.transform.image_transform`). Here JPEGs are decoded
at a half, a quarter or an eighth of their size, as long as `REDUCTION` times the wanted side is left to shrink
properly, and threads read ahead while the model is at work. What is cropped and normalised is the same.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from inference import pictures
from inference.errors import AppError

RGBArray = npt.NDArray[np.uint8]

REDUCTION = 2.0
"""A JPEG is not decoded smaller than this many times what the model sees (a mean cosine of 0.9998; of 0.9990 at 1)."""
_AHEAD = 2  # batches read before they are wanted
_FILTERS = {
    "bicubic": Image.Resampling.BICUBIC,
    "bilinear": Image.Resampling.BILINEAR,
    "nearest": Image.Resampling.NEAREST,
}


@dataclass(frozen=True, slots=True)
class ClipInput:
    """What a model wants to see: open_clip's `PreprocessCfg`.

    Attributes:
        height, width: in pixels.
        mean, std: of the channels, for pixels of 0..1.
        interpolation: "bicubic", "bilinear" or "nearest".
        resize_mode: "shortest" crops what hangs over, "longest" fills up, "squash" ignores the proportions.
        fill: the grey that "longest" fills up with.
    """

    height: int
    width: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    interpolation: str = "bicubic"
    resize_mode: str = "shortest"
    fill: int = 0

    @property
    def shortest(self) -> int:
        return min(self.height, self.width)


@dataclass(frozen=True, slots=True, eq=False)
class Read:
    """A picture as read for a model: (height, width, 3) uint8 and the key of its bytes, or why there is none."""

    path: str
    content: str = ""
    pixels: RGBArray | None = None
    error: AppError | None = None


def read(path: str, wanted: ClipInput) -> RGBArray:
    """A picture file as the model sees it, before normalisation. Raises as `pictures.read_rgb`."""
    shortest = math.ceil(wanted.shortest * REDUCTION)
    return fit(pictures.read_rgb(path, draft=shortest), wanted)


def fit(rgb: RGBArray, wanted: ClipInput) -> RGBArray:
    """Pixels of any size as the model sees them; those of its size come back as they are."""
    if rgb.shape[:2] == (wanted.height, wanted.width):
        return rgb
    picture = Image.fromarray(rgb)
    how = _FILTERS.get(wanted.interpolation, Image.Resampling.BICUBIC)
    if wanted.resize_mode == "squash":
        return np.asarray(picture.resize((wanted.width, wanted.height), how))
    sides = (wanted.width / picture.width, wanted.height / picture.height)
    if wanted.resize_mode == "longest":
        factor = min(sides)
        size = (round(picture.width * factor), round(picture.height * factor))
    else:
        size = _covering(picture.size, wanted, max(sides))
    small = picture.resize((max(size[0], 1), max(size[1], 1)), how)
    left, top = round((small.width - wanted.width) / 2), round((small.height - wanted.height) / 2)
    if wanted.resize_mode == "longest":
        whole = Image.new("RGB", (wanted.width, wanted.height), (wanted.fill,) * 3)
        whole.paste(small, ((wanted.width - small.width) // 2, (wanted.height - small.height) // 2))
        return np.asarray(whole)
    return np.asarray(small.crop((left, top, left + wanted.width, top + wanted.height)))


def batches(paths: Sequence[str], wanted: ClipInput, workers: int, size: int) -> Iterator[list[Read]]:
    """The pictures in their order, read by threads some batches ahead of whoever takes them.

    A picture that cannot be read has its error in place of pixels. Leaving the loop early ends the threads.
    """
    waiting: deque[Future[Read]] = deque()
    upcoming = iter(paths)
    with ThreadPoolExecutor(max(workers, 1), thread_name_prefix="read") as threads:

        def ask(count: int) -> None:
            for _, path in zip(range(count), upcoming, strict=False):
                waiting.append(threads.submit(_read_safely, path, wanted))

        try:
            ask(size * _AHEAD)
            while waiting:
                batch = [waiting.popleft().result() for _ in range(min(size, len(waiting)))]
                ask(len(batch))
                yield batch
        finally:
            for future in waiting:
                future.cancel()


def _read_safely(path: str, wanted: ClipInput) -> Read:
    content = ""
    try:
        content = pictures.content_key(path)
        return Read(path, content, read(path, wanted))
    except AppError as error:
        return Read(path, content, error=error if error.path else type(error)(error.message, path, error.remedy))


def _covering(size: tuple[int, int], wanted: ClipInput, factor: float) -> tuple[int, int]:
    """(width, height) that covers the wanted one; rounded as torchvision's Resize does for squares."""
    if wanted.height == wanted.width:
        short, long = min(size), max(size)
        scaled = int(wanted.height * long / short)
        return (wanted.height, scaled) if size[0] <= size[1] else (scaled, wanted.height)
    return round(size[0] * factor), round(size[1] * factor)
