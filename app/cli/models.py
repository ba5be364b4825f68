"""`main.py models list|download|import|verify|remove`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.options import ModelsDir
from app.cli.output import JsonOption, output
from inference.errors import AppError, UsageError

if TYPE_CHECKING:
    from inference.catalogue import ModelSpec

Ids = Annotated[list[str], typer.Argument(help="Ids, as `models list` shows them.", metavar="MODEL…")]
MEGA = 1e6


def register(app: typer.Typer) -> None:
    """Adds the group `models`."""
    group = typer.Typer(help="List, download, import, verify and remove models.", no_args_is_help=True)
    group.command("list")(list_models)
    group.command("download")(download)
    group.command("import")(import_model)
    group.command("verify")(verify)
    group.command("remove")(remove)
    app.add_typer(group, name="models")


def list_models(ctx: typer.Context, models_dir: ModelsDir = None, json: JsonOption = False) -> None:
    """Show every model, and which are here."""
    from inference import catalogue, paths

    out = output(ctx, json)
    rows = [_row(spec, models_dir) for spec in catalogue.catalogue(models_dir)]
    out.table(
        "Models",
        ("id", "title", "MB", "licence", "state"),
        [(r["id"], r["title"], _mega(r["size_bytes"]), r["licence"] or "–", r["state"]) for r in rows],
    )
    out.say(f"[dim]kept in {paths.models_dir(models_dir)}[/]")
    out.finish({"models_dir": str(paths.models_dir(models_dir)), "models": rows})


def download(ctx: typer.Context, models: Ids, models_dir: ModelsDir = None, json: JsonOption = False) -> None:
    """Fetch models from the hub; a broken download goes on where it ended."""
    from inference import catalogue
    from inference.jobs.download import DownloadRequest
    from inference.worker.inline import InlineRunner

    out = output(ctx, json)
    specs = [catalogue.find(model, models_dir) for model in models]
    done: list[dict[str, Any]] = []
    failures: list[AppError] = []
    for spec in specs:
        if (here := catalogue.installed(spec, models_dir)) is not None:
            out.say(f"{spec.title} is here already: {here}")
            done.append({"model_id": spec.id, "path": str(here), "already": True})
            continue
        request = DownloadRequest(spec.id, str(models_dir) if models_dir else None)
        try:
            with out.progress(spec.title, unit="bytes") as meter:
                result = InlineRunner().run(request, meter.report)
        except AppError as error:
            failures.append(_about(spec, error))
            continue
        out.say(f"[green]✓[/] {spec.title}  [dim]sha256 {result.sha256[:16]}…  commit {result.commit[:12]}[/]")
        done.append(asdict(result) | {"already": False})
    out.finish({"downloaded": done}, failures)


def import_model(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(help="A SAM 2 checkpoint (.safetensors, .pt) or a classifier of ours.")],
    name: Annotated[str | None, typer.Option(help="The name to list it under (else the file's).")] = None,
    models_dir: ModelsDir = None,
    json: JsonOption = False,
) -> None:
    """Register your own checkpoint; its architecture is recognised from the weights."""
    from inference.jobs.import_model import ImportModelRequest
    from inference.worker.inline import InlineRunner

    out = output(ctx, json)
    request = ImportModelRequest(str(file), str(models_dir) if models_dir else None, name)
    with out.progress(f"Importing {file.name}", unit="bytes") as meter:
        spec = InlineRunner().run(request, meter.report)
    out.say(f"[green]✓[/] {spec.title} ({spec.architecture}) is now --model [bold]{spec.id}[/]")
    out.finish(asdict(spec))


def verify(
    ctx: typer.Context,
    models: Annotated[
        list[str] | None, typer.Argument(help="Ids; all that are here when none.", metavar="MODEL…")
    ] = None,
    models_dir: ModelsDir = None,
    json: JsonOption = False,
) -> None:
    """Read installed weights and compare them with the hash they came with."""
    from inference import catalogue
    from inference.weights import library

    out = output(ctx, json)
    specs = [catalogue.find(m, models_dir) for m in models or []] or [
        s for s in catalogue.catalogue(models_dir) if catalogue.installed(s, models_dir) is not None
    ]
    good: list[dict[str, str]] = []
    failures: list[AppError] = []
    for spec in specs:
        try:
            with out.progress(spec.title, unit="bytes") as meter:
                digest = library.verify(spec, models_dir, lambda done, total, m=meter: m.update(done, total))  # type: ignore[misc]
        except AppError as error:
            failures.append(_about(spec, error))
            continue
        out.say(f"[green]✓[/] {spec.title}  [dim]sha256 {digest}[/]")
        good.append({"id": spec.id, "sha256": digest})
    out.finish({"verified": good}, failures)


def remove(ctx: typer.Context, models: Ids, models_dir: ModelsDir = None, json: JsonOption = False) -> None:
    """Delete downloaded or imported models."""
    from inference import catalogue
    from inference.weights import library

    out = output(ctx, json)
    specs = [catalogue.find(model, models_dir) for model in models]
    removed: list[dict[str, Any]] = []
    failures: list[AppError] = []
    for spec in specs:
        try:
            freed = library.remove(spec, models_dir)
        except AppError as error:
            if len(specs) == 1:
                raise
            failures.append(_about(spec, error))
            continue
        out.say(f"Removed {spec.title}: {freed / MEGA:,.1f} MB given back.")
        removed.append({"id": spec.id, "bytes": freed})
    out.finish({"removed": removed}, failures)


def _row(spec: ModelSpec, models_dir: Path | None) -> dict[str, Any]:
    from inference import catalogue

    try:
        path, state = catalogue.installed(spec, models_dir), "here"
    except AppError as error:
        path, state = None, f"damaged: {error.message}"
    if path is None and state == "here":
        state = "missing" if spec.builtin or not spec.downloadable else "to download"
    elif spec.builtin and path is not None:
        state = "built in"
    size = path.stat().st_size if path is not None else spec.size_bytes
    return asdict(spec) | {"state": state, "installed": None if path is None else str(path), "size_bytes": size}


def _mega(size: int) -> str:
    return f"{size / MEGA:,.1f}" if size else "–"


def _about(spec: ModelSpec, error: AppError) -> AppError:
    """The failure with the model's name in front, so that a list of several can be read."""
    if isinstance(error, UsageError) or spec.title in error.message or spec.filename in error.message:
        return error
    return type(error)(f"{spec.title}: {error.message}", error.path, error.remedy, error.details)
