"""`PromptSession`: the instance being made. Collects prompts, asks the model, holds the suggestion until accepted.

The session is a layer of its own: nothing it shows is in the document before `accept`, which is one undoable command.
Prompts have their own undo inside the session. Prompts that were not accepted when another picture is shown wait for
the return of their picture.
"""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QCoreApplication, QObject, Signal

from app.document import Document
from app.instance import Instance, Source, new_id
from app.session.class_aware import ClassAware
from app.session.class_map import Verdict
from app.session.hover import KEY as HOVER
from app.session.hover import Hover
from app.session.options import Cleaning, Options
from app.session.questions import Questions
from app.session.work import KeptWork, Work, best_first
from inference.errors import AppError, UsageError
from inference.masks import Mask
from inference.prompts import Box, Point, Prompts
from inference.protocol import Candidate, ImageRef, Ticket


class PromptSession(QObject):
    """One per window. `jobs` is a `Jobs` with the signals of `inference.worker.thread.ThreadRunner`."""

    prompts_changed = Signal()
    suggestion_changed = Signal()
    hover_changed = Signal()
    thinking = Signal(bool)
    accepted = Signal(str)  # id of the instance, new or refined
    failed = Signal(object)  # AppError
    message = Signal(str)

    def __init__(self, jobs: Any, model: str = "starter", parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._jobs, self._model = jobs, model
        self.options = Options()
        self._document: Document | None = None
        self._generation = 0
        self._work = Work()
        self._kept = KeptWork()
        self._questions = Questions(jobs)
        self._hover = Hover(jobs, self)
        self._hover.changed.connect(self.hover_changed)
        self.classes = ClassAware(jobs, self)
        self.classes.failed.connect(self.failed)
        self._accepting: tuple[int | None] | None = None  # class to accept with as soon as the mask is there
        self._thinking = False
        self._placeholder: Candidate | None = None
        jobs.succeeded.connect(self._on_succeeded)
        jobs.failed.connect(self._on_failed)
        jobs.cancelled.connect(self._on_cancelled)

    # What there is -------------------------------------------------------------------------------------------

    @property
    def document(self) -> Document | None:
        return self._document

    @property
    def model(self) -> str:
        return self._model

    @property
    def prompts(self) -> Prompts:
        """Of the current step."""
        return self._work.step.prompts

    @property
    def target(self) -> Instance | None:
        """The instance under refinement."""
        return self._work.target

    @property
    def suggestion(self) -> Candidate | None:
        """The chosen answer to the prompts; its mask is None until it is known in full size."""
        return self._work.step.candidate

    @property
    def shown(self) -> Candidate | None:
        """The suggestion, or while the model is thinking what stood there before, so that nothing flickers."""
        return self.suggestion or (self._placeholder if self._thinking else None)

    @property
    def candidate_index(self) -> int:
        return self._work.step.index

    @property
    def candidate_count(self) -> int:
        return len(self._work.step.candidates)

    @property
    def preview(self) -> Candidate | None:
        """What a click under the pointer would give; low-resolution logits only."""
        return self._hover.preview

    @property
    def active(self) -> bool:
        """There are prompts, or an instance is being refined."""
        return self._work.active

    @property
    def is_thinking(self) -> bool:
        return self._thinking

    @property
    def can_undo(self) -> bool:
        return self._work.position > 0

    @property
    def can_redo(self) -> bool:
        return self._work.position + 1 < len(self._work.steps)

    def verdict(self, box: Box) -> Verdict | None:
        """What a box holds, with a model taught one class; None otherwise."""
        return self.classes.verdict(box, self.options.threshold)

    # What it works on ----------------------------------------------------------------------------------------

    def set_document(self, document: Document | None) -> None:
        """Looks at another picture. Unfinished prompts stay with theirs."""
        if document is self._document:
            return
        if self._document is not None:
            self._kept.keep(self._document, self._work)
            self._document.removed.disconnect(self._on_removed)
        self._document = document
        self._generation += 1
        self._forget_questions()
        self._hover.move_to(self._generation, self._model)
        self._tell_classes()
        self._work = Work() if document is None else self._kept.returned(document)
        if document is not None:
            document.removed.connect(self._on_removed)
        self._show()
        self._ask()

    def set_model(self, model: str) -> None:
        """Asks another model from now on, first of all about the prompts that are there."""
        if model == self._model:
            return
        self._model = model
        self._forget_questions()
        self._hover.move_to(self._generation, model)
        self._tell_classes()
        for step in self._work.answered:
            step.candidates, step.index = (), 0
        self._show()
        self._ask()

    def set_options(self, options: Options) -> None:
        """How masks are made from now on; the current suggestion is made anew."""
        if options == self.options:
            return
        self.options = options
        for step in self._work.answered:
            step.forget_masks()
        self.suggestion_changed.emit()
        self._complete()

    def set_hover_enabled(self, enabled: bool) -> None:
        self._hover.set_enabled(enabled)

    # Prompts -------------------------------------------------------------------------------------------------

    def hover(self, x: float, y: float) -> None:
        """The pointer rests here: shows what a click would give. Cheap to call; the latest position wins."""
        document = self._document
        if not self.classes.sign(x, y):  # a click here would say what the object is not
            self.clear_hover()
        elif document is not None and not self.active:
            self._hover.ask(self._image(document), self._model, x, y)

    def clear_hover(self) -> None:
        """The pointer is gone, or the hover is no longer of use."""
        self._hover.clear()

    def add_point(self, x: float, y: float, positive: bool = True) -> None:
        """One more click, in image pixels. Refines what is suggested. A model taught one class decides the sign."""
        if self._inside(x, y):
            positive = self.classes.sign(x, y, positive)
            self._advance(self.prompts.with_point(Point(x, y, positive)), refines=self.active)

    def remove_point(self, index: int) -> None:
        """Takes one of the points away again; this is a step that can be undone."""
        points = self.prompts.points
        if 0 <= index < len(points):
            rest = Prompts(points[:index] + points[index + 1 :], self.prompts.box)
            self._advance(rest, refines=self.target is not None)

    def set_box(self, box: Box | None) -> None:
        """The box around the object; replaces an earlier one. Clicks so far are kept."""
        document = self._document
        if document is None or box == self.prompts.box:
            return
        if box is not None:
            box = box.clipped(document.width, document.height)
            if box.width < 1 or box.height < 1:
                self.message.emit(_tr("The box lies outside the picture or is empty."))
                return
        self._advance(Prompts(self.prompts.points, box), refines=self.target is not None)

    def set_prompts(self, prompts: Prompts, source: Source | None = None) -> None:
        """Points and box at once (a lasso's); `source` is what the instance will say it came from."""
        self._work.source = source
        self._advance(prompts, refines=False)

    def undo_prompt(self) -> None:
        """Takes the last prompt back; the answer before it shows at once."""
        if self.can_undo:
            self._work.position -= 1
            self._moved()

    def redo_prompt(self) -> None:
        if self.can_redo:
            self._work.position += 1
            self._moved()

    def next_candidate(self) -> None:
        """Shows the next of the model's answers."""
        step = self._work.step
        if len(step.candidates) < 2:
            if step.candidates:
                self.message.emit(_tr("There is only one candidate for these prompts."))
            return
        step.index = (step.index + 1) % len(step.candidates)
        self.suggestion_changed.emit()
        self._complete()

    def drop(self) -> None:
        """Forgets the prompts and the suggestion; an instance under refinement stays as it was."""
        if not self._work.started:
            return
        self._forget_questions()
        self._work = Work()
        self._show()

    def refine(self, instance: Instance) -> bool:
        """Takes an instance up again: further clicks change its mask, `accept` replaces it. False when it is locked."""
        if instance.locked:
            self.failed.emit(UsageError("The instance is locked.", remedy="Unlock it first."))
            return False
        self._forget_questions()
        self.clear_hover()
        self._work = Work.refining(instance)
        self._show()
        self.message.emit(_tr("Click to add to the instance, right-click to take away; Enter keeps it, Esc does not."))
        return True

    def accept(self, class_id: int | None = None) -> Instance | None:
        """Makes the suggestion an instance of the document: one command.

        Returns it, or None when there is nothing to accept, when the mask is still on its way (it is then accepted as
        soon as it is there; `accepted` tells), or when the document refused it (`failed` tells; the suggestion stays).
        """
        if self._document is None:
            return None
        candidate = self.suggestion
        if candidate is not None and candidate is self._work.untouched:
            target = self.target
            self.drop()
            return target
        if candidate is None or candidate.mask is None:
            if self._thinking:
                self._accepting = (class_id,)
            return None
        if not candidate.mask.area:
            self.message.emit(_tr("The mask is empty: click on the object, or drop the prompts."))
            return None
        return self._store(self._document, candidate.mask, candidate.score, class_id)

    # Inside --------------------------------------------------------------------------------------------------

    def _store(self, document: Document, mask: Mask, score: float, class_id: int | None) -> Instance | None:
        target = self._work.target
        made = self._work.made(mask, score, class_id, new_id())
        instance, losers = self.classes.apart(made, document.instances)
        if not instance.mask.area:
            self.message.emit(_tr("Others that are there already cover all of this mask."))
            return None
        try:
            document.put(instance, losers, _tr("Accept mask") if target is None else _tr("Refine instance"))
        except AppError as error:
            self.failed.emit(error)
            return None
        self._forget_questions()
        self._work = Work()
        self._show()
        self.accepted.emit(instance.id)
        return instance

    def _advance(self, prompts: Prompts, *, refines: bool) -> None:
        if self._document is None:
            return
        self._placeholder = self.shown or self.preview
        self.clear_hover()
        self._work.advance(prompts, refines=refines)
        self._moved()

    def _moved(self) -> None:
        """Another step is the current one."""
        self._accepting = None
        self._questions.stop_completing()
        self._show()
        self._ask()

    def _ask(self) -> None:
        """Asks the model about the current step, unless that is answered or on its way."""
        step, document = self._work.step, self._document
        if document is not None and step.prompts and not step.candidates:
            if not self._questions.waiting(step):
                self._questions.ask(step, self._image(document), self._model, self._cleaning(document))
        else:
            self._complete()
        self._tell_thinking()

    def _complete(self) -> None:
        """Fetches the full-size mask of the chosen candidate when it is not there."""
        step, document = self._work.step, self._document
        candidate = step.candidate
        if document is not None and candidate is not None and candidate.mask is None:
            size = document.width, document.height
            self._questions.complete(step, candidate, self._image(document), size, self._cleaning(document))
        else:
            self._questions.stop_completing()
        self._tell_thinking()

    def _on_succeeded(self, ticket: Ticket, result: Any) -> None:
        if (wanted := self._questions.completed(ticket)) is not None:
            step, index = wanted
            step.set_mask(index, self.classes.mask(result.mask, step.prompts.box))
            if step is self._work.step:
                self.suggestion_changed.emit()
                self._accept_if_awaited()
        elif (asked := self._questions.answered(ticket)) is not None:
            asked.candidates = self.classes.answers(best_first(result.candidates), asked.prompts.box)
            asked.index = 0
            if asked is self._work.step:
                self.suggestion_changed.emit()
                self._complete()
                self._accept_if_awaited()
        elif ticket.key == HOVER and not self.active:
            self._hover.take(ticket, result.candidates)
        self._tell_thinking()

    def _on_failed(self, ticket: Ticket, error: AppError) -> None:
        if ticket.key == HOVER:
            if self._hover.fail(ticket, error) and not self.active:
                self.failed.emit(error)
        elif self._questions.answered(ticket) is not None or self._questions.completed(ticket) is not None:
            self._accepting = None
            self.failed.emit(error)
        self._tell_thinking()

    def _on_cancelled(self, ticket: Ticket) -> None:
        """Replaced by a later prompt, or cancelled from the list of jobs."""
        self._questions.completed(ticket)
        step = self._questions.answered(ticket)
        if step is self._work.step and not self._questions.is_latest(ticket):
            self._ask()  # a later prompt took its place, and was itself taken back since
        self._tell_thinking()

    def _accept_if_awaited(self) -> None:
        if self._accepting is not None and self.suggestion is not None and self.suggestion.mask is not None:
            (class_id,) = self._accepting
            self._accepting = None
            self.accept(class_id)

    def _on_removed(self, ids: list[str]) -> None:
        target = self._work.target
        if target is not None and target.id in ids:
            self.drop()

    def _forget_questions(self) -> None:
        """Whatever is on its way is of no interest any more."""
        self._placeholder = None
        self._questions.forget()
        self._accepting = None
        self._tell_thinking()

    def _inside(self, x: float, y: float) -> bool:
        document = self._document
        if document is None:
            return False
        if 0 <= x <= document.width and 0 <= y <= document.height:
            return True
        self.message.emit(_tr("The point is outside the picture."))
        return False

    def _image(self, document: Document) -> ImageRef:
        return ImageRef(str(document.path), document.image_id, self._generation)

    def _tell_classes(self) -> None:
        document = self._document
        if document is None:
            self.classes.move_to(None, (0, 0), self._model)
        else:
            self.classes.move_to(self._image(document), (document.width, document.height), self._model)

    def _cleaning(self, document: Document) -> Cleaning:
        return self.options.on(document.width, document.height)

    def _show(self) -> None:
        self.prompts_changed.emit()
        self.suggestion_changed.emit()

    def _tell_thinking(self) -> None:
        busy = self._questions.busy(self._work.step)
        if busy != self._thinking:
            self._thinking = busy
            self.thinking.emit(busy)


def _tr(text: str) -> str:
    return QCoreApplication.translate("PromptSession", text)
