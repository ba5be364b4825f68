"""The full-size mask of a candidate that was only shown small so far (Tab through the candidates)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from inference.masks import Mask
from inference.protocol import Context, ImageRef


@dataclass(frozen=True, slots=True, eq=False)
class FullMaskRequest:
    """Asks for a mask of `width` × `height` pixels.

    Attributes:
        image: the picture it belongs to; comes back unchanged.
        low_res: (h, w) float32 logits, a `Candidate.low_res`.
        width, height: of the upright picture.
        threshold, fill_holes, remove_specks: as in `SegmentRequest`.
    """

    image: ImageRef
    low_res: npt.NDArray[np.float32]
    width: int
    height: int
    threshold: float = 0.0
    fill_holes: int = 0
    remove_specks: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class FullMaskResult:
    """The mask, exactly as `SegmentRequest(full=True)` would have given it."""

    image: ImageRef
    mask: Mask


def run(request: FullMaskRequest, _context: Context) -> FullMaskResult:
    """Needs no model: the logits say it all."""
    from inference.engines.postprocess import clean
    from inference.engines.upscale import mask_of_logits

    mask = mask_of_logits(request.low_res, request.width, request.height, request.threshold)
    return FullMaskResult(request.image, clean(mask, request.fill_holes, request.remove_specks))
