"""`SortSession`: what the Sort workspace works on. Joins the sorter, the looker and what is suggested; moves nothing
that was not asked for."""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal

from app.library import ThumbnailService
from app.project import Project
from app.session import arranging
from app.session.answers import Answers
from app.session.desk import Opened
from app.session.filing import Filing, originals
from app.session.finding import Finder, Wish
from app.session.joblist import JobList
from app.session.judging import Judged, Question, Shares, Words, folders_of, judge, standing_for
from app.session.looking import Looker
from app.session.record import AUTO, LEARNED, NONE, WORDS, Record, keep_answers, kept_answers
from app.session.saying import stopped_after, where_from
from app.session.shelf import Shelf
from app.session.trained import TrainedLabels, model_of
from app.settings import Settings
from app.sorting.journal import Mode
from app.sorting.moves import Outcome
from app.sorting.sorter import Sorter
from app.sorting.suggest import Suggestion, Suggestions
from inference.errors import AppError
from inference.prompt_items import PromptSet

log = logging.getLogger(__name__)

_JUDGE_MS = 250
_LOOK_MS = 800
_KEEP_MS = 1000


class SortSession(QObject):
    """One per window. Nothing is looked at before `enter`.

    Signals:
        leaving(ids): these were filed or removed a moment ago; `pictures_changed` follows.
        pictures_changed(): which pictures there are, or what class they are in.
        suggestions_changed(): what is suggested, found or stacked.
        classes_changed(): the class folders or their counts.
        history_changed(): undo and redo.
        state_changed(): the words about where suggestions come from and how far they are.
        progressed(done, total): pictures looked at.
        moving(done, total): pictures moved of the running operation; (0, 0): nothing moves any more.
        unlearned(words): the built-in model has not learned these.
    """

    leaving = Signal(list)
    pictures_changed = Signal()
    suggestions_changed = Signal()
    classes_changed = Signal()
    history_changed = Signal()
    state_changed = Signal()
    progressed = Signal(int, int)
    moving = Signal(int, int)
    unlearned = Signal(tuple)
    failed = Signal(object)
    message = Signal(str)

    def __init__(
        self, answers: Answers, jobs: JobList, shelf: Shelf, settings: Settings, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._answers, self._shelf, self._settings = answers, shelf, settings
        self.looker = Looker(answers, jobs, self)
        self.finder = Finder(answers, self.looker, self)
        self.finder.changed.connect(self.suggestions_changed)
        self.finder.unlearned.connect(self.unlearned)
        self._trained = TrainedLabels(answers, jobs, self)
        self._opened: Opened | None = None
        self._sorter: Sorter | None = None
        self._entered = False
        self._reset()
        self._judge_soon = self._timer(_JUDGE_MS, self._judge)
        self._look_soon = self._timer(_LOOK_MS, self._look)
        self._keep_soon = self._timer(_KEEP_MS, self._keep_answers)
        self.looker.grown.connect(self._judge_soon.start)
        self._trained.grown.connect(self._judge_soon.start)
        self.looker.progressed.connect(self.progressed)
        self.looker.ended.connect(lambda _finished: self.state_changed.emit())
        shelf.classifier_changed.connect(self._on_model)

    def _reset(self) -> None:
        self.judged = Judged({}, None, None)
        self._suggestor = Suggestions()
        self._record = Record()
        self.filing: Filing | None = None
        self._words: Words | None = None
        self._judging = self._judge_again = False
        self._stopped_after = 0

    # Folders --------------------------------------------------------------------------------------------------------

    def set_opened(self, opened: Opened | None) -> None:
        """Another folder, or none. Call it before the folder is closed."""
        if self._sorter is not None:
            self._sorter.close()
            self._sorter.deleteLater()
            self.moving.emit(0, 0)
        if self._keep_soon.isActive():
            self._keep_answers()
        self.looker.set_project(None)
        self.finder.forget()
        self._trained.forget()
        self._judge_soon.stop()
        self._look_soon.stop()
        self._opened, self._sorter, self._entered = opened, None, False
        self._reset()
        if opened is not None:
            self._begin(opened)
        self.pictures_changed.emit()
        self.classes_changed.emit()
        self.history_changed.emit()
        self.state_changed.emit()

    def _begin(self, opened: Opened) -> None:
        project = opened.project
        self.looker.set_project(project)
        sorter = self._sorter = Sorter(project, self)
        self.filing = Filing(opened, sorter)
        sorter.failed.connect(self.failed)
        sorter.moved.connect(self._on_moved)
        sorter.folders_moved.connect(self._on_folders_moved)
        sorter.finished.connect(self._on_finished)
        sorter.classes_changed.connect(self._on_classes)
        sorter.history_changed.connect(self.history_changed)
        sorter.root_changed.connect(self._on_classes)
        sorter.mode_changed.connect(self.classes_changed)
        sorter.progressed.connect(self.moving)
        sorter.busy_changed.connect(lambda busy: None if busy else self.moving.emit(0, 0))
        opened.images.pictures_changed.connect(self._on_pictures)
        opened.images.scan_finished.connect(self._on_pictures)
        self._record = Record.kept(project)
        self._suggestor = kept_answers(project)

    def enter(self) -> None:
        """The person looks at the Sort workspace: the model begins to look at the pictures."""
        if self._opened is None or self._sorter is None or (self._entered and self.looker.running):
            return
        if not self._entered:
            self._entered = True
            self._read_copied()
        self._look()

    @property
    def project(self) -> Project | None:
        return self._opened.project if self._opened else None

    @property
    def sorter(self) -> Sorter | None:
        return self._sorter

    @property
    def model(self) -> str:
        """The classifier in use."""
        return self._shelf.classifier

    def start(self, flow: Coroutine[Any, Any, None]) -> None:
        """Runs a flow of questions to the models; what it fails with is told."""
        self._answers.start(flow)

    @property
    def thumbnails(self) -> ThumbnailService | None:
        """Small pictures of the open folder."""
        return self._opened.thumbnails if self._opened is not None else None

    # Pictures -------------------------------------------------------------------------------------------------------

    def image_ids(self) -> list[str]:
        """All pictures, in order."""
        return self.filing.image_ids() if self.filing is not None else []

    def class_of(self, image_id: str) -> str | None:
        """The class a picture is filed under, None: unsorted."""
        return self.filing.class_of(image_id) if self.filing is not None else None

    def unsorted(self) -> list[str]:
        """Pictures in no class."""
        return self.filing.unsorted() if self.filing is not None else []

    def of_class(self, name: str) -> list[str]:
        """The pictures of a class and of the classes within it."""
        return self.filing.of_class(name) if self.filing is not None else []

    # Asking for it --------------------------------------------------------------------------------------------------

    def file(self, image_ids: Sequence[str], name: str) -> None:
        """Files pictures under a class ("": takes them back to the unsorted ones), in the chosen mode."""
        self._file_all({name: image_ids})

    def remove(self, image_ids: Sequence[str]) -> None:
        """Deletes pictures; undo brings them back."""
        if self._sorter is not None and self.filing is not None and image_ids:
            if not self._sorter.read_only_reason:
                self.filing.leave(image_ids, None)
                self._tell_left(image_ids)
            self._sorter.trash(list(image_ids))

    def accept(self, image_ids: Sequence[str]) -> int:
        """Files pictures under what is suggested for them; how many there were."""
        return self._file_all(arranging.above(image_ids, self.suggestions, 0.0))

    def accept_above(self) -> int:
        """Files every unsorted picture whose suggestion is sure enough."""
        return self._file_all(arranging.above(self.unsorted(), self.suggestions, self.level))

    def _file_all(self, by_class: Mapping[str, Sequence[str]]) -> int:
        """All at once, so that one undo takes them back. How many there were."""
        asked = sum(map(len, by_class.values()))
        wanted = {name: [i for i in ids if self.class_of(i) != (name or None)] for name, ids in by_class.items()}
        wanted = {name: ids for name, ids in wanted.items() if ids}
        if self._sorter is None or self.filing is None or not wanted:
            return asked
        moves = not self._sorter.read_only_reason and self._sorter.mode is Mode.MOVE
        for name, ids in wanted.items():
            self._count(ids, name)
            if moves:
                self.filing.leave(ids, name)
        if moves:
            self._tell_left([i for ids in wanted.values() for i in ids])
        self._sorter.file_all(wanted)
        return asked

    def reject(self, image_ids: Sequence[str]) -> int:
        """The pictures are not what is suggested: the next best class is suggested for them. How many there were."""
        wrong = [i for i in image_ids if (one := self.suggestions.get(i)) is not None and one.label is not None]
        self._suggestor.reject(wrong)
        self.judged.suggestions.update({i: one for i in wrong if (one := self._suggestor.get(i)) is not None})
        self._keep_soon.start()
        self.suggestions_changed.emit()
        self.state_changed.emit()
        return len(wrong)

    def undo(self) -> None:
        if self._sorter is not None:
            self._sorter.undo()

    def redo(self) -> None:
        if self._sorter is not None:
            self._sorter.redo()

    def stop_moving(self) -> None:
        """Ends what moves after the picture that is under way; what has moved stays and can be undone."""
        if self._sorter is not None:
            self._sorter.stop()

    # Suggestions ----------------------------------------------------------------------------------------------------

    @property
    def level(self) -> float:
        """How sure a suggestion has to be to be taken with others."""
        return float(self._settings.get("sort.level")) / 100

    def set_level(self, level: float) -> None:
        self._settings.set("sort.level", round(level * 100))
        self.suggestions_changed.emit()

    @property
    def prompts(self) -> PromptSet | None:
        return self._record.prompts

    @property
    def source(self) -> str:
        """Where suggestions shall come from: AUTO, WORDS, LEARNED or NONE."""
        return self._record.source

    @property
    def score(self) -> tuple[int, int]:
        """How many suggestions were right of how many the person has answered."""
        return self._suggestor.score

    @property
    def suggestions(self) -> Mapping[str, Suggestion]:
        """By picture, for those that are unsorted and were looked at."""
        return self.judged.suggestions

    def set_source(self, source: str) -> None:
        self._keep(replace(self._record, source=source))
        self._judge_soon.start()
        self.state_changed.emit()

    def set_prompts(self, prompts: PromptSet | None) -> None:
        """Suggests from these words; the pictures are not looked at again."""
        other = self.source in (NONE, LEARNED) or model_of(self.source) is not None
        source = WORDS if prompts is not None and other else self.source
        self._words = None
        self._keep(Record(source, prompts))
        self._judge_soon.start()
        self.state_changed.emit()

    def state_text(self) -> str:
        """Where suggestions come from, in a sentence."""
        seen, looking = bool(self.looker.vectors), self.looker.at_work
        return where_from(self._record, self.judged, len(self._trained.classes), seen=seen, looking=looking)

    def _tell_left(self, image_ids: Sequence[str]) -> None:
        self.leaving.emit(list(image_ids))
        self.pictures_changed.emit()

    def _on_model(self, _model: str) -> None:
        self._words, self.judged = None, Judged({}, None, None)
        if self._entered:
            self._look()
        self.state_changed.emit()

    def _look(self) -> None:
        if self._entered and self._opened is not None and not self._opened.images.is_scanning:
            self.looker.look(self._opened.images.image_ids(), self.model)
            self.state_changed.emit()

    def _judge(self) -> None:
        if self._opened is None or not self._entered or not self.looker.vectors:
            return
        if self._judging:
            self._judge_again = True
            return
        self._judging = True
        self._answers.start(self._judge_all(self._opened))

    async def _judge_all(self, opened: Opened) -> None:
        try:
            if self.source in (AUTO, WORDS) and self.prompts is not None:
                await self._read_words(self.prompts)
            if opened is self._opened:
                await self._judge_now(opened)
        finally:
            if opened is self._opened:
                self._judging = False
                if self._judge_again:
                    self._judge_again = False
                    self._judge_soon.start()

    async def _read_words(self, prompts: PromptSet) -> None:
        """Asks what the model makes of the prompts, unless that is known."""
        if self._words is not None and self._words.model.checksum == self.looker.checksum:
            return
        texts = [text for of_item in prompts.prompts() for text in of_item]
        if not texts:
            return
        names = [item.name for item in prompts.items if not item.negative]
        result = await self.looker.words(texts, self.model, names)
        if prompts is self.prompts:
            self._words = Words.of(prompts, result)
            if result.unknown:
                self.unlearned.emit(result.unknown)

    async def _judge_now(self, opened: Opened) -> None:
        classes = self.filing.classes() if self.filing is not None else {}
        words = self._words if self.source in (AUTO, WORDS) else None
        if words is not None and words.model.checksum != self.looker.checksum:
            words = None
        folders = self._sorter.classes if self._sorter is not None else []
        unsorted = tuple(self.unsorted()) if self.source != NONE else ()
        question = Question(
            unsorted,
            classes,
            dict(self.looker.vectors),
            words,
            standing_for(self.prompts, [folder.name for folder in folders]),
            self.source in (AUTO, LEARNED),
            self._trained_shares(opened, unsorted, [folder.name for folder in folders]),
        )
        judged = await self.looker.in_thread(partial(judge, question, self._suggestor))
        if opened is self._opened:
            self.judged = judged
            self.suggestions_changed.emit()
            self.state_changed.emit()

    def _trained_shares(self, opened: Opened, unsorted: Sequence[str], folders: Sequence[str]) -> Shares | None:
        """What the trained classifier that was chosen says so far; it goes on looking in the background."""
        model = model_of(self.source)
        if model is None:
            self._trained.stop()
            return None
        self._trained.look(opened.project, unsorted, model)
        return self._trained.shares(unsorted, folders_of(self._trained.classes, folders))

    # Search and stacks ----------------------------------------------------------------------------------------------

    def search(self, wishes: Sequence[Wish]) -> None:
        """Looks for pictures; none ends the search. `finder.found` has them."""
        self.finder.search(wishes, self.model)

    def find_stacks(self) -> None:
        """Looks for pictures that are nearly the same; `finder.stacks` has them."""
        if self._opened is not None and self.looker.vectors:
            self.finder.find_stacks(self.image_ids(), self._opened.project.folder)

    # What happens ---------------------------------------------------------------------------------------------------

    def _on_pictures(self) -> None:
        if self.filing is not None:
            self.filing.listed()
        self.pictures_changed.emit()
        if self._entered:
            self._look_soon.start()
        self._judge_soon.start()

    def _on_moved(self, pairs: list[tuple[str, str]]) -> None:
        self.looker.follow(pairs)
        if self.filing is not None:
            self.filing.arrived(pairs)
        for old, _ in pairs:
            self.judged.suggestions.pop(old, None)
        self._suggestor.follow(pairs)
        self._keep_soon.start()

    def _on_folders_moved(self, pairs: list[tuple[str, str]]) -> None:
        """Whole class folders were renamed: so were the pictures in them."""
        for old, new in pairs:
            inside = [i for i in self.looker.vectors if i.startswith(f"{old}/")]
            self._on_moved([(i, f"{new}/{i[len(old) + 1 :]}") for i in inside])

    def _on_finished(self, outcome: Outcome) -> None:
        if self.filing is not None and (outcome.failed or outcome.stopped):
            self.filing.stay(old for old, _ in outcome.moved)
        if outcome.stopped:
            self._tell_stopped(len(outcome.moved))
        if self._opened is not None:
            self._opened.images.refresh()
        self._read_copied()
        self.pictures_changed.emit()
        self._judge_soon.start()

    def _tell_stopped(self, moved: int) -> None:
        """Once, when all that was asked for has ended."""
        self._stopped_after += moved
        if self._sorter is not None and not self._sorter.busy:
            count, self._stopped_after = self._stopped_after, 0
            self.message.emit(stopped_after(count))

    def _on_classes(self) -> None:
        self.classes_changed.emit()
        self.pictures_changed.emit()
        self._judge_soon.start()

    def _read_copied(self) -> None:
        """Which pictures were copied or linked to a class, as the journal has it."""
        project = self.project
        if project is not None:
            project.in_background(partial(originals, project), self._take_copied)

    def _take_copied(self, ids: frozenset[str]) -> None:
        if self.filing is not None and ids != self.filing.copied:
            self.filing.copied = ids
            self.pictures_changed.emit()
            self._judge_soon.start()

    def _count(self, ids: Iterable[str], name: str) -> None:
        """A person's answer to a suggestion: was it right?"""
        if name:
            self._suggestor.filed([i for i in ids if i in self.suggestions], name)
            self._keep_soon.start()
            self.state_changed.emit()

    def _keep(self, record: Record) -> None:
        self._record = record
        self._keep_with(record.keep)

    def _keep_answers(self) -> None:
        self._keep_soon.stop()
        self._keep_with(partial(keep_answers, suggestions=self._suggestor))

    def _keep_with(self, keep: Callable[[Project], None]) -> None:
        if self._opened is not None and not self._opened.project.read_only:
            try:
                keep(self._opened.project)
            except AppError as error:
                self.failed.emit(error)

    def _timer(self, interval: int, slot: Callable[[], object]) -> QTimer:
        timer = QTimer(self, singleShot=True, interval=interval)
        timer.timeout.connect(slot)
        return timer
