"""Embeddings of many pictures, for sorting, searching and finding duplicates; one bad picture never stops it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from inference import clip_input
from inference.errors import AppError
from inference.jobs.segment import device_words
from inference.protocol import Context

if TYPE_CHECKING:
    from inference.engines.clip import Classifier


@dataclass(frozen=True, slots=True)
class EmbedRequest:
    """Asks for the embedding of each picture.

    Every picture is reported as it is done: `Progress.payload` is its `EmbedItem`, so it can be stored along the way.

    Attributes:
        paths: the pictures, each once.
        model: an id of the catalogue, an open_clip name, or a path.
        workers: threads that read pictures while the model works on the ones before.
    """

    paths: tuple[str, ...]
    model: str
    workers: int = 2


@dataclass(frozen=True, slots=True, eq=False)
class EmbedItem:
    """What became of one picture.

    Attributes:
        path: as asked.
        content: the key of the file's bytes (`pictures.content_key`); "" when it could not be read.
        embedding: (d,) float16, of unit length before rounding; None when it failed.
        error: why there is none.
    """

    path: str
    content: str = ""
    embedding: npt.NDArray[np.float16] | None = None
    error: AppError | None = None


@dataclass(frozen=True, slots=True, eq=False)
class EmbedResult:
    """The end of it. `items` are only those that failed: the others were handed over as they were done.

    `checksum` is the key of the model's weights: embeddings of two checksums do not compare.
    """

    model: str
    checksum: str
    items: tuple[EmbedItem, ...]
    device: str
    seconds: float


def run(request: EmbedRequest, context: Context) -> EmbedResult:
    """Raises ModelError at once when the model cannot be loaded."""
    start = time.perf_counter()
    total = len(request.paths)
    context.progress(0, total, "Loading the model")
    classifier: Classifier = context.models.classifier(request.model)
    failed = []
    for done, item in enumerate(embedded(request.paths, classifier, request.workers, context, total), 1):
        if item.error is not None:
            failed.append(item)
        context.progress(done, total, item.path, item)
    seconds = time.perf_counter() - start
    return EmbedResult(classifier.id, classifier.checksum, tuple(failed), device_words(classifier.device), seconds)


def embedded(
    paths: tuple[str, ...], classifier: Classifier, workers: int, context: Context, total: int
) -> Iterator[EmbedItem]:
    """The pictures in their order, read by threads and embedded in batches. Gives way to other jobs between batches."""
    done = 0
    for batch in clip_input.batches(paths, classifier.input, workers, classifier.batch_size):
        context.progress(done, total, batch[0].path)
        readable = [read.pixels for read in batch if read.pixels is not None]
        try:
            rows = iter(classifier.embed_images(readable))
        except AppError as error:  # memory ran out even on the CPU: these pictures fail, others may be smaller
            yield from (EmbedItem(read.path, read.content, error=read.error or error) for read in batch)
            done += len(batch)
            continue
        for read in batch:
            vector = None if read.pixels is None else next(rows).astype(np.float16)
            yield EmbedItem(read.path, read.content, vector, read.error)
        done += len(batch)
