"""File names that every system can hold: confined, without reserved characters, without collisions."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable
from pathlib import PurePosixPath

# Windows forbids these anywhere in a name, and reserves the device names with any suffix. Surrogates stand for bytes
# of a name that is not UTF-8.
_FORBIDDEN = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f\ud800-\udfff]')
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?", re.IGNORECASE)
_LONGEST = 150  # bytes; leaves room for suffixes within the 255 that file systems allow


def safe(name: str) -> str:
    """One path component from any text: never empty, never `..`, at most 150 bytes of UTF-8."""
    cleaned = _FORBIDDEN.sub("_", unicodedata.normalize("NFC", name)).rstrip(". ").lstrip(" ")
    if not cleaned.strip("._ "):
        cleaned = "_" * max(1, len(cleaned))
    if _RESERVED.fullmatch(cleaned):
        cleaned = "_" + cleaned
    encoded = cleaned.encode("utf-8")
    if len(encoded) <= _LONGEST:
        return encoded.decode("utf-8")
    digest = hashlib.blake2b(encoded, digest_size=4).hexdigest()
    return encoded[: _LONGEST - 9].decode("utf-8", "ignore") + "-" + digest


def stems(image_ids: Iterable[str], *, flat: bool) -> dict[str, str]:
    """A distinct name without suffix for every picture.

    Args:
        image_ids: relative posix paths.
        flat: join subfolders into the name (`a/b.jpg` gives `a_b`) instead of keeping them (`a/b`).

    Two pictures whose names differ only in suffix, in case or in what `safe` replaces get `-2`, `-3` …, in the order
    of their ids, so the same pictures always get the same names.
    """
    taken: set[str] = set()
    result = {}
    for image_id in sorted(image_ids):
        pieces = [safe(p) for p in PurePosixPath(image_id).with_suffix("").parts if p not in ("/", "..", ".")]
        # Flat names stand in lists of names, which many readers split at spaces.
        wish = safe("_".join("_".join(pieces).split())) if flat else "/".join(pieces)
        wish = wish or "_"
        name, number = wish, 2
        while name.casefold() in taken:
            name, number = f"{wish}-{number}", number + 1
        taken.add(name.casefold())
        result[image_id] = name
    return result


def distinct(names: Iterable[str]) -> list[str]:
    """Safe names in the same order, `-2` … added where two would be the same file."""
    taken: set[str] = set()
    result = []
    for wish in map(safe, names):
        name, number = wish, 2
        while name.casefold() in taken:
            name, number = f"{wish}-{number}", number + 1
        taken.add(name.casefold())
        result.append(name)
    return result
