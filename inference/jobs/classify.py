"""Which item of a prompt set each picture shows, by one model or by several together."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from inference import clip_input
from inference.errors import AppError, ImageError, ModelError, UsageError
from inference.jobs.embed_text import unlearned
from inference.jobs.segment import device_words
from inference.prompt_sets import Problem, PromptSet, problems
from inference.protocol import Context
from inference.scoring import Float32, Scores, combine, score

if TYPE_CHECKING:
    from inference.engines.clip import Classifier

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ClassifyRequest:
    """Asks for the scores of each picture.

    Every picture is reported as it is done: `Progress.payload` is its `ClassifyItem`.

    Attributes:
        paths: the pictures.
        prompt_set: what they may show.
        model: a model; not looked at when there are members.
        members: (model, weight) of an ensemble; those that cannot be loaded are left out and named in the result.
        workers: threads that read pictures.
    """

    paths: tuple[str, ...]
    prompt_set: PromptSet
    model: str = ""
    members: tuple[tuple[str, float], ...] = ()
    workers: int = 2


@dataclass(frozen=True, slots=True, eq=False)
class ClassifyItem:
    """What became of one picture: its scores, or the reason why there are none."""

    path: str
    scores: Scores | None = None
    error: AppError | None = None


@dataclass(frozen=True, slots=True, eq=False)
class ClassifyResult:
    """The end of it.

    Attributes:
        failed: the pictures without scores.
        models: the ids that took part, with their weights.
        left_out: the members that could not be loaded, and why.
        problems: what is wrong with the prompts, for these models.
        unknown: items that a model has not learned.
        device: where it ran.
        prompts: how many there were.
        seconds: in all.
    """

    failed: tuple[ClassifyItem, ...]
    models: tuple[tuple[str, float], ...]
    left_out: tuple[tuple[str, AppError], ...]
    problems: tuple[Problem, ...]
    unknown: tuple[str, ...]
    device: str
    prompts: int
    seconds: float


def run(request: ClassifyRequest, context: Context) -> ClassifyResult:
    """Raises UsageError for a prompt set that cannot work, ModelError when no model can be loaded."""
    start = time.perf_counter()
    total = len(request.paths)
    for problem in problems(request.prompt_set):
        if problem.severity == "error":
            raise UsageError(problem.message, remedy="Mend the prompt set.")
    context.progress(0, total, "Loading the model")
    judges, left_out = panel(request, context)
    failed, done = [], 0
    for path_batch in clip_input.batches(request.paths, judges[0].classifier.input, request.workers, _batch(judges)):
        context.progress(done, total, path_batch[0].path)
        for item in _classified(path_batch, judges, request.prompt_set):
            done += 1
            if item.error is not None:
                failed.append(item)
            context.progress(done, total, item.path, item)
    return ClassifyResult(
        tuple(failed),
        tuple((judge.classifier.id, judge.weight) for judge in judges),
        left_out,
        tuple(dict.fromkeys(problem for judge in judges for problem in judge.problems)),
        tuple(dict.fromkeys(word for judge in judges for word in judge.unknown)),
        device_words(judges[0].classifier.device),
        sum(map(len, request.prompt_set.prompts())),
        time.perf_counter() - start,
    )


@dataclass(frozen=True, slots=True, eq=False)
class Judge:
    """A model with its weight and the embeddings of the prompts."""

    classifier: Classifier
    weight: float
    texts: tuple[Float32, ...]
    problems: tuple[Problem, ...]
    unknown: tuple[str, ...]

    def scores(self, pictures: Sequence[clip_input.RGBArray], prompt_set: PromptSet) -> list[Scores]:
        rows = self.classifier.embed_images(pictures)
        return score(rows, self.texts, prompt_set, self.classifier.scale, self.classifier.bias, self.classifier.sigmoid)


def judge(classifier: Classifier, weight: float, prompt_set: PromptSet) -> Judge:
    """Embeds the prompts of a set, and says what is wrong with them for this model."""
    prompts = prompt_set.prompts()
    rows = classifier.embed_texts([prompt for of_item in prompts for prompt in of_item])
    texts = tuple(np.split(rows, np.cumsum([len(of_item) for of_item in prompts])[:-1]))
    found = tuple(problems(prompt_set, classifier, texts))
    for problem in found:
        log.warning("%s: %s", prompt_set.name, problem.message)
    positive = tuple(item.name for item in prompt_set.items if not item.negative)
    unknown, _ = unlearned(classifier, positive)
    return Judge(classifier, weight, texts, found, unknown)


def panel(request: ClassifyRequest, context: Context) -> tuple[list[Judge], tuple[tuple[str, AppError], ...]]:
    """The models that are there, with the embeddings of the prompts. All of them stay for the whole job."""
    members = request.members or ((request.model, 1.0),)
    loaded, left_out = seated(members, context)
    return [judge(classifier, weight, request.prompt_set) for classifier, weight in loaded], left_out


def seated(
    members: Sequence[tuple[str, float]], context: Context
) -> tuple[list[tuple[Classifier, float]], tuple[tuple[str, AppError], ...]]:
    """The members that can be loaded, with their weights, and those that cannot, with the reason.

    Raises UsageError for a weight that is none, ModelError when no member is left.
    """
    loaded: list[tuple[Classifier, float]] = []
    left_out: list[tuple[str, AppError]] = []
    for model, weight in members:
        if not 0 < weight < float("inf"):
            raise UsageError(f"{weight} is no weight for {model}.", remedy="Give positive numbers.")
        try:
            loaded.append((context.models.classifier(model), weight))
        except ModelError as error:
            if len(members) == 1:
                raise
            log.warning("%s takes no part: %s", model, error)
            left_out.append((model, error))
    if not loaded:
        raise ModelError(
            "None of the models can be loaded.", None, " ".join(f"{model}: {error}" for model, error in left_out)
        )
    return loaded, tuple(left_out)


def _batch(judges: Sequence[Judge]) -> int:
    return min(judge.classifier.batch_size for judge in judges)


def _classified(
    batch: Sequence[clip_input.Read], judges: Sequence[Judge], prompt_set: PromptSet
) -> Sequence[ClassifyItem]:
    """Scores of a batch; a picture that vanished between two models fails alone."""
    seen = [_as_wanted(read, judges) for read in batch]
    good = [pixels for pixels in seen if not isinstance(pixels, AppError)]
    try:
        by_judge = [one.scores([pixels[n] for pixels in good], prompt_set) for n, one in enumerate(judges)]
    except AppError as failure:  # no memory
        errors = [pixels if isinstance(pixels, AppError) else failure for pixels in seen]
        return [ClassifyItem(read.path, error=error) for read, error in zip(batch, errors, strict=True)]
    found = zip(*by_judge, strict=True)
    weights = [one.weight for one in judges]
    items = []
    for read, pixels in zip(batch, seen, strict=True):
        if isinstance(pixels, AppError):
            items.append(ClassifyItem(read.path, error=pixels))
            continue
        votes = next(found)
        scores = votes[0] if len(votes) == 1 else combine(votes, weights, prompt_set)
        items.append(ClassifyItem(read.path, scores))
    return items


def _as_wanted(read: clip_input.Read, judges: Sequence[Judge]) -> list[clip_input.RGBArray] | AppError:
    """A picture for each model, or why there is none. The first model's is at hand; one with another input reads it."""
    if read.pixels is None:
        return read.error or ImageError("The picture cannot be read.", read.path, "Check the file.")
    first = judges[0].classifier.input
    try:
        return [
            read.pixels if one.classifier.input == first else clip_input.read(read.path, one.classifier.input)
            for one in judges
        ]
    except AppError as error:
        return error
