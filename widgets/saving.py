"""Whether what a person makes is saved, and where: a bar over the workspaces, and words in the status bar."""

from __future__ import annotations

from PySide6.QtCore import QObject

from app.session.desk import Desk
from widgets.message_bar import MessageBar
from widgets.status import StatusBar


class Saving(QObject):
    """Tells of the open folder: for reading only, kept elsewhere, gone, or simply saved."""

    def __init__(self, desk: Desk, notices: MessageBar, status: StatusBar, parent: QObject) -> None:
        super().__init__(parent)
        self._desk, self._notices, self._status = desk, notices, status

    def show(self) -> None:
        """The folder as it is now, or that none is open."""
        project = self._desk.project
        self._notices.clear()
        if project is None:
            self._status.show_saved(self.tr("No folder open"))
        elif project.read_only:
            reason = project.read_only_reason or ""
            notice = self._notices.show_message("warning", self.tr("This folder is open for reading only."), reason)
            notice.offer(self.tr("Try again"), self._desk.reopen)
            self._status.show_saved(self.tr("Read only"), warning=True)
        elif project.kept_elsewhere:
            self._notices.show_message(
                "warning",
                self.tr("What you make is kept in your own data folder, not beside the pictures."),
                self.tr("The reason: %1. Your work is in %2.")
                .replace("%1", project.kept_elsewhere)
                .replace("%2", str(project.store_dir)),
            )
            self._status.show_saved(self.tr("All changes saved, elsewhere"))
        else:
            self._status.show_saved(self.tr("All changes saved"))

    def show_lost(self, lost: bool) -> None:
        """The folder went away under the window, or came back."""
        project = self._desk.project
        if not lost or project is None:
            self.show()
            return
        self._notices.clear()
        if project.folder.is_dir():
            text = self.tr("What Winnow keeps in %1 is not there any more.").replace("%1", str(project.store_dir))
        else:
            text = self.tr("The folder %1 is not there any more.").replace("%1", str(project.folder))
        remedy = self.tr("Put it back, or connect its disk again.")
        if not project.read_only and project.kept_elsewhere is None:
            remedy += " " + self.tr("No change can be saved until then.")
            self._status.show_saved(self.tr("Nothing is saved"), warning=True)
        self._notices.show_message("warning", text, remedy).offer(self.tr("Open it again"), self._desk.reopen)
