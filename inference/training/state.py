"""The state of a training run on disk, so that it goes on exactly where it stopped."""

from __future__ import annotations

import copy
import os
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from inference.errors import ModelError, StorageError


class Ema:
    """A running average of a model's weights: what is validated and kept. Early on it follows faster."""

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.model = copy.deepcopy(model).eval().requires_grad_(False)
        self.decay = decay

    @torch.no_grad()
    def update(self, model: nn.Module, step: int) -> None:
        keep = min(self.decay, (1 + step) / (10 + step))
        mine, theirs = self.model.state_dict(), model.state_dict()
        floats = [k for k, v in mine.items() if v.is_floating_point()]
        torch._foreach_lerp_([mine[k] for k in floats], [theirs[k] for k in floats], 1 - keep)


@dataclass(slots=True)
class RunState:
    """Where a run is: optimizer steps done, seconds trained, the best validation so far, processor seconds used.

    `stale` counts the validations since the best one; `validated` is the step of the last one.
    """

    step: int = 0
    seconds: float = 0.0
    best: float = -1.0
    cpu_seconds: float = 0.0
    stale: int = 0
    validated: int = -1


def save_state(path: Path, model: nn.Module, ema: Ema, optimizer: torch.optim.Optimizer, state: RunState) -> None:
    """Beside first, then renamed. StorageError when it cannot be written."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    content = {
        "model": model.state_dict(),
        "ema": ema.model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "rng": torch.get_rng_state(),
        "step": state.step,
        "seconds": state.seconds,
        "best": state.best,
        "cpu_seconds": state.cpu_seconds,
        "stale": state.stale,
        "validated": state.validated,
    }
    try:
        torch.save(content, beside)
        beside.replace(path)
    except (OSError, RuntimeError) as error:
        beside.unlink(missing_ok=True)
        raise StorageError(
            f"The training state could not be written: {error}.", path, "Free space on the disk."
        ) from error


def load_state(path: Path, model: nn.Module, ema: Ema, optimizer: torch.optim.Optimizer) -> RunState:
    """Fills model, EMA and optimizer from `save_state`'s file. ModelError when it is damaged or of another model."""
    try:
        content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        model.load_state_dict(content["model"])
        ema.model.load_state_dict(content["ema"])
        rates = [{k: v for k, v in group.items() if k != "params"} for group in optimizer.param_groups]
        optimizer.load_state_dict(content["optimizer"])
        for group, wanted in zip(optimizer.param_groups, rates, strict=True):
            group.update(wanted)  # the settings of today, not of the day it was stopped
        torch.set_rng_state(content["rng"])
        times = float(content["seconds"]), float(content["best"]), float(content.get("cpu_seconds", 0.0))
        return RunState(int(content["step"]), *times, int(content.get("stale", 0)), int(content.get("validated", -1)))
    except (pickle.UnpicklingError, RuntimeError, KeyError, ValueError, EOFError, OSError) as error:
        raise ModelError(
            f"The training state cannot be continued: {str(error)[:200]}",
            path,
            "Start a new run in another folder, or with --init from its best checkpoint.",
        ) from error
