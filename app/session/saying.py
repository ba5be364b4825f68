"""What the Sort workspace says of its suggestions, in words."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication

from app.session.judging import Judged
from app.session.record import NONE, WORDS, Record
from app.session.trained import model_of


def where_from(record: Record, judged: Judged, trained_classes: int, *, seen: bool, looking: bool) -> str:
    """Where suggestions come from, in a sentence.

    Args:
        trained_classes: how many the trained classifier tells apart.
        seen: the model has looked at some pictures. looking: it is about to.
    """
    if record.source == NONE:
        return _tr("No suggestions: choose where they shall come from.")
    learned = judged.learned
    if learned is not None and learned.classes:
        text = _tr("Learned from what is sorted: %1 classes.").replace("%1", f"{len(learned.classes):,}")
        if learned.accuracy is not None:
            right = _tr("Tested on pictures held back, %1 are right.")
            text += " " + right.replace("%1", f"{learned.accuracy:.0%}")
        return text
    if model_of(record.source) is not None and judged.words is not None:
        return _tr("From a trained classifier of %1 classes.").replace("%1", f"{trained_classes:,}")
    if judged.words is not None and record.prompts is not None:
        return _tr("From the words of “%1”.").replace("%1", record.prompts.name)
    if record.source == WORDS and record.prompts is None:
        return _tr("Write prompts, or choose a set that ships with Winnow.")
    if not seen:
        return _tr("Looking at the pictures…") if looking else ""
    return _tr("Drag three pictures each into two classes, or write prompts: Winnow then suggests the rest.")


def stopped_after(count: int) -> str:
    """That a person has ended a move, and what it had done by then."""
    told = _tr("Stopped after one picture.") if count == 1 else _tr("Stopped after %n pictures.")
    return told.replace("%n", f"{count:,}") + " " + _tr("Undo takes back what has moved.")


def _tr(text: str) -> str:
    return QCoreApplication.translate("Sorting", text)
