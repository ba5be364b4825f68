"""The same question to many pictures, for the command line and for folders; one bad picture never stops it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from inference.errors import AppError
from inference.jobs.segment import device_words, encoded
from inference.masks import Mask
from inference.prompts import Point, Prompts
from inference.protocol import Context

if TYPE_CHECKING:
    from inference.engines.embedding import Embedding


@dataclass(frozen=True, slots=True)
class BatchImage:
    """A picture and what is asked of it. `prompts=None` asks for the subject: a click in the middle."""

    path: str
    prompts: Prompts | None = None


@dataclass(frozen=True, slots=True)
class BatchItem:
    """What became of one picture: a mask, or the reason why there is none.

    Attributes:
        path: as asked.
        prompts: those used (the middle is filled in).
        mask: full-size, None when it failed.
        score: the IoU the model predicts for the mask.
        width, height: of the upright picture; 0 when it could not be read.
        seconds: spent on it.
        error: why there is no mask.
    """

    path: str
    prompts: Prompts | None = None
    mask: Mask | None = None
    score: float = 0.0
    width: int = 0
    height: int = 0
    seconds: float = 0.0
    error: AppError | None = None


@dataclass(frozen=True, slots=True)
class SegmentBatchRequest:
    """Asks for one mask a picture.

    Every picture is reported as it is done: `Progress.payload` is its `BatchItem`, so files can be written along the
    way. `threshold`, `fill_holes` and `remove_specks` as in `SegmentRequest`.
    """

    images: tuple[BatchImage, ...]
    model: str
    threshold: float = 0.0
    fill_holes: int = 0
    remove_specks: int = 0


@dataclass(frozen=True, slots=True)
class SegmentBatchResult:
    """All items in the order asked. `failed` are those without a mask."""

    items: tuple[BatchItem, ...]
    device: str
    seconds: float

    @property
    def failed(self) -> tuple[BatchItem, ...]:
        return tuple(item for item in self.items if item.error is not None)


def run(request: SegmentBatchRequest, context: Context) -> SegmentBatchResult:
    """Raises ModelError at once when the model cannot be loaded: no picture could be done."""
    start = time.perf_counter()
    total = len(request.images)
    context.progress(0, total, "Loading the model")
    context.models.segmenter(request.model)
    items = []
    pictures = _Pictures(request.model)
    for number, image in enumerate(request.images, 1):
        item = _one(image, request, pictures, _Quiet(context, number - 1, total))
        items.append(item)
        context.progress(number, total, image.path, item)
    device = context.models.segmenter(request.model).device
    return SegmentBatchResult(tuple(items), device_words(device), time.perf_counter() - start)


def _one(image: BatchImage, request: SegmentBatchRequest, pictures: _Pictures, context: Context) -> BatchItem:
    start = time.perf_counter()
    try:
        embedding = pictures.embedding(image.path, context)
        prompts = image.prompts or Prompts((Point(embedding.width / 2, embedding.height / 2),))
        segmenter = context.models.segmenter(request.model)
        best = segmenter.decode(embedding, prompts)[0]
        mask = segmenter.full_mask(embedding, best, request.threshold, request.fill_holes, request.remove_specks)
    except AppError as error:
        return BatchItem(image.path, image.prompts, seconds=time.perf_counter() - start, error=error)
    seconds = time.perf_counter() - start
    return BatchItem(image.path, prompts, mask, best.score, embedding.width, embedding.height, seconds)


class _Pictures:
    """Embeddings for a batch: only the last one is held, for several questions in a row to the same picture."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._last: tuple[str, Embedding] | None = None

    def embedding(self, path: str, context: Context) -> Embedding:
        if self._last is None or self._last[0] != path:
            self._last = None
            self._last = (path, encoded(self._model, path, context, keep=False).embedding)
        return self._last[1]


class _Quiet:
    """The batch's own count of pictures in place of the steps inside one; giving way and stopping still work."""

    def __init__(self, context: Context, done: int, total: int) -> None:
        self._context = context
        self._at = (done, total)

    @property
    def models(self) -> object:
        return self._context.models

    def progress(self, _done: int, _total: int, message: str = "", payload: object = None) -> None:
        self._context.progress(*self._at, message, payload)
