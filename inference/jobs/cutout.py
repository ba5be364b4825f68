"""Cut-outs of many pictures: the subject of each, and, when asked, which item of a prompt set it shows.

Pictures are read ahead by threads. What comes back is masks and scores; files are written by whoever asked
(`app.cutouts`), beside the model's work.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt

from inference import clip_input, pictures
from inference.errors import AppError, ImageError, UsageError
from inference.focus import Focus
from inference.jobs.classify import ClassifyRequest, Judge, panel
from inference.jobs.segment import device_words
from inference.long_prompts import with_tokens
from inference.looks import Look
from inference.masks import Mask
from inference.prompt_sets import Problem, problems
from inference.prompts import Prompts
from inference.protocol import Context
from inference.scoring import Scores, combine

if TYPE_CHECKING:
    from inference.engines.embedding import Embedding
    from inference.engines.segmenter import Segmenter
    from inference.engines.subject import Likeness, Subject

RGBArray = pictures.RGBArray
Float32 = npt.NDArray[np.float32]

_HOLES, _SPECKS = 0.003, 0.15  # shares of the mask's area: smaller holes are filled, smaller parts dropped
_SEEN = 512  # the shorter side, at least, of the picture of a cut-out that is classified
_NOTHING_FOUND = "Try another focus, or a larger model."


@dataclass(frozen=True, slots=True)
class CutoutRequest:
    """Asks for the subject of each picture.

    Every picture is reported as it is done: `Progress.payload` is its `CutoutItem`.

    Attributes:
        images: paths of pictures.
        model: for masks; "" for none, which leaves the pictures whole.
        focus: where the subject is looked for.
        look: how the cut-out will look: it is judged on its background.
        classify: the models and prompts that say what it shows (its `paths` are not looked at); None for nothing.
        words: the classifier that understands a text focus; "" for none.
        workers: threads that read pictures.
        max_tokens: how much of a prompt is read; None for what each model reads by itself.
    """

    images: tuple[str, ...]
    model: str
    focus: Focus = field(default_factory=Focus)
    look: Look = field(default_factory=Look)
    classify: ClassifyRequest | None = None
    words: str = ""
    workers: int = 2
    max_tokens: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class CutoutItem:
    """What became of one picture.

    Attributes:
        path: as asked.
        mask: of the subject, full size; None when it failed, or no mask was asked for.
        score: the IoU the model predicts for the mask.
        prompts: what found it.
        scores: of the prompt set's items; None when none were asked for or it failed.
        seconds: spent on it by the models.
        error: why there is nothing.
    """

    path: str
    mask: Mask | None = None
    score: float = 0.0
    prompts: Prompts | None = None
    scores: Scores | None = None
    seconds: float = 0.0
    error: AppError | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Jury:
    """The classifiers of a job, once they are loaded.

    Attributes:
        device: where they run.
        prompts: how many prompts there are.
        models: those that take part, with their weights.
        left_out: those that could not be loaded, and why.
        problems: what is wrong with the prompts, for these models.
        unknown: items that a model has not learned.
    """

    device: str
    prompts: int
    models: tuple[tuple[str, float], ...]
    left_out: tuple[tuple[str, AppError], ...]
    problems: tuple[Problem, ...]
    unknown: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Ready:
    """The models are loaded: the payload of a progress before the first picture.

    `device` is where masks are made, "" when none are; `jury` is None when nothing is classified.
    """

    device: str
    jury: Jury | None


@dataclass(frozen=True, slots=True, eq=False)
class CutoutResult:
    """The end of it: the pictures that came to nothing, and what the models were in the end."""

    failed: tuple[CutoutItem, ...]
    ready: Ready
    seconds: float


@dataclass(slots=True)
class _Tools:
    """What the job works with."""

    request: CutoutRequest
    context: Context
    likeness: Likeness | None = None
    judges: tuple[Judge, ...] = ()
    at: tuple[int, int] = (0, 0)

    def give_way(self, message: str = "") -> None:
        self.context.progress(*self.at, message)


def run(request: CutoutRequest, context: Context) -> CutoutResult:
    """Raises UsageError for prompts that cannot work, ModelError when a model cannot be loaded."""
    start = time.perf_counter()
    tools = _Tools(request, context, at=(0, len(request.images)))
    tools.give_way("Loading the model")
    jury = _convened(tools)
    if request.focus.kind == "text":
        tools.likeness = _likeness(tools)
    context.progress(*tools.at, "", Ready(_device(tools), jury))
    failed = []
    size = 1 if request.model else min((judge.classifier.batch_size for judge in tools.judges), default=1)
    for done, item in enumerate(_items(tools, size), 1):
        if item.error is not None:
            failed.append(item)
        tools.at = (done, len(request.images))
        context.progress(*tools.at, item.path, item)
    return CutoutResult(tuple(failed), Ready(_device(tools), jury), time.perf_counter() - start)


def _device(tools: _Tools) -> str:
    model = tools.request.model
    return device_words(tools.context.models.segmenter(model).device) if model else ""


def _convened(tools: _Tools) -> Jury | None:
    """Loads the classifiers and embeds the prompts."""
    asked = tools.request.classify
    if asked is None:
        return None
    for problem in problems(asked.prompt_set):
        if problem.severity == "error":
            raise UsageError(problem.message, remedy="Mend the prompt set.")
    judges, left_out = panel(asked, tools.context)
    most = tools.request.max_tokens
    if most is not None:
        judges = [with_tokens(judge, asked.prompt_set, most) for judge in judges]
    tools.judges = tuple(judges)
    return Jury(
        device_words(judges[0].classifier.device),
        sum(map(len, asked.prompt_set.prompts())),
        tuple((judge.classifier.id, judge.weight) for judge in judges),
        left_out,
        tuple(dict.fromkeys(problem for judge in judges for problem in judge.problems)),
        tuple(dict.fromkeys(word for judge in judges for word in judge.unknown)),
    )


def _likeness(tools: _Tools) -> Likeness:
    if not tools.request.words:
        raise UsageError("A focus on words needs a classifier.", remedy="Choose one with --clip-model.")
    classifier = tools.context.models.classifier(tools.request.words)

    def likeness(crops: Sequence[RGBArray], phrase: str) -> Float32:
        rows = classifier.embed_images([clip_input.fit(crop, classifier.input) for crop in crops])
        texts = classifier.embed_texts([phrase, f"a photo of {phrase}"]).mean(0)
        return np.asarray(rows @ texts, np.float32)

    return likeness


def _items(tools: _Tools, size: int) -> Iterator[CutoutItem]:
    """The pictures in their order, `size` at a time; few are read ahead, for large ones fill memory."""
    ahead = tools.request.workers + size
    upcoming = iter(tools.request.images)
    waiting: deque[tuple[str, Future[RGBArray]]] = deque()
    with ThreadPoolExecutor(max(tools.request.workers, 1), thread_name_prefix="read") as threads:
        try:
            while True:
                while len(waiting) < ahead and (path := next(upcoming, None)) is not None:
                    waiting.append((path, threads.submit(_read, path, tools)))
                if not waiting:
                    return
                yield from _batch(tools, [waiting.popleft() for _ in range(min(size, len(waiting)))])
        finally:
            for _, future in waiting:
                future.cancel()


def _read(path: str, tools: _Tools) -> RGBArray:
    if tools.request.model or not tools.judges:
        return pictures.read_rgb(path)
    first, *others = (judge.classifier.input for judge in tools.judges)
    if all(other == first for other in others):
        return clip_input.read(path, first)
    longest = max(wanted.shortest for wanted in (first, *others))  # each model makes its own of it
    return pictures.read_rgb(path, draft=math.ceil(longest * clip_input.REDUCTION))


def _batch(tools: _Tools, batch: Sequence[tuple[str, Future[RGBArray]]]) -> Iterator[CutoutItem]:
    items, seen = [], []
    for path, future in batch:
        start = time.perf_counter()
        try:
            rgb = future.result()
            item = _cut(tools, path, rgb) if tools.request.model else CutoutItem(path)
            seen.append(_as_judged(rgb, item.mask, tools))
        except AppError as error:
            item = CutoutItem(path, error=_about(path, error))
        items.append(replace(item, seconds=time.perf_counter() - start))
    yield from _judged(tools, items, seen) if tools.judges else items


def _cut(tools: _Tools, path: str, rgb: RGBArray) -> CutoutItem:
    """The mask of one picture."""
    tools.give_way(path)
    segmenter: Segmenter = tools.context.models.segmenter(tools.request.model)
    embedding = segmenter.encode(rgb)
    mask, found = subject_mask(segmenter, embedding, rgb, tools.request.focus, tools.likeness, tools.give_way)
    if not mask.area:
        raise ImageError("No subject was found in this picture.", path, _NOTHING_FOUND)
    return CutoutItem(path, mask, float(found.candidate.score), found.prompts)


def subject_mask(
    segmenter: Segmenter,
    embedding: Embedding,
    rgb: RGBArray,
    focus: Focus,
    likeness: Likeness | None = None,
    give_way: Callable[[], None] = lambda: None,
) -> tuple[Mask, Subject]:
    """The subject's mask at full size. Holes and specks that are small beside the subject are no part of it.

    Arguments as for `inference.engines.subject.subject`.
    """
    from inference.engines.postprocess import clean
    from inference.engines.subject import subject

    found = subject(segmenter, embedding, rgb, focus, likeness, give_way)
    mask = segmenter.full_mask(embedding, found.candidate)
    return clean(mask, int(mask.area * _HOLES), int(mask.area * _SPECKS)), found


def _as_judged(rgb: RGBArray, mask: Mask | None, tools: _Tools) -> RGBArray:
    """What classifiers look at: the cut-out on its background (white in place of nothing), small."""
    if mask is None or not tools.judges:
        return rgb
    from inference.engines.compose import cut_out

    look = tools.request.look
    if not look.opaque:
        look = replace(look, background="#ffffff")
    scale = min(1.0, _SEEN / min(rgb.shape[:2]))
    size = max(1, round(rgb.shape[1] * scale)), max(1, round(rgb.shape[0] * scale))
    small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
    inside = cv2.resize(mask.array().astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0
    return np.ascontiguousarray(cut_out(np.asarray(small), inside, look)[..., :3])


def _judged(tools: _Tools, items: list[CutoutItem], seen: list[RGBArray]) -> Iterator[CutoutItem]:
    """The items with the scores of those that were read."""
    asked = tools.request.classify
    assert asked is not None
    try:
        votes = [
            judge.scores([clip_input.fit(rgb, judge.classifier.input) for rgb in seen], asked.prompt_set)
            for judge in tools.judges
            if seen
        ]
    except AppError as error:  # no memory
        yield from (item if item.error else replace(item, error=_about(item.path, error)) for item in items)
        return
    by_picture = iter(zip(*votes, strict=True))
    weights = [judge.weight for judge in tools.judges]
    for item in items:
        if item.error is None:
            own = next(by_picture)
            item = replace(item, scores=own[0] if len(own) == 1 else combine(own, weights, asked.prompt_set))
        yield item


def _about(path: str, error: AppError) -> AppError:
    """The failure with its picture named."""
    return error if error.path else type(error)(error.message, path, error.remedy, error.details)
