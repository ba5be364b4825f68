"""A classifier that was trained on folders: pictures in, probabilities of its classes out."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from inference.engines.classifier_model import ClassifierArch
from inference.engines.device import Device
from inference.engines.placed import Placed
from inference.engines.squares import centred, normalised

_BATCH = 32


class Labeller(Placed):
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
        self._guarded(self._settle, "loaded")

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
        batches = [pictures[i : i + _BATCH] for i in range(0, len(pictures), _BATCH)]
        return np.concatenate([self._guarded(partial(self._answer, batch), "used") for batch in batches])

    @torch.inference_mode()
    def _answer(self, pictures: Sequence[npt.NDArray[np.uint8]]) -> npt.NDArray[np.float32]:
        squares = np.stack([centred(pixels, self.image_size) for pixels in pictures])
        images = normalised(squares, self._arch.mean, self._arch.deviation).to(self.device.torch_name)
        with self._autocast():
            logits = self._model(images)
        answer: npt.NDArray[np.float32] = logits.float().softmax(1).cpu().numpy()
        return answer

    def _subject(self) -> str:
        return self.title

    def _settle(self) -> None:
        self._model.to(self.device.torch_name)
