"""Batches for the loop, made by a thread ahead of it. What a step sees depends on the seed and the step alone."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count

import cv2
import numpy as np
import torch

from inference.errors import AppError, FormatError
from inference.training.augment import Example, make_example
from inference.training.config import TrainConfig
from inference.training.data import PictureCache, Record

MEAN = torch.tensor((0.485, 0.456, 0.406))[:, None, None]
DEVIATION = torch.tensor((0.229, 0.224, 0.225))[:, None, None]


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """images (B, 3, S, S) float32 normalised; targets (B·K, 1, S/4, S/4) 0..1; boxes (B·K, 4) 0..1 of the square."""

    images: torch.Tensor
    targets: torch.Tensor
    boxes: torch.Tensor


class BatchMaker:
    """Draws batches. Pictures that cannot be read are left out and kept in `broken` with the reason."""

    def __init__(self, records: list[Record], config: TrainConfig) -> None:
        self.records, self.config = records, config
        cv2.setNumThreads(0)  # its own threads would only fight with those of torch
        self.cache = PictureCache()
        self.broken: dict[str, str] = {}
        weights = np.array([config.source_weights.get(r.source, 1.0) for r in records], np.float64)
        self._chances = weights / weights.sum()

    def batch(self, step: int) -> Batch:
        """The batch of a step; the same for the same seed, records and step."""
        rng = np.random.default_rng((self.config.seed, step))
        examples: list[Example] = []
        for _ in range(50 * self.config.pictures):
            example = self._example(int(rng.choice(len(self.records), p=self._chances)), rng)
            if example is not None:
                examples.append(example)
            if len(examples) == self.config.pictures:
                return _collate(examples)
        raise FormatError(
            "The data set gives no training pictures: its pictures cannot be read or its masks are too small.",
            self.records[0].path.parent,
            "Check the files; " + "; ".join(f"{k}: {v}" for k, v in list(self.broken.items())[:3]),
        )

    def _example(self, index: int, rng: np.random.Generator) -> Example | None:
        path = str(self.records[index].path)
        if path in self.broken:
            return None
        try:
            return make_example(self.records, index, self.cache, self.config, rng)
        except AppError as error:
            self.broken[error.path or path] = error.message
            self.broken[path] = error.message
            return None


def batches(maker: BatchMaker, first_step: int, rank: int = 0, size: int = 1, ahead: int = 3) -> Generator[Batch]:
    """The batches of process `rank` of `size` from `first_step` on, made by a thread. Close the iterator to end it."""
    pool = ThreadPoolExecutor(1, thread_name_prefix="batches")
    try:
        waiting = deque(pool.submit(maker.batch, (first_step + i) * size + rank) for i in range(ahead))
        for step in count(first_step + ahead):
            waiting.append(pool.submit(maker.batch, step * size + rank))
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _collate(examples: list[Example]) -> Batch:
    images = torch.from_numpy(np.stack([e.image for e in examples])).permute(0, 3, 1, 2)
    targets = torch.from_numpy(np.concatenate([e.targets for e in examples]))[:, None]
    boxes = torch.from_numpy(np.concatenate([e.boxes for e in examples]))
    images = ((images.float() / 255 - MEAN) / DEVIATION).contiguous(memory_format=torch.channels_last)
    return Batch(images, targets.float() / 255, boxes)
