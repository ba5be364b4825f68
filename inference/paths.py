"""Where Winnow keeps things. The one place that asks the platform or the file system for the program's own folders."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import platformdirs

APP = "Winnow"
MODELS_VARIABLE = "WINNOW_MODELS_DIR"
HOME_VARIABLE = "WINNOW_HOME"
SHIPPED = "winnow_files"  # what pip installs beside the packages (setup.py): their names are nobody's else


def program_dir() -> Path:
    """The folder that holds the packages: the repository's, where pip installed them, or the built program's."""
    bundle = getattr(sys, "_MEIPASS", None)
    return Path(bundle) if bundle else Path(__file__).resolve().parent.parent


def as_typed(text: str) -> str:
    """A text with its commands, which are written `main.py …`, as a person types them for this program."""
    if "`main.py " not in text:
        return text
    if getattr(sys, "frozen", False):
        name = "winnow-cli" if sys.platform == "win32" else "winnow"
    else:
        name = "winnow" if (program_dir() / SHIPPED).is_dir() else "main.py"
    return text.replace("`main.py ", f"`{name} ")


def resource(*parts: str) -> Path:
    """A file shipped under `resources/`."""
    return _files_dir().joinpath("resources", *parts)


def checkpoint(name: str) -> Path:
    """A built-in model shipped under `checkpoints/`."""
    return _files_dir() / "checkpoints" / name


def _files_dir() -> Path:
    """The folder that holds `resources/` and `checkpoints/`."""
    installed = program_dir() / SHIPPED
    return installed if installed.is_dir() else program_dir()


def data_dir() -> Path:
    """Weights, projects of read-only folders, what must survive. `WINNOW_HOME` moves everything below one folder."""
    return _below_home("data") or Path(platformdirs.user_data_dir(APP, appauthor=False))


def cache_dir() -> Path:
    """Thumbnails, embeddings: may be deleted at any time."""
    return _below_home("cache") or Path(platformdirs.user_cache_dir(APP, appauthor=False))


def config_dir() -> Path:
    """Settings."""
    return _below_home("config") or Path(platformdirs.user_config_dir(APP, appauthor=False))


def log_dir() -> Path:
    """Logs and crash reports."""
    return _below_home("log") or Path(platformdirs.user_log_dir(APP, appauthor=False))


def models_dir(override: str | Path | None = None) -> Path:
    """Downloaded and imported weights: `--models-dir`, else `WINNOW_MODELS_DIR`, else the data folder."""
    chosen = override or os.environ.get(MODELS_VARIABLE)
    return typed(chosen) if chosen else data_dir() / "models"


def typed(path: str | Path) -> Path:
    """A path as a person wrote it: `~` is their home. `Path.expanduser` fails where nobody has that name."""
    return Path(os.path.expanduser(path))  # noqa: PTH111


def is_there(path: str | Path) -> bool:
    """Whether something is at a path a person wrote. `Path.exists` fails on names that are too long."""
    return os.path.exists(path)  # noqa: PTH110


def _below_home(name: str) -> Path | None:
    home = os.environ.get(HOME_VARIABLE)
    return typed(home) / name if home else None
