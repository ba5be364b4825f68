"""A run's folder: what it was asked for and how it stands (`run.json`), and its settings (`config.yaml`).

docs/training.md lists everything in it. A window reads it while the run goes on, so files are replaced, never
half-written.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from inference.errors import ModelError, StorageError
from inference.training.config import TrainConfig

RUN, CONFIG = "run.json", "config.yaml"
KIND = "sam2"


def read_run(folder: Path) -> dict[str, Any] | None:
    """What `run.json` says; None where there is no run of a segmentation model. ModelError when it is damaged."""
    path = folder / RUN
    if not path.is_file():
        return None
    try:
        told = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError("The run's run.json is damaged.", path, "Start a new run in another folder.") from error
    if not isinstance(told, dict) or told.get("kind") != KIND or not isinstance(told.get("request"), dict):
        raise ModelError("The folder holds a run of another kind.", folder, "Choose another --out.")
    return told


def start_run(folder: Path, config: TrainConfig, told: Mapping[str, Any]) -> None:
    """Writes both files; the status is "running" from now on. StorageError when they cannot be written."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    before = read_run(folder) or {}
    run = {"kind": KIND, "status": "running", "process": os.getpid(), "started": before.get("started", now)}
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritten(folder, error) from error
    _replace(folder / CONFIG, config.as_yaml())
    _replace(folder / RUN, _json(run | {"continued": now if before else None} | dict(told)))


def end_run(folder: Path, status: str, **more: Any) -> None:
    """Sets the status: "finished", "stopped" (it can go on) or "failed"."""
    told = read_run(folder) or {}
    ended = datetime.now(UTC).isoformat(timespec="seconds")
    _replace(folder / RUN, _json(told | {"status": status, "process": None, "ended": ended} | more))


def _replace(path: Path, text: str) -> None:
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        beside.write_text(text, "utf-8")
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise _unwritten(path, error) from error


def _json(data: Mapping[str, Any]) -> str:
    return json.dumps(data, indent=1, ensure_ascii=False) + "\n"


def _unwritten(path: Path, error: OSError) -> StorageError:
    return StorageError(
        f"The run's folder cannot be written ({error.strerror or error}).", path, "Free space or choose another --out."
    )


__all__ = ["CONFIG", "RUN", "end_run", "read_run", "start_run"]
