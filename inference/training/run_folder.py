"""A run's folder: what it was asked for and how it stands (`run.json`), and its settings (`config.yaml`).

docs/training.md and docs/classifiers.md list everything in it. A window reads it while the run goes on, so files are
replaced, never half-written.
"""

from __future__ import annotations

import contextlib
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
    told = _told(folder)
    if told is not None and (told.get("kind") != KIND or not isinstance(told.get("request"), dict)):
        raise ModelError("The folder holds a run of another kind.", folder, "Choose another --out.")
    return told


def start_run(folder: Path, config: TrainConfig, told: Mapping[str, Any]) -> None:
    """Writes both files; the status is "running" from now on. StorageError when they cannot be written."""
    run = {"kind": KIND} | begun(read_run(folder))
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritten(folder, error) from error
    _replace(folder / CONFIG, config.as_yaml())
    _replace(folder / RUN, _json(run | dict(told)))


def begun(before: Mapping[str, Any] | None) -> dict[str, Any]:
    """What `run.json` says of a run that this process begins, or takes up from what it said before."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    started = before.get("started", now) if before else now
    return {"status": "running", "process": os.getpid(), "started": started, "continued": now if before else None}


def end_run(folder: Path, status: str, **more: Any) -> None:
    """Sets the status of a run of any kind: "finished", "stopped" (it can go on) or "failed"."""
    told = _told(folder) or {}
    ended = datetime.now(UTC).isoformat(timespec="seconds")
    _replace(folder / RUN, _json(told | {"status": status, "process": None, "ended": ended} | more))


def end_early(folder: Path, status: str, **more: Any) -> None:
    """As `end_run`; what ended the run is told, not that this could not be written on top of it."""
    with contextlib.suppress(StorageError, ModelError):
        end_run(folder, status, **more)


def _told(folder: Path) -> dict[str, Any] | None:
    path = folder / RUN
    if not path.is_file():
        return None
    try:
        told = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError("The run's run.json is damaged.", path, "Start a new run in another folder.") from error
    if not isinstance(told, dict):
        raise ModelError("The run's run.json is damaged.", path, "Start a new run in another folder.")
    return told


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


__all__ = ["CONFIG", "RUN", "begun", "end_early", "end_run", "read_run", "start_run"]
