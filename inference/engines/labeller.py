"""A classifier that was trained on folders: pictures in, probabilities of its classes out."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from inference.engines import device as devices
from inference.engines.classifier_model import ClassifierArch
from inference.engines.device import Device
from inference.engines.squares import centred, normalised
from inference.errors import OutOfMemory

log = logging.getLogger(__name__)

_BATCH = 32


class Labeller:
    """One loaded classifier on one device.

    Args:
        model: in eval mode, float32.
        arch: what it is; `arch.classes` are its classes.
        id, title: of the catalogue.
        checksum: the key of the weights.
        device: where it runs; when that runs out of memory it moves to the CPU, and `device.reason` says so.
    """

    def __init__(
        self,
        model: nn.Module,
        arch: ClassifierArch,
        *,
        id: str,
        title: str,
        checksum: str,
        device: Device | None = None,
    ) -> None:
        self.id, self.title, self.checksum, self._arch = id, title, checksum, arch
        self.device = device or Device("cpu", "CPU")
        self._model = model
        try:
            self._model.to(self.device.torch_name)
        except Exception as error:
            if not devices.is_out_of_memory(error):
                raise
            self._to_cpu()

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of its classes, in the order of the probabilities."""
        return self._arch.classes

    @property
    def image_size(self) -> int:
        """The side of the square it sees, pixels."""
        return self._arch.image_size

    def probabilities(self, pictures: Sequence[npt.NDArray[np.uint8]]) -> npt.NDArray[np.float32]:
        """(n, classes), rows sum to 1, of pictures (H, W, 3) uint8; the square in their middle is looked at.

        OutOfMemory when even the CPU has no room.
        """
        if not pictures:
            return np.zeros((0, len(self.classes)), np.float32)
        rows = [self._guarded(pictures[i : i + _BATCH]) for i in range(0, len(pictures), _BATCH)]
        return np.concatenate(rows)

    def release(self) -> None:
        """Lets go of the device's memory."""
        self._model.to("meta")

    def _guarded(self, pictures: Sequence[npt.NDArray[np.uint8]]) -> npt.NDArray[np.float32]:
        try:
            return self._answer(pictures)
        except Exception as error:
            if not devices.is_out_of_memory(error):
                raise
            if self.device.kind == "cpu":
                raise OutOfMemory(
                    "The pictures do not fit into memory.", remedy="Close other programs, or choose a smaller model."
                ) from None
        self._to_cpu()
        return self._guarded(pictures)

    @torch.inference_mode()
    def _answer(self, pictures: Sequence[npt.NDArray[np.uint8]]) -> npt.NDArray[np.float32]:
        squares = np.stack([centred(pixels, self.image_size) for pixels in pictures])
        images = normalised(squares, self._arch.mean, self._arch.deviation).to(self.device.torch_name)
        wide = self.device.precision == "bfloat16"
        with torch.autocast(self.device.kind, torch.bfloat16, enabled=wide):
            logits = self._model(images)
        answer: npt.NDArray[np.float32] = logits.float().softmax(1).cpu().numpy()
        return answer

    def _to_cpu(self) -> None:
        log.warning("%s: out of memory on %s, going on on the CPU", self.title, self.device.name)
        self.device = self.device.on_cpu(f"{self.device.name} ran out of memory")
        self._model.to("cpu")
        devices.release_memory(self.device)
