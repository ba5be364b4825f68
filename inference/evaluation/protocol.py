"""The interactive-segmentation protocol: the IoU from a box, and after one, two, three … simulated clicks."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from inference.evaluation.metrics import Counts, Outline, counts_of
from inference.prompts import Box, Point, Prompts
from inference.training.clicks import correction_click

if TYPE_CHECKING:
    from inference.engines.embedding import Embedding
    from inference.engines.segmenter import Segmenter

Rgb = npt.NDArray[np.uint8]
BoolMap = npt.NDArray[np.bool_]


@dataclass(slots=True)
class Outcome:
    """What came out for one object, by key ("box", "click1" …, "grabcut_box").

    Attributes:
        counts: pixels right and wrong.
        boundary: the boundary F-score, when the outline was given.
        seconds: of one answer.
        masks: (H, W), when they are to be kept.
        low_res: the logits of the answer, when they are to be kept.
        clicks: IoU after each click, further than the keys go when clicks were counted (NoC).
    """

    counts: dict[str, Counts] = field(default_factory=dict)
    boundary: dict[str, float] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    masks: dict[str, BoolMap] = field(default_factory=dict)
    low_res: dict[str, npt.NDArray[np.float32]] = field(default_factory=dict)
    clicks: list[float] = field(default_factory=list)

    @property
    def iou(self) -> dict[str, float]:
        """IoU by key."""
        return {key: counts.iou for key, counts in self.counts.items()}


@dataclass(frozen=True, slots=True)
class Counting:
    """How the number of clicks is counted (NoC): at most `most` of them, until the IoU reaches `until`."""

    most: int = 20
    until: float = 0.9


def iou_of(answer: BoolMap, truth: BoolMap, ignore: BoolMap | None = None) -> float:
    """Intersection over union of two (H, W) masks, outside of `ignore`; 1 when both are empty."""
    return counts_of(answer, truth, ignore).iou


def tight_box(truth: BoolMap) -> tuple[int, int, int, int]:
    """x0, y0, x1, y1 with exclusive right and bottom edges."""
    rows, columns = np.flatnonzero(truth.any(1)), np.flatnonzero(truth.any(0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


class Answers(Protocol):
    """Who is asked: `answer` as in `Answerer`, about the picture that was set last."""

    def set_image(self, rgb: Rgb) -> None: ...

    def answer(
        self,
        clicks: list[tuple[float, float, bool]],
        box: tuple[float, float, float, float] | None,
        previous: npt.NDArray[np.float32] | None,
    ) -> tuple[BoolMap, npt.NDArray[np.float32]]: ...


class SegmenterAnswerer:
    """The application itself: its `Segmenter`, from encoding to the full-size mask."""

    def __init__(self, segmenter: Segmenter) -> None:
        self._segmenter = segmenter
        self._embedding: Embedding | None = None

    def set_image(self, rgb: Rgb) -> None:
        """Encodes a picture, (H, W, 3) uint8."""
        self._embedding = self._segmenter.encode(rgb)

    def answer(
        self,
        clicks: list[tuple[float, float, bool]],
        box: tuple[float, float, float, float] | None,
        previous: npt.NDArray[np.float32] | None,
    ) -> tuple[BoolMap, npt.NDArray[np.float32]]:
        """As `Answerer.answer`."""
        assert self._embedding is not None
        prompts = Prompts(tuple(Point(*click) for click in clicks), None if box is None else Box(*box))
        best = self._segmenter.decode(self._embedding, prompts, None if previous is None else previous[0])[0]
        return self._segmenter.full_mask(self._embedding, best).array(), best.low_res[None]

    def mask_at(self, low_res: npt.NDArray[np.float32], threshold: float) -> BoolMap:
        """An answer's logits (1, h, w) as a mask (H, W) of the picture, cut at another threshold."""
        assert self._embedding is not None
        return self._segmenter.full_mask(self._embedding, low_res[0], threshold).array()


class Answerer:
    """Asks a model that is being trained as the application would: dense prompts where it wants them, for one click
    the mask with the best predicted IoU, its single mask for everything less ambiguous. Through the plain predictor,
    because what a `Segmenter` computes (in inference mode) must not get into the training."""

    def __init__(self, model: Any, dense_prompts: bool) -> None:
        from inference.engines.architecture import predictor_for

        self._predictor = predictor_for(model, dense_prompts)

    def set_image(self, rgb: Rgb) -> None:
        """Encodes a picture, (H, W, 3) uint8."""
        self._predictor.set_image(rgb)

    def answer(
        self,
        clicks: list[tuple[float, float, bool]],
        box: tuple[float, float, float, float] | None,
        previous: npt.NDArray[np.float32] | None,
    ) -> tuple[BoolMap, npt.NDArray[np.float32]]:
        """The mask (H, W) and its low-resolution logits (1, h, w) to feed back. Coordinates are pixels."""
        ambiguous = box is None and len(clicks) == 1
        masks, scores, low_res = self._predictor.predict(
            np.array([c[:2] for c in clicks], np.float32) if clicks else None,
            np.array([int(c[2]) for c in clicks], np.int32) if clicks else None,
            None if box is None else np.array(box, np.float32),
            previous,
            multimask_output=ambiguous,
        )
        best = int(scores.argmax())
        return masks[best].astype(bool), low_res[best : best + 1]


def run_protocol(
    answerer: Answers,
    truth: BoolMap,
    box: bool,
    clicks: int,
    ignore: BoolMap | None = None,
    keep: bool = False,
    outline: Outline | None = None,
    counting: Counting | None = None,
    tick: Callable[[str], None] = lambda _: None,
) -> Outcome:
    """One object of the picture that `answerer` has: a tight box, and from scratch `clicks` clicks.

    Each click goes to the centre of the largest error so far (the first: of the object) and carries the logits before.
    With `counting` the clicks go on after that, without keys, until the object is good enough. `tick` hears of every
    click but the first and may raise to stop.
    """
    outcome = Outcome()

    def note(key: str, mask: BoolMap, low_res: npt.NDArray[np.float32] | None, seconds: float) -> None:
        outcome.counts[key] = counts_of(mask, truth, ignore)
        if outline is not None:
            outcome.boundary[key] = outline.f_score(mask)
        if seconds > 0:
            outcome.seconds[key] = seconds
        if keep:
            outcome.masks[key] = mask
            if low_res is not None:
                outcome.low_res[key] = low_res

    if box:
        started = time.perf_counter()
        mask, low_res = answerer.answer([], tight_box(truth), None)
        note("box", mask, low_res, time.perf_counter() - started)
    given: list[tuple[float, float, bool]] = []
    previous: npt.NDArray[np.float32] | None = None
    mask = np.zeros_like(truth)
    most = max(clicks, counting.most if counting else 0)
    for number in range(1, most + 1):
        if number > clicks and (counting is None or (outcome.clicks and max(outcome.clicks) >= counting.until)):
            break
        if number > 1:
            tick(f"click {number}")
        wrong = mask if ignore is None else np.where(ignore, truth, mask)
        click = correction_click(truth, wrong)
        seconds = 0.0
        if click is not None:
            given.append((click[0] + 0.5, click[1] + 0.5, click[2]))
            started = time.perf_counter()
            mask, previous = answerer.answer(given, None, previous)
            seconds = time.perf_counter() - started
        outcome.clicks.append(iou_of(mask, truth, ignore))
        if number <= clicks:
            note(f"click{number}", mask, previous, seconds)
    return outcome
