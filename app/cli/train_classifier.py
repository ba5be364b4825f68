"""`main.py train classifier …`: a classifier from pictures in class folders."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from app.cli.evaluate import job_context
from app.cli.output import JsonOption, output
from inference.errors import ImageError, UsageError


def classifier(
    ctx: typer.Context,
    data: Annotated[list[Path], typer.Option(help="A folder or zip of class folders; repeat.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The run's folder; a run that is there goes on.")],
    preset: Annotated[str | None, typer.Option(help="cifar10-small-vit or cifar10-mobilenet.")] = None,
    model: Annotated[
        str | None, typer.Option("--model", "-m", help="A timm model's name, or small-vit for small pictures.")
    ] = None,
    weights: Annotated[
        Path | None, typer.Option(help="Weights of that model to start from (safetensors); none: from scratch.")
    ] = None,
    image_size: Annotated[int | None, typer.Option(help="Side of the model's square in pixels.", min=8)] = None,
    epochs: Annotated[float | None, typer.Option(help="How often to go through the pictures.")] = None,
    minutes: Annotated[float | None, typer.Option(help="Or how long to train, in minutes.")] = None,
    cpu_minutes: Annotated[
        float | None, typer.Option(help="Or how much processor time to use: 120 is an hour on two cores.")
    ] = None,
    batch: Annotated[int | None, typer.Option(help="Pictures a step.", min=2)] = None,
    limit: Annotated[int, typer.Option(help="Only so many training pictures a class; 0 takes all.", min=0)] = 0,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Any setting of ClassifierConfig; repeat.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Train a classifier on pictures in class folders, and report on its test part.

    `train`, `val` and `test` folders are taken as such; missing parts are split off, the same way each time.
    Stopping it (Ctrl+C, SIGTERM) writes the state; the same command goes on from there. For several processes put
    `torchrun --standalone --nproc-per-node N` before it.
    """
    from inference.jobs.train_classifier import TrainClassifierRequest, leads, run

    voice = output(ctx, json)
    options = {
        "model": model, "image_size": image_size, "epochs": epochs, "minutes": minutes, "cpu_minutes": cpu_minutes,
        "batch": batch,
    }  # fmt: skip
    request = TrainClassifierRequest(
        data=tuple(str(d) for d in data),
        out=str(out),
        preset=preset,
        weights=None if weights is None else str(weights),
        limit=limit,
        settings={k: v for k, v in options.items() if v is not None} | dict(setting(text) for text in settings or []),
    )
    with voice.progress("train") as meter, job_context(meter.report) as context:
        result = run(request, context)
    if not leads():
        return
    for note in result.notes:
        voice.say(note)
    figures = ", ".join(f"{key} {value:.4f}" for key, value in result.figures.items())
    voice.say(f"{result.epochs:.1f} epochs in {result.seconds / 60:.1f} minutes. {figures}\nBest: {result.checkpoint}")
    voice.finish(asdict(result), [ImageError(reason, path) for path, reason in result.broken.items()])


def setting(text: str) -> tuple[str, Any]:
    """`KEY=VALUE`; values are JSON (numbers, lists, true/false)."""
    import json

    key, equals, value = text.partition("=")
    if not equals:
        raise UsageError(f"{text!r} is not KEY=VALUE.", remedy="For example --set pictures=4.")
    try:
        return key, json.loads(value)
    except ValueError as error:
        raise UsageError(f"The value of {key} is not a number, a list, true or false: {value!r}.") from error
