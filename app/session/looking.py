"""`Looker`: has a model look at the pictures of a folder in the background and keeps what it saw."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QCoreApplication, QObject, QTimer, Signal

from app.project import Project
from app.session.answers import Answers
from app.session.joblist import JobList
from app.sorting.embeddings import EmbeddingStore
from inference.errors import AppError, Cancelled
from inference.jobs.embed import EmbedItem, EmbedRequest
from inference.jobs.embed_text import EmbedTextRequest, EmbedTextResult
from inference.protocol import Priority, Progress, Ticket

log = logging.getLogger(__name__)
T = TypeVar("T")
Vector = npt.NDArray[np.float16]
_FLUSH_MS = 400


class Looker(QObject):
    """The embeddings of one folder at a time. What the store knows costs no decoding.

    Attributes:
        at_work: from `look` to its end; `running`, once the model looks at pictures.

    Signals:
        grown(): `vectors` has more.
        progressed(done, total): of the pictures that were asked for.
        ended(finished): all were looked at (True), or it was stopped (False).
    """

    grown = Signal()
    progressed = Signal(int, int)
    ended = Signal(bool)

    def __init__(self, answers: Answers, jobs: JobList, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._answers, self._jobs = answers, jobs
        self._project: Project | None = None
        self._store: EmbeddingStore | None = None
        self._thread: ThreadPoolExecutor | None = None
        self._round = 0
        self._ticket: Ticket | None = None
        self._came: list[tuple[str, EmbedItem]] = []
        self._asked = 0
        self.at_work = False
        self.vectors: dict[str, Vector] = {}
        self.problems: dict[str, AppError] = {}
        self.checksum = ""
        self._soon = QTimer(self, singleShot=True, interval=_FLUSH_MS)
        self._soon.timeout.connect(self._flush)

    def set_project(self, project: Project | None) -> None:
        """Lets the last folder go; nothing begins before `look`."""
        self.stop()
        if self._thread is not None:
            self._thread.shutdown(wait=True, cancel_futures=True)
        if self._store is not None:
            self._store.close()
        self._project, self._store, self._thread, self.checksum = project, None, None, ""
        self.vectors, self.problems = {}, {}
        if project is not None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="sorting")
            self._store = EmbeddingStore.of(project)

    @property
    def running(self) -> bool:
        return self._ticket is not None

    def look(self, image_ids: Sequence[str], model: str) -> None:
        """Has a model look at these, as far as it has not; what runs for another list or model ends."""
        if self._project is not None:
            self.stop()
            self.at_work = True
            self._answers.start(self._look(self._round, tuple(image_ids), model))

    def stop(self) -> None:
        """Ends what runs; what was seen is kept."""
        self._round += 1
        self.at_work = False
        self._flush()
        if self._ticket is not None:
            self._jobs.cancel(self._ticket.id)
            self._ticket = None

    async def words(self, texts: Sequence[str], model: str, words: Sequence[str] = ()) -> EmbedTextResult:
        """What a model makes of texts; of the same model's `vectors` when the checksums are equal."""
        request = EmbedTextRequest(tuple(texts), model, tuple(words))
        _, answer = self._answers.ask(request, priority=Priority.INTERACTIVE)
        result: EmbedTextResult = await answer
        return result

    async def in_thread(self, work: Callable[[], T]) -> T:
        """Runs something long beside the window. Cancelled when the folder is closed meanwhile."""
        if self._thread is None:
            raise Cancelled
        return await self._answers.of_thread(self._thread.submit(work))

    def follow(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Pictures have other ids now; what was seen of them stays true."""
        pairs = list(pairs)
        for old, new in pairs:
            if (vector := self.vectors.pop(old, None)) is not None:
                self.vectors[new] = vector
        if self._store is not None and self._thread is not None:
            store = self._store
            self._thread.submit(lambda: store.follow(pairs))

    # Within ---------------------------------------------------------------------------------------------------------

    async def _look(self, this: int, image_ids: tuple[str, ...], model: str) -> None:
        finished = False
        try:
            finished = await self._look_through(this, image_ids, model)
        except Cancelled:
            log.info("looking at the pictures was stopped")
        finally:
            if this == self._round:
                self._flush()
                self._ticket, self.at_work = None, False
                self.ended.emit(finished)

    async def _look_through(self, this: int, image_ids: tuple[str, ...], model: str) -> bool:
        checksum = (await self.words(("a picture",), model)).checksum
        if this != self._round or self._store is None or self._project is None:
            return False
        if checksum != self.checksum:  # another model's vectors do not compare
            self.vectors, self.checksum = {}, checksum
        store, new = self._store, [i for i in image_ids if i not in self.vectors]
        known = await self.in_thread(lambda: store.get_many(new, checksum))
        if this != self._round:
            return False
        self.vectors.update(known)
        self.grown.emit()
        missing = [i for i in new if i not in known and i not in self.problems]
        self._asked = len(image_ids)
        self._tell()
        if missing:
            await self._embed(this, missing, model)
        return this == self._round

    async def _embed(self, this: int, missing: Sequence[str], model: str) -> None:
        assert self._project is not None
        ids = {str(self._project.path_of(image_id)): image_id for image_id in missing}

        def on_progress(progress: Progress) -> None:
            item = progress.payload
            if this == self._round and isinstance(item, EmbedItem):
                self._came.append((ids[item.path], item))
                if not self._soon.isActive():
                    self._soon.start()

        self._ticket, answer = self._answers.ask(
            EmbedRequest(tuple(ids), model), priority=Priority.BATCH, on_progress=on_progress
        )
        self._jobs.watch(self._ticket, QCoreApplication.translate("Sorting", "Look at the pictures"))
        await answer

    def _flush(self) -> None:
        """Takes what came since the last time, into memory and into the store."""
        came, self._came = self._came, []
        if not came or self._store is None or self._thread is None:
            return
        store, checksum = self._store, self.checksum
        kept = [(i, item.content, item.embedding) for i, item in came if item.embedding is not None]
        self.problems.update({i: item.error for i, item in came if item.error is not None})
        self.vectors.update({image_id: vector for image_id, _, vector in kept})
        self._thread.submit(lambda: store.put_many(kept, checksum))
        self._tell()
        self.grown.emit()

    def _tell(self) -> None:
        self.progressed.emit(min(len(self.vectors) + len(self.problems), self._asked), self._asked)
