"""All objects of a picture: masks as they are found, and in the end those that stay."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from inference import pictures
from inference.everything import EverythingOptions, FoundMask
from inference.jobs.segment import device_words, encoded
from inference.protocol import Context, ImageRef

if TYPE_CHECKING:
    from inference.engines.embedding import Embedding

_BATCH_S = 0.08  # what a batch of points may take: then more urgent requests get their turn


@dataclass(frozen=True, slots=True)
class EverythingRequest:
    """Asks for all masks of a picture.

    Attributes:
        image: the picture.
        model: an id of the catalogue, or a path to weights.
        options: how it is searched.
        max_side: the model and its crops see the picture with no longer side; masks are as large as the picture all
            the same. 0 for the picture as it is.
        watched: `Progress.payload` brings an `EverythingFound` with every batch that found something.
        keep: the picture's embedding stays at hand for what is asked next.
    """

    image: ImageRef
    model: str
    options: EverythingOptions = field(default_factory=EverythingOptions)
    max_side: int = 0
    watched: bool = False
    keep: bool = True


@dataclass(frozen=True, slots=True)
class EverythingFound:
    """What a batch of points found. Some of it may be missing in the result, when better masks came later."""

    image: ImageRef
    masks: tuple[FoundMask, ...]


@dataclass(frozen=True, slots=True)
class EverythingResult:
    """The end of it.

    Attributes:
        image: as asked.
        masks: the highest predicted IoU first.
        width, height: of the upright picture.
        seconds: from the start of the job to the answer; those of them that loaded the model are not counted.
        device: where it ran.
        model: as asked.
    """

    image: ImageRef
    masks: tuple[FoundMask, ...]
    width: int
    height: int
    seconds: float
    device: str
    model: str


def run(request: EverythingRequest, context: Context) -> EverythingResult:
    """Raises UsageError (options), ImageError, ModelError, OutOfMemory."""
    from inference.engines.everything import find_everything

    request.options.check()
    context.progress(0, 0, "Loading the model")
    segmenter = context.models.segmenter(request.model)
    start = time.perf_counter()
    embedding = _embedding(request, context)

    def report(done: int, total: int, new: list[FoundMask]) -> None:
        payload = EverythingFound(request.image, tuple(new)) if new else None
        context.progress(done, total, "Looking for objects", payload)

    side = request.max_side or None
    masks = find_everything(
        segmenter,
        embedding,
        request.options,
        lambda: pictures.read_rgb(request.image.path, side),
        report,
        watched=request.watched,
        pace=_BATCH_S,
    )
    return EverythingResult(
        request.image,
        tuple(masks),
        embedding.width,
        embedding.height,
        time.perf_counter() - start,
        device_words(segmenter.device),
        request.model,
    )


def _embedding(request: EverythingRequest, context: Context) -> Embedding:
    """Of the picture, or of a smaller copy that counts as large as the picture."""
    path = request.image.path
    width, height = pictures.read_size(path)
    if not request.max_side or max(width, height) <= request.max_side:
        return encoded(request.model, path, context, request.keep).embedding
    rgb = pictures.read_rgb(path, request.max_side)
    context.progress(0, 0, "Looking at the picture")
    embedding: Embedding = context.models.segmenter(request.model).encode(rgb)
    return replace(embedding, width=width, height=height)
