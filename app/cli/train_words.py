"""`main.py train words …`: the classifier that ships with Winnow, trained again from the development data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from app.cli.evaluate import job_context
from app.cli.output import JsonOption, output


def words(
    ctx: typer.Context,
    shared: Annotated[Path, typer.Option(help="The development folder with data/ and weights/.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The run's folder; a run that is there goes on.")],
    minutes: Annotated[float, typer.Option(help="How long to train the picture tower.", min=0.1)] = 60.0,
    steps: Annotated[int | None, typer.Option(help="Its steps, over which the rate falls to nothing.", min=1)] = None,
    average_with: Annotated[
        list[Path] | None,
        typer.Option(help="A finished folder of another run; repeat. The picture tower becomes the mean of them all."),
    ] = None,
    taught: Annotated[
        Path | None,
        typer.Option("--from", help="A finished folder to go on from, in place of the ImageNet classifier."),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Train the built-in classifier (for Winnow's developers): pictures and words into one space.

    Stopping it (Ctrl+C, SIGTERM) or the end of the minutes writes the state; the same command goes on from there.
    """
    from inference import paths
    from inference.training.clip_images import Recipe
    from inference.training.clip_recipe import run

    voice = output(ctx, json)
    recipe = Recipe() if steps is None else Recipe(steps=steps)
    others = [paths.typed(other).absolute() for other in average_with or ()]
    with voice.progress("train") as meter, job_context(meter.report) as context:
        where, begin = paths.typed(shared).absolute(), None if taught is None else paths.typed(taught).absolute()
        folder = run(where, paths.typed(out).absolute(), minutes, context.progress, recipe, others, begin)
    voice.say(f"Finished: {folder}" if folder else "The minutes are over. The same command goes on from here.")
    voice.finish({"folder": None if folder is None else str(folder)}, [])
