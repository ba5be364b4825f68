"""`main.py [gui] [FOLDER or IMAGE …]`: the window."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Protocol

import typer

from app.cli.options import ForceDevice, ModelsDir
from inference import paths
from inference.errors import UsageError


class OpenWindow(Protocol):
    """Opens the window on a folder or pictures and returns the exit status when it is closed."""

    def __call__(
        self, paths: list[str], *, model: str | None, models_dir: str | None, force_device: str | None
    ) -> int: ...


def register(app: typer.Typer, open_window: OpenWindow) -> None:
    """Adds `gui`, which is also what runs without any command."""

    @app.command()
    def gui(
        paths: Annotated[
            list[Path] | None, typer.Argument(help="A folder, or pictures of one folder.", show_default=False)
        ] = None,
        model: Annotated[
            str | None, typer.Option("--model", "-m", help="Model to start with: an id or a weights file.")
        ] = None,
        models_dir: ModelsDir = None,
        force_device: ForceDevice = None,
    ) -> None:
        """Open the window (the default)."""
        places = [_existing(path) for path in paths or []]
        status = open_window(
            places,
            model=model,
            models_dir=str(models_dir) if models_dir else None,
            force_device=force_device,
        )
        raise typer.Exit(status)


def _existing(path: Path) -> str:
    """The absolute path; UsageError when nothing is there (a misspelt command ends up here too)."""
    whole = paths.typed(path).absolute()
    if not paths.is_there(whole):
        raise UsageError(
            f"There is no file, folder or command “{path}”.", None, "See `main.py --help` for the commands."
        )
    return str(whole)
