"""The other end of `child`: what a command does when a window runs it.

`main.py` calls `enter()` first thing. The window tells the process by `WINNOW_SUPERVISED`, and holds the other end of
its standard input: "stop" there, or its end (the window is gone, even by SIGKILL), becomes SIGTERM in this process, on
every platform. A command that wants to leave something behind handles SIGTERM: it writes its checkpoint and returns.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any, NoReturn

from inference.errors import AppError
from inference.protocol import Progress
from inference.worker.priority import yield_to_the_window

VARIABLE = "WINNOW_SUPERVISED"
ORPHAN_GRACE_S = 60.0
"""So long may a command whose window vanished take to write its checkpoint."""


def supervised() -> bool:
    """Whether a window runs this command."""
    return os.environ.get(VARIABLE) == "1"


def enter() -> None:
    """Makes this process a good child when it is one; does nothing otherwise."""
    if supervised():
        os.environ.pop(VARIABLE)  # its own children are not ours
        yield_to_the_window()
        threading.Thread(target=_listen, name="winnow-supervised", daemon=True).start()


def leave(status: int) -> NoReturn:
    """Ends this process at once; what it did is written and said.

    To take torch apart only to give its memory back would keep the window waiting, for seconds on a busy machine.
    """
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):  # the window may be gone
            stream.flush()
    os._exit(status)


def progress_line(progress: Progress) -> str:
    """One line of the protocol; `payload` must be JSON-able."""
    fields: dict[str, Any] = {"done": progress.done, "total": progress.total, "message": progress.message}
    if progress.payload is not None:
        fields["payload"] = progress.payload
    return json.dumps({"progress": fields}, ensure_ascii=False)


def result_line(result: Any) -> str:
    """The answer; JSON-able."""
    return json.dumps({"result": result}, ensure_ascii=False)


def error_line(error: AppError) -> str:
    """The failure; its class is found again by name among `inference.errors`."""
    fields = {"type": type(error).__name__, "message": error.message, "path": error.path, "remedy": error.remedy}
    return json.dumps({"error": fields | {"details": error.details}}, ensure_ascii=False)


def _listen(exit_hard: Callable[[int], None] = os._exit) -> None:
    """Waits for "stop" or the end of standard input, then asks this process to end; insists when it is an orphan."""
    orphaned = True
    for line in iter(sys.stdin.readline, ""):
        if line.strip() == "stop":
            orphaned = False
            break
    signal.raise_signal(signal.SIGTERM) if os.name == "nt" else os.kill(os.getpid(), signal.SIGTERM)
    if orphaned:
        threading.Event().wait(ORPHAN_GRACE_S)
        exit_hard(1)
