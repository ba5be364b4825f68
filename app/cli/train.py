"""`main.py train sam2 …`: trains or fine-tunes a segmentation model. The classifier's is in `train_classifier.py`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from app.cli.evaluate import job_context, weights_of
from app.cli.output import JsonOption, output
from app.cli.train_classifier import classifier, setting
from app.cli.train_words import words
from inference.errors import ImageError


def register(app: typer.Typer) -> None:
    """Adds `train` with its kinds."""
    group = typer.Typer(help="Train a model on annotated or sorted pictures.", no_args_is_help=True)
    group.command("sam2")(sam2)
    group.command("classifier")(classifier)
    group.command("words")(words)

    @group.callback()
    def kinds() -> None:
        """Train a model on annotated or sorted pictures."""

    app.add_typer(group, name="train")


def sam2(
    ctx: typer.Context,
    data: Annotated[list[Path], typer.Option(help="A COCO file, a folder with one, or an Oxford pets folder; repeat.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The run's folder; a run that is there goes on.")],
    val: Annotated[Path | None, typer.Option(help="A COCO file or folder that chooses the best checkpoint.")] = None,
    init: Annotated[str | None, typer.Option(help="A model's id or weights file to start from.")] = None,
    trunk_weights: Annotated[
        Path | None, typer.Option(help="timm mobilenetv2_100 weights (safetensors) for a fresh starter.")
    ] = None,
    minutes: Annotated[float | None, typer.Option(help="How long to train.")] = None,
    image_size: Annotated[int | None, typer.Option(help="Side of the model's square, a multiple of 32.")] = None,
    limit: Annotated[int, typer.Option(help="Use only so many pictures; 0 takes all.", min=0)] = 0,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Any setting of TrainConfig; repeat.")
    ] = None,
    models_dir: Annotated[Path | None, typer.Option(help="Where models are kept.")] = None,
    json: JsonOption = False,
) -> None:
    """Train a SAM 2 model, from scratch or from a checkpoint, with a time budget.

    Stopping it (Ctrl+C, SIGTERM) writes the state; the same command goes on from there. For several processes put
    `torchrun --standalone --nproc-per-node N` before it.
    """
    from inference.jobs.train_sam2 import TrainSam2Request, run

    voice = output(ctx, json)
    chosen = dict(setting(text) for text in settings or [])
    chosen |= {k: v for k, v in (("minutes", minutes), ("image_size", image_size)) if v is not None}
    request = TrainSam2Request(
        data=tuple(str(d) for d in data),
        out=str(out),
        val=None if val is None else str(val),
        init=None if init is None else weights_of(init, models_dir),
        trunk_weights=None if trunk_weights is None else str(trunk_weights),
        limit=limit,
        settings=chosen,
    )
    with voice.progress("train") as meter, job_context(meter.report) as context:
        result = run(request, context)
    figures = ", ".join(f"{key} {value:.3f}" for key, value in result.metrics.items())
    voice.say(f"{result.steps} steps in {result.seconds / 60:.1f} minutes. {figures}\nBest: {result.checkpoint}")
    failures = [ImageError(reason, path) for path, reason in result.broken.items()]
    voice.finish(asdict(result), failures)
