"""The window opens before the model libraries are imported, and the program ends by itself when it is closed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent

LISTING = """
import sys
from PySide6.QtCore import QTimer
from widgets import application

window = application.MainWindow

class Shown(window):
    def showEvent(self, event):
        super().showEvent(event)
        QTimer.singleShot(0, self.tell)

    def tell(self):
        found = sorted({name.partition(".")[0] for name in sys.modules})
        print("modules", *found, flush=True)
        self.close()

application.MainWindow = Shown
sys.exit(application.run())
"""


def _run(arguments: list[str], home: Path, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "WINNOW_HOME": str(home), "QT_QPA_PLATFORM": "offscreen", **more}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def test_the_window_shows_without_torch(winnow_home: Path) -> None:
    done = _run(["-c", LISTING], winnow_home)
    assert done.returncode == 0, done.stderr
    modules = set(next(line for line in done.stdout.splitlines() if line.startswith("modules")).split()[1:])
    assert "PySide6" in modules
    slow = {"torch", "torchvision", "sam2", "open_clip", "timm", "transformers", "sklearn", "scipy", "matplotlib"}
    assert modules.isdisjoint(slow)


def test_the_entry_shows_it_and_says_how_long_it_took(winnow_home: Path) -> None:
    done = _run(["main.py"], winnow_home, WINNOW_BENCH_START="1")
    assert done.returncode == 0, done.stderr
    shown, seconds, torch = done.stdout.split()
    assert shown == "shown" and float(seconds) > 0 and torch == "torch=False"
    assert "Traceback" not in done.stderr and "QThread" not in done.stderr
