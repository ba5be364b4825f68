"""Collects reference cycles in the window's thread only.

Python collects in whichever thread happens to allocate; a QObject destroyed in the wrong one crashes. So the
automatic collector is off while the window is open, and a timer does its work here.
"""

from __future__ import annotations

import gc

from PySide6.QtCore import QObject, QTimer

_PERIOD_MS = 1000


class GarbageCollector(QObject):
    """Lives as long as the window. `stop` gives collection back to Python."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._thresholds, self._was_enabled = gc.get_threshold(), gc.isenabled()
        self._timer = QTimer(self)
        self._timer.setInterval(_PERIOD_MS)
        self._timer.timeout.connect(self.collect)
        gc.disable()
        self._timer.start()

    def collect(self) -> None:
        """Collects the oldest generation that is due; what is not due costs nothing."""
        counts = gc.get_count()
        for generation in (2, 1, 0):
            if counts[generation] > max(1, self._thresholds[generation]):
                gc.collect(generation)
                return

    def stop(self) -> None:
        self._timer.stop()
        if self._was_enabled:
            gc.enable()
