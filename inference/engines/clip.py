"""Pictures and words in one space: a classifier of open_clip behind one class.

What it gives for a picture is what open_clip's own `preprocess` and `encode_image` give, to a cosine of 0.999 or
better (benchmarks/bench_classify.py): pictures are decoded small (`clip_input`) and normalised on the
device. Cards that have it run in bfloat16; on the CPU that is slower than float32 with the batch norms folded in, and
costs a MobileNet a cosine of 0.003.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import torch

from inference import clip_input
from inference.clip_input import ClipInput
from inference.engines import device as devices
from inference.engines.device import Device
from inference.engines.fuse import fuse_norms
from inference.engines.placed import Placed
from inference.vocabulary import Vocabulary

Float32 = npt.NDArray[np.float32]
RGBArray = npt.NDArray[np.uint8]
T = TypeVar("T")

_CPU_BATCH = 16
_CARD_BATCH = 64
_TEXT_BATCH = 256


class Classifier(Placed):
    """One loaded model of pictures and words on one device.

    Args:
        model: open_clip's, in eval mode, float32.
        tokenizer: gives tokens, whole (`tokens`) and as a batch cut to the context (`batch`).
        wants: what the image tower wants to see.
        id, title: of the catalogue.
        checksum: the key of the weights; embeddings of equal checksums can be compared.
        sigmoid: the model was trained with a sigmoid (SigLIP): each text stands for itself.
        words: what it has learned, where that is known.
        device: where it runs; when that runs out of memory it moves to the CPU, and `device.reason` says so.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        wants: ClipInput,
        *,
        id: str,
        title: str,
        checksum: str,
        sigmoid: bool = False,
        words: Vocabulary | None = None,
        device: Device | None = None,
    ) -> None:
        self.id, self.title, self.checksum = id, title, checksum
        self.input, self.sigmoid, self.words = wants, sigmoid, words
        self.device = device or Device("cpu", "CPU")
        self.scale = float(model.logit_scale.detach().exp())
        bias = getattr(model, "logit_bias", None)
        self.bias = None if bias is None else float(bias.detach())
        self._tokenizer = tokenizer
        self.model = fuse_norms(model, torch.zeros(1, 3, wants.height, wants.width))
        self._guarded(self._settle, "loaded")
        self.dim = int(self.embed_texts(["a"]).shape[1])

    @property
    def image_size(self) -> int:
        """The shorter side of what the model sees."""
        return self.input.shortest

    @property
    def context_length(self) -> int:
        """How many tokens of a text it reads."""
        return int(self._tokenizer.context_length)

    @property
    def batch_size(self) -> int:
        """How many pictures are best embedded at once."""
        return _CPU_BATCH if self.device.kind == "cpu" else _CARD_BATCH

    def tokens(self, text: str) -> Sequence[int]:
        """All tokens of a text as the model would read it (its everyday words replaced), with the marks, not cut."""
        tokens: Sequence[int] = self._tokenizer.tokens(self._in_its_words(text))
        return tokens

    def embed_images(self, pictures: Sequence[RGBArray]) -> Float32:
        """(n, dim) float32 unit rows of (H, W, 3) uint8 pictures of any size. Raises OutOfMemory."""
        fitted = [clip_input.fit(picture, self.input) for picture in pictures]
        return self._in_batches(fitted, self.batch_size, self._image_rows)

    def embed_texts(self, texts: Sequence[str]) -> Float32:
        """(n, dim) float32 unit rows. What is beyond the context is cut off. Raises OutOfMemory."""
        return self._in_batches([self._in_its_words(text) for text in texts], _TEXT_BATCH, self._text_rows)

    def _in_its_words(self, text: str) -> str:
        return text if self.words is None else self.words.translated(text)

    def _in_batches(self, inputs: Sequence[T], size: int, rows: Callable[[Sequence[T]], Float32]) -> Float32:
        if not inputs:
            return np.zeros((0, self.dim), np.float32)
        return np.concatenate(
            [part for start in range(0, len(inputs), size) for part in self._rows(inputs[start : start + size], rows)]
        )

    def _rows(self, batch: Sequence[T], rows: Callable[[Sequence[T]], Float32]) -> Iterator[Float32]:
        """One batch; short of memory in halves before the device is given up."""
        try:
            yield rows(batch) if len(batch) > 1 else self._guarded(lambda: rows(batch), "used")
            return
        except (MemoryError, RuntimeError) as error:
            if len(batch) == 1 or not devices.is_out_of_memory(error):
                raise
        self.release()
        half = len(batch) // 2
        yield from self._rows(batch[:half], rows)
        yield from self._rows(batch[half:], rows)

    def _image_rows(self, pictures: Sequence[RGBArray]) -> Float32:
        stacked = torch.from_numpy(np.stack(pictures))
        if self.device.kind == "cuda":
            stacked = stacked.pin_memory()
        with torch.inference_mode(), self._autocast():
            here = stacked.to(self.device.torch_name, non_blocking=True).permute(0, 3, 1, 2)
            pixels = here.to(torch.float32, memory_format=torch.channels_last).div_(255)
            mean, std = (
                torch.tensor(values, device=pixels.device).view(1, 3, 1, 1)
                for values in (self.input.mean, self.input.std)
            )
            features = self.model.encode_image(pixels.sub_(mean).div_(std))
        return _unit(features)

    def _text_rows(self, texts: Sequence[str]) -> Float32:
        tokens = torch.as_tensor(self._tokenizer.batch(list(texts)))
        with torch.inference_mode(), self._autocast():
            features = self.model.encode_text(tokens.to(self.device.torch_name))
        return _unit(features)

    def _subject(self) -> str:
        return self.title

    def _settle(self) -> None:
        self.model = self.model.to(self.device.torch_name, memory_format=torch.channels_last)


def _unit(features: torch.Tensor) -> Float32:
    rows = torch.nn.functional.normalize(features.float(), dim=-1)
    return rows.cpu().numpy()
