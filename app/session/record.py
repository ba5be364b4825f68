"""What the Sort workspace remembers of a project: where suggestions come from, and the words for them."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

from app.project import Project
from app.sorting.suggest import Suggestions
from inference.errors import FormatError
from inference.prompt_items import PromptSet
from inference.prompt_sets import from_json

log = logging.getLogger(__name__)
_NAME, _ANSWERS = "sort.suggest", "sort.answers"
AUTO, WORDS, LEARNED, NONE = SOURCES = ("auto", "words", "learned", "none")
TRAINED = "trained:"  # and the id of a classifier that was trained on folders


@dataclass(frozen=True, slots=True)
class Record:
    """Kept as one preference of the project.

    Attributes:
        source: AUTO (learned where there is enough to learn from, else words), WORDS, LEARNED, NONE, or TRAINED with
            the id of a classifier.
        prompts: the words to suggest from.
    """

    source: str = AUTO
    prompts: PromptSet | None = None

    @classmethod
    def kept(cls, project: Project) -> Record:
        """As it was left; a part that makes no sense is as at the beginning."""
        data = project.preference(_NAME)
        if not isinstance(data, dict):
            return cls()
        source = data.get("source")
        if not isinstance(source, str) or not (source in SOURCES or source.startswith(TRAINED)):
            source = AUTO
        return cls(source, _prompts(data.get("prompts"), project))

    def keep(self, project: Project) -> None:
        """Raises StorageError."""
        prompts = self.prompts.to_json() if self.prompts is not None else None
        project.set_preference(_NAME, {"source": self.source, "prompts": prompts})


def kept_answers(project: Project) -> Suggestions:
    """What the person said about suggestions the last time."""
    return Suggestions.from_json(project.preference(_ANSWERS))


def keep_answers(project: Project, suggestions: Suggestions) -> None:
    """Raises StorageError."""
    project.set_preference(_ANSWERS, suggestions.to_json())


def _prompts(data: Any, project: Project) -> PromptSet | None:
    if data is None:
        return None
    try:
        return from_json(data)
    except FormatError as error:
        log.warning("%s: the kept prompt set is left aside: %s", project.folder, error)
        return None
