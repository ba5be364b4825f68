"""What a classifier that was trained on folders says about pictures: one of the ways to suggestions."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from inference.errors import AppError
from inference.jobs.segment import device_words
from inference.pictures import RGBArray, read_rgb
from inference.protocol import Context

_BATCH = 16


@dataclass(frozen=True, slots=True)
class LabelRequest:
    """Asks for the classes of pictures.

    Every picture is reported as it is done: `Progress.payload` is its `LabelItem`.

    Attributes:
        paths: the pictures.
        model: a classifier's id (family "classifier" of the catalogue) or file.
        workers: threads that read pictures.
    """

    paths: tuple[str, ...]
    model: str
    workers: int = 2


@dataclass(frozen=True, slots=True, eq=False)
class LabelItem:
    """One picture: its likeliest class and the probabilities of `classes`, float32, or why there are none."""

    path: str
    label: str | None = None
    classes: tuple[str, ...] = ()
    probabilities: npt.NDArray[np.float32] | None = None
    error: AppError | None = None


@dataclass(frozen=True, slots=True, eq=False)
class LabelResult:
    """The end of it: the classes in the order of the probabilities, pictures without an answer, where, how long."""

    classes: tuple[str, ...]
    failed: tuple[LabelItem, ...]
    device: str
    seconds: float


def run(request: LabelRequest, context: Context) -> LabelResult:
    """Raises ModelError when the classifier cannot be loaded, OutOfMemory; broken pictures are reported and listed."""
    start = time.perf_counter()
    total, done, failed = len(request.paths), 0, list[LabelItem]()
    context.progress(0, total, "Loading the classifier")
    labeller = context.models.labeller(request.model)
    for batch in _read(request, labeller.image_size):
        context.progress(done, total, batch[0][0])
        answers = iter(labeller.probabilities([p for _, p in batch if not isinstance(p, AppError)]))
        for path, pixels in batch:
            if isinstance(pixels, AppError):
                item = LabelItem(path, error=pixels)
                failed.append(item)
            else:
                row = next(answers)
                item = LabelItem(path, labeller.classes[int(row.argmax())], labeller.classes, row)
            done += 1
            context.progress(done, total, path, item)
    return LabelResult(labeller.classes, tuple(failed), device_words(labeller.device), time.perf_counter() - start)


def _read(request: LabelRequest, side: int) -> Iterator[list[tuple[str, RGBArray | AppError]]]:
    """Pictures in batches, one batch read ahead; not larger than a square of `side` needs."""

    def read(path: str) -> RGBArray | AppError:
        try:
            return read_rgb(path, max_side=4 * side)
        except AppError as error:
            return error

    starts = range(0, len(request.paths), _BATCH)
    with ThreadPoolExecutor(max(1, request.workers), thread_name_prefix="read") as pool:
        ahead = None
        for begin in starts:
            part = request.paths[begin : begin + _BATCH]
            waiting = part, [pool.submit(read, path) for path in part]
            if ahead is not None:
                yield [(path, future.result()) for path, future in zip(*ahead, strict=True)]
            ahead = waiting
        if ahead is not None:
            yield [(path, future.result()) for path, future in zip(*ahead, strict=True)]
