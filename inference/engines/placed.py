"""What every engine does alike: it sits on a device, in that one's precision, and leaves it when memory runs out."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeVar

import torch

from inference.engines import device as devices
from inference.engines.device import Device
from inference.errors import OutOfMemory

log = logging.getLogger(__name__)

T = TypeVar("T")


class Placed(ABC):
    """A model on a device.

    Attributes:
        device: where it runs; when that runs out of memory it moves to the CPU, and `device.reason` says so.
    """

    device: Device

    def release(self) -> None:
        """Gives back what is only kept for speed on the device. The engine goes on: a batch may still hold it."""
        devices.release_memory(self.device)

    @abstractmethod
    def _subject(self) -> str:
        """What a failure is about, in its sentence: "… could not be encoded"."""

    @abstractmethod
    def _settle(self) -> None:
        """Brings the model to `device`; anew when that has become the CPU."""

    def _autocast(self) -> AbstractContextManager[Any]:
        if self.device.precision == "bfloat16":
            return torch.autocast(self.device.kind, torch.bfloat16)
        return nullcontext()

    def _guarded(self, step: Callable[[], T], doing: str) -> T:
        """Runs a step; when memory runs out: again with all caches freed, then on the CPU, then OutOfMemory."""
        for attempt in range(3):
            try:
                return step()
            except (MemoryError, RuntimeError) as error:
                if not devices.is_out_of_memory(error):
                    raise
                log.warning("%s ran out of memory (attempt %d): %s", self.device.name, attempt + 1, error)
            self.release()
            if attempt == 1 and not self._move_to_cpu():
                break
        raise OutOfMemory(
            f"There is not enough memory on {self.device.name}: {self._subject()} could not be {doing}.",
            remedy="Close other programs, or choose a smaller model.",
        )

    def _move_to_cpu(self) -> bool:
        """Whether there was anything to move: on the CPU there is nowhere else to go."""
        if self.device.kind == "cpu":
            return False
        crowded = self.device
        self.device = crowded.on_cpu(f"{crowded.name} ran out of memory")
        self._settle()
        devices.release_memory(crowded)
        return True
