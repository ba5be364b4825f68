"""Texts for the person: marked where they are declared, translated where they are shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication

if TYPE_CHECKING:

    def QT_TRANSLATE_NOOP(context: str, text: str) -> str:  # noqa: ARG001
        """Qt's marker for lupdate gives back the text; its stub says object."""
        return text

else:
    from PySide6.QtCore import QT_TRANSLATE_NOOP

__all__ = ["QT_TRANSLATE_NOOP", "Counted", "counted"]

Counted = tuple[str, str]
"""A text for one thing, and one with %n for any other number of them."""


def counted(context: str, texts: Counted, count: int) -> str:
    """The text for so many things, in the person's language; one with more forms than two has them for the second."""
    one, many = texts
    if count == 1:
        return QCoreApplication.translate(context, one)
    return QCoreApplication.translate(context, many, None, count)
