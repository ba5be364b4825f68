"""Prompts in, candidates out: what a click, a box and a hover ask for."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from inference.prompts import Prompts
from inference.protocol import Candidate, Context, ImageRef

if TYPE_CHECKING:
    from inference.engines.pool import Found


@dataclass(frozen=True, slots=True, eq=False)
class SegmentRequest:
    """Asks for the masks that prompts may mean.

    Attributes:
        image: the picture.
        model: an id of the catalogue, or a path to weights.
        prompts: points and at most one box, in pixels of the upright picture.
        previous: (h, w) float32 logits of the candidate to refine, as `Candidate.low_res` came.
        multimask: three candidates or one; None lets the prompts decide.
        full: whether the best candidate gets its full-size mask (hover previews do without).
        threshold: logit above which a pixel is inside.
        fill_holes, remove_specks: areas in picture pixels up to which holes are filled and parts removed; 0 for never.
    """

    image: ImageRef
    model: str
    prompts: Prompts
    previous: npt.NDArray[np.float32] | None = None
    multimask: bool | None = None
    full: bool = True
    threshold: float = 0.0
    fill_holes: int = 0
    remove_specks: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class SegmentResult:
    """The answer.

    Attributes:
        image: as asked; stale answers are told by its `generation`.
        candidates: best first; the best has its `mask` when `full` was asked.
        width, height: of the upright picture.
        seconds: from the start of the job to the answer.
        device: where it ran, with the reason when it had to leave the GPU.
        from_cache: the picture had been encoded before.
    """

    image: ImageRef
    candidates: tuple[Candidate, ...]
    width: int
    height: int
    seconds: float
    device: str
    from_cache: bool


def run(request: SegmentRequest, context: Context) -> SegmentResult:
    """Loads the model and encodes the picture where that was not done before; then decodes the prompts."""
    start = time.perf_counter()
    found = encoded(request.model, request.image.path, context)
    segmenter = context.models.segmenter(request.model)
    embedding = found.embedding
    candidates = segmenter.decode(embedding, request.prompts, request.previous, request.multimask)
    if request.full:
        mask = segmenter.full_mask(
            embedding, candidates[0], request.threshold, request.fill_holes, request.remove_specks
        )
        candidates[0] = replace(candidates[0], mask=mask)
    return SegmentResult(
        request.image,
        tuple(candidates),
        embedding.width,
        embedding.height,
        time.perf_counter() - start,
        device_words(segmenter.device),
        found.from_cache,
    )


def encoded(model: str, path: str, context: Context, keep: bool = True) -> Found:
    """The picture's embedding, with a word to the person before each thing that takes time, and a chance to stop."""
    pool = context.models
    if not pool.is_loaded(model):
        context.progress(0, 3, "Loading the model")
        pool.segmenter(model)
    found: Found = pool.find(model, path, lambda: context.progress(1, 3, "Looking at the picture"), keep)
    return found


def device_words(device: Any) -> str:
    """A device as the status line shows it: its name, and why when it is a retreat."""
    return f"{device.name} ({device.reason})" if "ran out of memory" in device.reason else str(device.name)
