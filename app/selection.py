"""Which instances are chosen in one view of a document. View state: never stored, never undone."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import QObject, Signal

from app.document import Document


class Selection(QObject):
    """The chosen instances in the order they were chosen; forgets those that leave the document."""

    changed = Signal()

    def __init__(self, document: Document | None = None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._ids: tuple[str, ...] = ()
        self._document: Document | None = None
        self.set_document(document)

    @property
    def ids(self) -> tuple[str, ...]:
        return self._ids

    def __contains__(self, instance_id: str) -> bool:
        return instance_id in self._ids

    def set_document(self, document: Document | None) -> None:
        """Looks at another picture; nothing is chosen there yet."""
        if self._document is not None:
            self._document.removed.disconnect(self._forget)
        self._document = document
        if document is not None:
            document.removed.connect(self._forget)
        self.clear()

    def set(self, ids: Iterable[str]) -> None:
        chosen = tuple(dict.fromkeys(ids))
        if chosen != self._ids:
            self._ids = chosen
            self.changed.emit()

    def toggle(self, instance_id: str) -> None:
        if instance_id in self._ids:
            self.set(i for i in self._ids if i != instance_id)
        else:
            self.set((*self._ids, instance_id))

    def clear(self) -> None:
        self.set(())

    def _forget(self, ids: list[str]) -> None:
        gone = frozenset(ids)
        self.set(i for i in self._ids if i not in gone)
