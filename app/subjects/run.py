"""Segments the subjects of pictures through the batch job; a bad picture is listed and does not stop the rest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from app.subjects.outputs import Subject
from inference.errors import AppError, StorageError
from inference.jobs.segment_batch import BatchImage, BatchItem, SegmentBatchRequest, SegmentBatchResult
from inference.pictures import read_rgb
from inference.prompts import Prompts
from inference.protocol import Progress


class Runner(Protocol):
    """What runs a request here and now: `inference.worker.inline.InlineRunner`."""

    def run(self, request: Any, on_progress: Callable[[Progress], None] | None = None) -> Any: ...


@dataclass(frozen=True, slots=True)
class Task:
    """One picture and what is asked of it (no prompts: a click on its centre). `variant` names the way of asking."""

    path: Path
    prompts: Prompts | None = None
    variant: str = ""


@dataclass(frozen=True, slots=True)
class Settings:
    """How masks are made: the model, and the clean-up of its masks (areas in pixels)."""

    model: str
    threshold: float = 0.0
    fill_holes: int = 0
    remove_specks: int = 0


@dataclass(frozen=True, slots=True)
class Report:
    """What came of a run: the device, the seconds in all, and the failures, each naming its picture."""

    device: str
    seconds: float
    failures: tuple[AppError, ...]


Found = Callable[[Subject, npt.NDArray[np.uint8]], None]


def segment_all(
    runner: Runner, tasks: Sequence[Task], settings: Settings, found: Found, on_progress: Callable[[int, str], None]
) -> Report:
    """Runs the tasks in order and hands every subject with its picture ((H, W, 3) uint8, upright) to `found`.

    A model that cannot be loaded and a place that cannot be written end the run: ModelError, StorageError.
    """
    failures: list[AppError] = []

    def take(item: BatchItem, task: Task) -> None:
        if item.mask is None or item.prompts is None:
            raise item.error or AppError("The model gave no mask.", item.path)
        subject = Subject(task.path, item.mask, float(item.score), item.prompts, item.seconds, task.variant)
        found(subject, read_rgb(task.path))

    def follow(progress: Progress) -> None:
        task = tasks[max(progress.done - 1, 0)]
        on_progress(progress.done, task.path.name)
        if not isinstance(progress.payload, BatchItem):
            return
        try:
            take(progress.payload, task)
        except StorageError:
            raise
        except AppError as error:
            failures.append(_about(task.path, error))

    if not tasks:
        return Report("", 0.0, ())
    request = SegmentBatchRequest(
        images=tuple(BatchImage(str(task.path), task.prompts or None) for task in tasks),
        model=settings.model,
        threshold=settings.threshold,
        fill_holes=settings.fill_holes,
        remove_specks=settings.remove_specks,
    )
    result: SegmentBatchResult = runner.run(request, follow)
    return Report(result.device, result.seconds, tuple(failures))


def _about(path: Path, error: AppError) -> AppError:
    """The failure with its picture named."""
    return error if error.path else type(error)(error.message, path, error.remedy, error.details)
