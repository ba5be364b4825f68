"""The command line: one typer application, each command in its own file.

`run` is what `main.py` calls. Nothing heavy is imported here: `--help` answers in well under a second, and each
command imports what it needs when it runs.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Sequence
from typing import Annotated

import typer

from app import logs
from app.cli import (
    classifiers,
    classify,
    compare,
    cutout,
    data,
    demo,
    doctor,
    evaluate,
    everything,
    export,
    gui,
    models,
    robustness,
    segment,
    sort,
    text_segment,
    train,
)
from app.cli.output import INTERRUPTED, SOME_FAILED, USAGE, Session, report_failure, speak_utf8, tell_machines
from inference.errors import AppError, BugError, Cancelled, UsageError
from inference.paths import as_typed

log = logging.getLogger(__name__)

OpenWindow = gui.OpenWindow
ROOT_FLAGS = ("--verbose", "-v")

_MISUNDERSTOOD = UsageError(
    "The command line cannot be understood; standard error says why.", None, "See `main.py COMMAND --help`."
)
_HELP = """Segment, sort and teach: build image data sets on your own machine.

Without a command the window opens; `main.py FOLDER` or `main.py IMAGE` opens it there."""


def build(open_window: OpenWindow, *, supervised: bool = False) -> typer.Typer:
    """The application. `open_window` opens the window and returns the exit status when it is closed."""
    app = typer.Typer(
        name="winnow",
        help=as_typed(_HELP),
        no_args_is_help=False,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode="markdown",
        context_settings={"help_option_names": ["-h", "--help"]},
    )

    @app.callback()
    def root(
        ctx: typer.Context,
        verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Tell the log on standard error too.")] = False,
        version: Annotated[  # noqa: ARG001  it acts by itself
            bool, typer.Option("--version", help="Print the version and leave.", callback=_version, is_eager=True)
        ] = False,
    ) -> None:
        logs.set_up(verbose=verbose)
        ctx.obj = Session(supervised=supervised, verbose=verbose)

    gui.register(app, open_window)
    for command in (
        segment,
        everything,
        text_segment,
        classify,
        cutout,
        sort,
        demo,
        export,
        data,
        train,
        evaluate,
        compare,
        robustness,
        classifiers,
        models,
        doctor,
    ):
        command.register(app)
    return app


def run(arguments: Sequence[str], open_window: OpenWindow, *, supervised: bool = False) -> int:
    """Runs one command line (without the program's name) and returns the exit status: 0, 1 or 2; 130 for Ctrl+C."""
    speak_utf8()
    app = build(open_window, supervised=supervised)
    words = with_command(arguments, command_names(app))
    try:
        app(words)
    except SystemExit as end:
        if end.code == USAGE and not supervised:  # from the parser, which told people (and the window) by itself
            tell_machines(_MISUNDERSTOOD, json="--json" in words, supervised=False)
        return end.code if isinstance(end.code, int) else SOME_FAILED
    except Exception as error:  # noqa: BLE001  told apart, logged and said aloud by `failed`
        return failed(error, json="--json" in words, supervised=supervised)
    return 0


def failed(error: Exception, *, json: bool = False, supervised: bool = False) -> int:
    """Shows what ended a command, to whoever listens, and returns the exit status. Bugs go into the log whole."""
    if isinstance(error, Cancelled):
        return INTERRUPTED
    if isinstance(error, AppError):
        log.info("ended with: %s\n%s", error, error.details or "")
        return report_failure(error, json=json, supervised=supervised)
    log.error("a bug ended the command", exc_info=error)
    return report_failure(_as_bug(error), json=json, supervised=supervised)


def command_names(app: typer.Typer) -> frozenset[str]:
    """The names of all commands and groups."""
    commands = {
        c.name or (c.callback.__name__.replace("_", "-") if c.callback else "") for c in app.registered_commands
    }
    return frozenset(commands | {g.name for g in app.registered_groups if isinstance(g.name, str)})


def with_command(arguments: Sequence[str], commands: frozenset[str]) -> list[str]:
    """The command line with its command named: what does not begin with one is for the window.

    `main.py`, `main.py FOLDER` and `main.py --model M IMAGE` become `gui …`; flags of the program itself stay first.
    """
    words = list(arguments)
    first = next((i for i, word in enumerate(words) if word not in ROOT_FLAGS), len(words))
    if first < len(words) and (words[first] in commands or words[first] in ("--help", "-h", "--version")):
        return words
    return [*words[:first], "gui", *words[first:]]


def _version(wanted: bool) -> None:
    if wanted:
        from app.version import build, version

        typer.echo(f"Winnow {version()}")
        if build() is not None:
            typer.echo(str(build()))
        raise typer.Exit


def _as_bug(error: Exception) -> BugError:
    return BugError(
        f"Winnow failed unexpectedly: {type(error).__name__}: {error}",
        logs.log_file(),
        "This is a fault of the program: please report it with the end of this log and the output of `main.py doctor`.",
        "".join(traceback.format_exception(error)),
    )


__all__ = ["OpenWindow", "build", "command_names", "run", "with_command"]
