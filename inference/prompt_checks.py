"""What is wrong with a prompt set, in words: before any model sees it, and with a model's tokens and embeddings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from inference.prompt_items import PromptItem, PromptSet

Float32 = npt.NDArray[np.float32]
Severity = Literal["error", "warning"]
LIKENESS = 0.995  # two items whose embeddings are as close as this are told apart by chance
_CLOSING = ",;:.!?)"  # what a space follows
_FIRST_WIDE = 0x2E80  # from here on are the scripts that put no spaces between words
_MOST_NAMED = 20
_MOST_BY_ITEM = 3


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to mend.

    Attributes:
        severity: "error" when the set cannot work so, "warning" when it may not do what was meant.
        message: one sentence with what to do.
        item: the item's name, None when it is about the whole set.
    """

    severity: Severity
    message: str
    item: str | None = None


class Tokenizer(Protocol):
    """What a model's tokenizer has to tell."""

    @property
    def context_length(self) -> int:
        """How many tokens of a text the model reads, its start and end marks counted."""

    def tokens(self, text: str) -> Sequence[int]:
        """All tokens of a text with the marks, not cut."""


@dataclass(frozen=True, slots=True)
class TokenTable:
    """A `Tokenizer` for texts whose tokens are known already, as the embedding of texts reports them."""

    context_length: int
    table: Mapping[str, Sequence[int]]

    def tokens(self, text: str) -> Sequence[int]:
        return self.table[text]


def problems(
    prompt_set: PromptSet, tokenizer: Tokenizer | None = None, texts: Sequence[Float32] | None = None
) -> list[Problem]:
    """Everything worth a word, errors first.

    Args:
        tokenizer: finds prompts that are too long, and items that are the same to the model.
        texts: for each item the (k, d) unit embeddings of its prompts; finds items hard to tell apart.
    """
    found = [*_lists(prompt_set), *_names(prompt_set), *_glued(prompt_set)]
    if tokenizer is not None:
        found += [*_too_long(prompt_set, tokenizer), *_same_tokens(prompt_set, tokenizer)]
    if texts is not None:
        named = {problem.item for problem in found if "same tokens" in problem.message}
        found += [problem for problem in _alike(prompt_set, texts) if problem.item not in named]
    return sorted(found, key=lambda problem: problem.severity != "error")


def _lists(prompt_set: PromptSet) -> Iterator[Problem]:
    if not prompt_set.items:
        yield Problem("error", "There are no items: write what the pictures can show.")
        return
    if all(item.negative for item in prompt_set.items):
        yield Problem("error", "All items are negative: no picture can be any of them.")
    elif len(prompt_set.items) == 1:
        yield Problem(
            "warning",
            "There is one item only, so every picture is it: add others, or a negative one.",
            prompt_set.names[0],
        )
    if all(item.templates for item in prompt_set.items):
        return
    for what, texts in (("prefixes", prompt_set.prefixes), ("postfixes", prompt_set.postfixes)):
        if not texts:
            yield Problem("warning", f'The list of {what} is empty, so none is added: write [""] when that is meant.')


def _names(prompt_set: PromptSet) -> Iterator[Problem]:
    owners: dict[str, int] = {}
    for number, item in enumerate(prompt_set.items):
        if not item.name.strip():
            yield Problem("error", "An item has no name.", item.name)
        if not all(word.strip() for word in item.synonyms):
            yield Problem("error", f"“{item.name}” has an empty synonym.", item.name)
        for key in dict.fromkeys(" ".join(word.casefold().split()) for word in item.words if word.strip()):
            owner = owners.setdefault(key, number)
            if owner != number:
                other = prompt_set.names[owner]
                yield Problem("error", f"“{key}” stands for two items, “{other}” and “{item.name}”.", item.name)


