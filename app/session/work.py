"""The unfinished instance on one picture: prompts step by step, with what the model answered to each. No Qt."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import cv2
import numpy as np
import numpy.typing as npt

from app.document import Document
from app.instance import Instance, Source
from app.patches import sampled
from inference.masks import Mask
from inference.prompts import Prompts
from inference.protocol import Candidate

Logits = npt.NDArray[np.float32]

_SIDE = 256  # of the logits made from a mask; the engine fits them to its model
_SURE = 8.0  # the logit of a pixel that is surely inside
_KEPT = 50  # pictures whose unfinished prompts are remembered


@dataclass
class Step:
    """Prompts, what they refine, and the answer once it is there."""

    prompts: Prompts
    previous: Logits | None = None
    candidates: tuple[Candidate, ...] = ()
    index: int = 0

    @property
    def candidate(self) -> Candidate | None:
        """The chosen answer."""
        return self.candidates[self.index] if self.candidates else None

    def set_mask(self, index: int, mask: Mask) -> None:
        """The full-size mask of one of the answers is there."""
        known = self.candidates[index]
        done = Candidate(known.score, known.low_res, mask)
        self.candidates = (*self.candidates[:index], done, *self.candidates[index + 1 :])

    def forget_masks(self) -> None:
        """Full-size masks are made in another way now."""
        self.candidates = tuple(Candidate(c.score, c.low_res) for c in self.candidates)


@dataclass
class Work:
    """Steps up to now (`position` is the current one; those after it can be redone).

    Attributes:
        target: the instance that is refined; None when a new one is made.
        source: where the new instance will say it came from; None: by its prompts.
    """

    target: Instance | None = None
    steps: list[Step] = field(default_factory=lambda: [Step(Prompts())])
    position: int = 0
    source: Source | None = None

    @classmethod
    def refining(cls, instance: Instance) -> Work:
        """Starts from an instance's mask and the prompts it was made from."""
        logits = logits_of(instance.mask)
        shown = Candidate(instance.score or 0.0, logits, instance.mask)
        return cls(instance, [Step(instance.prompts or Prompts(), logits, (shown,))])

    @property
    def step(self) -> Step:
        return self.steps[self.position]

    @property
    def active(self) -> bool:
        """There are prompts, or an instance is being refined."""
        return self.target is not None or bool(self.step.prompts)

    @property
    def started(self) -> bool:
        """There is something to drop; prompts that were taken back count, for they can be redone."""
        return self.active or len(self.steps) > 1

    @property
    def answered(self) -> list[Step]:
        """The steps whose answers came from the model."""
        return self.steps[1:] if self.target is not None else self.steps

    @property
    def untouched(self) -> Candidate | None:
        """What an instance under refinement looked like before; that is nothing the model said."""
        return self.steps[0].candidate if self.target is not None else None

    def advance(self, prompts: Prompts, *, refines: bool) -> Step:
        """Goes one step on; what could be redone is forgotten. `refines` keeps the chosen answer as a prompt."""
        previous = None
        if refines:
            chosen = self.step.candidate
            previous = chosen.low_res if chosen is not None else self.step.previous
        del self.steps[self.position + 1 :]
        self.steps.append(Step(prompts, previous))
        self.position += 1
        return self.step

    def made(self, mask: Mask, score: float, class_id: int | None, instance_id: str) -> Instance:
        """The finished instance: the refined one with its new mask, or a new one."""
        prompts = self.step.prompts
        if self.target is not None:
            return replace(self.target, mask=mask, score=score, prompts=prompts, polygon=None)
        source = self.source or (Source.BOX if prompts.box is not None else Source.CLICK)
        return Instance(instance_id, mask, class_id, score, source, prompts)


class KeptWork:
    """Unfinished work that waits for the return of its picture."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, tuple[tuple[int, int], Work]] = OrderedDict()  # with the picture's size

    def keep(self, document: Document, work: Work) -> None:
        """Work that was not started is not kept."""
        if work.started:
            self._kept[document.image_id] = (document.width, document.height), work
            self._kept.move_to_end(document.image_id)
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)

    def returned(self, document: Document) -> Work:
        """The unfinished work on a picture; nothing when the picture or the refined instance is another one now."""
        size, work = self._kept.pop(document.image_id, ((0, 0), Work()))
        target = work.target
        if size != (document.width, document.height) or (target is not None and document.get(target.id) != target):
            return Work()
        return work


def logits_of(mask: Mask) -> Logits:
    """(256, 256) float32 logits that say what a mask says, for a model to refine; sampled, so cheap on any size."""
    columns, rows = _samples(mask.width), _samples(mask.height)
    inside = sampled(mask, columns, rows).astype(np.float32)
    coverage = cv2.resize(inside, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    return np.asarray((coverage * 2 - 1) * _SURE, np.float32)


def best_first(candidates: Sequence[Candidate]) -> tuple[Candidate, ...]:
    """Answers as the session keeps them."""
    return tuple(sorted(candidates, key=lambda c: -c.score))


def _samples(length: int) -> npt.NDArray[np.int64]:
    centres = (np.arange(_SIDE * 2) + 0.5) * length / (_SIDE * 2)
    return np.minimum(centres.astype(np.int64), length - 1)
