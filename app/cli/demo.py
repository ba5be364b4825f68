"""`main.py demo`: the bundled photographs, segmented from their centre and from a box, with a contact sheet."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from app.cli.options import ForceDevice, ModelsDir
from app.cli.output import JsonOption, output
from app.cli.segment import as_row, closing_table

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from app.contact_sheet import Card, View
    from app.samples import Sample
    from app.subjects.outputs import OutputFolder, Subject
    from app.subjects.run import Report

    Rgb = npt.NDArray[np.uint8]
    Result = tuple[Subject, dict[str, str]]


def register(app: typer.Typer) -> None:
    """Adds `demo`."""
    app.command()(demo)


def demo(
    ctx: typer.Context,
    out: Annotated[Path, typer.Option("--out", "-o", help="Where the results go.")] = Path("out/demo"),
    model: Annotated[str, typer.Option("--model", "-m", help="A model's id, or a weights file.")] = "starter",
    models_dir: ModelsDir = None,
    force_device: ForceDevice = None,
    json: JsonOption = False,
) -> None:
    """Segment the photographs that come with Winnow: masks, cut-outs, overlays, COCO, and a contact sheet."""
    from app.samples import samples
    from app.subjects.outputs import OutputFolder
    from app.subjects.run import Settings, Task, segment_all
    from inference import catalogue, paths
    from inference.prompts import Prompts
    from inference.worker.inline import InlineRunner
    from inference.worker.options import WorkerOptions

    voice = output(ctx, json)
    catalogue.weights_path(model, models_dir)
    shots = samples()
    tasks = [t for s in shots for t in (Task(s.file, None, "centre"), Task(s.file, Prompts(box=s.box), "box"))]
    folder = OutputFolder(paths.typed(out).absolute(), [s.file for s in shots], ("photos", "index.png", "index.html"))
    runner = InlineRunner(options=WorkerOptions(str(models_dir) if models_dir else None, force_device))
    results: list[Result] = []
    start = time.perf_counter()
    with voice.progress("Segmenting") as meter:
        report = segment_all(
            runner,
            tasks,
            Settings(model, remove_specks=64, fill_holes=64),
            lambda subject, rgb: results.append((subject, folder.add(subject, rgb))),
            lambda done, name: meter.update(done, len(tasks), name),
        )
    rows = [as_row(subject) | files for subject, files in results]
    sheet = _write_sheet(folder, shots, results, _subtitle(model, models_dir, report, len(shots)))
    coco = folder.finish()
    voice.table("", *closing_table(rows))
    voice.say(f"[dim]{time.perf_counter() - start:.1f} s on {escape(report.device)}[/]")
    voice.say(f"Look at [bold green]{escape(str(sheet))}[/] and {escape(str(sheet.with_suffix('.png')))}")
    summary: dict[str, Any] = {"model": model, "device": report.device, "out": str(folder.folder), "coco": str(coco)}
    voice.finish(summary | {"index": str(sheet), "images": rows}, report.failures)


def _write_sheet(folder: OutputFolder, shots: list[Sample], results: list[Result], subtitle: str) -> Path:
    """Writes `photos/`, `index.png` and `index.html`, and returns the last."""
    from app import contact_sheet

    cards = [card for shot in shots if (card := _card(folder, shot, results)) is not None]
    title = "Subjects found by Winnow"
    folder.save("index.png", contact_sheet.png(cards, title, subtitle))
    return folder.save("index.html", contact_sheet.page(cards, title, subtitle, folder.folder).encode("utf-8"))


def _card(folder: OutputFolder, shot: Sample, results: list[Result]) -> Card | None:
    """The photograph with its masks, the box's first; None when neither could be made."""
    from app.contact_sheet import Card
    from inference.pictures import read_rgb

    mine = sorted((r for r in results if r[0].path == shot.file), key=lambda r: r[0].variant != "box")
    if not mine:
        return None
    rgb: Rgb = read_rgb(shot.file)
    views = tuple(_view(subject, rgb, files) for subject, files in mine)
    photo = folder.save(f"photos/{shot.file.name}", shot.file.read_bytes())
    return Card(shot.title, rgb, f"{shot.title}: {shot.author}, {shot.licence}", shot.source, photo, views)


def _view(subject: Subject, rgb: Rgb, files: dict[str, str]) -> View:
    from app import overlays
    from app.contact_sheet import View
    from app.subjects.outputs import standing_out

    colour = standing_out(rgb, subject.mask)
    return View(
        name=subject.variant,
        painted=overlays.overlay(rgb, [subject.mask], [colour], opacity=0.4),
        prompts=subject.prompts,
        colour=colour,
        mask=subject.mask,
        score=subject.score,
        files={kind: Path(path) for kind, path in files.items()},
    )


def _subtitle(model: str, models_dir: Path | None, report: Report, count: int) -> str:
    from inference import catalogue

    name = catalogue.find(model, models_dir).title
    return f"{count} photographs, {name}, {report.seconds:.1f} s on {report.device}; from a box, and from the centre"
