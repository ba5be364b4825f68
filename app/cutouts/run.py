"""Runs a batch of cut-outs: what the job says becomes files, in threads beside the models. No Qt.

The command line gives it to a runner here and now; the window feeds it what its worker reports. A picture counts as
done when its file and then its line in the ledger are on disk.
"""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from app import overlays
from app.cutouts.ledger import Ledger, Record
from app.cutouts.places import Places, output_folder
from app.cutouts.settings import SUFFIXES, CutoutSettings, encoded
from app.subjects.outputs import standing_out, storing, write_whole
from inference.errors import AppError, ImageError, StorageError
from inference.jobs.cutout import CutoutItem, CutoutRequest
from inference.masks import Mask
from inference.pictures import read_rgb
from inference.prompts import Prompts

Rgb = npt.NDArray[np.uint8]

THUMBNAIL, OVERLAY = 320, 2400  # the longer side
LARGE = 40_000_000  # pixels; larger pictures are finished one after the other, for several would fill the memory


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What became of a picture: its record with small pictures of before and after (WebP), or the reason why not."""

    source: Path
    record: Record | None = None
    before: bytes = b""
    after: bytes = b""
    error: AppError | None = None


class BatchRun:
    """One run of a batch.

    Args:
        images: absolute paths.
        out: the output folder.
        settings: what to do.
        done: is told of every picture, in a thread of the run.
        roots: the folders that were asked for.

    Raises UsageError when the settings make no sense or the output cannot be used, ImageError when the background is
    no picture, StorageError when the output cannot be made.
    """

    def __init__(
        self,
        images: Sequence[Path],
        out: Path,
        settings: CutoutSettings,
        done: Callable[[Outcome], None],
        roots: Sequence[Path] = (),
    ) -> None:
        settings.check()
        self.out = output_folder(out, roots)
        self.settings = settings
        self._done = done
        self._fingerprint = settings.fingerprint
        with storing(self.out):
            self.out.mkdir(parents=True, exist_ok=True)
        self.ledger = Ledger(self.out)
        self.finished = [r for i in images if (r := self.ledger.finished(i, self._fingerprint)) is not None]
        sources = {record.source for record in self.finished}
        self.images = tuple(image for image in images if str(image) not in sources)
        items = settings.classify.prompt_set.names if settings.classify else ()
        self._places = Places(images, self.ledger, SUFFIXES[settings.form], items, roots)
        self._lock, self._one_large = threading.Lock(), threading.Lock()
        self._threads = ThreadPoolExecutor(max(settings.workers, 1), thread_name_prefix="write")
        self._pending: list[Future[None]] = []
        self.stopped: AppError | None = None
        """Why nothing more can be written."""

    @property
    def request(self) -> CutoutRequest:
        """The job for the pictures that are not done yet."""
        return self.settings.request(tuple(str(image) for image in self.images))

    def take(self, item: CutoutItem) -> None:
        """Writes what came of a picture, soon. Raises StorageError when nothing can be written any more."""
        if self.stopped is not None:
            raise self.stopped
        if item.error is not None:
            self._done(Outcome(Path(item.path), error=item.error))
            return
        self._pending.append(self._threads.submit(self._write, item))

    def close(self) -> None:
        """Waits until everything is written, and raises what was no expected failure."""
        self._threads.shutdown(wait=True)
        for future in self._pending:
            if not future.cancelled():
                future.result()
        self._pending.clear()

    def cancel(self) -> None:
        """Drops what is not written yet; the next run does it."""
        self._threads.shutdown(wait=True, cancel_futures=True)

    def _write(self, item: CutoutItem) -> None:
        source = Path(item.path)
        if self.stopped is not None:
            return
        try:
            with self._one_large if _is_large(item) else nullcontext():
                outcome = self._written(item, source)
        except StorageError as error:
            self.stopped = error
            outcome = Outcome(source, error=error)
        except AppError as error:
            named = error if error.path else type(error)(error.message, source, error.remedy, error.details)
            outcome = Outcome(source, error=named)
        self._done(outcome)

    def _written(self, item: CutoutItem, source: Path) -> Outcome:
        status = _status(source)
        rgb = read_rgb(source)
        rgba = rendered(rgb, item.mask, self.settings)
        data = encoded(rgba, self.settings.form)
        label = item.scores.label if item.scores else None
        with self._lock:
            file = self._places.of(source, label)
            record = Record(
                str(source), status.st_size, status.st_mtime_ns, file, self._fingerprint, label,
                dict(zip(item.scores.items, map(float, item.scores.values), strict=True)) if item.scores else {},
                item.scores.prompt if item.scores else "", item.score if item.mask else None, round(item.seconds, 4),
            )  # fmt: skip
            before = self.ledger.claim(record)
        write_whole(self.out / file, data)
        if self.settings.debug and item.mask is not None:
            write_whole(self.out / f"debug/{file.rsplit('.', 1)[0]}.jpg", _overlay(rgb, item))
        outcome = Outcome(source, record, thumbnail(rgb), thumbnail(rgba))
        with self._lock:
            self._file_under(record, outcome, before)
        return outcome

    def _file_under(self, record: Record, outcome: Outcome, before: Record | None) -> None:
        """The line that makes it count; then what earlier settings made of the same picture goes."""
        self.ledger.save_thumbnail(f"{record.thumbnail}-before.webp", outcome.before)
        self.ledger.save_thumbnail(f"{record.thumbnail}-after.webp", outcome.after)
        self.ledger.add(record)
        if before is not None and before.file != record.file:
            (self.out / before.file).unlink(missing_ok=True)


def _status(source: Path) -> os.stat_result:
    """Size and time before it is read: when it changes meanwhile, the next run does it again."""
    try:
        return source.stat()
    except OSError as error:
        why = error.strerror or str(error)
        raise ImageError(
            f"The picture cannot be read any more ({why}).", source, "Run again when it is back."
        ) from error


def _is_large(item: CutoutItem) -> bool:
    return item.mask is not None and item.mask.width * item.mask.height > LARGE


def rendered(rgb: Rgb, mask: Mask | None, settings: CutoutSettings) -> npt.NDArray[np.uint8]:
    """The finished picture, (h, w, 4) uint8; without a mask the picture as it is."""
    from inference.engines.compose import cut_out

    if mask is None:
        return np.dstack([rgb, np.full(rgb.shape[:2], 255, np.uint8)])
    return cut_out(rgb, mask.array(), settings.look)


def thumbnail(pixels: npt.NDArray[np.uint8]) -> bytes:
    """A small picture, WebP, of (h, w, 3) or (h, w, 4) ones."""
    picture = Image.fromarray(pixels)
    picture.thumbnail((THUMBNAIL, THUMBNAIL))
    buffer = io.BytesIO()
    picture.save(buffer, "WEBP", quality=80, method=2)
    return buffer.getvalue()


def _overlay(rgb: Rgb, item: CutoutItem) -> bytes:
    """The mask over the picture with the clicks, JPEG; large pictures small, for this is to be looked at."""
    assert item.mask is not None
    mask, prompts = item.mask.array(), item.prompts or Prompts()
    scale = min(1.0, OVERLAY / max(mask.shape))
    if scale < 1:
        size = max(1, round(mask.shape[1] * scale)), max(1, round(mask.shape[0] * scale))
        rgb = np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)
        mask = cv2.resize(mask.view(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0
        prompts = prompts.scaled(scale)
    shown = Mask.from_array(mask)
    drawn = overlays.overlay(
        rgb, [shown], [standing_out(rgb, shown)], boxes=[prompts.box], points=prompts.points, opacity=0.4
    )
    buffer = io.BytesIO()
    Image.fromarray(drawn).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()
