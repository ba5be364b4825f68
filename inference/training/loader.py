"""Batches for the loop, made by a thread ahead of it. A picture's looks depend on the seed and its number alone.

Pictures are numbered through the whole training, over all steps and processes: two processes see together what one
with the doubled batch sees, and a run that goes on sees what it would have seen.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from typing import Protocol, TypeVar

import cv2
import numpy as np
import torch

from inference.errors import AppError, FormatError
from inference.training.augment import Example, make_example
from inference.training.config import TrainConfig
from inference.training.data import PictureCache, Record

MEAN = torch.tensor((0.485, 0.456, 0.406))[:, None, None]
DEVIATION = torch.tensor((0.229, 0.224, 0.225))[:, None, None]
_TRIES = 50
B = TypeVar("B", covariant=True)


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """images (B, 3, S, S) float32 normalised; targets (B·K, 1, S/4, S/4) 0..1; boxes (B·K, 4) 0..1 of the square.

    `numbers` are those of the pictures.
    """

    images: torch.Tensor
    targets: torch.Tensor
    boxes: torch.Tensor
    numbers: tuple[int, ...] = ()


class Maker(Protocol[B]):
    """What makes batches: pictures (`BatchMaker`) or clips (`inference.training.clips.ClipMaker`)."""

    broken: dict[str, str]

    def batch(self, numbers: range) -> B: ...


class Order:
    """Which picture comes when: every one once an epoch, each epoch shuffled anew; or by weight, where they differ."""

    def __init__(self, weights: list[float], seed: int) -> None:
        chances = np.array(weights, np.float64)
        self._chances = None if np.ptp(chances) == 0 else chances / chances.sum()
        self._count, self._seed = len(weights), seed
        self._epoch, self._shuffled = -1, np.arange(0)

    def at(self, number: int, rng: np.random.Generator) -> int:
        """The index of the picture with this number."""
        if self._chances is not None:
            return self.any(rng)
        epoch, place = divmod(number, self._count)
        if epoch != self._epoch:
            self._epoch, self._shuffled = epoch, np.random.default_rng((self._seed, 3, epoch)).permutation(self._count)
        return int(self._shuffled[place])

    def any(self, rng: np.random.Generator) -> int:
        """A random one, in place of one that cannot be used."""
        return int(rng.choice(self._count, p=self._chances))


class BatchMaker:
    """Draws batches. Pictures that cannot be read are left out and kept in `broken` with the reason."""

    def __init__(self, records: list[Record], config: TrainConfig) -> None:
        self.records, self.config = records, config
        cv2.setNumThreads(0)  # its own threads would only fight with those of torch
        self.cache = PictureCache()
        self.broken: dict[str, str] = {}
        self._order = Order([config.source_weights.get(r.source, 1.0) for r in records], config.seed)

    def batch(self, numbers: range) -> Batch:
        """The pictures of these numbers; the same for the same seed and records."""
        return _collate([self._example(number) for number in numbers], tuple(numbers))

    def _example(self, number: int) -> Example:
        rng = np.random.default_rng((self.config.seed, 0, number))
        index = self._order.at(number, rng)
        for _ in range(_TRIES):
            example = self._tried(index, rng)
            if example is not None:
                return example
            index = self._order.any(rng)
        raise FormatError(
            "The data set gives no training pictures: its pictures cannot be read or its masks are too small.",
            self.records[0].path.parent,
            "Check the files; " + "; ".join(f"{k}: {v}" for k, v in list(self.broken.items())[:3]),
        )

    def _tried(self, index: int, rng: np.random.Generator) -> Example | None:
        path = str(self.records[index].path)
        if path in self.broken:
            return None
        try:
            return make_example(self.records, index, self.cache, self.config, rng)
        except AppError as error:
            self.broken[error.path or path] = error.message
            self.broken[path] = error.message
            return None


def batches(
    maker: Maker[B], config: TrainConfig, first_step: int, rank: int = 0, size: int = 1, ahead: int = 3
) -> Generator[B]:
    """The batches of process `rank` of `size` from `first_step` on, `config.accumulate` a step, made by a thread.

    Close the iterator to end it.
    """
    pool = ThreadPoolExecutor(1, thread_name_prefix="batches")
    try:
        numbers = _numbers(config, first_step, rank, size)
        waiting = deque(pool.submit(maker.batch, next(numbers)) for _ in range(ahead))
        for following in numbers:
            waiting.append(pool.submit(maker.batch, following))
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _numbers(config: TrainConfig, first_step: int, rank: int, size: int) -> Iterator[range]:
    for batch in count(first_step * config.accumulate):
        first = (batch * size + rank) * config.pictures
        yield range(first, first + config.pictures)


def _collate(examples: list[Example], numbers: tuple[int, ...]) -> Batch:
    images = torch.from_numpy(np.stack([e.image for e in examples])).permute(0, 3, 1, 2)
    targets = torch.from_numpy(np.concatenate([e.targets for e in examples]))[:, None]
    boxes = torch.from_numpy(np.concatenate([e.boxes for e in examples]))
    images = ((images.float() / 255 - MEAN) / DEVIATION).contiguous(memory_format=torch.channels_last)
    return Batch(images, targets.float() / 255, boxes, numbers)
