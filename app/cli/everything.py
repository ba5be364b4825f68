"""`main.py everything PATH…`: all objects of each picture, as COCO, overlays and single files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from app.cli.options import ForceDevice, ModelsDir
from app.cli.output import JsonOption, output
from inference.everything import EverythingOptions

if TYPE_CHECKING:
    from app.everything.outputs import EverythingFolder, Findings
    from inference.jobs.everything import EverythingResult

_DEFAULTS = EverythingOptions()


def register(app: typer.Typer) -> None:
    """Adds `everything`."""
    app.command()(everything)


def everything(
    ctx: typer.Context,
    images: Annotated[list[Path], typer.Argument(help="Pictures or folders of pictures.", metavar="PATH…")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Where the results go.")],
    model: Annotated[str, typer.Option("--model", "-m", help="A model's id, or a weights file.")] = "starter",
    compare: Annotated[
        str | None, typer.Option("--compare", help="A second model; both are drawn side by side.")
    ] = None,
    overlay: Annotated[bool, typer.Option("--overlay/--no-overlay", help="Write pictures with coloured masks.")] = True,
    save_segments: Annotated[
        bool, typer.Option("--save-segments", help="Write every object as a file of its own, on transparency.")
    ] = False,
    max_side: Annotated[
        int, typer.Option(help="Work on a smaller picture; masks in the COCO file keep the full size.", min=0)
    ] = 0,
    mode: Annotated[str, typer.Option(help="exact asks every point; fast skips what is covered.")] = _DEFAULTS.mode,
    points_per_side: Annotated[int, typer.Option(help="Points along a side of the grid.")] = _DEFAULTS.points_per_side,
    points_per_batch: Annotated[int, typer.Option(help="Points at once, at most.")] = _DEFAULTS.points_per_batch,
    pred_iou_thresh: Annotated[
        float | None,
        typer.Option(help="Least quality that the model expects of a mask. Default: 0.8; 0.4 for the built-in model."),
    ] = None,
    stability_score_thresh: Annotated[
        float | None,
        typer.Option(
            help="Least stability of a mask when its cut-off moves. Default: 0.95; 0.5 for the built-in model."
        ),
    ] = None,
    stability_score_offset: Annotated[
        float, typer.Option(help="How far the cut-off moves.")
    ] = _DEFAULTS.stability_score_offset,
    mask_threshold: Annotated[float, typer.Option(help="Cut-off of masks in logits.")] = _DEFAULTS.mask_threshold,
    box_nms_thresh: Annotated[
        float, typer.Option(help="Masks whose boxes overlap more are one.")
    ] = _DEFAULTS.box_nms_thresh,
    crop_n_layers: Annotated[int, typer.Option(help="Layers of crops searched too.")] = _DEFAULTS.crop_n_layers,
    crop_nms_thresh: Annotated[
        float, typer.Option(help="As --box-nms-thresh, between crops.")
    ] = _DEFAULTS.crop_nms_thresh,
    crop_overlap_ratio: Annotated[float, typer.Option(help="How far crops overlap.")] = _DEFAULTS.crop_overlap_ratio,
    crop_n_points_downscale_factor: Annotated[
        int, typer.Option(help="How much sparser the points of each layer are.")
    ] = _DEFAULTS.crop_n_points_downscale_factor,
    min_mask_region_area: Annotated[
        int, typer.Option(help="Fill holes and drop parts of fewer pixels.")
    ] = _DEFAULTS.min_mask_region_area,
    use_m2m: Annotated[bool, typer.Option("--use-m2m", help="Refine every mask once.")] = False,
    models_dir: ModelsDir = None,
    force_device: ForceDevice = None,
    json: JsonOption = False,
) -> None:
    """Segment everything: all objects of each picture."""
    from app.everything.outputs import output_folder
    from app.everything.run import EverythingSettings, search_all
    from app.subjects.inputs import pictures
    from inference import catalogue, paths
    from inference.errors import AppError, StorageError
    from inference.worker.inline import InlineRunner
    from inference.worker.options import WorkerOptions

    voice = output(ctx, json)
    options = EverythingOptions(
        points_per_side, points_per_batch, pred_iou_thresh, stability_score_thresh, stability_score_offset,
        mask_threshold, box_nms_thresh, crop_n_layers, crop_nms_thresh, crop_overlap_ratio,
        crop_n_points_downscale_factor, None, min_mask_region_area, use_m2m, mode=mode,  # type: ignore[arg-type]
    )  # fmt: skip
    options.check()
    models = (model,) if compare is None else (model, compare)
    for needed in models:
        catalogue.weights_path(needed, models_dir)  # before anything is written
    files, failures = pictures(images, without=out)
    folder = output_folder(paths.typed(out).absolute(), files)
    runner = InlineRunner(
        options=WorkerOptions(models_dir=None if models_dir is None else str(models_dir), force_device=force_device)
    )
    rows: list[dict[str, Any]] = []

    def found(path: Path, results: list[EverythingResult]) -> None:
        rows.extend(_written(folder, path, results, max_side, overlay, save_segments))

    coco: Path | None = None
    try:
        with voice.progress("Looking for objects", "share") as meter:
            failures += search_all(
                runner,
                files,
                EverythingSettings(models, options, max_side),
                found,
                lambda done, name: meter.update(round(done * 100), len(files) * 100, name),
            )
    except StorageError as error:  # a full disk: what was done until then is listed all the same
        failures.append(error)
    finally:  # after a Ctrl+C, too
        if rows:
            try:
                coco = folder.finish()
            except AppError as error:
                failures.append(error)
    voice.table("", ("picture", "model", "masks", "covered", "median area", "seconds"), [_cells(row) for row in rows])
    if rows:
        voice.say(f"[dim]in {escape(str(folder.folder))}[/]")
    summary = {
        "model": model,
        "compare": compare,
        "out": str(folder.folder),
        "coco": None if coco is None else str(coco),
    }
    voice.finish(summary | {"images": rows}, failures)


def _written(
    folder: EverythingFolder,
    path: Path,
    results: list[EverythingResult],
    max_side: int,
    overlay: bool,
    segments: bool,
) -> list[dict[str, Any]]:
    """The files of one picture, and a row for each model. Annotations and single files are the first model's."""
    from app.everything.outputs import Findings
    from inference.pictures import read_rgb

    both = [Findings(path, r.model, r.masks, r.width, r.height, r.seconds) for r in results]
    drawn = overlay or segments or len(both) > 1
    rgb = read_rgb(path, max_side or None) if drawn else None
    files = folder.add_findings(both[0], rgb, overlay=overlay, segments=segments)
    if len(both) > 1 and rgb is not None:
        files["side_by_side"] = folder.add_side_by_side(both, rgb)
    rows = [_row(found) | {"device": result.device} for found, result in zip(both, results, strict=True)]
    rows[0] |= files
    return rows


def _row(found: Findings) -> dict[str, Any]:
    """A picture for machines."""
    return {
        "image": str(found.path),
        "model": found.model,
        "width": found.width,
        "height": found.height,
        "masks": len(found.masks),
        "covered": round(found.covered, 4),
        "median_area": round(found.median_area, 6),
        "scores": [round(f.predicted_iou, 4) for f in found.masks],
        "seconds": round(found.seconds, 3),
    }


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    return (
        Path(row["image"]).name,
        row["model"],
        str(row["masks"]),
        f"{row['covered']:.0%}",
        f"{row['median_area']:.2%}",
        f"{row['seconds']:.1f}",
    )
