"""Segment everything against the plain generator: the same masks in the same order."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from inference import paths, warnings_allowed
from inference.engines.architecture import load_checkpoint, predictor_for
from inference.engines.everything import find_everything, placed
from inference.engines.everything_candidate import Candidate, Frame
from inference.engines.segmenter import Segmenter
from inference.engines.upscale import mask_of_logits
from inference.errors import Cancelled, UsageError
from inference.everything import EverythingOptions, FoundMask, parents
from inference.masks import Mask
from inference.pictures import read_rgb
from tests.random_models import HIERA, SMALL, picture, random_model

# Random weights give weak logits of every sign: cut-offs close together, and all scores, leave something to compare.
OPEN = EverythingOptions(
    points_per_side=3,
    points_per_batch=5,
    pred_iou_thresh=0.0,
    stability_score_thresh=0.6,
    stability_score_offset=0.02,
    box_nms_thresh=1.0,
)


def generated(model: Any, config: Any, rgb: np.ndarray, options: EverythingOptions) -> list[dict[str, Any]]:
    """What `SAM2AutomaticMaskGenerator` finds, with a predictor that fits the model."""
    from sam2.automatic_mask_generator import SAM2AutomaticMaskGenerator

    warnings_allowed.allow()
    names = (
        "points_per_side points_per_batch pred_iou_thresh stability_score_thresh stability_score_offset mask_threshold "
        "box_nms_thresh crop_n_layers crop_nms_thresh crop_overlap_ratio crop_n_points_downscale_factor use_m2m "
        "multimask_output"
    )
    given = {name: getattr(options, name) for name in names.split()}
    generator = SAM2AutomaticMaskGenerator(model, **given, output_mode="coco_rle")
    generator.predictor = predictor_for(model, dense_prompts=config.dense_prompts)
    return generator.generate(rgb)


def found_in(model: Any, config: Any, rgb: np.ndarray, options: EverythingOptions, **more: Any) -> list[FoundMask]:
    segmenter = Segmenter(model, config)
    return find_everything(segmenter, segmenter.encode(rgb), options, lambda: rgb, **more)


def assert_same(model: Any, config: Any, rgb: np.ndarray, options: EverythingOptions) -> int:
    theirs = [r for r in generated(model, config, rgb, options) if r["area"]]
    ours = found_in(model, config, rgb, options)
    assert [Mask.from_rle(r["segmentation"]) for r in theirs] == [f.mask for f in ours]
    assert [np.float32(r["predicted_iou"]) for r in theirs] == [np.float32(f.predicted_iou) for f in ours]
    assert [np.float32(r["stability_score"]) for r in theirs] == [np.float32(f.stability_score) for f in ours]
    assert [tuple(r["point_coords"][0]) for r in theirs] == [f.point for f in ours]
    assert [tuple(r["crop_box"]) for r in theirs] == [f.crop_box for f in ours]
    print("COUNT", len(ours))
    return len(ours)


@pytest.mark.parametrize(
    ("config", "size", "change"),
    [
        (HIERA, (640, 480), {}),
        (HIERA, (1300, 900), {"crop_n_layers": 1, "points_per_side": 2, "crop_nms_thresh": 1.0}),
        (HIERA, (700, 600), {"use_m2m": True}),
        (SMALL, (1300, 900), {"stability_score_thresh": 0.2}),
        (SMALL, (900, 700), {"use_m2m": True, "multimask_output": False, "mask_threshold": 0.05}),
    ],
    ids=["plain", "crops", "m2m", "dense", "dense m2m"],
)
def test_the_generators_masks(config: Any, size: tuple[int, int], change: dict[str, Any]) -> None:
    assert assert_same(random_model(config), config, picture(*size, seed=2), replace(OPEN, **change)) > 0


def test_the_generators_masks_with_the_built_in_model() -> None:
    """With real scores and masks of all sizes: filters, and duplicates decide as they do there."""
    model, config = load_checkpoint(paths.checkpoint("winnow-starter.safetensors"))
    rgb = read_rgb(paths.resource("samples") / "raccoon.jpg")
    options = EverythingOptions(
        points_per_side=5, points_per_batch=5, pred_iou_thresh=0.2, stability_score_thresh=0.8, box_nms_thresh=0.6
    )  # fmt: skip
    rgb = np.ascontiguousarray(np.repeat(np.repeat(rgb, 2, axis=0), 2, axis=1))
    assert assert_same(model, config, rgb, options) > 3
