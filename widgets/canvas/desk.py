"""`Desk`: what the tools work with. The canvas owns one; tools see picture, document and session through it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from PySide6.QtCore import QObject, QPointF, QRectF, Qt, Signal

from app.document import Document
from app.instance import Instance
from app.labels import ClassList
from app.patches import contains
from app.selection import Selection
from app.session.edits import SelectionEdits
from app.session.everything import EverythingSession
from app.session.prompting import PromptSession
from app.session.words import WordsSession
from inference.errors import AppError
from inference.masks import Mask
from widgets.canvas import shapes
from widgets.canvas.overlay import Overlay
from widgets.canvas.view import View

T = TypeVar("T")


@dataclass(frozen=True)
class Touch:
    """One event of the pointer, or of the keys that stand for it.

    Attributes:
        at: image pixels, not clamped.
        spot: widget coordinates.
        button: the one that went down or up; NoButton for a move.
    """

    at: QPointF
    spot: QPointF
    button: Qt.MouseButton = Qt.MouseButton.NoButton
    modifiers: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier

    @property
    def shift(self) -> bool:
        return bool(self.modifiers & Qt.KeyboardModifier.ShiftModifier)

    @property
    def control(self) -> bool:
        return bool(self.modifiers & Qt.KeyboardModifier.ControlModifier)

    @property
    def alt(self) -> bool:
        return bool(self.modifiers & Qt.KeyboardModifier.AltModifier)

    @property
    def left(self) -> bool:
        return self.button == Qt.MouseButton.LeftButton

    @property
    def right(self) -> bool:
        return self.button == Qt.MouseButton.RightButton


class Desk(QObject):
    """Signals are the canvas's own; `repaint` asks for a paint event."""

    repaint = Signal()
    message = Signal(str)
    failed = Signal(object)
    created = Signal(list)
    undo_changed = Signal()
    menu_wanted = Signal(QPointF)
    tool_wanted = Signal(str)
    """What was begun with one tool goes on with another."""
    masks_wanted = Signal()
    """Something is edited by hand: masks that are hidden have to be seen."""

    def __init__(self, view: View, overlay: Overlay, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.view, self.overlay = view, overlay
        self.document: Document | None = None
        self.selection = Selection(parent=self)
        self.session: PromptSession | None = None
        self.everything: EverythingSession | None = None
        self.words: WordsSession | None = None
        self.classes: ClassList | None = None
        self.current_class: int | None = None
        self.brush_size = 24.0
        self.lasso_as_prompt = False
        self.masks_hidden = False

    def edits(self) -> SelectionEdits | None:
        """What can be done to the selection; None without a picture."""
        if self.document is None:
            return None
        return SelectionEdits(self.document, self.selection, self.classes, self.message.emit)

    def writable(self) -> SelectionEdits | None:
        """As `edits`, but None, after a word to the person, where nothing can be changed."""
        if self.document is not None and self.document.read_only:
            self.message.emit(self.document.read_only_reason or self.tr("This picture is read-only."))
            return None
        return self.edits()

    def attempt(self, edit: Callable[[], T]) -> T | None:
        """Carries out an edit; what the document refuses is shown."""
        self.masks_wanted.emit()
        try:
            return edit()
        except AppError as error:
            self.failed.emit(error)
            return None

    def add(self, draw: Callable[[], list[str]]) -> list[str]:
        """Carries out an edit that adds instances, and tells their ids."""
        ids = self.attempt(draw) or []
        if ids:
            self.created.emit(ids)
        return ids

    def asking(self) -> PromptSession | None:
        """The session, ready for a prompt; None, after a word to the person, where it is not."""
        if self.document is None or self.session is None or self.writable() is None:
            return None
        return self.session

    def offered_shape(self, mask: Mask) -> shapes.Shape:
        """A mask that is only offered, as it is drawn at the present zoom; what is known of it while that is traced."""
        known, seen = self.overlay.shapes, self.view.visible()
        if seen.isEmpty():
            seen = QRectF(0, 0, 1, 1)
        key = shapes.key_of(mask, shapes.level_for(self.view.device_scale), seen)
        return known.get(key, patient=True) or known.similar(mask) or shapes.NOTHING

    def topmost(self, at: QPointF, below: str | None = None) -> Instance | None:
        """The visible instance at an image point; with `below`, the next one underneath that one."""
        if self.document is None or self.masks_hidden:
            return None
        hits = [i for i in reversed(self.document.instances) if i.visible and contains(i.mask, at.x(), at.y())]
        if below is not None and any(i.id == below for i in hits):
            place = next(n for n, i in enumerate(hits) if i.id == below)
            return hits[(place + 1) % len(hits)]
        return hits[0] if hits else None

    def primary(self) -> Instance | None:
        """The instance selected last."""
        edits = self.edits()
        return None if edits is None else edits.primary()
