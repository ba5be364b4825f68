"""The program's log: a rotating file beside the crash reports, and standard error with --verbose."""

from __future__ import annotations

import contextlib
import faulthandler
import logging
import sys
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import TextIO

from inference import paths

_FORM = "%(asctime)s %(levelname)-7s %(process)d %(threadName)s %(name)s: %(message)s"
_QUIET = (
    "httpx",
    "httpx2",
    "httpcore",
    "httpcore2",
    "huggingface_hub",
    "filelock",
    "PIL",
    "matplotlib",
    "watchdog",
    "fontTools",
)


_crashes: list[TextIO] = []  # faulthandler writes into the file as long as that is open


class _Shared(RotatingFileHandler):
    """A rotating file that several programs write. Windows refuses to rename it while another one has it open: then
    it grows until nobody has."""

    def doRollover(self) -> None:
        try:
            super().doRollover()
        except OSError:
            if self.stream is None:  # closed for the renaming that failed
                self.stream = self._open()


def log_file() -> Path:
    """Where the log is written."""
    return paths.log_dir() / "winnow.log"


def crash_file() -> Path:
    """Where it is written what every thread did when the program crashed below Python; empty when it never did."""
    return paths.log_dir() / "crash.log"


def catch_crashes() -> None:
    """From now on a crash below Python is told in `crash_file()`, also where there is no standard error."""
    with contextlib.suppress(OSError):  # a folder that cannot be written: `set_up` has said so
        _crashes.append(crash_file().open("a", encoding="utf-8"))
        faulthandler.enable(_crashes[-1])


def set_up(*, verbose: bool = False) -> Path | None:
    """Starts logging; returns the file, or None when it cannot be written (then standard error has to do).

    Calling it again replaces the handlers that it made before. The file holds 2 MB and three older ones.
    """
    shut_down()
    root = logging.getLogger()
    root.setLevel(logging.DEBUG if verbose else logging.INFO)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.INFO if verbose else logging.WARNING)
    path: Path | None = log_file()
    try:
        log_file().parent.mkdir(parents=True, exist_ok=True)
        # File names that are no UTF-8 come as surrogates; they are written as \udcff.
        _add(root, _Shared(log_file(), maxBytes=2_000_000, backupCount=3, encoding="utf-8", errors="backslashreplace"))
    except OSError as error:
        path = None
        if sys.stderr is not None:  # a built program without a console has none
            sys.stderr.write(f"The log {log_file()} cannot be written: {error}\n")
    if (verbose or path is None) and sys.stderr is not None:
        _add(root, logging.StreamHandler(), logging.DEBUG if verbose else logging.ERROR)
    logging.captureWarnings(True)
    return path


def shut_down() -> None:
    """Closes what `set_up` opened."""
    root = logging.getLogger()
    for handler in [h for h in root.handlers if getattr(h, "winnow", False)]:
        root.removeHandler(handler)
        handler.close()


def _add(root: logging.Logger, handler: logging.Handler, level: int = logging.DEBUG) -> None:
    handler.setFormatter(logging.Formatter(_FORM))
    handler.setLevel(level)
    handler.winnow = True  # type: ignore[attr-defined]  # so that a second call finds its own
    root.addHandler(handler)
