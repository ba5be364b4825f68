"""What the loop teaches: pictures (here) or clips (`inference.training.clips`), with the maker of their batches."""

from __future__ import annotations

from typing import Any, Protocol

from sam2.modeling.sam2_base import SAM2Base

from inference.training.config import TrainConfig
from inference.training.data import Record
from inference.training.loader import Batch, BatchMaker, Maker
from inference.training.step import Learned, Pulse, StepPlan, picture_step


class Lessons(Protocol):
    """`count` pictures or clips, what makes batches of them, and what a model learns from one."""

    @property
    def count(self) -> int: ...

    @property
    def maker(self) -> Maker[Any]: ...

    def learn(self, model: SAM2Base, batch: Any, step: int, processes: int, pulse: Pulse) -> Learned: ...


class PictureLessons:
    """Pictures with their objects, for any SAM 2 model."""

    def __init__(self, records: list[Record], config: TrainConfig, dense_prompts: bool) -> None:
        self.maker = BatchMaker(records, config)
        self._config, self._dense = config, dense_prompts
        self._plan: tuple[int, StepPlan] | None = None

    @property
    def count(self) -> int:
        return len(self.maker.records)

    def learn(self, model: SAM2Base, batch: Batch, step: int, processes: int, pulse: Pulse) -> Learned:
        """The loss of one batch of a step."""
        if self._plan is None or self._plan[0] != step:
            self._plan = step, StepPlan.make(self._config, step, processes, self._dense)
        return picture_step(model, batch, self._config, self._plan[1], pulse)


__all__ = ["Lessons", "PictureLessons"]
