"""Makes a worker process the polite one: the window is scheduled first, and memory killers take the worker first."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

log = logging.getLogger(__name__)

NICENESS = 5
OOM_SCORE = 500


def yield_to_the_window() -> None:
    """Lowers this process' claim on processors and memory. Refusals by the system do no harm and are only logged."""
    try:
        if sys.platform == "win32":
            import psutil

            psutil.Process().nice(psutil.BELOW_NORMAL_PRIORITY_CLASS)
        else:
            os.nice(max(0, NICENESS - os.nice(0)))
        if sys.platform == "linux":
            Path("/proc/self/oom_score_adj").write_text(str(OOM_SCORE), encoding="ascii")
    except OSError as error:
        log.info("the worker keeps its priority: %s", error)
