"""A quick look at a model during training: the evaluation protocol on a fixed handful of objects."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sam2.modeling.sam2_base import SAM2Base

from inference.evaluation.objects import choose_objects
from inference.evaluation.protocol import Answerer, run_protocol
from inference.training.data import PictureCache, Record, thing_mask


def quick_iou(
    model: SAM2Base, dense_prompts: bool, records: Sequence[Record], objects: int, clicks: int = 3
) -> dict[str, float]:
    """Mean IoU by key ("box", "click1" …) on `objects` seeded objects of at least 1 % of their picture."""
    answerer, cache = Answerer(model, dense_prompts), PictureCache(max_bytes=0)
    scores: dict[str, list[float]] = {}
    for chosen in choose_objects(records, limit=objects):
        answerer.set_image(cache.get(chosen.record.path))
        for thing in chosen.things:
            truth = thing_mask(chosen.record, thing) > 127
            for key, value in run_protocol(answerer, truth, box=True, clicks=clicks).iou.items():
                scores.setdefault(key, []).append(value)
    return {key: float(np.mean(values)) for key, values in scores.items()}
