"""Batches of labelled pictures. Pictures stay decoded in memory; what a step sees depends on the seed and the step."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np
import torch

from inference.engines.squares import as_channels, centred, normalised, resized
from inference.errors import FormatError, ImageError
from inference.pictures import RGBArray
from inference.training.classifier_config import ClassifierConfig
from inference.training.classifier_data import Example, Reader

Told = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, eq=False)
class LabelledBatch:
    """images (B, 3, S, S) float32 normalised, channels last; labels (B,) int64; index (B,) into the store."""

    images: torch.Tensor
    labels: torch.Tensor
    index: np.ndarray[tuple[int], np.dtype[np.int64]]


class PictureStore:
    """Pictures of one part, decoded small once and kept while there is room. Unreadable ones are left out.

    Attributes:
        examples: what could be read.
        broken: reasons by path.
    """

    def __init__(
        self, examples: Sequence[Example], reader: Reader, side: int, cache_bytes: float, told: Told | None = None
    ) -> None:
        cv2.setNumThreads(0)  # its own threads would only fight with those of torch
        self._reader, self._side = reader, side
        self.broken: dict[str, str] = {}
        self.examples: list[Example] = []
        self._pixels: list[RGBArray | None] = []
        room = cache_bytes
        with ThreadPoolExecutor(2, thread_name_prefix="decode") as pool:
            for start in range(0, len(examples), 512):
                part = examples[start : start + 512]
                for example, pixels in zip(part, pool.map(self._try, part), strict=True):
                    if pixels is None:
                        continue
                    room -= pixels.nbytes
                    self.examples.append(example)
                    self._pixels.append(pixels if room > 0 else None)
                if told is not None:
                    told(start + len(part), len(examples))
        self.labels = np.array([e.label for e in self.examples], np.int64)

    def __len__(self) -> int:
        return len(self.examples)

    def pixels(self, index: int) -> RGBArray:
        """(H, W, 3) uint8, not much larger than the model's square. ImageError when the file went away."""
        kept = self._pixels[index]
        return self._small(self.examples[index]) if kept is None else kept

    def where(self, index: int) -> str:
        return self._reader.where(self.examples[index])

    def _try(self, example: Example) -> RGBArray | None:
        try:
            return self._small(example)
        except ImageError as error:
            self.broken[self._reader.where(example)] = error.message
            return None

    def _small(self, example: Example) -> RGBArray:
        """Shrunk so that the short side is little more than the model's: that is all a crop needs."""
        pixels = self._reader.read(example, max_side=4 * self._side)
        scale = self._side / min(pixels.shape[:2])
        if scale >= 0.8:
            return pixels
        height, width = (max(self._side, round(n * scale)) for n in pixels.shape[:2])
        return cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)


class BatchPlan:
    """Which pictures, crops and colours make up the batch of a step: the same for the same seed, store and step.

    Args:
        rank, size: this process and how many share each batch. A process gets pairs that mixing joins (n and the
            n-th from the end), so that several processes see together what one alone would.
    """

    def __init__(
        self,
        store: PictureStore,
        config: ClassifierConfig,
        mean: Sequence[float],
        deviation: Sequence[float],
        rank: int = 0,
        size: int = 1,
    ) -> None:
        self.store, self.config = store, config
        self.mean, self.deviation = as_channels(mean), as_channels(deviation)
        self.batch = min(config.batch, len(store) // (2 * size) * 2 * size)
        if config.batch % (2 * size) or not self.batch:
            raise FormatError(
                f"{len(store)} training pictures in batches of {config.batch} cannot be shared by {size} processes.",
                remedy=f"Use a batch that is a multiple of {2 * size}, and at least as many pictures.",
            )
        self.steps_per_epoch = len(store) // self.batch
        ahead = np.arange(self.batch // 2)[rank::size]
        self._mine = np.concatenate([ahead, (self.batch - 1 - ahead)[::-1]])

    def make(self, step: int) -> LabelledBatch:
        """ImageError when a picture that is not kept in memory went away."""
        epoch, place = divmod(step, self.steps_per_epoch)
        order = np.random.default_rng((self.config.seed, epoch)).permutation(len(self.store))
        index = order[place * self.batch : (place + 1) * self.batch][self._mine]
        rng = np.random.default_rng((self.config.seed, epoch, place))
        numbers = rng.random((self.batch, 8), np.float32)[self._mine]
        crops = [self._crop(self.store.pixels(i), row) for i, row in zip(index, numbers, strict=True)]
        images = torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2).float().div_(255)
        images = jittered(images, torch.from_numpy(numbers[:, 5:8]), self.config.jitter)
        images = ((images - self.mean) / self.deviation).contiguous(memory_format=torch.channels_last)
        return LabelledBatch(images, torch.from_numpy(self.store.labels[index]), index)

    def _crop(self, pixels: RGBArray, row: np.ndarray[tuple[int], np.dtype[np.float32]]) -> RGBArray:
        """RandomResizedCrop and mirror image; aspect ratios of 3:4 to 4:3 as torchvision's."""
        height, width = pixels.shape[:2]
        area = height * width * (self.config.crop_least + (1 - self.config.crop_least) * float(row[0]))
        ratio = math.exp(math.log(3 / 4) + float(row[1]) * 2 * math.log(4 / 3))
        w, h = (min(n, max(1, round(math.sqrt(v)))) for n, v in ((width, area * ratio), (height, area / ratio)))
        left, top = round(float(row[2]) * (width - w)), round(float(row[3]) * (height - h))
        crop = resized(pixels[top : top + h, left : left + w], self.config.image_size)
        return crop[:, ::-1] if self.config.flip and row[4] < 0.5 else crop


def jittered(images: torch.Tensor, numbers: torch.Tensor, strength: float) -> torch.Tensor:
    """Brightness, contrast and saturation × (1 ± strength). images (B, 3, H, W) 0..1; numbers (B, 3) 0..1."""
    if not strength:
        return images
    brightness, contrast, saturation = (1 + strength * (2 * numbers - 1)).T[:, :, None, None, None]
    images = images * brightness
    grey = (images * _GREY).sum(1, keepdim=True)
    mean = grey.mean((2, 3), keepdim=True)
    # contrast and saturation are both blends, towards the mean grey and towards each pixel's own
    return (
        saturation * (mean + contrast * (images - mean)) + (1 - saturation) * (mean + contrast * (grey - mean))
    ).clamp_(0, 1)


def batches(plan: BatchPlan, first_step: int, ahead: int = 3) -> Generator[LabelledBatch]:
    """The batches from `first_step` on, made by a thread. Close the iterator to end it."""
    pool = ThreadPoolExecutor(1, thread_name_prefix="batches")
    try:
        waiting = deque(pool.submit(plan.make, first_step + i) for i in range(ahead))
        step = first_step + ahead
        while True:
            waiting.append(pool.submit(plan.make, step))
            step += 1
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def test_batches(
    store: PictureStore, side: int, mean: Sequence[float], deviation: Sequence[float], batch: int = 128
) -> Generator[torch.Tensor]:
    """(B, 3, S, S) of all pictures in order, from the middle, unchanged otherwise."""
    for start in range(0, len(store), batch):
        squares = [centred(store.pixels(i), side) for i in range(start, min(start + batch, len(store)))]
        yield normalised(np.stack(squares), mean, deviation)


_GREY = as_channels((0.299, 0.587, 0.114))
