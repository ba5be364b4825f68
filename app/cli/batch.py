"""What `cutout` and `sort` share: running a batch here and now, and saying what came of it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.markup import escape

from inference.errors import AppError

if TYPE_CHECKING:
    from app.cli.output import Output
    from app.cutouts.ledger import Record
    from app.cutouts.run import BatchRun, Outcome
    from inference.jobs.cutout import Ready
    from inference.protocol import Progress
    from inference.worker.inline import InlineRunner


class Tally:
    """Collects outcomes, which come from the threads that write."""

    def __init__(self, tell: Callable[[Outcome], None] | None = None) -> None:
        self._tell = tell
        self._lock = threading.Lock()
        self.records: list[Record] = []
        self.failures: list[AppError] = []

    def add(self, outcome: Outcome) -> None:
        with self._lock:
            if outcome.record is not None:
                self.records.append(outcome.record)
            if outcome.error is not None:
                self.failures.append(outcome.error)
            if self._tell is not None:
                self._tell(outcome)


def runner_for(
    models_dir: Path | None, force_device: str | None, sam_device: str | None, clip_device: str | None
) -> InlineRunner:
    """A runner whose two models may sit on different devices; what is named for one of them wins."""
    from inference.worker.inline import InlineRunner
    from inference.worker.options import WorkerOptions

    return InlineRunner(
        options=WorkerOptions(
            models_dir=None if models_dir is None else str(models_dir),
            force_device=sam_device or force_device,
            clip_device=clip_device or force_device or ("auto" if sam_device else None),
        )
    )


def run_batch(
    voice: Output,
    runner: InlineRunner,
    batch: BatchRun,
    what: str = "",
    ready: Callable[[Ready], None] | None = None,
) -> None:
    """The job from first to last picture, its files written beside it. `what` is the bar's name; "" shows none.

    What is done when it ends early (Ctrl+C, a full disk) is written and counted: raises what ended it.
    """
    from inference.jobs.cutout import CutoutItem, Ready

    def follow(progress: Progress) -> None:
        if isinstance(progress.payload, Ready) and ready is not None:
            ready(progress.payload)
        if isinstance(progress.payload, CutoutItem):
            batch.take(progress.payload)
        if meter is not None:
            meter.update(progress.done, progress.total, Path(progress.message).name)

    with voice.progress(what) if what or voice.machine else nullcontext() as meter:
        try:
            if batch.images:
                runner.run(batch.request, follow)
        finally:
            batch.close()
    if batch.stopped is not None:
        raise batch.stopped


def in_order(batch: BatchRun, tally: Tally) -> list[Record]:
    """The records of this run and of the ones before that still count, by picture."""
    from app.order import image_key

    return sorted([*batch.finished, *tally.records], key=lambda record: image_key(record.source))


def closing_words(voice: Output, batch: BatchRun, tally: Tally, page: Path | None) -> None:
    """How many are done, and where to look."""
    done, before = len(tally.records), len(batch.finished)
    earlier = f", {before:,} {'was' if before == 1 else 'were'} done before" if before else ""
    voice.say(f"[dim]{done:,} done{earlier}, {len(tally.failures):,} failed, in {escape(str(batch.out))}[/]")
    if page is not None:
        voice.say(f"Look at [bold green]{escape(str(page))}[/]")


def summary(batch: BatchRun, records: Sequence[Record], page: Path | None) -> dict[str, Any]:
    """The run for machines."""
    from dataclasses import asdict

    rows = [asdict(record) | {"cutout": str(batch.out / record.file)} for record in records]
    return {"out": str(batch.out), "index": None if page is None else str(page), "skipped": len(batch.finished),
            "images": rows}  # fmt: skip
