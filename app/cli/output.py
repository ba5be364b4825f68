"""How every command speaks: rich for people, JSON for machines, JSON lines for a window that supervises it.

A command makes one `Output` with `output(ctx, json)`, shows progress with `progress()`, and ends with `finish()`.
For people, tables and answers go to standard output, progress and failures to standard error. With `--json` standard
output holds one JSON document and nothing else. Under a window (`inference.worker.child`) the same document, the
progress and a failure are lines of its protocol, whether `--json` is given or not.
"""

from __future__ import annotations

import io
import json as jsonlib
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any, Literal, NoReturn

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    ProgressColumn,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.progress import Progress as RichProgress
from rich.table import Table

from inference.errors import AppError, UsageError
from inference.protocol import Progress
from inference.worker.supervised import error_line, progress_line, result_line

Unit = Literal["items", "share", "bytes"]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document for machines.")]

OK, SOME_FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130
_LINE_EVERY_S = 0.1


@dataclass(frozen=True, slots=True)
class Session:
    """What the start of the program knows and every command may ask: `ctx.obj`."""

    supervised: bool = False
    verbose: bool = False


class Output:
    """The voice of one command.

    Attributes:
        machine: standard output belongs to a machine.
        out: the console for answers (people only).
        err: the console for progress and failures.
    """

    def __init__(self, *, json: bool = False, supervised: bool = False) -> None:
        self.supervised = supervised
        self.machine = json or supervised
        self.err = Console(stderr=True, highlight=False, soft_wrap=True)
        self.out = self.err if self.machine else Console(highlight=False)

    def say(self, text: str) -> None:
        """A line for people; rich markup works (escape what comes from outside)."""
        if not self.machine:
            self.out.print(text)

    def warn(self, text: str) -> None:
        """A yellow line on standard error."""
        self.err.print(f"[yellow]{escape(text)}[/]")

    def table(self, title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """A closing table for people, when it has rows. Cells are plain text; columns of numbers stand to the right."""
        if self.machine:
            return
        cells = [[str(cell) for cell in row] for row in rows]
        if not cells:
            return
        table = Table(title=title or None, title_justify="left", header_style="bold", border_style="dim")
        for index, column in enumerate(columns):
            numeric = bool(cells) and all(_is_figure(row[index]) for row in cells)
            table.add_column(column, justify="right" if numeric else "left", overflow="fold")
        for row in cells:
            table.add_row(*(escape(cell) for cell in row))
        self.out.print(table)

    @contextmanager
    def progress(self, description: str = "", unit: Unit = "items") -> Iterator[Meter]:
        """A progress bar (people), protocol lines (a window), or nothing (`--json`)."""
        if self.supervised:
            yield Meter(_Lines())
        elif self.machine:
            yield Meter(_Nothing())
        else:
            with _bar(self.err, unit) as bar:
                yield Meter(_Bar(bar, description))

    def problems(self, failures: Iterable[AppError]) -> None:
        """What went wrong, one red line each."""
        for failure in failures:
            show_error(failure, self.err)

    def finish(self, data: Any, failures: Sequence[AppError] = ()) -> NoReturn:
        """The end of a command: the answer for machines, the failures, and the exit status 0, or 1 with failures.

        `data` is a JSON-able document; for a dictionary the failures are added as `"failures"`.
        """
        if isinstance(data, dict) and "failures" not in data:
            data = data | {"failures": [as_dict(f) for f in failures]}
        if not self.supervised:
            self.problems(failures)
        self.result(data)
        raise typer.Exit(SOME_FAILED if failures else OK)

    def result(self, data: Any) -> None:
        """Prints the answer when a machine reads standard output."""
        if self.supervised:
            _print(result_line(data))
        elif self.machine:
            _print(jsonlib.dumps(data, ensure_ascii=False, indent=2, default=str))


class Meter:
    """Takes progress from a job (`report`) or by hand (`update`)."""

    def __init__(self, sink: _Bar | _Lines | _Nothing) -> None:
        self._sink = sink

    def report(self, progress: Progress) -> None:
        """For `InlineRunner.run(request, meter.report)`."""
        self._sink.show(progress)

    def update(self, done: int, total: int, message: str = "") -> None:
        """`done` of `total`; a total of 0 is unknown."""
        self._sink.show(Progress(done, total, message))


def output(ctx: typer.Context, json: bool = False) -> Output:
    """The output of a command, given its context and its `--json`."""
    session = ctx.find_object(Session) or Session()
    return Output(json=json, supervised=session.supervised)


def show_error(error: AppError, console: Console | None = None) -> None:
    """One red line: the file, what happened, what to do."""
    target = console or Console(stderr=True, highlight=False, soft_wrap=True)
    target.print(f"[bold red]Error:[/] [red]{escape(' '.join(str(error).split()))}[/]")


def report_failure(error: AppError, *, json: bool, supervised: bool) -> int:
    """Shows the failure that ended a command, to whoever listens, and returns the exit status."""
    if not supervised:
        show_error(error)
    tell_machines(error, json=json, supervised=supervised)
    return USAGE if isinstance(error, UsageError) else SOME_FAILED


def tell_machines(error: AppError, *, json: bool, supervised: bool) -> None:
    """The failure as the one document of `--json`, or as a line for the window."""
    if supervised:
        _print(error_line(error))
    elif json:
        _print(jsonlib.dumps({"error": as_dict(error)}, ensure_ascii=False, indent=2))


def as_dict(error: AppError) -> dict[str, str | None]:
    """A failure for machines."""
    return {"type": type(error).__name__, "message": error.message, "path": error.path, "remedy": error.remedy}


class _Bar:
    def __init__(self, bar: RichProgress, description: str) -> None:
        self._bar = bar
        self._description = description
        self._task = bar.add_task(escape(description), total=None, note="")

    def show(self, progress: Progress) -> None:
        note = progress.message if progress.message != self._description else ""
        self._bar.update(self._task, completed=progress.done, total=progress.total or None, note=escape(note[-60:]))


class _Lines:
    """Protocol lines, at most ten a second unless they carry a payload or are the last."""

    def __init__(self) -> None:
        self._next = 0.0

    def show(self, progress: Progress) -> None:
        now = time.monotonic()
        if now >= self._next or progress.payload is not None or progress.done >= progress.total > 0:
            self._next = now + _LINE_EVERY_S
            _print(progress_line(progress))


class _Nothing:
    def show(self, progress: Progress) -> None:
        """Machines that asked for one document get one document."""


def _bar(console: Console, unit: Unit) -> RichProgress:
    done: list[ProgressColumn] = [MofNCompleteColumn()]
    if unit == "bytes":
        done = [DownloadColumn(), TransferSpeedColumn()]
    elif unit == "share":  # the job counts hundredths of a picture
        done = [TaskProgressColumn()]
    return RichProgress(
        TextColumn("[bold]{task.description}"),
        BarColumn(),
        *done,
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("[dim]{task.fields[note]}"),
        console=console,
    )


def speak_utf8() -> None:
    """Lets standard output and error carry every file name, whatever the console's own code page (Windows).

    Bytes of a name that are no UTF-8 come out as \\udcff, which JSON reads back as the same name.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")


def _print(line: str) -> None:
    if sys.stdout is not None:  # a built program without a console has none
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


def _is_figure(cell: str) -> bool:
    return bool(cell) and (cell[0].isdigit() or cell in ("–", "-")) and not cell[-1:].isalpha()
