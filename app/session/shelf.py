"""The models a person can use: which are there, which one is used, fetching and dropping them."""

from __future__ import annotations

import logging
from pathlib import Path

from PySide6.QtCore import QCoreApplication, QObject, Signal

from app.session.answers import Answers
from app.session.joblist import JobList
from app.settings import Settings
from inference import catalogue
from inference.catalogue import STARTER, ModelSpec
from inference.errors import AppError, Cancelled, ModelError
from inference.jobs.download import DownloadRequest
from inference.jobs.import_model import ImportModelRequest
from inference.jobs.load_model import LoadModelRequest
from inference.protocol import Priority, Ticket

log = logging.getLogger(__name__)

OFFERED = "sam2.1-tiny"
"""The one the friendly card offers first: the smallest official model."""


class Shelf(QObject):
    """Keeps the current model in the settings and loads it in the background.

    Args:
        answers: for the flows (download, then load, then use).
        jobs: lists the downloads.
        models_dir: where weights are; None for the usual folder.
    """

    changed = Signal()
    """Something was installed or removed, or a download began or ended."""
    current_changed = Signal(str)
    classifier_changed = Signal(str)
    """Another model looks at pictures for sorting."""
    loading = Signal(str)
    loaded = Signal(str, str)  # model, device
    failed = Signal(object)

    def __init__(
        self,
        answers: Answers,
        jobs: JobList,
        settings: Settings,
        models_dir: str | None = None,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._answers, self._jobs, self._settings, self._models_dir = answers, jobs, settings, models_dir
        self._fetching: dict[str, Ticket] = {}
        self._current = str(settings.get("model.current"))

    # What there is ------------------------------------------------------------------------------------------------

    def specs(self) -> list[ModelSpec]:
        """Built-in, official, imported. Raises ModelError when the list itself is damaged."""
        return catalogue.catalogue(self._models_dir)

    def installed(self, spec: ModelSpec) -> bool:
        return catalogue.installed(spec, self._models_dir) is not None

    def usable(self) -> list[ModelSpec]:
        """What can be switched to for masks; the current one is among them even when it is a file in place."""
        specs = [spec for spec in self.specs() if spec.family == "sam2" and self.installed(spec)]
        if all(spec.id != self._current for spec in specs):
            specs += [spec for spec in (self.spec(self._current),) if spec is not None and self.installed(spec)]
        return specs

    def spec(self, model_id: str) -> ModelSpec | None:
        try:
            return catalogue.find(model_id, self._models_dir)
        except ModelError:
            return None

    def only_the_starter(self) -> bool:
        return all(spec.builtin for spec in self.usable())

    def classifiers(self) -> list[ModelSpec]:
        """The models for sorting that can be switched to; the chosen one is among them even as a file in place."""
        specs = [spec for spec in self.specs() if spec.family == "clip" and self.installed(spec)]
        chosen = self.spec(self.classifier)
        return specs if chosen is None or chosen in specs or not self.installed(chosen) else [*specs, chosen]

    def trained(self) -> list[ModelSpec]:
        """The classifiers that were trained on folders and are here."""
        return [spec for spec in self.specs() if spec.family == "classifier" and self.installed(spec)]

    def fetching(self, model_id: str) -> Ticket | None:
        """The ticket of a download or of an import that runs."""
        return self._fetching.get(model_id)

    # The current one ----------------------------------------------------------------------------------------------

    @property
    def current(self) -> str:
        """The id of the model that answers prompts."""
        return self._current

    @property
    def classifier(self) -> str:
        """The id of the model that looks at pictures for sorting: the chosen one, else the best that is there."""
        chosen = str(self._settings.get("sort.model"))
        spec = self.spec(chosen) if chosen else None
        if spec is not None and self.installed(spec):
            return spec.id
        return catalogue.default_classifier(self._models_dir).id

    def title(self) -> str:
        spec = self.spec(self._current)
        return spec.title if spec else Path(self._current).name

    def start(self, model: str | None = None) -> None:
        """Loads the model of the last time, or the one asked for, without being in anybody's way."""
        wanted = model or self._current
        spec = self.spec(wanted)
        if spec is None or not self.installed(spec):
            if model:
                self.failed.emit(_not_there(wanted))
            spec = self.spec(STARTER)
        self._current = spec.id if spec else STARTER
        self.current_changed.emit(self._current)
        self._answers.start(self._load(self._current, Priority.BATCH))

    def use(self, model_id: str) -> None:
        """Switches to an installed model; it is loaded at once, and kept for the next start."""
        spec = self.spec(model_id)
        if spec is None or not self.installed(spec):
            self.failed.emit(_not_there(model_id))
        else:
            self._answers.start(self._put_to_use(spec))

    def fetch_and_use(self, model_id: str) -> None:
        """Downloads a model, then switches to it."""
        self._answers.start(self._fetch(model_id, use=True))

    # Coming and going ---------------------------------------------------------------------------------------------

    def fetch(self, model_id: str) -> None:
        self._answers.start(self._fetch(model_id, use=False))

    def stop_fetching(self, model_id: str) -> None:
        ticket = self._fetching.get(model_id)
        if ticket is not None:
            self._jobs.cancel(ticket.id)

    def import_file(self, file: Path, name: str | None = None) -> None:
        """Registers a checkpoint of the person's own under a name (None: the file's) and switches to it."""
        self._answers.start(self._import(file, name))

    def remove(self, model_id: str) -> None:
        """Deletes the weights of a model that is not built in."""
        from inference.weights import library

        spec = self.spec(model_id)
        if spec is None:
            return
        try:
            library.remove(spec, self._models_dir)
        except AppError as error:
            self.failed.emit(error)
        self.changed.emit()
        if model_id == self._current:
            self.use(STARTER)

    # Flows --------------------------------------------------------------------------------------------------------

    async def _fetch(self, model_id: str, *, use: bool) -> None:
        if model_id in self._fetching:
            return
        spec = self.spec(model_id)
        title = _tr("Download %1").replace("%1", spec.title if spec else model_id)
        ticket, answer = self._answers.ask(DownloadRequest(model_id, self._models_dir), priority=Priority.BATCH)
        await self._long(model_id, ticket, title, answer)
        if use:
            await self._put_to_use(self.spec(model_id))

    async def _import(self, file: Path, name: str | None) -> None:
        title = _tr("Import %1").replace("%1", name or file.name)
        request = ImportModelRequest(str(file), self._models_dir, name)
        ticket, answer = self._answers.ask(request, priority=Priority.BATCH)
        await self._put_to_use(await self._long(str(file), ticket, title, answer))

    async def _long(self, key: str, ticket: Ticket, title: str, answer: object) -> ModelSpec:
        self._fetching[key] = ticket
        self._jobs.watch(ticket, title)
        self.changed.emit()
        try:
            return await answer  # type: ignore[misc, no-any-return]
        finally:
            del self._fetching[key]
            self.changed.emit()

    async def _put_to_use(self, spec: ModelSpec | None) -> None:
        if spec is None:
            return
        if spec.family == "clip":
            self._settings.set("sort.model", spec.id)
            self.classifier_changed.emit(spec.id)
        elif spec.family == "sam2":
            await self._switch(spec.id)

    async def _switch(self, model_id: str) -> None:
        before = self._current
        self._current = model_id
        self.current_changed.emit(model_id)
        try:
            await self._load(model_id, Priority.INTERACTIVE)
        except AppError:
            if self._current == model_id:  # back to what works
                self._current = before
                self.current_changed.emit(before)
            raise
        self._settings.set("model.current", model_id)

    async def _load(self, model_id: str, priority: Priority) -> None:
        self.loading.emit(model_id)
        loaded = False
        try:
            _, answer = self._answers.ask(LoadModelRequest(model_id), key="load", priority=priority)
            result = await answer
            loaded = True
        except Cancelled:
            return
        finally:
            if not loaded:
                self.loaded.emit(model_id, "")
        self.loaded.emit(model_id, str(result.device))


def _not_there(model: str) -> ModelError:
    return ModelError(
        _tr("The model “%1” is not installed.").replace("%1", model),
        remedy=_tr("Download it in the Models workspace, or choose another one."),
    )


def _tr(text: str) -> str:
    return QCoreApplication.translate("models", text)
