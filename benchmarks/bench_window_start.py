"""From the start of the program to its window on the screen, against importing torch and sam2 with a bare window."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.common import report

TARGET = 0.35
ROUNDS = 3
ROOT = Path(__file__).resolve().parent.parent
OTHER = """
import torch, torchvision, sam2.build_sam, sam2.sam2_image_predictor
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication, QMainWindow
application = QApplication([])
window = QMainWindow()
window.show()
application.processEvents()
print("shown 0 torch=True")
"""


def main() -> None:
    ours, others, without_torch = [], [], True
    for _ in range(ROUNDS + 1):  # the first fills the file cache and does not count
        seconds, said = _run([sys.executable, "main.py"])
        ours.append(seconds)
        without_torch = without_torch and "torch=False" in said
        others.append(_run([sys.executable, "-W", "ignore", "-c", OTHER])[0])
    ours, others = ours[1:], others[1:]
    note = "torch not imported" if without_torch else "torch WAS imported"
    report("window shown", min(ours), "s", min(ours) / min(others), TARGET, note)
    if not without_torch:
        raise SystemExit("the window imported torch before it was shown")


def _run(command: list[str]) -> tuple[float, str]:
    """Seconds from the start of the command until it says "shown", and that line."""
    with tempfile.TemporaryDirectory() as home:
        environment = os.environ | {"WINNOW_BENCH_START": "1", "QT_QPA_PLATFORM": "offscreen", "WINNOW_HOME": home}
        begun = time.perf_counter()
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        line = next((text for text in process.stdout if text.startswith("shown")), "")
        seconds = time.perf_counter() - begun
        process.communicate(timeout=60)
    if not line:
        raise SystemExit(f"no window was shown by: {' '.join(command[:2])}")
    return seconds, line.strip()
