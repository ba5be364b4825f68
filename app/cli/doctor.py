"""`main.py doctor`: what is here, what runs where and why, and what is wrong."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.text import Text

from app.cli.options import ModelsDir
from app.cli.output import JsonOption, output
from inference.errors import AppError


def register(app: typer.Typer) -> None:
    """Adds `doctor`."""
    app.command()(doctor)


def doctor(
    ctx: typer.Context,
    self_test: Annotated[bool, typer.Option(help="Segment a sample photograph too.")] = True,
    force_device: Annotated[str | None, typer.Option(help="cpu, cuda, cuda:N or mps, for the self-test.")] = None,
    models_dir: ModelsDir = None,
    json: JsonOption = False,
) -> None:
    """Check this installation; the text is made for bug reports. Exit status 1 when something is wrong."""
    from app import doctor as examination
    from inference.jobs.diagnose import DiagnoseRequest
    from inference.worker.inline import InlineRunner
    from inference.worker.options import WorkerOptions

    voice = output(ctx, json)
    where = str(models_dir) if models_dir else None
    request = DiagnoseRequest(where, examination.self_test() if self_test else None)
    runner = InlineRunner(options=WorkerOptions(models_dir=where, force_device=force_device))
    with voice.progress("Examining") as meter:
        diagnosis = runner.run(request, meter.report)
    report = examination.examine(diagnosis, models_dir)
    if not voice.machine:
        text = Text(report.text())
        text.highlight_regex(r"(?m)^\S.*$", "bold")
        text.highlight_regex(r"✓", "green")
        text.highlight_regex(r"(?m)^ +✗.*$", "red")
        voice.out.print(text, soft_wrap=True)
    problems = [AppError(f"{finding.label}: {finding.value}") for finding in report.problems]
    if not voice.machine and problems:
        voice.say(f"[red]{len(problems)} thing{'s' if len(problems) > 1 else ''} to look at, marked ✗.[/]")
        raise typer.Exit(1)
    voice.finish(report.as_json(), problems)
