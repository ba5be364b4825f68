"""`main.py robustness MODEL… --data DATA --out DIR`: how masks suffer when pictures get worse."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from app.cli.evaluate import job_context, words_of
from app.cli.options import ForceDevice, ModelsDir
from app.cli.output import JsonOption, Output, output
from inference.errors import UsageError


def register(app: typer.Typer) -> None:
    """Adds `robustness`."""
    app.command()(robustness)


def robustness(
    ctx: typer.Context,
    models: Annotated[
        list[str] | None, typer.Argument(help="Ids or weights files.", metavar="MODEL…", show_default=False)
    ] = None,
    data: Annotated[Path | None, typer.Option(help="A COCO file, a folder with one, or an Oxford pets folder.")] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="The report's folder; a stopped test goes on there.")
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option("--only", "--perturbation", help="Only this one; repeat. Else all of --list.")
    ] = None,
    plugins: Annotated[
        list[Path] | None,
        typer.Option("--with", metavar="FILE.py", help="Runs a Python file that registers perturbations; repeat."),
    ] = None,
    listed: Annotated[bool, typer.Option("--list", help="Show the perturbations there are, and leave.")] = False,
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
    if listed:
        _list(voice, plugins or [])
    if not models or data is None or out is None:
        raise UsageError("Models, --data and --out are needed.", None, "Or give --list to see what can be tested.")
    request = RobustnessRequest(
        models=tuple(models),
        data=str(data),
        out=str(out),
        perturbations=tuple(only or ()),
        split=split,
        min_area=min_area,
        exclude=words_of(exclude),
        limit=limit,
        border=border,
        seed=seed,
        device=force_device,
        models_dir=None if models_dir is None else str(models_dir),
        plugins=tuple(str(file) for file in plugins or ()),
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


def _list(voice: Output, plugins: Sequence[Path]) -> NoReturn:
    """The perturbations, those of one's own files among them."""
    from inference.evaluation.perturbations import REGISTRY, load

    load(plugins)
    rows = [
        [one.name, one.title, one.unit, ", ".join(f"{level:g}" for level in one.levels)] for one in REGISTRY.values()
    ]
    voice.table("Perturbations", ["name", "what", "a level counts", "levels"], rows)
    voice.finish(
        [{"name": o.name, "title": o.title, "unit": o.unit, "levels": list(o.levels)} for o in REGISTRY.values()]
    )
