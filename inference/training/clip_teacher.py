"""The ImageNet classifier the built-in classifier's picture tower begins as, and is taught by."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import timm
import torch
from torch import Tensor

from inference.training import clip_augment
from inference.training.clip_images import TRUNK, as_input, lighten_trunk
from inference.training.clip_pictures import Packed, Rgb

_SIDE = 160  # pixels it looks at
_TEACHES_FROM = 96  # pixels a picture must have for its word to be worth something
_THREADS = 2
_PART = 32


class Teacher:
    """Answers with the logarithms of the 1,000 classes' probabilities: also what it hardly thinks of teaches.

    Args:
        weights: timm's `mobilenetv2_100`.
        hidden: classes it must not name (held out).
    """

    def __init__(self, weights: dict[str, Tensor], hidden: Sequence[int]) -> None:
        model = timm.create_model(TRUNK, pretrained=False, pad_type="same").eval()
        model.load_state_dict({k: v.float() for k, v in weights.items()})
        self._model = lighten_trunk(model).to(memory_format=torch.channels_last)
        self._hidden = list(hidden)

    def says(self, pictures: Sequence[Rgb]) -> Tensor:
        """(n, 1000) float16 of (h, w, 3) uint8 pictures, squeezed to squares."""
        parts = [pictures[i : i + _PART] for i in range(0, len(pictures), _PART)]
        if not parts:
            return torch.zeros(0, 1000, dtype=torch.float16)
        torch.set_num_threads(1)  # a thread a core, each with its own pictures
        with ThreadPoolExecutor(_THREADS) as cores:
            return torch.cat(list(cores.map(self._part, parts)))

    def says_packed(self, packed: Packed) -> Tensor:
        """(n, 1000) float16 for each clear picture; minus infinity for the others."""
        said = torch.full((len(packed), 1000), -torch.inf, dtype=torch.float16)
        clear = np.flatnonzero(packed.side >= _TEACHES_FROM)
        for rows in np.array_split(clear, max(1, len(clear) // (8 * _PART))):
            said[torch.from_numpy(rows)] = self.says([packed.picture(int(i)) for i in rows])
        return said

    def _part(self, pictures: Sequence[Rgb]) -> Tensor:
        views = np.stack([clip_augment.whole(picture, _SIDE) for picture in pictures])
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
            logits = self._model(as_input(views).contiguous(memory_format=torch.channels_last)).float()
            logits[:, self._hidden] = -torch.inf
            return logits.log_softmax(1).half()
