"""`main.py cutout DIR --out DIR`: the subject of each picture, on another background."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from app.cli.batch import Tally, closing_words, in_order, run_batch, runner_for, summary
from app.cli.options import ForceDevice, ModelsDir
from app.cli.output import JsonOption, output

Focus = Annotated[
    str, typer.Option("--focus", help="center, auto, X,Y (pixels or 30%,40%), box:X0,Y0,X1,Y1 or text:a red car.")
]
FocusMargin = Annotated[
    float, typer.Option("--focus-margin", help="How far two more clicks are from the first: share of the shorter side.")
]
Feather = Annotated[
    float | None, typer.Option(help="Width of the soft edge in pixels; 0 is hard. Default: fits the size.", min=0)
]
Workers = Annotated[int, typer.Option(help="Threads that read pictures, and that write them.", min=1, max=64)]
SamDevice = Annotated[str | None, typer.Option(help="Device of the segmentation model.")]
ClipDevice = Annotated[str | None, typer.Option(help="Device of the classifier.")]


def register(app: typer.Typer) -> None:
    """Adds `cutout`."""
    app.command()(cutout)


def cutout(
    ctx: typer.Context,
    images: Annotated[list[Path], typer.Argument(help="Pictures or folders of pictures.", metavar="PATH…")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Where the cut-outs go.")],
    focus: Focus = "center",
    focus_margin: FocusMargin = 0.05,
    background: Annotated[
        str,
        typer.Option("--background", "-b", help="transparent, white, #rrggbb, a colour's name, blur, or a picture."),
    ] = "transparent",
    crop: Annotated[bool, typer.Option("--crop", help="Crop to the subject.")] = False,
    margin: Annotated[float, typer.Option(help="Around a cropped subject: share of its longer side.", min=0)] = 0.05,
    feather: Feather = None,
    follow_edges: Annotated[bool, typer.Option(help="Draw the mask's edge to the picture's own edges.")] = True,
    decontaminate: Annotated[bool, typer.Option(help="Take the old background's colour out of the edge.")] = True,
    shadow: Annotated[bool, typer.Option(help="A soft shadow under the subject.")] = False,
    format: Annotated[str, typer.Option("--format", "-f", help="png, webp or jpeg.")] = "png",
    model: Annotated[str, typer.Option("--model", "-m", help="A model's id, or a weights file.")] = "starter",
    clip_model: Annotated[
        str | None, typer.Option("--clip-model", "-c", help="The classifier for text:…; default: the best installed.")
    ] = None,
    workers: Workers = 2,
    gallery: Annotated[bool, typer.Option(help="Write index.html, scores.csv and results.json.")] = True,
    models_dir: ModelsDir = None,
    force_device: ForceDevice = None,
    sam_device: SamDevice = None,
    clip_device: ClipDevice = None,
    json: JsonOption = False,
) -> None:
    """Cut the subjects of pictures out of their background. Pictures that are done are skipped the next time."""
    from app.cutouts.reports import write_reports
    from app.cutouts.run import BatchRun
    from app.cutouts.settings import CutoutSettings, form_of
    from app.subjects.inputs import pictures
    from inference import catalogue
    from inference.focus import focus_of
    from inference.looks import Look
    from inference.looks import background as background_of

    voice = output(ctx, json)
    asked = focus_of(focus, focus_margin)
    words = (clip_model or catalogue.default_classifier(models_dir).id) if asked.kind == "text" else ""
    settings = CutoutSettings(
        model,
        asked,
        Look(background_of(background), crop, margin, feather, follow_edges, decontaminate, shadow),
        form_of(format),
        words=words,
        workers=workers,
    )
    settings.check()
    for needed in (model, words):
        if needed:
            catalogue.weights_path(needed, models_dir)  # before anything is written
    files, failures = pictures(images, without=out)
    tally = Tally()
    batch = BatchRun(files, out, settings, tally.add, images)
    runner = runner_for(models_dir, force_device, sam_device, clip_device)
    page = None
    try:
        run_batch(voice, runner, batch, "Cutting out")
    finally:
        records = in_order(batch, tally)
        failures += tally.failures
        if gallery and records and batch.stopped is None:
            page = write_reports(batch.ledger, records, failures, settings, "Cut-outs")
    closing_words(voice, batch, tally, page)
    voice.finish({"model": model} | summary(batch, records, page), failures)
