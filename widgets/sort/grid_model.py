"""The pictures of the grid in the order they are shown in, with what is suggested for each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, Qt, QTimer

from app.library import ThumbnailService
from app.library.roles import Role, shown_name
from inference.errors import AppError
from widgets.sort.grid_layout import Section

Index = QModelIndex | QPersistentModelIndex
_GATHER_MS = 30
_FLAGS = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemIsDragEnabled
CaptionRole = Qt.ItemDataRole.UserRole + 40  # Caption | None
BadgeRole = Qt.ItemDataRole.UserRole + 41  # str: an icon's name, "" for none
FactsRole = Qt.ItemDataRole.UserRole + 42  # str: one line of facts, "" while unknown


@dataclass(frozen=True, slots=True)
class Caption:
    """What a tile says: a class with its colour and a share, strongly or (`sure=False`) with doubt."""

    text: str
    color: str
    share: float | None = None
    sure: bool = True


class GridModel(QAbstractListModel):
    """Rows are image ids. Asks `caption`, `badge` and `facts` while a tile is painted, so they must be quick."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._ids: list[str] = []
        self._rows: dict[str, int] = {}
        self.sections: tuple[Section, ...] = ()
        self._thumbnails: ThumbnailService | None = None
        self._folder = Path()
        self.caption: Callable[[str], Caption | None] = lambda _id: None
        self.badge: Callable[[str], str] = lambda _id: ""
        self.facts: Callable[[str], str] = lambda _id: ""
        self._ready: list[str] = []
        self._soon = QTimer(self, singleShot=True, interval=_GATHER_MS)
        self._soon.timeout.connect(self._tell_ready)

    def set_source(self, folder: Path, thumbnails: ThumbnailService | None) -> None:
        """Another folder's pictures come; those of the last one go."""
        if self._thumbnails is not None:
            self._thumbnails.ready.disconnect(self._on_ready)
        self.show([], ())
        self._folder, self._thumbnails = folder, thumbnails
        self._ready.clear()
        if thumbnails is not None:
            thumbnails.ready.connect(self._on_ready)

    def show(self, ids: Sequence[str], sections: Sequence[Section]) -> None:
        """Shows these, in this order."""
        self.beginResetModel()
        self._ids = list(ids)
        self._rows = {image_id: row for row, image_id in enumerate(self._ids)}
        self.sections = tuple(sections) if ids else ()
        self.endResetModel()

    def repaint(self, ids: Iterable[str] | None = None) -> None:
        """What is said of these pictures (None: of all) is another now."""
        if ids is None:
            if self._ids:
                self.dataChanged.emit(self.index(0), self.index(len(self._ids) - 1))
            return
        for image_id in ids:
            row = self._rows.get(image_id)
            if row is not None:
                self.dataChanged.emit(self.index(row), self.index(row))

    def ids(self) -> list[str]:
        return self._ids

    def image_id(self, row: int) -> str:
        return self._ids[row]

    def row_of(self, image_id: str) -> int:
        """-1 when it is not shown."""
        return self._rows.get(image_id, -1)

    def want(self, rows: Iterable[int]) -> None:
        """Thumbnails of these rows are made first."""
        if self._thumbnails is not None:
            self._thumbnails.want(self._ids[row] for row in rows)

    # What Qt asks ---------------------------------------------------------------------------------------------------

    def rowCount(self, parent: Index = QModelIndex()) -> int:
        return 0 if parent.isValid() else len(self._ids)

    def flags(self, index: Index) -> Qt.ItemFlag:
        return _FLAGS if index.isValid() else Qt.ItemFlag.NoItemFlags

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid() or index.row() >= len(self._ids):
            return None
        image_id = self._ids[index.row()]
        reader = _READERS.get(role)
        return None if reader is None else reader(self, image_id)

    # Within ---------------------------------------------------------------------------------------------------------

    def thumbnail(self, image_id: str) -> Any:
        return None if self._thumbnails is None else self._thumbnails.get(image_id)

    def problem(self, image_id: str) -> AppError | None:
        return None if self._thumbnails is None else self._thumbnails.problem(image_id)

    def spoken(self, image_id: str) -> str:
        caption = self.caption(image_id)
        return shown_name(image_id) if caption is None else f"{shown_name(image_id)}, {_said(caption)}"

    def tip(self, image_id: str) -> str:
        caption, problem = self.caption(image_id), self.problem(image_id)
        lines = [image_id.encode("utf-8", "replace").decode(), self.facts(image_id)]
        lines.append(_said(caption) if caption is not None else "")
        lines.append(f"{problem.message} {problem.remedy or ''}".strip() if problem is not None else "")
        return "\n".join(line for line in lines if line)

    def _on_ready(self, image_id: str) -> None:
        self._ready.append(image_id)
        if not self._soon.isActive():
            self._soon.start()

    def _tell_ready(self) -> None:
        ready, self._ready = self._ready, []
        self.repaint(ready)


def _said(caption: Caption) -> str:
    return caption.text if caption.share is None else f"{caption.text} {caption.share:.0%}"


_READERS: dict[int, Callable[[GridModel, str], Any]] = {
    Qt.ItemDataRole.DisplayRole: lambda _model, i: shown_name(i),
    Qt.ItemDataRole.DecorationRole: lambda model, i: model.thumbnail(i),
    Qt.ItemDataRole.ToolTipRole: lambda model, i: model.tip(i),
    Qt.ItemDataRole.AccessibleTextRole: lambda model, i: model.spoken(i),
    Role.ID: lambda _model, i: i,
    Role.NAME: lambda _model, i: shown_name(i),
    Role.PROBLEM: lambda model, i: model.problem(i),
    Role.MISSING: lambda _model, _i: False,
    CaptionRole: lambda model, i: model.caption(i),
    BadgeRole: lambda model, i: model.badge(i),
    FactsRole: lambda model, i: model.facts(i),
}
