"""`main.py robustness MODEL… --data DATA --out DIR`: how masks suffer when pictures get worse."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from app.cli.evaluate import job_context, words_of
from app.cli.options import ForceDevice, ModelsDir
from app.cli.output import JsonOption, output


def register(app: typer.Typer) -> None:
    """Adds `robustness`."""
    app.command()(robustness)


def robustness(
    ctx: typer.Context,
    models: Annotated[list[str], typer.Argument(help="Ids or weights files.", metavar="MODEL…")],
    data: Annotated[Path, typer.Option(help="A COCO file, a folder with one, or an Oxford pets folder.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The report's folder; a stopped test goes on there.")],
    perturbation: Annotated[
        list[str] | None, typer.Option(help="Only this one; repeat. Else all eight, see docs/evaluation.md.")
    ] = None,
    split: Annotated[str, typer.Option(help="The split to use of a folder with several: val, test, train.")] = "val",
    limit: Annotated[int, typer.Option(help="Only so many objects, chosen by --seed; 0 takes all.", min=0)] = 0,
    min_area: Annotated[float, typer.Option(help="The least share of its picture that an object covers.")] = 0.01,
    exclude: Annotated[str, typer.Option(help="Categories to leave out, by name.")] = "region,nucleus",
    border: Annotated[str, typer.Option(help="What uncertain borders are: ignore, inside or outside.")] = "ignore",
    seed: Annotated[int, typer.Option(help="Chooses the objects under --limit, and all that is random.")] = 0,
    force_device: ForceDevice = None,
    models_dir: ModelsDir = None,
    json: JsonOption = False,
) -> None:
    """Test robustness: noise, blur, contrast, brightness, occlusion, salt and pepper, at ten levels each.

    The prompt is a click at the centre of the clean mask, at every level. Stopping it (Ctrl+C, SIGTERM) loses nothing:
    the same command goes on, and further models join the plots.
    """
    from inference.jobs.robustness import RobustnessRequest, run

    voice = output(ctx, json)
    request = RobustnessRequest(
        models=tuple(models),
        data=str(data),
        out=str(out),
        perturbations=tuple(perturbation or ()),
        split=split,
        min_area=min_area,
        exclude=words_of(exclude),
        limit=limit,
        border=border,
        seed=seed,
        device=force_device,
        models_dir=None if models_dir is None else str(models_dir),
    )
    with voice.progress("robustness") as meter, job_context(meter.report) as context:
        result = run(request, context)
    for model, by_name in result.figures.items():
        rows = [
            [name, row["objects"], f"{row['dice'][0]:.3f}", f"{row['dice'][-1]:.3f}", f"{row['drop']:+.3f}"]
            for name, row in by_name.items()
        ]
        voice.table(f"{model}: mean Dice", ["", "n", "clean", "last level", "lost"], rows)
    voice.say(f"Report: {result.report}")
    voice.finish({"models": result.figures, "report": result.report}, result.failures)
