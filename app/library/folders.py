"""`FolderModel`: the subfolders of a project as a tree with how many pictures each holds."""

from __future__ import annotations

from collections import Counter

from PySide6.QtCore import QObject, Qt, QTimer
from PySide6.QtGui import QStandardItem, QStandardItemModel

from app.library.model import ImageModel
from app.library.order import folder_key

FolderRole = Qt.ItemDataRole.UserRole + 1  # str: the folder relative to the project's, "" for that itself
CountRole = Qt.ItemDataRole.UserRole + 2  # int: pictures in it and below it


class FolderModel(QStandardItemModel):
    """One row for the open folder, its subfolders below it. Follows the `ImageModel`."""

    FolderRole, CountRole = FolderRole, CountRole

    def __init__(self, images: ImageModel, name: str, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._images, self._name = images, name
        self._counts: dict[str, int] = {}
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
        item: QStandardItem | None = self.item(0)
        for depth in range(len(folder.split("/")) if folder else 0):
            wanted = "/".join(folder.split("/")[: depth + 1])
            rows = range(item.rowCount()) if item is not None else ()
            item = next((c for r in rows if item and (c := item.child(r)).data(FolderRole) == wanted), None)
        return item

    def rebuild(self) -> None:
        """Counts anew; the rows are left alone when nothing changed."""
        counts = _totals(self._images.folder_counts())
        if counts == self._counts and self.rowCount():
            return
        self._counts = counts
        self.clear()
        items = {"": self._item("", self._name)}
        self.appendRow(items[""])
        for folder in counts:
            if folder:
                parent, _, name = folder.rpartition("/")
                items[folder] = self._item(folder, name)
                items[parent].appendRow(items[folder])

    def _item(self, folder: str, name: str) -> QStandardItem:
        count = self._counts.get(folder, 0)
        item = QStandardItem(f"{name}  {count}")
        item.setEditable(False)
        item.setData(folder, FolderRole)
        item.setData(count, CountRole)
        item.setToolTip(folder or name)
        return item


def _totals(direct: dict[str, int]) -> dict[str, int]:
    """Counts with what lies below, in natural order of the folders, parents first."""
    total: Counter[str] = Counter({"": 0})
    for folder, count in direct.items():
        parts = folder.split("/") if folder else []
        for depth in range(len(parts) + 1):
            total["/".join(parts[:depth])] += count
    return dict(sorted(total.items(), key=lambda pair: folder_key(pair[0])))
