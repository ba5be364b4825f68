"""The version of the program, in one place that a built program has too (a test holds pyproject.toml to it)."""

from __future__ import annotations

VERSION = "0.1.0"


def version() -> str:
    """The version, e.g. "0.1.0"."""
    return VERSION
