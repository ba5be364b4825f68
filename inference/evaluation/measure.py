"""One annotated picture through one model: answers to simulated prompts, held against the truth."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from inference.errors import ImageError, UsageError
from inference.evaluation.grabcut import grabcut
from inference.evaluation.metrics import Counts, Outline, counts_of
from inference.evaluation.objects import Chosen
from inference.evaluation.protocol import (
    Answers,
    BoolMap,
    Counting,
    Outcome,
    Rgb,
    SegmenterAnswerer,
    run_protocol,
    tight_box,
)
from inference.masks import Mask
from inference.pictures import read_rgb
from inference.training.data import Record, thing_mask

Tick = Callable[[str], None]
"""Hears what is done next ("": the model is asked); raises Cancelled to stop there."""
Unsure = Literal["ignore", "inside", "outside"]
BORDERS: tuple[Unsure, ...] = ("ignore", "inside", "outside")
"""What uncertain pixels are, as the border in the trimaps of pets."""

THRESHOLDS = (-4.0, -3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0, 4.0)
"""Logits at which masks are cut for the threshold curves; 0 is what the application uses."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What every object is asked.

    Attributes:
        box: a tight box.
        clicks: so many simulated clicks, from scratch.
        counting: how clicks are counted until the mask is good; None: they are not.
        grabcut: GrabCut from the same box too.
        thresholds: logits at which the masks are cut as well.
        min_area: the least share of its picture that an object covers.
        unsure: what uncertain pixels are.
        keep: keep the masks of these keys.
    """

    box: bool = True
    clicks: int = 5
    counting: Counting | None = None
    grabcut: bool = False
    thresholds: tuple[float, ...] = ()
    min_area: float = 0.01
    unsure: Unsure = "ignore"
    keep: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """One evaluated object: where it is, its share of the picture, and what came out by key.

    Attributes:
        counts: pixels right and wrong.
        boundary: the boundary F-score.
        seconds: of one answer; "encode" is the picture's.
        clicks: IoU after each click, up to the last that was counted.
        thresholds: IoU by key of masks cut at the plan's thresholds, in their order.
    """

    image: str
    thing: int
    source: str
    category: str
    share: float
    counts: dict[str, Counts]
    boundary: dict[str, float]
    seconds: dict[str, float]
    clicks: tuple[float, ...] = ()
    thresholds: dict[str, tuple[float, ...]] = field(default_factory=dict)

    @property
    def iou(self) -> dict[str, float]:
        """IoU by key."""
        return {key: counts.iou for key, counts in self.counts.items()}


@dataclass(frozen=True, slots=True)
class Measured:
    """A row with what it takes to draw it: the record, the true mask, what does not count, and the answers by key."""

    row: Row
    record: Record
    truth: Mask
    ignore: Mask | None
    answers: dict[str, Mask]


def measure_picture(picture: Chosen, answerer: Answers, plan: Plan, tick: Tick = lambda _: None) -> list[Measured]:
    """Every chosen object of a picture. Raises ImageError or FormatError when picture or masks cannot be used.

    `tick` is called before each object, each click and each GrabCut, for a job to be stopped there.
    """
    record = picture.record
    rgb = read_rgb(record.path)
    started = time.perf_counter()
    answerer.set_image(rgb)
    encode = time.perf_counter() - started
    found = []
    for index in picture.things:
        tick("")
        truth, ignore, outline = truth_of(record, index, rgb, plan.unsure)
        if not truth.any() or np.count_nonzero(truth) < plan.min_area * truth.size:
            continue
        outcome = run_protocol(answerer, truth, plan.box, plan.clicks, ignore, True, outline, plan.counting, tick)
        if plan.grabcut:
            tick("GrabCut")
            _ask_grabcut(rgb, truth, ignore, outline, outcome)
        outcome.seconds["encode"] = encode
        row = Row(
            name_of(record),
            index,
            record.source,
            record.things[index].category,
            float(truth.mean()),
            outcome.counts,
            outcome.boundary,
            outcome.seconds,
            tuple(outcome.clicks),
            _at_thresholds(answerer, outcome, truth, ignore, plan),
        )
        answers = {key: Mask.from_array(outcome.masks[key]) for key in plan.keep if key in outcome.masks}
        open_question = None if ignore is None else Mask.from_array(ignore)
        found.append(Measured(row, record, Mask.from_array(truth), open_question, answers))
    return found


def truth_of(
    record: Record, index: int, rgb: Rgb, unsure: Unsure = "ignore"
) -> tuple[BoolMap, BoolMap | None, Outline]:
    """(what is inside, what does not count or None, the outline) of an object. ImageError when the sizes differ."""
    soft = thing_mask(record, index)
    if soft.shape != rgb.shape[:2]:
        raise ImageError(
            f"The picture is {rgb.shape[1]} × {rgb.shape[0]} pixels, its mask {soft.shape[1]} × {soft.shape[0]}.",
            record.path,
            "Use the pictures that were annotated.",
        )
    inside: BoolMap = soft > (50 if unsure == "inside" else 200)
    between: BoolMap = (soft > 50) & (soft <= 200)
    if unsure != "ignore" or not between.any():
        return inside, None, Outline(inside)
    return inside, between, Outline(inside, between)


def border_of(word: str) -> Unsure:
    """What a person wrote; UsageError when it is nothing that borders can be."""
    for border in BORDERS:
        if border == word:
            return border
    raise UsageError(f"A border cannot be “{word}”.", remedy=f"Use {', '.join(BORDERS)}.")


def name_of(record: Record) -> str:
    """What a picture is called in reports; in SAM 2's layout every file is 00000.jpg, so its folder counts."""
    path = record.path
    return path.parent.name if path.parent.parent.name == "JPEGImages" else path.name


def _ask_grabcut(rgb: Rgb, truth: BoolMap, ignore: BoolMap | None, outline: Outline, outcome: Outcome) -> None:
    started = time.perf_counter()
    answer = grabcut(rgb, tight_box(truth))
    outcome.seconds["grabcut_box"] = time.perf_counter() - started
    outcome.counts["grabcut_box"] = counts_of(answer, truth, ignore)
    outcome.boundary["grabcut_box"] = outline.f_score(answer)
    outcome.masks["grabcut_box"] = answer


def _at_thresholds(
    answerer: Answers, outcome: Outcome, truth: BoolMap, ignore: BoolMap | None, plan: Plan
) -> dict[str, tuple[float, ...]]:
    if not plan.thresholds or not isinstance(answerer, SegmenterAnswerer):
        return {}
    keys: Sequence[str] = [k for k in dict.fromkeys(("box", "click1", f"click{plan.clicks}")) if k in outcome.low_res]
    return {key: _cuts(answerer, outcome.low_res[key], truth, ignore, plan.thresholds) for key in keys}


def _cuts(
    answerer: SegmenterAnswerer,
    low_res: npt.NDArray[np.float32],
    truth: BoolMap,
    ignore: BoolMap | None,
    thresholds: Sequence[float],
) -> tuple[float, ...]:
    return tuple(counts_of(answerer.mask_at(low_res, t), truth, ignore).iou for t in thresholds)
