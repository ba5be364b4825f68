"""Options that many commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from inference import paths
from inference.errors import UsageError


def _folder(chosen: Path | None) -> Path | None:
    """Refuses a file in the place of the models folder, also one that WINNOW_MODELS_DIR names."""
    folder = paths.models_dir(chosen)
    if paths.is_there(folder) and not folder.is_dir():
        raise UsageError("The models folder is a file.", folder, "Choose a folder (--models-dir, WINNOW_MODELS_DIR).")
    return chosen


ModelsDir = Annotated[
    Path | None,
    typer.Option(
        "--models-dir",
        help="Where models are kept (else WINNOW_MODELS_DIR, else the data folder).",
        show_default=False,
        callback=_folder,
    ),
]
ForceDevice = Annotated[str | None, typer.Option(help="cpu, cuda, cuda:N or mps.", show_default=False)]
