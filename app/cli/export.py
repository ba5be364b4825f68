"""`main.py export FOLDER --format F --out DIR`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.output import JsonOption, Output, output
from inference.errors import AppError, ImageError, UsageError

if TYPE_CHECKING:
    from app.formats import ExportOptions, ExportSummary

_FORMATS = "coco, yolo-seg, voc, labelme, sam2, masks, indexed or cutouts"
_SHOWN = 100  # notes listed for people; all of them are in --json


def register(app: typer.Typer) -> None:
    """Adds the command `export`."""
    app.command("export")(export)


def _list_formats(wanted: bool) -> None:
    if wanted:
        from app.formats import FORMATS

        voice = Output()
        rows: list[tuple[str, str, str]] = []
        for form in FORMATS:
            rows.append((form.id, "", form.description))
            rows += [("", f"--set {o.key}={o.shown_default()}", f"{o.label}: {o.expects()}") for o in form.options]
        voice.table("Formats and their options", ("format", "option and default", ""), rows)
        raise typer.Exit


def export(
    ctx: typer.Context,
    folder: Annotated[Path, typer.Argument(help="The folder of pictures that was annotated.")],
    format_id: Annotated[str, typer.Option("--format", help=f"{_FORMATS}.")],
    out: Annotated[Path, typer.Option("--out", help="The folder to write; must be new or empty.")],
    split: Annotated[
        str | None, typer.Option(help="Shares of train, val and test, by picture: 0.8,0.2 or 0.7,0.2,0.1.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Chooses which picture goes where.")] = 0,
    which: Annotated[
        str, typer.Option(help="annotated (pictures with instances), done (marked done) or all.")
    ] = "annotated",
    classes: Annotated[list[str] | None, typer.Option("--class", help="Only this class; may be repeated.")] = None,
    unlabelled: Annotated[bool, typer.Option(help="Take instances without a class, as “object”.")] = True,
    empty: Annotated[
        bool | None, typer.Option("--empty/--no-empty", help="Take pictures that are left without instances.")
    ] = None,
    pictures: Annotated[
        str | None, typer.Option(help="copy, link (hard links) or none; each format has its usual way.")
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="An option of the format; see --formats.")
    ] = None,
    overwrite: Annotated[bool, typer.Option(help="Write into a folder that is not empty.")] = False,
    formats: Annotated[  # noqa: ARG001  it acts by itself
        bool,
        typer.Option("--formats", help="List formats and options.", callback=_list_formats, is_eager=True),
    ] = False,
    json: JsonOption = False,
) -> None:
    """Write the annotations of a folder as a data set that other programs read."""
    from app.formats import ExportOptions, ProjectSource
    from app.formats import export as run
    from app.formats.options import parse_split
    from app.project import Project

    voice = output(ctx, json)
    options = ExportOptions(
        which=which,  # type: ignore[arg-type]
        include_empty=empty,
        classes=None if classes is None else tuple(classes),
        unlabelled=unlabelled,
        split=() if split is None else parse_split(split),
        seed=seed,
        pictures=pictures,  # type: ignore[arg-type]
        overwrite=overwrite,
        values=parse_settings(settings or []),
    )
    project = Project.open(folder, read_only=True)
    try:
        with voice.progress("Exporting") as meter:
            summary = run(ProjectSource(project), format_id, out, options, meter.update)
    finally:
        project.close()
    _tell(voice, summary, options)
    voice.finish(summary.to_json(), failures(summary))


def parse_settings(pairs: list[str]) -> dict[str, Any]:
    """`--set` values; UsageError for one without `=`."""
    result = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key.strip():
            raise UsageError(f"“{pair}” is no setting.", remedy="Write --set KEY=VALUE; --formats lists the keys.")
        result[key.strip()] = value.strip()
    return result


def failures(summary: ExportSummary) -> list[AppError]:
    """The pictures that are not in the export."""
    return [ImageError(note.message, note.image_id) for note in summary.failed]


def _tell(voice: Output, summary: ExportSummary, options: ExportOptions) -> None:
    told = [n for n in summary.notes if n.severity != "failed"]
    rows = [(n.image_id or "all", n.severity.value, n.message) for n in told[:_SHOWN]]
    if rows:
        voice.table("What to know", ("picture", "", "what"), rows)
    if len(told) > _SHOWN:
        voice.say(f"[dim]… and {len(told) - _SHOWN} more; --json tells all.[/]")
    count = [("pictures", summary.images), ("instances", summary.instances), ("files", summary.files)]
    count += [(name, number) for name, number in summary.splits.items()]
    voice.table("", [name for name, _ in count] + ["MB"], [[n for _, n in count] + [f"{summary.bytes / 1e6:.1f}"]])
    if options.split:
        voice.say(f"[dim]split by seed {options.seed}[/]")
    from rich.markup import escape

    voice.say(f"[dim]{summary.format} in {escape(summary.out)}[/]")
