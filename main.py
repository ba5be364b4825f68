"""Winnow's entry: no arguments open the window, a subcommand runs headless. The one place that wires everything."""

from __future__ import annotations

import contextlib
import faulthandler
import multiprocessing
import sys
from pathlib import Path
from typing import TextIO

_END_S = 20.0
_kept: list[TextIO] = []  # faulthandler writes into the file as long as that is open


def main(arguments: list[str] | None = None) -> int:
    """Runs one command line (`sys.argv` by default) and returns the exit status: 0, 1 (some failed) or 2 (usage)."""
    multiprocessing.freeze_support()
    from app.built import keep_the_font_list
    from inference.engines.device import prepare_environment
    from inference.worker.supervised import enter, leave, supervised

    under_a_window = supervised()
    enter()
    keep_the_font_list()
    prepare_environment()  # before anything imports torch
    words = sys.argv[1:] if arguments is None else arguments
    if _only_places(words) and not under_a_window:
        status = _straight_to_the_window(words)
    else:
        from app import cli

        status = cli.run(words, open_window, supervised=under_a_window)
    if arguments is None:
        if under_a_window:
            leave(status)
        _watch_the_end()
    return status


def _only_places(words: list[str]) -> bool:
    """Nothing, or whole paths that exist ("Open with Winnow"): no command can be meant."""
    from inference.paths import is_there

    return all(Path(word).is_absolute() and is_there(word) for word in words)


def _straight_to_the_window(paths: list[str]) -> int:
    """The window without the command line's libraries, which would cost its start a fifth of a second."""
    from app import logs

    logs.set_up()
    try:
        return open_window(paths, model=None, models_dir=None, force_device=None)
    except KeyboardInterrupt:
        return 130
    except Exception as error:  # noqa: BLE001  told apart, logged and said aloud
        from app import cli

        return cli.failed(error)


def open_window(paths: list[str], *, model: str | None, models_dir: str | None, force_device: str | None) -> int:
    """Shows the window; Qt is imported here and not earlier."""
    from app import logs
    from widgets import application

    logs.catch_crashes()
    return application.run(paths, model=model, models_dir=models_dir, force_device=force_device)


def _watch_the_end() -> None:
    """After a window everything is saved and stopped, and what is left is the interpreter's own end.

    Should that not come, which it once did not (docs/worker.md, "Closing"), the log gets to know where every thread
    stands, and the process ends all the same.
    """
    if "PySide6.QtWidgets" not in sys.modules:
        return
    from app import logs

    with contextlib.suppress(OSError):  # a log that cannot be written: the end is then not watched
        stream = logs.log_file().open("a", encoding="utf-8")
        _kept.append(stream)
        faulthandler.dump_traceback_later(_END_S, exit=True, file=stream)


if __name__ == "__main__":
    sys.exit(main())
