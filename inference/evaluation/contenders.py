"""Models that are measured side by side: what they are called, where their weights are, what they cost."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import psutil
import torch

from inference import catalogue
from inference.engines.device import Device
from inference.errors import UsageError

_EVERY_S = 0.02


@dataclass(frozen=True, slots=True)
class Contender:
    """A model that takes part: its name in reports, and its weights file."""

    label: str
    file: Path


def contenders(models: Sequence[str], models_dir: str | None = None) -> list[Contender]:
    """Ids of the catalogue or weights files, each with a name of its own. ModelError, UsageError when one is wrong."""
    found: list[Contender] = []
    for model in dict.fromkeys(models):
        is_file = Path(model).is_file()
        file = Path(model) if is_file else catalogue.weights_path(model, models_dir)
        label = _label(Path(model)) if is_file else model
        taken = {one.label for one in found}
        number = 2
        while label in taken:
            label = f"{label.rsplit(' (', 1)[0]} ({number})"
            number += 1
        found.append(Contender(label, file))
    if not found:
        raise UsageError("No model was named.", remedy="Name at least one.")
    return found


def _label(file: Path) -> str:
    """A run's best checkpoint goes by its run."""
    return file.parent.name if file.stem in ("best", "last") and file.parent.name else file.stem


class PeakMemory:
    """What a stretch of work needs more than was taken before: `megabytes` after the `with`.

    On CUDA the card's memory, as torch counts it; else the process's, looked at fifty times a second.
    """

    def __init__(self, device: Device) -> None:
        self.megabytes = 0.0
        self._device = device
        self._process = psutil.Process()
        self._ended = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="peak memory", daemon=True)
        self._before = self._peak = 0

    def __enter__(self) -> PeakMemory:
        if self._device.kind == "cuda":
            torch.cuda.reset_peak_memory_stats(self._device.index)
            self._before = torch.cuda.memory_allocated(self._device.index)
        else:
            self._before = self._peak = self._process.memory_info().rss
            self._watcher.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._device.kind == "cuda":
            self._peak = torch.cuda.max_memory_allocated(self._device.index)
        else:
            self._ended.set()
            self._watcher.join()
            self._look()
        self.megabytes = round(max(self._peak - self._before, 0) / 1e6, 1)

    def _watch(self) -> None:
        while not self._ended.wait(_EVERY_S):
            self._look()

    def _look(self) -> None:
        self._peak = max(self._peak, self._process.memory_info().rss)
