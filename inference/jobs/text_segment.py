"""Words in, instances out: all things in pictures that some phrases name."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from inference import pictures
from inference.errors import AppError, UsageError
from inference.jobs.classify import seated
from inference.jobs.segment import device_words
from inference.protocol import Context, ImageRef
from inference.text_segment import DETECTOR, TextOptions, WordMask

if TYPE_CHECKING:
    from inference.engines.embedding import Embedding
    from inference.engines.text_segment.detectors import Detector
    from inference.engines.text_segment.words import Words

_PHASES = 7  # of a picture: reading, objects, places, masks, two views of each, finishing


@dataclass(frozen=True, slots=True)
class TextSegmentRequest:
    """Asks for the instances of phrases in pictures.

    Every picture is reported as it is done: `Progress.payload` is its `TextSegmentItem`. Before the first one it is
    a `TextSegmentReady`.

    Attributes:
        images: the pictures.
        phrases: what is looked for (`text_segment.phrases` takes a text apart).
        model: for masks.
        members: (classifier, weight): those that compare pictures with words; the ones that cannot be loaded are left
            out and named.
        negative: what is not meant.
        options: how it is looked for.
        keep: the pictures' embeddings stay at hand for what is asked next.
    """

    images: tuple[ImageRef, ...]
    phrases: tuple[str, ...]
    model: str
    members: tuple[tuple[str, float], ...]
    negative: tuple[str, ...] = ()
    options: TextOptions = field(default_factory=TextOptions)
    keep: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class TextSegmentReady:
    """The models are loaded.

    Attributes:
        detector: the name of the one that is used.
        notice: why it is not the one that was asked for; "" when it is.
        models: the classifiers that take part, with their weights.
        left_out: those that could not be loaded, and why.
        unknown: phrases of which no classifier has learned a word: they are not looked for.
        guessed: phrases whose words no classifier has seen pictures of.
        device: where masks are made.
        ignored: words of the other phrases that no classifier has learned: the rest is looked for.
    """

    detector: str
    notice: str
    models: tuple[tuple[str, float], ...]
    left_out: tuple[tuple[str, AppError], ...]
    unknown: tuple[str, ...]
    guessed: tuple[str, ...]
    device: str
    ignored: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class TextSegmentItem:
    """What became of one picture.

    Attributes:
        image: as asked.
        instances: the best first within each phrase; none when nothing of it is in the picture.
        candidates: of each phrase the three best masks that were looked at, instances or not.
        width, height: of the upright picture.
        seconds: that the models took.
        error: why there is nothing.
    """

    image: ImageRef
    instances: tuple[WordMask, ...] = ()
    candidates: tuple[WordMask, ...] = ()
    width: int = 0
    height: int = 0
    seconds: float = 0.0
    error: AppError | None = None

    @property
    def counts(self) -> dict[str, int]:
        """How many instances of each phrase there are; phrases without any are missing."""
        return dict(Counter(instance.phrase for instance in self.instances))


@dataclass(frozen=True, slots=True, eq=False)
class TextSegmentResult:
    """The end of it: the pictures that failed, and what the models were."""

    failed: tuple[TextSegmentItem, ...]
    ready: TextSegmentReady
    seconds: float


def run(request: TextSegmentRequest, context: Context) -> TextSegmentResult:
    """Raises UsageError for options and phrases that cannot work, ModelError when a model cannot be loaded."""
    start = time.perf_counter()
    request.options.check()
    if not request.phrases or not all(any(map(str.isalnum, phrase)) for phrase in request.phrases):
        raise UsageError("There are no words to look for.", remedy="Write what to look for.")
    context.progress(0, 0, "Loading the model")
    context.models.segmenter(request.model)
    words, detector, ready = _loaded(request, context)
    total = 100 * len(request.images)
    context.progress(0, total, "", ready)
    failed = []
    for done, image in enumerate(request.images):
        try:
            item = _searched(request, image, words, detector, context, _Steps(context, 100 * done, total))
        except AppError as error:
            named = error if error.path else type(error)(error.message, image.path, error.remedy, error.details)
            item = TextSegmentItem(image, error=named)
            failed.append(item)
        context.progress(100 * (done + 1), total, image.path, item)
    return TextSegmentResult(tuple(failed), ready, time.perf_counter() - start)


def _loaded(request: TextSegmentRequest, context: Context) -> tuple[Words, Detector, TextSegmentReady]:
    from inference.engines.text_segment.detectors import choose
    from inference.engines.text_segment.words import Words

    members, left_out = seated(request.members, context)
    words = Words(members, request.phrases, request.negative)
    detector, notice = choose(request.options.detector, lambda: context.models.detector(DETECTOR))
    device = device_words(context.models.segmenter(request.model).device)
    ready = TextSegmentReady(
        detector.name, notice, words.models, left_out, words.unknown, words.guessed, device, words.ignored
    )
    return words, detector, ready


class _Steps:
    """Tells how far a picture is: its phases one after the other, each with its own steps."""

    def __init__(self, context: Context, before: int, total: int) -> None:
        self._context, self._before, self._total = context, before, total
        self._phase, self._last = -1, ("", 0)

    def __call__(self, done: int, total: int, message: str) -> None:
        if message != self._last[0] or done < self._last[1]:
            self._phase = min(self._phase + 1, _PHASES - 1)
        self._last = (message, done)
        share = (self._phase + min(done / total if total else 0.0, 1.0)) / _PHASES
        self._context.progress(self._before + int(99 * share), self._total, message)


def _searched(
    request: TextSegmentRequest, image: ImageRef, words: Words, detector: Detector, context: Context, steps: _Steps
) -> TextSegmentItem:
    from inference.engines.text_segment.search import find_words

    start = time.perf_counter()
    steps(0, 0, "Looking at the picture")
    rgb = pictures.read_rgb(image.path, request.options.max_side)
    embedding = _embedding(request, image, rgb, context, steps)
    segmenter = context.models.segmenter(request.model)
    answer = find_words(segmenter, embedding, rgb, words, detector, request.options, steps)
    seconds = time.perf_counter() - start
    return TextSegmentItem(image, answer.instances, answer.candidates, embedding.width, embedding.height, seconds)


def _embedding(
    request: TextSegmentRequest, image: ImageRef, rgb: pictures.RGBArray, context: Context, steps: _Steps
) -> Embedding:
    """Of the picture as clicks will want it, or of its smaller copy when nobody comes back to it."""
    embedding: Embedding
    if request.keep:
        embedding = context.models.find(
            request.model, image.path, lambda: steps(0, 0, "Looking at the picture")
        ).embedding
        return embedding
    width, height = pictures.read_size(image.path)
    embedding = context.models.segmenter(request.model).encode(rgb)
    return replace(embedding, width=width, height=height)
