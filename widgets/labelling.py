"""Which class things get: the current class, the keys 1 to 9, and the small field that asks at a new mask."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal

from app.document import Document
from app.labels import ClassList
from app.selection import Selection
from app.session.prompting import PromptSession
from app.settings import Settings
from widgets.canvas import Canvas
from widgets.label_popup import LabelPopup
from widgets.panels.classes import ClassesPanel
from widgets.parts import reported


class Labelling(QObject):
    """Joins canvas, classes panel and popup; holds no state but the instances that were just made."""

    failed = Signal(object)
    message = Signal(str)

    def __init__(
        self,
        canvas: Canvas,
        session: PromptSession,
        selection: Selection,
        panel: ClassesPanel,
        popup: LabelPopup,
        settings: Settings,
    ) -> None:
        super().__init__(canvas)
        self._canvas, self._session, self._selection = canvas, session, selection
        self._panel, self._popup, self._settings = panel, popup, settings
        self._document: Document | None = None
        self._classes: ClassList | None = None
        self._new: set[str] = set()
        panel.current_changed.connect(canvas.set_class)
        panel.assign.connect(self.assign)
        session.accepted.connect(lambda instance_id: self._on_made([instance_id]))
        canvas.created.connect(self._on_made)
        popup.chosen.connect(self._name)
        popup.dismissed.connect(canvas.setFocus)

    def set_document(self, document: Document | None, classes: ClassList | None) -> None:
        if self._document is not None:
            self._document.added.disconnect(self._on_added)
        self._document, self._classes = document, classes
        self._new.clear()
        self._popup.hide()
        if document is not None:
            document.added.connect(self._on_added)

    def use_hotkey(self, key: str) -> None:
        """A digit: the class with this hot-key becomes the current one, and the selected instances get it."""
        found = self._classes.by_hotkey(key) if self._classes is not None else None
        if found is None:
            self.message.emit(self.tr("No class has the hot-key %1.").replace("%1", key))
            return
        self._panel.set_current(found.id)
        if not self._session.active:
            self.assign(found.id)

    def clear_class(self) -> None:
        """New instances get no class, and the selected ones lose theirs."""
        self._panel.set_current(None)
        if not self._session.active:
            self.assign(None)

    def assign(self, class_id: int | None) -> None:
        """Gives the selected instances a class."""
        if self._document is not None and self._selection.ids:
            with reported(self.failed):
                self._document.set_class(self._selection.ids, class_id)

    def _on_added(self, ids: list[str]) -> None:
        self._new = set(ids)

    def _on_made(self, ids: list[str]) -> None:
        """An instance was accepted or drawn: asks for its class where that is wanted."""
        made = [i for i in ids if i in self._new]
        self._new.clear()
        document = self._document
        instance = document.get(made[-1]) if document is not None and made else None
        if instance is None or self._classes is None:
            return
        unknown = instance.class_id is None and bool(self._settings.get("labels.ask"))
        if unknown or self._settings.get("labels.always_ask"):
            at = self._popup.place(self._canvas, self._canvas.anchor(instance.id))
            self._popup.ask(instance.id, at, self._classes.all())

    def _name(self, instance_id: str, name: str) -> None:
        document, classes = self._document, self._classes
        if document is None or classes is None:
            return
        with reported(self.failed):
            chosen = classes.ensure(name)
            self._panel.set_current(chosen.id)
            if document.get(instance_id) is not None:
                document.set_class([instance_id], chosen.id)
        self._canvas.setFocus()
