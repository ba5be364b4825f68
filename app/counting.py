"""Texts with a number in them: one thing, several things."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication

Counted = tuple[str, str]
"""A text for one, and one with %n for any other number; both marked with QT_TRANSLATE_NOOP where they are declared."""


def counted(context: str, texts: Counted, count: int) -> str:
    """The text for so many things, in the person's language; one with more forms than two has them for the second."""
    one, many = texts
    if count == 1:
        return QCoreApplication.translate(context, one)
    return QCoreApplication.translate(context, many, None, count)
