"""How long the window's event loop was not running: a timer of one millisecond that notes when it is late."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtCore import QEventLoop, QObject, Qt, QTimer
from PySide6.QtWidgets import QApplication, QMainWindow

from inference.protocol import Jobs
from inference.worker.thread import ThreadRunner


class Gaps(QObject):
    """Records the time between ticks, in milliseconds, from `start` to `stop`."""

    def __init__(self) -> None:
        super().__init__()
        self.ms: list[float] = []
        self._last = 0.0
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(1)
        self._timer.timeout.connect(self._tick)

    def start(self) -> None:
        self.ms.clear()
        self._last = time.perf_counter()
        self._timer.start()

    def stop(self) -> list[float]:
        self._tick()
        self._timer.stop()
        return sorted(self.ms)

    def _tick(self) -> None:
        now = time.perf_counter()
        self.ms.append((now - self._last) * 1000)
        self._last = now


def shown_window() -> QMainWindow:
    """An application with a window, idle."""
    application = QApplication.instance() or QApplication([])
    window = QMainWindow()
    window.resize(1280, 800)
    window.show()
    for _ in range(20):
        application.processEvents()
    return window


def gaps_while(runner: ThreadRunner, submit: Callable[[Jobs], Any], jobs: int) -> list[float]:
    """The sorted gaps in milliseconds while the runner does what `submit` asks of it: `jobs` requests."""
    loop, gaps, left = QEventLoop(), Gaps(), [jobs]

    def one_less(_ticket: Any, answer: Any = None) -> None:
        if isinstance(answer, Exception):
            print(f"failed: {answer}", file=sys.stderr)
        left[0] -= 1
        if not left[0]:
            loop.quit()

    finals = (runner.succeeded, runner.failed, runner.cancelled)
    for signal in finals:
        signal.connect(one_less)
    QTimer.singleShot(0, lambda: (gaps.start(), submit(runner)))
    loop.exec()
    for signal in finals:
        signal.disconnect(one_less)
    return gaps.stop()


def percentile(ordered: list[float], part: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]


def prepare_model(folder: Path, name: str) -> Path:
    """Writes a model's weights (random ones) without importing torch here."""
    code = (
        "from pathlib import Path; from inference.engines.architecture import *; "
        f"c = configs[{name!r}]; save_checkpoint(build_model(c), c, Path({str(folder)!r}) / '{name}.safetensors')"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).resolve().parent.parent)
    return folder / f"{name}.safetensors"
