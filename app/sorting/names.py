"""Names of files and class folders that are the same on no system and free on every one."""

from __future__ import annotations

import os
import re
import unicodedata

from inference.errors import UsageError

LONGEST = 255  # bytes of one name on nearly every file system
_COUNTED = re.compile(r"^(?P<stem>.*) \((?P<number>[0-9]{1,6})\)$", re.DOTALL)
_FORBIDDEN = frozenset('<>:"|?*\\/')
_DEVICES = frozenset(
    ("con", "prn", "aux", "nul", *(f"com{n}" for n in range(1, 10)), *(f"lpt{n}" for n in range(1, 10)))
)


def fold(name: str) -> str:
    """Equal for names that some file system takes for one: without case, composed."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def numbered(stem: str, number: int, room: int) -> str:
    """The stem with a number after it: "cat" and "cat (7)" with 2 give "cat (2)"; cut to `room` bytes."""
    if (match := _COUNTED.match(stem)) is not None:
        stem = match["stem"]
    ending = f" ({number})"
    while len(os.fsencode(stem + ending)) > room and stem:
        stem = stem[:-1]
    return stem + ending


def first_number(stem: str) -> int:
    """Where counting goes on: 8 for "cat (7)", 2 for "cat"."""
    match = _COUNTED.match(stem)
    return int(match["number"]) + 1 if match is not None else 2


def class_name(text: str) -> str:
    """A class as a person wrote it, nested ones with slashes, as the relative path of its folder.

    Raises UsageError for what cannot be a folder's name on every system, so that sorted folders can be passed on.
    """
    parts = [unicodedata.normalize("NFC", part.strip()) for part in text.strip().strip("/").split("/")]
    for part in parts:
        _require_usable(part, text)
    return "/".join(parts)


def _require_usable(part: str, text: str) -> None:
    problem = None
    if not part:
        problem = "it is empty"
    elif bad := sorted({c for c in part if c in _FORBIDDEN or ord(c) < 32 or ord(c) == 127}):
        problem = "it has characters that folders cannot have: " + " ".join(map(ascii, bad))
    elif part.startswith("."):
        problem = "names that begin with a dot are hidden"
    elif part.endswith("."):
        problem = "Windows drops the dot at its end"
    elif part.split(".")[0].casefold() in _DEVICES:
        problem = "Windows keeps this name for itself"
    elif len(os.fsencode(part)) > LONGEST:
        problem = "it is too long"
    if problem is not None:
        raise UsageError(f"“{text.strip()}” cannot be the name of a class: {problem}.", remedy="Choose another name.")
