"""`TrainedLabels`: what a classifier that was trained on folders says about the pictures of the open one."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QCoreApplication, QObject, QTimer, Signal

from app.project import Project
from app.session.answers import Answers
from app.session.joblist import JobList
from app.session.judging import Shares
from app.session.record import TRAINED
from inference.errors import AppError, Cancelled
from inference.jobs.label import LabelItem, LabelRequest
from inference.protocol import Priority, Progress, Ticket

log = logging.getLogger(__name__)

_TELL_MS = 400


class TrainedLabels(QObject):
    """The answers of one classifier about one folder at a time, made in the background.

    Signals:
        grown(): there are more answers.
    """

    grown = Signal()

    def __init__(self, answers: Answers, jobs: JobList, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._answers, self._jobs = answers, jobs
        self._ticket: Ticket | None = None
        self._model = ""
        self._classes: tuple[str, ...] = ()
        self._rows: dict[str, npt.NDArray[np.float32]] = {}
        self._asked: set[str] = set()
        self._soon = QTimer(self, singleShot=True, interval=_TELL_MS)
        self._soon.timeout.connect(self.grown)

    def forget(self) -> None:
        """Another folder, or none: ends what runs."""
        self.stop()
        self._model, self._classes, self._rows, self._asked = "", (), {}, set()

    def stop(self) -> None:
        """Ends what runs; answers are kept."""
        self._soon.stop()
        if self._ticket is not None:
            self._jobs.cancel(self._ticket.id)
            self._ticket = None

    def look(self, project: Project, image_ids: Sequence[str], model: str) -> None:
        """Has a classifier look at these, as far as it has not. Pictures it cannot read are asked about once."""
        if model != self._model:
            self.forget()
            self._model = model
        missing = [i for i in image_ids if i not in self._asked]
        if missing and self._ticket is None:
            self._answers.start(self._look(project, missing, model))

    def shares(self, image_ids: Sequence[str], names: Mapping[str, str]) -> Shares | None:
        """The answers about these pictures; `names` has the class folder that stands for a class. None without any."""
        known = tuple(i for i in image_ids if i in self._rows)
        if not known:
            return None
        labels = tuple(names.get(label, label) for label in self._classes)
        return Shares(known, labels, np.stack([self._rows[i] for i in known]))

    @property
    def classes(self) -> tuple[str, ...]:
        """What the classifier tells apart; () before its first answer."""
        return self._classes

    async def _look(self, project: Project, missing: Sequence[str], model: str) -> None:
        ids = {str(project.path_of(image_id)): image_id for image_id in missing}

        def on_progress(progress: Progress) -> None:
            item = progress.payload
            if isinstance(item, LabelItem) and self._model == model and item.path in ids:
                self._asked.add(ids[item.path])
                if item.probabilities is not None:
                    self._classes = item.classes
                    self._rows[ids[item.path]] = item.probabilities
                    if not self._soon.isActive():
                        self._soon.start()

        ticket, answer = self._answers.ask(
            LabelRequest(tuple(ids), model), priority=Priority.BATCH, on_progress=on_progress
        )
        self._ticket = ticket
        self._jobs.watch(ticket, QCoreApplication.translate("Sorting", "Sort the pictures with a trained classifier"))
        try:
            await answer
        except Cancelled:
            log.info("looking with the trained classifier was stopped")
        except AppError:
            self._asked.update(missing)  # told once, not at every judgement
            raise
        finally:
            if self._ticket is ticket:
                self._ticket = None
        self.grown.emit()


def model_of(source: str) -> str | None:
    """The trained classifier that a source of suggestions names; None for the other sources."""
    return source.removeprefix(TRAINED) if source.startswith(TRAINED) else None
