"""Prompt sets: the words that pictures are sorted by. No torch, no Qt.

A file is the `config.json` that others use, `{"prefixes": […], "items": […], "postfixes": […]}`: every prompt is a
prefix, an item and a postfix put together as they stand, spaces and all. Ours may say more: an item may be an object
with synonyms, templates of its own, a threshold, or be negative ("none of these"), and the set says how an item's
prompts count together.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from inference import paths
from inference.errors import FormatError, StorageError
from inference.prompt_checks import Problem, Tokenizer, problems
from inference.prompt_items import AGGREGATES, PLACE, Aggregate, PromptItem, PromptSet

__all__ = [
    "AGGREGATES", "MOST_PROMPTS", "Aggregate", "Problem", "PromptItem", "PromptSet", "Tokenizer", "bundled", "find",
    "from_json", "load", "problems", "save",
]  # fmt: skip

MOST_PROMPTS = 100_000
_ITEM_KEYS = {"name", "synonyms", "templates", "negative", "threshold"}
_SHAPE = 'Write {"prefixes": ["a photo of a "], "items": ["cat", "dog"], "postfixes": [""]}.'


def load(path: str | Path) -> PromptSet:
    """Reads a prompt set. FormatError when the file is missing, unreadable or no prompt set."""
    file = paths.typed(path)
    try:
        data = json.loads(file.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        known = ", ".join(bundled())
        raise FormatError(
            "There is no such prompt set.", path, f"Name a file, or one that ships with Winnow: {known}."
        ) from None
    except OSError as error:
        raise FormatError(
            f"The prompt set cannot be read ({error.strerror or error}).", path, "Check the path."
        ) from error
    except RecursionError as error:
        raise FormatError("The prompt set is no sound JSON.", path, _SHAPE) from error
    except ValueError as error:
        raise FormatError(f"The prompt set is no sound JSON ({error}).", path, _SHAPE) from error
    return from_json(data, path)


def find(wish: str | Path) -> PromptSet:
    """A set that ships with Winnow by its name, or else a file."""
    file = bundled().get(str(wish))
    return load(wish if file is None else file)


def save(prompt_set: PromptSet, path: str | Path) -> None:
    """Writes beside and renames. StorageError when that fails."""
    file = paths.typed(path)
    beside = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        try:
            beside.write_text(json.dumps(prompt_set.to_json(), ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
            beside.replace(file)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        why = error.strerror or str(error)
        raise StorageError(f"The prompt set cannot be written ({why}).", file, "Choose another place.") from error


def bundled() -> dict[str, Path]:
    """The sets that ship with Winnow: name to file."""
    return {file.stem: file for file in sorted(paths.resource("prompt_sets").glob("*.json"))}


def from_json(data: Any, path: str | Path | None = None) -> PromptSet:
    """The prompt set of a file's content. FormatError naming what is wrong and `path`.

    Lists may be missing or empty (`problems` speaks of that); what has the wrong type, or would make more prompts than
    anyone can want, is refused.
    """
    if not isinstance(data, Mapping):
        raise FormatError("A prompt set is an object with prefixes, items and postfixes.", path, _SHAPE)
    if not any(key in data for key in ("prefixes", "items", "postfixes")):
        raise FormatError("This file has neither prefixes nor items nor postfixes.", path, _SHAPE)
    aggregate = data.get("aggregate", "mean")
    if aggregate not in AGGREGATES:
        raise FormatError(f"“aggregate” is {aggregate!r}.", path, f"Write one of {', '.join(AGGREGATES)}.")
    raw = data.get("items", [])
    if not isinstance(raw, list):
        raise FormatError("“items” is no list.", path, _SHAPE)
    name = data.get("name") or (Path(path).stem if path is not None else "prompts")
    if not isinstance(name, str):
        raise FormatError("“name” is no text.", path, "Write the name in quotes, or leave it out.")
    made = PromptSet(
        name,
        _texts(data.get("prefixes", []), "prefixes", path),
        tuple(_item(entry, number, path) for number, entry in enumerate(raw, 1)),
        _texts(data.get("postfixes", []), "postfixes", path),
        aggregate,
    )
    if made.count > MOST_PROMPTS:
        raise FormatError(
            f"The set makes {made.count:,} prompts; {MOST_PROMPTS:,} are the most.",
            path,
            "Use fewer prefixes or postfixes.",
        )
    return made


def _item(entry: Any, number: int, path: str | Path | None) -> PromptItem:
    if isinstance(entry, str):
        return PromptItem(entry)
    if not isinstance(entry, Mapping) or not isinstance(entry.get("name"), str):
        raise FormatError(f"Item {number} is neither a text nor an object with a name.", path, _SHAPE)
    where = f"item “{entry['name']}”"
    strange = sorted(set(map(str, entry)) - _ITEM_KEYS)
    if strange:
        raise FormatError(
            f"{where} has “{strange[0]}”, which nobody knows.", path, f"Known: {', '.join(sorted(_ITEM_KEYS))}."
        )
    negative, threshold = entry.get("negative", False), entry.get("threshold")
    if not isinstance(negative, bool):
        raise FormatError(f"“negative” of {where} is neither true nor false.", path, "Write true or leave it out.")
    number_given = isinstance(threshold, (int, float)) and not isinstance(threshold, bool)
    if threshold is not None and not (number_given and 0 <= threshold <= 1):
        raise FormatError(f"The threshold of {where} is no number from 0 to 1.", path, "Write for example 0.5.")
    templates = _texts(entry.get("templates", []), f"templates of {where}", path)
    for template in templates:
        if PLACE not in template:
            raise FormatError(
                f"The template “{template}” of {where} has no {PLACE}.", path, f"Write {PLACE} for the word."
            )
    return PromptItem(
        entry["name"],
        _texts(entry.get("synonyms", []), f"synonyms of {where}", path),
        templates,
        negative,
        None if threshold is None else float(threshold),
    )


def _texts(value: Any, what: str, path: str | Path | None) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise FormatError(f"“{what}” is no list of texts.", path, _SHAPE)
    return tuple(value)
