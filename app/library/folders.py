"""`FolderModel`: the subfolders of a project as a tree with how many pictures each holds."""

from __future__ import annotations

from bisect import bisect
from collections import Counter

from PySide6.QtCore import QObject, Qt, QTimer
from PySide6.QtGui import QStandardItem, QStandardItemModel

from app.library.model import ImageModel
from app.order import folder_key, natural_key

FolderRole = Qt.ItemDataRole.UserRole + 1  # str: the folder relative to the project's, "" for that itself
CountRole = Qt.ItemDataRole.UserRole + 2  # int: pictures in it and below it


class FolderModel(QStandardItemModel):
    """One row for the open folder, its subfolders below it. Follows the `ImageModel`."""

    FolderRole, CountRole = FolderRole, CountRole

    def __init__(self, images: ImageModel, name: str, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._images, self._name = images, name
        self._counts: dict[str, int] = {}
        self._items: dict[str, QStandardItem] = {}
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(100)
        self._soon.timeout.connect(self.rebuild)
        images.pictures_changed.connect(self._soon.start)
        self.rebuild()

    def folders(self) -> dict[str, int]:
        """Every folder that has pictures in or below it, in natural order, with how many. "" is the open folder."""
        return dict(self._counts)

    def item_of(self, folder: str) -> QStandardItem | None:
        """The row of a folder."""
        return self._items.get(folder)

    def rebuild(self) -> None:
        """Counts anew. Rows of folders that stay are kept, and with them what a view has chosen and unfolded."""
        counts = _totals(self._images.folder_counts())
        for folder in reversed([f for f in self._counts if f not in counts]):  # the deepest first
            self._remove(folder)
        for folder, count in counts.items():
            if folder not in self._items:
                self._insert(folder)
            if self._counts.get(folder) != count or folder not in self._counts:
                self._show_count(folder, count)
        self._counts = counts

    def _remove(self, folder: str) -> None:
        item = self._items.pop(folder)
        parent = item.parent()
        parent.removeRow(item.row())

    def _insert(self, folder: str) -> None:
        parent, _, name = folder.rpartition("/")
        item = QStandardItem()
        item.setEditable(False)
        item.setData(folder, FolderRole)
        item.setToolTip(folder or self._name)
        self._items[folder] = item
        if not folder:
            self.appendRow(item)
            return
        above = self._items[parent]
        keys = [natural_key(above.child(row).data(FolderRole).rpartition("/")[2]) for row in range(above.rowCount())]
        above.insertRow(bisect(keys, natural_key(name)), item)

    def _show_count(self, folder: str, count: int) -> None:
        item = self._items[folder]
        item.setText(f"{folder.rpartition('/')[2] or self._name}  {count}")
        item.setData(count, CountRole)


def _totals(direct: dict[str, int]) -> dict[str, int]:
    """Counts with what lies below, in natural order of the folders, parents first."""
    total: Counter[str] = Counter({"": 0})
    for folder, count in direct.items():
        parts = folder.split("/") if folder else []
        for depth in range(len(parts) + 1):
            total["/".join(parts[:depth])] += count
    return dict(sorted(total.items(), key=lambda pair: folder_key(pair[0])))
