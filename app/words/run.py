"""Looks for words in pictures and writes what was found; goes on where an earlier run was cut off."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from app.subjects.run import Runner
from app.words.outputs import Done, WordsFolder, fingerprint, stamp_of
from inference.errors import AppError, StorageError
from inference.jobs.text_segment import TextSegmentItem, TextSegmentReady, TextSegmentRequest
from inference.pictures import read_rgb
from inference.protocol import ImageRef, Progress


@dataclass(slots=True)
class WordsRun:
    """What became of a batch.

    Attributes:
        done: the finished pictures, those of earlier runs first.
        failures: what went wrong with single pictures.
        ready: what the models are; None when every picture was done before.
    """

    done: list[Done] = field(default_factory=list)
    failures: list[AppError] = field(default_factory=list)
    ready: TextSegmentReady | None = None


def search_all(
    runner: Runner,
    pictures: Sequence[Path],
    request: TextSegmentRequest,
    folder: WordsFolder,
    on_ready: Callable[[TextSegmentReady], None],
    on_progress: Callable[[Progress], None],
    run: WordsRun,
) -> None:
    """Fills `run`, which holds what is done when this ends early. ModelError and StorageError end it.

    Args:
        request: what is asked of every picture; its images are not looked at.
    """
    made_by = fingerprint(request)
    run.done += [one for path in pictures if (one := folder.finished(path, made_by)) is not None]
    known = {one.data["picture"] for one in run.done}
    left = [path for path in pictures if str(path) not in known]
    stamps: dict[str, list[int]] = {}
    for path in left:
        try:
            stamps[str(path)] = stamp_of(path)
        except AppError as error:
            run.failures.append(error)

    def follow(progress: Progress) -> None:
        payload = progress.payload
        if isinstance(payload, TextSegmentReady):
            run.ready = payload
            on_ready(payload)
        if isinstance(payload, TextSegmentItem):
            _take(payload, request, folder, stamps, run)
        on_progress(progress)

    images = tuple(ImageRef(path) for path in stamps)
    if images:
        runner.run(replace(request, images=images), follow)


def _take(
    item: TextSegmentItem, request: TextSegmentRequest, folder: WordsFolder, stamps: dict[str, list[int]], run: WordsRun
) -> None:
    if item.error is not None:
        run.failures.append(item.error)
        return
    try:
        run.done.append(folder.add_words(item, read_rgb(item.image.path), request, stamps[item.image.path]))
    except StorageError:
        raise
    except AppError as error:  # gone meanwhile, or its results would replace a picture
        run.failures.append(error)
