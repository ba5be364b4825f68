"""The folders opened lately, newest first."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, Signal

from app.settings import Settings

LIMIT = 12


class RecentFolders(QObject):
    """Kept in the settings. Folders that are gone stay listed until they are removed: a disk may come back."""

    changed = Signal()

    def __init__(self, settings: Settings, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._settings = settings

    def all(self) -> list[Path]:
        return [Path(text) for text in self._settings.get("recent.folders") if isinstance(text, str)]

    def add(self, folder: Path) -> None:
        """Puts a folder first."""
        self._keep([folder, *(other for other in self.all() if other != folder)])

    def remove(self, folder: Path) -> None:
        self._keep([other for other in self.all() if other != folder])

    def clear(self) -> None:
        self._keep([])

    def _keep(self, folders: list[Path]) -> None:
        self._settings.set("recent.folders", tuple(str(folder) for folder in folders[:LIMIT]))
        self.changed.emit()
