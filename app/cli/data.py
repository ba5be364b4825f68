"""`main.py data …`: data sets for training: looking at them, and bringing one into SAM 2's layout."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from app.cli.evaluate import job_context
from app.cli.output import JsonOption, Output, output
from inference.errors import ImageError

_MOST = 15  # classes and kinds shown to people; all are in --json


def register(app: typer.Typer) -> None:
    """Adds `data` with its commands."""
    group = typer.Typer(help="Look at data sets, and prepare them for training.", no_args_is_help=True)
    group.command("look")(look)
    group.command("oxford-pets")(oxford_pets)
    app.add_typer(group, name="data")


def look(
    ctx: typer.Context,
    data: Annotated[
        list[Path],
        typer.Argument(help="Data sets: COCO, SAM 2's layout, labelme, an annotated folder, or Oxford pets."),
    ],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="A folder for sheet.png and look.json.")] = None,
    split: Annotated[str, typer.Option(help="The split to use of a folder with several: train, val, test.")] = "train",
    seed: Annotated[int, typer.Option(help="Chooses the pictures of the sheet.", min=0)] = 0,
    json: JsonOption = False,
) -> None:
    """Say what a data set holds: counts, sizes, balance, problems; with --out a sheet of pictures with their masks."""
    from inference.jobs.look_at_data import LookAtDataRequest, run

    voice = output(ctx, json)
    request = LookAtDataRequest(tuple(str(d) for d in data), None if out is None else str(out), split, seed)
    with voice.progress("look") as meter, job_context(meter.report) as context:
        result = run(request, context)
    _show(voice, result.figures)
    if result.sheet:
        voice.say(f"Sheet: {result.sheet}")
    failures = [ImageError(reason, path or None) for path, reason in result.figures["problems"].items()]
    voice.finish(result.figures | {"sheet": result.sheet}, failures)


def oxford_pets(
    ctx: typer.Context,
    source: Annotated[Path, typer.Option(help="The set's folder, with images and annotations.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder to write; new or empty.")],
    split: Annotated[
        str, typer.Option(help="random: a share of every breed to choose on; official: trainval and test.")
    ] = "random",
    val_share: Annotated[float, typer.Option(help="The share of a random split.", min=0.01, max=0.9)] = 0.2,
    seed: Annotated[int, typer.Option(help="Chooses the random split.", min=0)] = 0,
    json: JsonOption = False,
) -> None:
    """Bring the Oxford-IIIT Pet set into SAM 2's training layout. Foreground and boundary become the mask."""
    from inference.jobs.prepare_data import PreparePetsRequest, run

    voice = output(ctx, json)
    request = PreparePetsRequest(str(source), str(out), split, val_share, seed)
    with voice.progress("convert") as meter, job_context(meter.report) as context:
        result = run(request, context)
    voice.say(f"{result.train} pictures to train on, {result.val} to choose on, in {out}.")
    voice.finish({"train": result.train, "val": result.val, "out": str(out)}, list(result.failures))


def _show(voice: Output, figures: dict[str, Any]) -> None:
    least, usual, most = figures["per_picture"]
    voice.say(f"{figures['pictures']} pictures with {figures['objects']} objects ({least} to {most}, usually {usual}).")
    (w0, w1, w2), (h0, h1, h2) = figures["widths"], figures["heights"]
    voice.say(f"Width {w0} to {w2}, usually {w1}; height {h0} to {h2}, usually {h1} pixels.")
    low, middle, high = (f"{share:.1%}" for share in figures["areas"])
    voice.say(f"Objects cover {middle} of their picture ({low} to {high} for most); {figures['small']} under 1 %.")
    if figures["copies"]:
        voice.say(f"{figures['copies']} pictures are copies of others; a split keeps copies together.")
    for title, key in (("Objects by class", "classes"), ("Pictures by kind", "kinds")):
        counts = figures[key]
        rows = [[name or "(no class)", str(count)] for name, count in list(counts.items())[:_MOST]]
        if len(counts) > _MOST:
            rows.append([f"… {len(counts) - _MOST} more", ""])
        if rows:
            voice.table(title, ["", "n"], rows)
