"""Asks for the system report and gives it as text; what the command line's `doctor` tells."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal

from inference.protocol import Ticket
from widgets.services import Services


class SystemReport(QObject):
    """One report at a time: asking again while one is made waits for that one."""

    ready = Signal(str)

    def __init__(self, services: Services, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._services = services
        self._ticket: Ticket | None = None
        services.runner.succeeded.connect(self._on_end)
        services.runner.failed.connect(lambda ticket, _error: self._on_end(ticket, None))

    def ask(self) -> None:
        """Looks at the system in the background; `ready` follows, also when the models cannot be asked."""
        if self._ticket is None:
            self._ticket = self._services.ask_for_diagnosis()

    def _on_end(self, ticket: Ticket, result: object) -> None:
        if ticket == self._ticket:
            self._ticket = None
            self.ready.emit(self._services.report(result))
