"""Words that the built-in model has not learned: said with the model that knows any word, fetched at a click."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from PySide6.QtCore import QCoreApplication

from app.session.shelf import Shelf
from widgets.message_bar import MessageBar
from widgets.parts import bytes_text

OFFERED = "vit-b-32-openai"
_NAMED = 5


def tell(words: Sequence[str], bar: MessageBar, shelf: Shelf, models_wanted: Callable[[], object]) -> None:
    """Says so in the bar; offers to get the larger model, or to use it where it is there."""
    shown = ", ".join(f"“{word}”" for word in words[:_NAMED]) + ("…" if len(words) > _NAMED else "")
    text = _tr("The built-in model has not learned %1.").replace("%1", shown)
    remedy = _tr("A larger model knows any word. Sorting by example works with every model.")
    if any(message.text == text for message in bar.messages):
        return
    note = bar.show_message("warning", text, remedy)
    spec = shelf.spec(OFFERED)
    if spec is None or shelf.fetching(OFFERED) is not None:
        return
    if shelf.installed(spec):
        note.offer(_tr("Use %1").replace("%1", spec.title), partial(shelf.use, OFFERED))
        return
    size = bytes_text(spec.size_bytes)
    note.offer(_tr("Get %1 (%2)").replace("%1", spec.title).replace("%2", size), partial(shelf.fetch_and_use, OFFERED))
    note.offer(_tr("All models…"), models_wanted)


def _tr(text: str) -> str:
    return QCoreApplication.translate("Unlearned", text)
