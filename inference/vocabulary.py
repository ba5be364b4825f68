"""The words a model has learned: seen in pictures or only guessed at, and other names for them. No torch."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from inference.errors import ModelError

Status = Literal["known", "guessed", "unknown"]
NAME = "vocabulary.json"


@dataclass(frozen=True)
class Vocabulary:
    """The words of a small model.

    Attributes:
        known: names of which pictures were seen in training.
        guessed: names of which only the text is known.
        aliases: everyday words for these names.
    """

    known: frozenset[str]
    guessed: frozenset[str] = frozenset()
    aliases: Mapping[str, str] = field(default_factory=dict)

    def status(self, word: str) -> Status:
        """Whether pictures of a word were learned. Case, articles and the usual plurals do not matter."""
        name = self.canonical(word)
        if name is None:
            return "unknown"
        return "known" if name in self.known else "guessed"

    def canonical(self, word: str) -> str | None:
        """The learned name of a word, through its alias; None when it was not learned."""
        for form in _forms(word):
            if form in self.known or form in self.guessed:
                return form
            if form in self.aliases:
                return self.aliases[form]
        return None

    def of_text(self, text: str) -> str | None:
        """The longest learned name or alias within a text, else a word in the plural, as its learned name; or None."""
        found = [match.group() for match in self._phrases.finditer(_plain(text))]
        if found:
            return self.canonical(max(found, key=len))
        return next(filter(None, map(self.canonical, re.findall(r"\w+", text))), None)

    def translated(self, text: str) -> str:
        """The text with everyday words replaced by the names that were learned for them."""
        if not self.aliases:
            return text

        def name(match: re.Match[str]) -> str:
            word = _plain(match.group())
            return (
                match.group() if word in self.known or word in self.guessed else self.aliases.get(word, match.group())
            )

        return self._phrases.sub(name, text)

    @cached_property
    def _phrases(self) -> re.Pattern[str]:
        """All names and aliases as whole words, the longest first, so that “sports car” is not read as “car”."""
        words = sorted({*self.known, *self.guessed, *self.aliases}, key=lambda word: (-len(word), word))
        return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, words)) or '(?!)'})(?!\w)", re.IGNORECASE)


def read(folder: Path) -> Vocabulary | None:
    """The vocabulary in a model's folder; None where the model brings none. ModelError when it is damaged."""
    path = folder / NAME
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        aliases = {_plain(word): _plain(name) for word, name in data.get("aliases", {}).items()}
        known, guessed = (_words(data.get(key, [])) for key in ("known", "guessed"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise ModelError("The list of words of this model cannot be read.", path, "Install the model again.") from error
    return Vocabulary(known, guessed - known, {word: name for word, name in aliases.items() if name in known | guessed})


def _words(values: Any) -> frozenset[str]:
    return frozenset(_plain(word) for word in values)


def _plain(word: str) -> str:
    return " ".join(word.casefold().replace("_", " ").split())


def _forms(word: str) -> list[str]:
    """A word as it may stand in the list: itself, without its article, in the singular."""
    plain = _plain(word)
    bare = re.sub(r"^(?:an?|the)\s+", "", plain)
    singular = [
        bare[: -len(end)] + new
        for end, new in (("ies", "y"), ("ves", "f"), ("es", ""), ("s", ""))
        if bare.endswith(end)
    ]
    return [plain, bare, *singular]