def _glued(prompt_set: PromptSet) -> Iterator[Problem]:
    """Prefixes, words and postfixes that run into each other; each prefix and postfix is named once."""
    words = [word for item in prompt_set.items if not item.templates for word in item.words if word]
    for prefix in dict.fromkeys(filter(None, prompt_set.prefixes)):
        example = next((word for word in words if _runs_on(prefix, word)), None)
        if example is not None:
            yield Problem(
                "warning", f"“{prefix}” and “{example}” make “{prefix}{example}”: a space is missing between them."
            )
    for postfix in dict.fromkeys(filter(None, prompt_set.postfixes)):
        example = next((word for word in words if _runs_on(word, postfix)), None)
        if example is not None:
            yield Problem(
                "warning", f"“{example}” and “{postfix}” make “{example}{postfix}”: a space is missing between them."
            )


def _runs_on(left: str, right: str) -> bool:
    before, after = left[-1], right[0]
    if ord(before) >= _FIRST_WIDE or ord(after) >= _FIRST_WIDE:
        return False
    return (before.isalnum() or before in _CLOSING) and after.isalnum()


def _too_long(prompt_set: PromptSet, tokenizer: Tokenizer) -> Iterator[Problem]:
    """A few items each by itself; of many, which is what a long postfix does, all in one."""
    limit = tokenizer.context_length
    found: list[tuple[PromptItem, int, int, int, str]] = []
    for item, prompts in zip(prompt_set.items, prompt_set.prompts(), strict=True):
        lengths = [len(tokenizer.tokens(prompt)) for prompt in prompts]
        over = sum(length > limit for length in lengths)
        if over:
            found.append((item, over, len(prompts), max(lengths), _short(prompts[int(np.argmax(lengths))])))
    if len(found) > _MOST_BY_ITEM:
        over, count = sum(one[1] for one in found), sum(one[2] for one in found)
        _, _, _, most, longest = max(found, key=lambda one: one[3])
        yield Problem(
            "warning",
            f"{over:,} of {count:,} prompts of {len(found):,} items are longer than the {limit} tokens the model reads "
            f"(up to {most}); the end is cut off: “{longest}”.",
        )
        return
    for item, over, count, most, longest in found:
        yield Problem(
            "warning",
            f"{over} of {count} prompts of “{item.name}” are longer than the {limit} tokens the model reads "
            f"(up to {most}); the end is cut off: “{longest}”.",
            item.name,
        )


def _same_tokens(prompt_set: PromptSet, tokenizer: Tokenizer) -> Iterator[Problem]:
    """Items that share a prompt, as far as the model reads it."""
    seen: dict[tuple[int, ...], PromptItem] = {}
    told: set[tuple[str, str]] = set()
    for item, prompts in zip(prompt_set.items, prompt_set.prompts(), strict=True):
        for prompt in prompts:
            tokens = list(tokenizer.tokens(prompt))
            cut = tokens if len(tokens) <= tokenizer.context_length else tokens[: tokenizer.context_length - 1]
            other = seen.setdefault(tuple(cut), item)
            if other is not item and (other.name, item.name) not in told:
                told.add((other.name, item.name))
                yield Problem(
                    "error",
                    f"“{item.name}” and “{other.name}” are the same tokens to the model, in “{_short(prompt)}”.",
                    item.name,
                )


def _alike(prompt_set: PromptSet, texts: Sequence[Float32]) -> Iterator[Problem]:
    means = np.stack([rows.mean(axis=0) for rows in texts]) if len(texts) else np.zeros((0, 1), np.float32)
    means /= np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-12)
    told = 0
    for first in range(len(means)):
        likeness = means[first + 1 :] @ means[first]
        for step in np.flatnonzero(likeness > LIKENESS):
            second = first + 1 + int(step)
            one, other = prompt_set.items[first], prompt_set.items[second]
            if (one.negative and other.negative) or told >= _MOST_NAMED:
                continue
            told += 1
            yield Problem(
                "warning",
                f"“{other.name}” and “{one.name}” look nearly the same to this model (likeness {likeness[step]:.3f}).",
                other.name,
            )


def _short(text: str, most: int = 80) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
