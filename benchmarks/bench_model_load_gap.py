"""The longest time the window stands still while torch is imported and the first model loads; target 250 ms.

Beside it the same work in a thread of the window's own process, which is why there is a process at all.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.common import report
from benchmarks.gaps import gaps_while, prepare_model, shown_window
from inference.jobs.load_model import LoadModelRequest
from inference.worker.options import WorkerOptions
from inference.worker.thread import ThreadRunner

TARGET_MS = 250
MODEL = "sam2.1-tiny"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        weights = prepare_model(Path(folder), MODEL)
        process, thread = (_in_fresh_program(weights, where) for where in ("process", "thread"))
    note = f"in a thread of the same process: {thread:.0f} ms"
    report("longest event-loop gap, torch imported and first model loaded", process, "ms", None, TARGET_MS, note)


def _in_fresh_program(weights: Path, where: str) -> float:
    code = f"from benchmarks.bench_model_load_gap import measure; measure({str(weights)!r}, {where == 'thread'})"
    answer = subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True, stdout=subprocess.PIPE, text=True)
    return float(answer.stdout.split()[-1])


def measure(weights: str, in_process: bool) -> None:
    """Prints the longest gap in milliseconds; for a program in which torch was not imported yet."""
    assert "torch" not in sys.modules
    window = shown_window()
    runner = ThreadRunner(WorkerOptions(force_device="cpu"), window, in_process=in_process)
    gaps = gaps_while(runner, lambda jobs: jobs.submit(LoadModelRequest(weights)), 1)
    assert ("torch" in sys.modules) is in_process
    runner.close()
    print(gaps[-1])
