"""After a window the program ends by itself; where something keeps it from that, the log says what and it ends too."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
STUCK = """
import sys, threading
import PySide6.QtWidgets
import main
main._END_S = 0.5
sys.argv = ["main.py", "models", "list", "--json"]
status = main.main()
threading.Thread(target=threading.Event().wait, name="stuck").start()
sys.exit(status)
"""


def test_an_end_that_does_not_come_is_told_and_made(winnow_home: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", STUCK], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True,
        text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 1 and done.stdout.startswith("{"), done.stderr
    logs = "".join(file.read_text() for file in winnow_home.rglob("winnow.log"))
    assert "Timeout" in logs and "threading.py" in logs


def test_a_window_that_was_closed_ends_with_its_status(winnow_home: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "main.py")],
        cwd=ROOT, env={**os.environ, "WINNOW_BENCH_START": "1"}, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0 and done.stdout.startswith("shown"), done.stderr
    assert not any("Timeout" in file.read_text() for file in winnow_home.rglob("winnow.log"))
