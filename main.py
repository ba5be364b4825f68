"""Winnow's entry: no arguments open the window, a subcommand runs headless. The one place that wires everything."""

from __future__ import annotations

import multiprocessing
import sys


def main(arguments: list[str] | None = None) -> int:
    """Runs one command line (`sys.argv` by default) and returns the exit status: 0, 1 (some failed) or 2 (usage)."""
    multiprocessing.freeze_support()
    from inference.engines.device import prepare_environment
    from inference.worker.supervised import enter, supervised

    under_a_window = supervised()
    enter()
    prepare_environment()  # before anything imports torch
    from app import cli

    return cli.run(sys.argv[1:] if arguments is None else arguments, open_window, supervised=under_a_window)


def open_window(paths: list[str], *, model: str | None, models_dir: str | None, force_device: str | None) -> int:
    """Shows the window; Qt is imported here and not earlier."""
    from widgets import application

    return application.run(paths, model=model, models_dir=models_dir, force_device=force_device)


if __name__ == "__main__":
    sys.exit(main())
