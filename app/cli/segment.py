"""`main.py segment IMAGE…`: the subject of each picture, as mask, cut-out, overlay and COCO."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from app.cli.options import ForceDevice, ModelsDir
from app.cli.output import JsonOption, output
from inference.errors import AppError, StorageError, UsageError
from inference.prompts import Box, Point, Prompts

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from app.subjects.outputs import OutputFolder, Subject

Images = Annotated[list[Path], typer.Argument(help="Pictures or folders of pictures.", metavar="IMAGE…")]
Out = Annotated[Path, typer.Option("--out", "-o", help="Where the results go.")]


def register(app: typer.Typer) -> None:
    """Adds `segment`."""
    app.command()(segment)


def segment(
    ctx: typer.Context,
    images: Images,
    out: Out,
    point: Annotated[
        list[str] | None,
        typer.Option(
            "--point", "-p", help="A click as X,Y, or X,Y,0 for “not this”; may be repeated.", metavar="X,Y[,0]"
        ),
    ] = None,
    box: Annotated[str | None, typer.Option("--box", "-b", help="A box.", metavar="X0,Y0,X1,Y1")] = None,
    model: Annotated[str, typer.Option("--model", "-m", help="A model's id, or a weights file.")] = "starter",
    threshold: Annotated[float, typer.Option(help="Mask threshold in logits; higher is tighter.")] = 0.0,
    fill_holes: Annotated[int, typer.Option(help="Fill holes up to so many pixels.", min=0)] = 0,
    remove_specks: Annotated[int, typer.Option(help="Drop islands up to so many pixels.", min=0)] = 0,
    models_dir: ModelsDir = None,
    force_device: ForceDevice = None,
    json: JsonOption = False,
) -> None:
    """Segment the subject of each picture from points or a box (the picture's centre without any)."""
    from app.subjects.inputs import pictures
    from app.subjects.outputs import OutputFolder
    from app.subjects.run import Report, Settings, Task, segment_all
    from inference import catalogue, paths
    from inference.worker.inline import InlineRunner
    from inference.worker.options import WorkerOptions

    voice = output(ctx, json)
    prompts = Prompts(tuple(parse_point(p) for p in point or ()), None if box is None else parse_box(box))
    catalogue.weights_path(model, models_dir)  # before anything is written
    files, failures = pictures(images, without=out)
    folder = OutputFolder(paths.typed(out).absolute(), files)
    runner = InlineRunner(options=WorkerOptions(models_dir=_text(models_dir), force_device=force_device))
    rows: list[dict[str, Any]] = []

    def found(subject: Subject, rgb: npt.NDArray[np.uint8]) -> None:
        rows.append(as_row(subject) | folder.add(subject, rgb))

    def work() -> Report:
        with voice.progress("Segmenting") as meter:
            return segment_all(
                runner,
                [Task(path, prompts) for path in files],
                Settings(model, threshold, fill_holes, remove_specks),
                found,
                lambda done, name: meter.update(done, len(files), name),
            )

    report, coco = Report("", 0.0, ()), None
    try:
        report = work() if files else report
    except StorageError as error:  # a full disk: what was done until then is listed all the same
        failures.append(error)
    finally:  # after a Ctrl+C, too
        coco = _closed(folder, failures) if rows else None
    failures += report.failures
    voice.table("", *closing_table(rows))
    if rows:
        done = f"{len(rows)} of {len(files)}" + (f" on {report.device}" if report.device else "")
        voice.say(f"[dim]{done}, in {escape(str(folder.folder))}[/]")
    summary = {"model": model, "device": report.device, "out": str(folder.folder), "coco": _text(coco), "images": rows}
    voice.finish(summary, failures)


def _closed(folder: OutputFolder, failures: list[AppError]) -> Path | None:
    """The COCO file of what was done; None, and the reason among the failures, when it cannot be written."""
    try:
        return folder.finish()
    except StorageError as error:
        failures.append(error)
        return None


def parse_point(text: str) -> Point:
    """A point of "X,Y" or "X,Y,0"; UsageError when it is none."""
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    finite = all(math.isfinite(n) for n in numbers)
    if not finite or len(numbers) not in (2, 3) or (len(numbers) == 3 and numbers[2] not in (0, 1)):
        raise UsageError(f"“{text}” is no point.", None, "Write --point X,Y, or --point X,Y,0 for “not this”.")
    return Point(numbers[0], numbers[1], len(numbers) == 2 or numbers[2] == 1)


def parse_box(text: str) -> Box:
    """A box of "X0,Y0,X1,Y1" (any two opposite corners); UsageError when it is none or has no area."""
    try:
        box = Box.of_corners(*(float(part) for part in text.split(",")))
    except (ValueError, TypeError):
        raise UsageError(f"“{text}” is no box.", None, "Write --box X0,Y0,X1,Y1.") from None
    if not (0 < box.width < math.inf and 0 < box.height < math.inf):
        raise UsageError(f"The box “{text}” has no area.", None, "Write two opposite corners: --box X0,Y0,X1,Y1.")
    return box


def as_row(subject: Subject) -> dict[str, Any]:
    """A subject for machines."""
    mask = subject.mask
    return {
        "image": str(subject.path),
        "variant": subject.variant,
        "width": mask.width,
        "height": mask.height,
        "score": round(subject.score, 4),
        "area": mask.area,
        "bbox": list(mask.bbox),
        "seconds": round(subject.seconds, 4),
        "prompts": subject.prompts.to_json(),
    }


def closing_table(rows: list[dict[str, Any]]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Columns and rows of the table that ends a run."""
    return ("picture", "size", "score", "covers", "seconds"), [
        (
            Path(row["image"]).name + (f" ({row['variant']})" if row["variant"] else ""),
            f"{row['width']}×{row['height']}",
            f"{row['score']:.2f}",
            f"{row['area'] / max(row['width'] * row['height'], 1):.1%}",
            f"{row['seconds']:.2f}",
        )
        for row in rows
    ]


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)
