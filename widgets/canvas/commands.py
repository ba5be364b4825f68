"""The slots of the canvas that change instances. Each delegates to the selection's edits or to the prompt session."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QPoint, QPointF, QRectF
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QWidget

from app import clipboard
from app.document import Document
from app.instance import Instance
from app.patches import bounding
from app.texts import QT_TRANSLATE_NOOP, counted
from widgets.canvas.desk import Desk
from widgets.canvas.tools.base import Tool
from widgets.canvas.view import View

_COPIED = QT_TRANSLATE_NOOP("Canvas", "Copied one instance."), QT_TRANSLATE_NOOP("Canvas", "Copied %n instances.")


class CanvasCommands(QWidget):
    """Half of `Canvas`: what the window's actions call. Everything here is at most one undoable command."""

    desk: Desk
    view: View

    # Suggestion, undo --------------------------------------------------------------------------------------------

    def accept(self) -> None:
        """Enter or F: finishes what the tool has half done, else accepts the suggestion."""
        session = self.desk.session
        if self._current_tool().finish() or session is None:
            return
        if self.desk.writable() is not None and session.active:
            session.accept(self.desk.current_class)

    def next_candidate(self) -> None:
        if self.desk.session is not None:
            self.desk.session.next_candidate()

    def drop(self) -> None:
        """Esc: the half-done stroke or polygon, then the prompts, then the selection."""
        tool, session = self._current_tool(), self.desk.session
        if tool.busy:
            tool.cancel()
        elif session is not None and session.active:
            session.drop()
        elif not tool.cancel():
            self.desk.selection.clear()
        self.desk.undo_changed.emit()
        self.update()

    def undo(self) -> None:
        """The tool's last step, then the last prompt, then the document's last command."""
        document, session = self.desk.document, self.desk.session
        if self._current_tool().undo():
            return
        if session is not None and session.can_undo:
            session.undo_prompt()
        elif session is not None and session.target is not None:
            session.drop()
        elif document is not None:
            if session is not None:
                session.drop()
            self._step(document, document.undo_stack.undo)

    def redo(self) -> None:
        document, session = self.desk.document, self.desk.session
        if session is not None and session.can_redo:
            session.redo_prompt()
        elif document is not None and not (session is not None and session.active):
            self._step(document, document.undo_stack.redo)

    def can_undo(self) -> bool:
        document, session = self.desk.document, self.desk.session
        prompts = session is not None and (session.can_undo or session.target is not None)
        return self._current_tool().busy or prompts or (document is not None and document.undo_stack.canUndo())

    def can_redo(self) -> bool:
        document, session = self.desk.document, self.desk.session
        if session is not None and (session.can_redo or session.active):
            return session.can_redo
        return document is not None and document.undo_stack.canRedo()

    def undo_text(self) -> str:
        """What `undo` would take back."""
        session = self.desk.session
        if self._current_tool().busy or (session is not None and (session.can_undo or session.target is not None)):
            return self.tr("Prompt") if not self._current_tool().busy else self.tr("Drawing")
        return "" if self.desk.document is None else self.desk.document.undo_stack.undoText()

    def redo_text(self) -> str:
        session = self.desk.session
        if session is not None and session.can_redo:
            return self.tr("Prompt")
        return "" if self.desk.document is None else self.desk.document.undo_stack.redoText()

    # Selection ---------------------------------------------------------------------------------------------------

    def selected_instances(self) -> list[Instance]:
        """Bottom to top."""
        edits = self.desk.edits()
        return [] if edits is None else edits.chosen

    @property
    def writable(self) -> bool:
        """Whether the document takes edits."""
        return self.desk.document is not None and not self.desk.document.read_only

    def select_all(self) -> None:
        edits = self.desk.edits()
        if edits is not None:
            edits.select_all()

    def delete_selected(self) -> None:
        """A vertex under the pointer first, else the selected instances."""
        if not self._current_tool().delete():
            self._edit("delete")

    def duplicate(self) -> None:
        edits = self.desk.writable()
        if edits is not None:
            self.desk.add(edits.duplicate)

    def copy(self) -> None:
        edits = self.desk.edits()
        mime = None if edits is None else edits.copied()
        if mime is not None:
            QGuiApplication.clipboard().setMimeData(mime)
            self.desk.message.emit(counted("Canvas", _COPIED, len(self.desk.selection.ids)))

    def cut(self) -> None:
        if self.desk.writable() is not None and self.desk.selection.ids:
            self.copy()
            self._edit("delete")

    def can_paste(self) -> bool:
        return clipboard.holds_instances(QGuiApplication.clipboard().mimeData())

    def paste(self) -> None:
        edits = self.desk.writable()
        mime = QGuiApplication.clipboard().mimeData()
        if edits is None:
            return
        if not clipboard.holds_instances(mime):
            self.desk.message.emit(self.tr("There are no instances to paste."))
            return
        self.desk.add(lambda: edits.paste(mime))

    def union(self) -> None:
        self._edit("union")

    def subtract(self) -> None:
        self._edit("subtract")

    def intersect(self) -> None:
        self._edit("intersect")

    def fill_holes(self) -> None:
        self._edit("fill_holes")

    def split_parts(self) -> None:
        self._edit("split_parts")

    def edit_as_polygon(self) -> None:
        """Vertices, about as close as the screen shows them now; then the select tool is there to drag them."""
        edits = self.desk.writable()
        tolerance = min(max(1.2 / self.view.device_scale, 0.75), 8.0)
        if edits is not None and self.desk.attempt(lambda: edits.edit_as_polygon(tolerance)):
            self.set_tool("select")

    def toggle_locked(self) -> None:
        self._edit("toggle_locked")

    def toggle_visible(self) -> None:
        self._edit("toggle_visible")

    def raise_selected(self) -> None:
        self._restack(up=True)

    def lower_selected(self) -> None:
        self._restack(up=False)

    def assign_class(self, class_id: int | None) -> None:
        """To the suggestion while there is one, else to what is selected; and to what is made from now on."""
        self.set_class(class_id)
        session, edits = self.desk.session, self.desk.edits()
        asking = session is not None and session.active
        if not asking and edits is not None and self.desk.selection.ids and self.desk.writable() is not None:
            self.desk.attempt(lambda: edits.assign_class(class_id))

    def refine(self) -> None:
        """Takes the selected instance up again: clicks change its mask until it is accepted or dropped."""
        chosen, session = self.desk.primary(), self.desk.asking()
        if session is None:
            return
        if chosen is None:
            self.desk.message.emit(self.tr("Select an instance first (V)."))
        elif session.refine(chosen):
            self.set_tool("points")

    def nudge(self, dx: int, dy: int) -> None:
        edits = self.desk.writable()
        if edits is not None:
            self.desk.attempt(lambda: edits.move(dx, dy))

    # Places ------------------------------------------------------------------------------------------------------

    def zoom_to_selection(self) -> None:
        """What is selected, else what is suggested, else the whole picture."""
        session = self.desk.session
        masks = [i.mask for i in self.selected_instances()]
        if not masks and session is not None and session.suggestion is not None and session.suggestion.mask is not None:
            masks = [session.suggestion.mask]
        x, y, width, height = bounding([m.bbox for m in masks])
        if width:
            self.zoom_to(QRectF(x, y, width, height))
        else:
            self.fit()

    def anchor(self, instance_id: str) -> QPoint:
        """Below an instance, inside the canvas: a place for a label popup. The middle for an unknown one."""
        instance = None if self.desk.document is None else self.desk.document.get(instance_id)
        if instance is None:
            return self.rect().center()
        x, y, width, height = instance.mask.bbox
        at = self.view.to_view(x + width / 2, y + height) + QPointF(0, 8)
        return QPoint(
            round(min(max(at.x(), 16), max(self.width() - 200, 16))),
            round(min(max(at.y(), 16), max(self.height() - 120, 16))),
        )

    # What the other half has -------------------------------------------------------------------------------------

    def _current_tool(self) -> Tool:
        raise NotImplementedError

    def set_tool(self, name: str) -> None:
        raise NotImplementedError

    def set_class(self, class_id: int | None) -> None:
        raise NotImplementedError

    def zoom_to(self, rect: QRectF) -> None:
        raise NotImplementedError

    def fit(self) -> None:
        raise NotImplementedError

    def _edit(self, name: str) -> None:
        edits = self.desk.writable()
        if edits is not None:
            self.desk.attempt(getattr(edits, name))

    def _step(self, document: Document, step: Callable[[], object]) -> None:
        """Back or forth; instances that come back are selected, as they were when they went."""
        before = {i.id for i in document.instances}
        step()
        back = [i.id for i in document.instances if i.id not in before]
        if back:
            self.desk.selection.set(back)

    def _restack(self, *, up: bool) -> None:
        edits = self.desk.writable()
        if edits is not None:
            self.desk.attempt(lambda: edits.restack(up=up))
