"""SAM 2 for interactive use: a picture is encoded once, prompts are decoded often, full-size masks are made on demand.

Follows `sam2.sam2_image_predictor.SAM2ImagePredictor` (set_image, _prep_prompts, _predict) step by step, so that its
masks come out bit for bit in float32; what is left out is the work nobody looks at: full-size logits of every
candidate. `tests/unit/test_segmenter.py` holds both side by side.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

from inference.engines.dense_prompts import dense_prompt
from inference.engines.device import Device
from inference.engines.embedding import Embedding, network_input
from inference.engines.placed import Placed
from inference.engines.postprocess import clean
from inference.engines.prompting import as_arrays, checked
from inference.engines.upscale import mask_of_logits
from inference.masks import Mask
from inference.prompts import Prompts
from inference.protocol import Candidate

Float32 = npt.NDArray[np.float32]

_LOGIT_LIMIT = 32.0  # SAM clamps logits there before it takes them as a prompt again


class Segmenter(Placed):
    """One loaded model on one device.

    Args:
        model: a `SAM2Base` in eval mode.
        config: its `ArchConfig`; says whether the model wants its prompts also as a dense mask prompt.
        device: where it runs; when that runs out of memory it moves to the CPU, and `device.reason` says so.
    """

    def __init__(self, model: Any, config: Any, device: Device | None = None) -> None:
        self.config = config
        self.device = device or Device("cpu", "CPU")
        self.model = model
        self._place: torch.Tensor | None = None
        self._on_device: tuple[Embedding, Embedding] | None = None
        self._guarded(self._settle, "loaded")

    @property
    def image_size(self) -> int:
        """The side of the square that pictures are squeezed to."""
        return int(self.model.image_size)

    @property
    def low_res_size(self) -> int:
        """The side of the low-resolution logits."""
        return self.image_size // 4

    def encode(self, rgb: npt.NDArray[np.uint8]) -> Embedding:
        """The embedding of a picture, (H, W, 3) uint8. Raises OutOfMemory."""
        return self._guarded(lambda: self._encode(rgb), "encoded")

    def decode(
        self, embedding: Embedding, prompts: Prompts, previous: Float32 | None = None, multimask: bool | None = None
    ) -> list[Candidate]:
        """The masks that the prompts may mean, best predicted IoU first; full-size masks are not made.

        Args:
            embedding: from `encode` of this model.
            prompts: in pixels of the picture.
            previous: (h, w) logits of the candidate to refine (`Candidate.low_res`).
            multimask: three candidates, or one. None: three for a lone click, one for anything less ambiguous.

        Raises:
            UsageError: no prompt, or one clearly outside the picture.
            OutOfMemory.
        """
        given = checked(prompts, embedding.width, embedding.height)
        if multimask is None:
            multimask = len(given.points) == 1 and given.box is None and previous is None
        logits, scores = self._guarded(lambda: self._decode(embedding, given, previous, multimask), "prompted")
        order = np.argsort(-scores, kind="stable")
        return [Candidate(float(scores[i]), logits[i]) for i in order]

    def full_mask(
        self,
        size: Embedding | tuple[int, int],
        candidate: Candidate | Float32,
        threshold: float = 0.0,
        fill_holes: int = 0,
        remove_specks: int = 0,
    ) -> Mask:
        """The full-size mask of a candidate.

        Args:
            size: (width, height) of the picture, or its embedding.
            candidate: from `decode`, or its logits.
            threshold: logit above which a pixel is inside.
            fill_holes, remove_specks: areas in pixels up to which holes are filled and parts removed; 0 for never.
        """
        width, height = (size.width, size.height) if isinstance(size, Embedding) else size
        logits = candidate.low_res if isinstance(candidate, Candidate) else candidate
        return clean(mask_of_logits(logits, width, height, threshold), fill_holes, remove_specks)

    def release(self) -> None:
        """Drops what is only kept for speed on the device."""
        self._on_device = None
        super().release()

    # Steps of the predictor.

    def _encode(self, rgb: npt.NDArray[np.uint8]) -> Embedding:
        height, width = rgb.shape[:2]
        batch = network_input(rgb, self.image_size).to(self.device.torch_name)
        with torch.inference_mode(), self._autocast():
            levels = self.model.forward_image(batch)
            _, features, _, _ = self.model._prepare_backbone_features(levels)
            if self.model.directly_add_no_mem_embed:
                features[-1] = features[-1] + self.model.no_mem_embed
            sides = [self.image_size // stride for stride in (4, 8, 16)]
            maps = [f.permute(1, 2, 0).view(1, -1, side, side) for f, side in zip(features, sides, strict=True)]
        return Embedding(maps[-1], tuple(maps[:-1]), width, height)

    def _decode(
        self, embedding: Embedding, prompts: Prompts, previous: Float32 | None, multimask: bool
    ) -> tuple[Float32, Float32]:
        here = self._here(embedding)
        with torch.inference_mode(), self._autocast():
            sparse, dense = self._embedded_prompts(prompts, embedding, previous)
            logits, scores, _, _ = self.model.sam_mask_decoder(
                image_embeddings=here.image,
                image_pe=self._dense_position(),
                sparse_prompt_embeddings=sparse,
                dense_prompt_embeddings=dense,
                multimask_output=multimask,
                repeat_image=False,
                high_res_features=list(here.high_res),
            )
            return logits[0].float().cpu().numpy(), scores[0].float().cpu().numpy()

    def _embedded_prompts(
        self, prompts: Prompts, embedding: Embedding, previous: Float32 | None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        coordinates, labels = as_arrays(prompts)
        points = torch.as_tensor(coordinates, device=self.device.torch_name)[None]
        points[..., 0] /= embedding.width
        points[..., 1] /= embedding.height
        points *= self.image_size
        signs = torch.as_tensor(labels, device=self.device.torch_name)[None]
        mask = None if previous is None else self._fitted(previous)
        if getattr(self.config, "dense_prompts", False):
            mask = self._drawn(points, signs, mask)
        sparse, dense = self.model.sam_prompt_encoder(points=(points, signs), boxes=None, masks=mask)
        return sparse, dense

    def _drawn(self, points: torch.Tensor, signs: torch.Tensor, earlier: torch.Tensor | None) -> torch.Tensor | None:
        """(1, 1, h, w): the prompts drawn over the earlier logits, for models that want that."""
        shares = points / self.image_size
        clicks = 2 if int(signs[0, 0]) == 2 else 0  # a box's corners come first
        box = shares[:, :2].reshape(1, 4) if clicks else None
        return dense_prompt(box, shares[:, clicks:], signs[:, clicks:], earlier, self.low_res_size)

    def _fitted(self, previous: Float32) -> torch.Tensor:
        logits = torch.as_tensor(np.asarray(previous, np.float32), device=self.device.torch_name)[None, None]
        side = self.low_res_size
        if logits.shape[-2:] != (side, side):  # the answer of another model
            logits = F.interpolate(logits, (side, side), mode="bilinear", align_corners=False)
        return logits.clamp(-_LOGIT_LIMIT, _LOGIT_LIMIT)

    def _dense_position(self) -> torch.Tensor:
        if self._place is None:  # the same for every prompt
            self._place = self.model.sam_prompt_encoder.get_dense_pe()
        return self._place

    def _here(self, embedding: Embedding) -> Embedding:
        """The embedding on this device; the last one moved is remembered, for the clicks that follow on it."""
        if self._on_device is None or self._on_device[0] is not embedding:
            self._on_device = None  # first free, then allocate
            here = embedding.to(self.device.torch_name)
            self._on_device = (embedding, here.float() if self.device.precision == "float32" else here)
        return self._on_device[1]

    def _subject(self) -> str:
        return "the picture"

    def _settle(self) -> None:
        self._place = None
        self.model = self.model.to(self.device.torch_name)
        if self.device.kind == "cpu":
            self.model = self.model.float()
