"""`main.py compare MODEL… --data DATA --out DIR`: the same pictures through several models."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from app.cli.evaluate import job_context, words_of
from app.cli.options import ForceDevice, ModelsDir
from app.cli.output import JsonOption, output


def register(app: typer.Typer) -> None:
    """Adds `compare`."""
    app.command()(compare)


def compare(
    ctx: typer.Context,
    models: Annotated[
        list[str], typer.Argument(help="Ids or weights files; the first is the measure.", metavar="MODEL…")
    ],
    data: Annotated[Path, typer.Option(help="A COCO file, a folder with one, or an Oxford pets folder.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Where report.html, tables and sheets go.")],
    prompts: Annotated[str, typer.Option(help="box, click or box,click.")] = "box,click",
    clicks: Annotated[int, typer.Option(help="Simulated clicks an object.", min=1, max=20)] = 5,
    split: Annotated[str, typer.Option(help="The split to use of a folder with several: val, test, train.")] = "val",
    limit: Annotated[int, typer.Option(help="Only so many objects, chosen by --seed; 0 takes all.", min=0)] = 0,
    min_area: Annotated[float, typer.Option(help="The least share of its picture that an object covers.")] = 0.01,
    exclude: Annotated[str, typer.Option(help="Categories to leave out, by name.")] = "region,nucleus",
    border: Annotated[str, typer.Option(help="What uncertain borders are: ignore, inside or outside.")] = "ignore",
    grabcut: Annotated[bool, typer.Option(help="OpenCV's GrabCut takes part, from boxes.")] = True,
    shown: Annotated[int, typer.Option(help="Objects on each sheet.", min=1, max=100)] = 12,
    seed: Annotated[int, typer.Option(help="Chooses the objects under --limit, and those on the sheets.")] = 0,
    force_device: ForceDevice = None,
    models_dir: ModelsDir = None,
    json: JsonOption = False,
) -> None:
    """Compare models: quality, seconds, memory, sheets side by side, and where they agree; GrabCut as the baseline."""
    from inference.evaluation.comparison import table
    from inference.jobs.compare import CompareRequest, run

    voice = output(ctx, json)
    request = CompareRequest(
        models=tuple(models),
        data=str(data),
        out=str(out),
        prompts=words_of(prompts),
        clicks=clicks,
        min_area=min_area,
        exclude=words_of(exclude),
        limit=limit,
        seed=seed,
        split=split,
        border=border,
        grabcut=grabcut,
        shown=shown,
        device=force_device,
        models_dir=None if models_dir is None else str(models_dir),
    )
    with voice.progress("compare") as meter, job_context(meter.report) as context:
        result = run(request, context)
    head, rows = table(result.figures)
    voice.table("Models", ["", *(row[0] for row in rows)], zip(head[1:], *(row[1:] for row in rows), strict=True))
    for label, told in result.figures["differences"].items():
        for key, d in told.items():
            low, high = d["confidence"]
            voice.say(f"{label} minus {models[0]}, {key}: {d['mean']:+.3f} ({low:+.3f} to {high:+.3f})")
    voice.say(f"Report: {result.report}")
    voice.finish({"figures": result.figures, "report": result.report}, result.failures)
