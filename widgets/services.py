"""Everything behind the window that is no widget, made once and handed in."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from app.doctor import examine, self_test
from app.recent import RecentFolders
from app.session.answers import Answers
from app.session.desk import Desk
from app.session.everything import EverythingSession
from app.session.joblist import JobList
from app.session.prompting import PromptSession
from app.session.shelf import Shelf
from app.session.sorting import SortSession
from app.session.teaching import TeachSession
from app.session.words import WordsSession
from app.settings import Settings
from app.shortcuts import Shortcuts
from inference import paths
from inference.jobs.diagnose import DiagnoseRequest, Diagnosis
from inference.protocol import Ticket
from inference.worker.options import WorkerOptions
from inference.worker.thread import ThreadRunner


@dataclass(frozen=True)
class Services:
    """The window's collaborators. `close` ends them in the order that loses nothing."""

    settings: Settings
    shortcuts: Shortcuts
    recent: RecentFolders
    runner: ThreadRunner
    answers: Answers
    jobs: JobList
    shelf: Shelf
    desk: Desk
    session: PromptSession
    everything: EverythingSession
    words: WordsSession
    sorting: SortSession
    teaching: TeachSession
    models_dir: str | None

    @classmethod
    def make(
        cls,
        settings: Settings,
        runner: ThreadRunner,
        loop: asyncio.AbstractEventLoop,
        models_dir: str | None = None,
    ) -> Services:
        """Joins them; nothing is started or loaded yet."""
        recent = RecentFolders(settings)
        answers = Answers(runner, loop)
        jobs = JobList(runner)
        shelf = Shelf(answers, jobs, settings, models_dir)
        desk = Desk(runner, settings, recent)
        session = PromptSession(runner, shelf.current)
        everything = EverythingSession(runner, shelf.current)
        words = WordsSession(runner, lambda: shelf.classifier, settings, shelf.current)
        sorting = SortSession(answers, jobs, shelf, settings)
        teaching = TeachSession(answers, jobs, settings, models_dir)
        shortcuts = Shortcuts(settings)
        return cls(
            settings, shortcuts, recent, runner, answers, jobs, shelf, desk, session, everything, words, sorting,
            teaching, models_dir,
        )  # fmt: skip

    def ask_for_diagnosis(self) -> Ticket:
        """Starts the slow part of the system report; its result goes to `report`."""
        return self.runner.submit(DiagnoseRequest(self.models_dir, self_test()))

    def report(self, diagnosis: object) -> str:
        """The system report as text."""
        return examine(diagnosis if isinstance(diagnosis, Diagnosis) else None, self.models_dir).text()

    def close(self) -> None:
        """Stops flows and jobs, then lets the folder go; a training writes its state first. Twice is harmless."""
        self.answers.close()
        self.teaching.close()
        self.session.set_document(None)
        self.everything.set_document(None)
        self.words.set_document(None)
        self.sorting.set_opened(None)
        self.desk.close()
        self.runner.close()


def worker_options(settings: Settings, models_dir: str | None, force_device: str | None) -> WorkerOptions:
    """What the worker is told, from the settings and the command line (which wins)."""
    device = settings.get("compute.device")
    keep = bool(settings.get("compute.disk_cache"))
    return WorkerOptions(
        models_dir=models_dir,
        force_device=force_device or (None if device == "auto" else device),
        cache_bytes=int(settings.get("compute.memory_cache_mb")) << 20,
        disk_cache_dir=str(paths.cache_dir() / "embeddings") if keep else None,
        disk_cache_bytes=int(settings.get("compute.disk_cache_mb")) << 20,
        max_pixels=int(settings.get("images.max_megapixels")) * 1_000_000,
    )
