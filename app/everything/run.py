"""Segments everything in pictures, one after the other; a bad picture is listed and does not stop the rest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.subjects.run import Runner
from inference.errors import AppError, ImageError, OutOfMemory
from inference.everything import EverythingOptions
from inference.jobs.everything import EverythingRequest, EverythingResult
from inference.protocol import ImageRef, Progress

Found = Callable[[Path, list[EverythingResult]], None]


@dataclass(frozen=True, slots=True)
class EverythingSettings:
    """How pictures are searched. A second model is asked for comparison."""

    models: tuple[str, ...]
    options: EverythingOptions
    max_side: int = 0


def search_all(
    runner: Runner,
    pictures: Sequence[Path],
    settings: EverythingSettings,
    found: Found,
    on_progress: Callable[[float, str], None],
) -> list[AppError]:
    """Hands the results of every picture, one a model, to `found`, and returns what went wrong with single pictures.

    A model that cannot be loaded and a place that cannot be written end the run: ModelError, StorageError.

    Args:
        on_progress: takes how many pictures are done (a fraction for the one in work) and its name.
    """
    failures: list[AppError] = []
    for number, path in enumerate(pictures):
        results: list[EverythingResult] = []
        try:
            for turn, model in enumerate(settings.models):

                def follow(progress: Progress, turn: int = turn, number: int = number, path: Path = path) -> None:
                    share = (turn + progress.done / max(progress.total, 1)) / len(settings.models)
                    on_progress(number + min(share, 0.999), path.name)

                request = EverythingRequest(ImageRef(str(path)), model, settings.options, settings.max_side, keep=False)
                results.append(runner.run(request, follow))
            found(path, results)
        except (ImageError, OutOfMemory) as error:
            failures.append(error if error.path else type(error)(error.message, path, error.remedy, error.details))
        on_progress(number + 1, path.name)
    return failures
