"""Segment everything against the plain generator: the same masks in the same order."""

from __future__ import annotations

import inspect
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from inference import paths, warnings_allowed
from inference.engines.architecture import load_checkpoint, predictor_for
from inference.engines.everything import find_everything, placed
from inference.engines.everything_candidate import Candidate, Frame
from inference.engines.everything_nms import survivors
from inference.engines.everything_points import Points
from inference.engines.segmenter import Segmenter
from inference.engines.upscale import mask_of_logits
from inference.errors import Cancelled, UsageError
from inference.everything import EverythingOptions, FoundMask
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
        points_per_side=5, points_per_batch=5, pred_iou_thresh=0.2, stability_score_thresh=0.5, box_nms_thresh=0.6
    )  # fmt: skip
    rgb = np.ascontiguousarray(np.repeat(np.repeat(rgb, 2, axis=0), 2, axis=1))
    assert assert_same(model, config, rgb, options) > 0


def test_found_ones_are_told_as_they_come_and_the_end_is_among_them() -> None:
    model, seen, counts = random_model(SMALL), [], []

    def report(done: int, total: int, new: list[FoundMask]) -> None:
        counts.append((done, total))
        seen.extend(new)

    options = replace(OPEN, stability_score_thresh=0.0, box_nms_thresh=0.7)
    ours = found_in(model, SMALL, picture(300, 200), options, report=report, watched=True)
    assert counts[0] == (5, 9) and counts[-1] == (9, 9)
    assert ours and all(f in seen or f.number > len(seen) for f in ours)
    assert len({f.number for f in seen}) == len(seen) > 0


def test_it_stops_when_asked_to() -> None:
    asked = []

    def report(done: int, _total: int, _new: list[FoundMask]) -> None:
        asked.append(done)
        raise Cancelled

    with pytest.raises(Cancelled):
        found_in(random_model(SMALL), SMALL, picture(300, 200), OPEN, report=report)
    assert asked == [5]


def test_a_picture_of_one_colour_and_a_tiny_one() -> None:
    model = random_model(SMALL)
    for rgb in (np.full((200, 300, 3), 127, np.uint8), picture(3, 2)):
        for found in found_in(model, SMALL, rgb, replace(OPEN, stability_score_thresh=0.0)):
            assert (found.mask.height, found.mask.width) == rgb.shape[:2] and found.mask.area


@pytest.mark.parametrize(
    "change",
    [
        {"points_per_side": 0},
        {"points_per_batch": 0},
        {"pred_iou_thresh": 1.5},
        {"box_nms_thresh": float("nan")},
        {"crop_n_layers": 9},
        {"mode": "quick"},
        {"point_grids": ((),), "crop_n_layers": 1},
    ],
)
def test_options_that_cannot_work(change: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        replace(EverythingOptions(), **change).check()


def test_a_crops_mask_in_its_place() -> None:
    generator = np.random.default_rng(5)
    for x, y, w, h in ((0, 0, 7, 5), (13, 4, 7, 5), (3, 15, 7, 5), (13, 15, 7, 5)):
        inside = generator.random((h, w)) > 0.4
        whole = np.zeros((20, 20), bool)
        whole[y : y + h, x : x + w] = inside
        assert placed(Mask.from_array(inside), x, y, 20, 20) == Mask.from_array(whole)
        whole[y : y + h, x : x + w] = True
        assert placed(Mask.from_array(np.ones((h, w))), x, y, 20, 20) == Mask.from_array(whole)
        assert placed(Mask.empty(h, w), x, y, 20, 20) == Mask.empty(20, 20)


def blob(seed: int, side: int = 96) -> np.ndarray:
    """(side, side) float32 smooth logits."""
    coarse = torch.from_numpy(np.random.default_rng(seed).standard_normal((1, 1, 9, 9)).astype(np.float32)) * 6
    smooth = torch.nn.functional.interpolate(coarse, (side, side), mode="bicubic")[0, 0]
    return np.ascontiguousarray(smooth.numpy())


def test_what_is_measured_is_what_the_full_size_mask_has() -> None:
    frame = Frame((96, 96), 1600, 1200)
    for seed in range(6):
        logits = blob(seed)
        candidate = Candidate(logits, frame, 0.9, (0.0, 0.0), 0.0, 1.0)
        assert candidate.mask == mask_of_logits(logits, 1600, 1200)
        measured, exact = candidate.measured_box, candidate.box
        assert max(abs(a - b) for a, b in zip(measured, exact, strict=True)) <= candidate.slack
        inner, outer = (mask_of_logits(logits, 1600, 1200, cut).area for cut in (1.0, -1.0))
        assert candidate.stability == pytest.approx(inner / outer, rel=1e-6)
        for limit in (0.3, 0.6, 0.9, inner / outer + 0.01, inner / outer - 0.01):
            assert candidate.is_stable(limit) == (inner / outer >= limit)


def test_settled_candidates_tell_the_same() -> None:
    frame = Frame((96, 96), 1600, 1200)
    one, other = (Candidate(blob(3), frame, 0.9, (0.0, 0.0), 0.0, 1.0) for _ in range(2))
    one.settle()
    assert one.nbytes == 0 < other.nbytes
    assert (one.mask, one.box, one.stability) == (other.mask, other.box, other.stability)


def test_boxes_are_suppressed_as_torchvision_does() -> None:
    from torchvision.ops import nms

    frame = Frame((96, 96), 1600, 1200)
    candidates = [Candidate(blob(seed) - 4, frame, 0.9, (0.0, 0.0), 0.0, 1.0) for seed in range(24)]
    candidates = [c for c in candidates if not c.empty]
    scores = np.random.default_rng(1).random(len(candidates)).astype(np.float32)
    for limit in (0.2, 0.5, 0.8):
        boxes = torch.tensor([c.box for c in candidates], dtype=torch.float32)
        expected = nms(boxes, torch.from_numpy(scores), limit).tolist()
        fresh = [Candidate(blob(seed) - 4, frame, 0.9, (0.0, 0.0), 0.0, 1.0) for seed in range(24)]
        fresh = [c for c in fresh if not c.empty]
        assert survivors(fresh, [(0, 0)] * len(fresh), scores, limit) == expected


@pytest.mark.parametrize(
    ("width", "score", "left_out"),
    [(24, 0.9, 16), (24, 0.6, 0), (48, 0.9, 0)],  # a quarter of the picture; hardly trusted; half of the picture
)
def test_fast_leaves_out_points_well_inside_of_what_is_clearly_trusted(width: int, score: float, left_out: int) -> None:
    grid = np.stack(np.meshgrid((np.arange(8) + 0.5) / 8, (np.arange(8) + 0.5) / 8), -1).reshape(-1, 2)
    points = Points(grid, 96, fast=True, trusted=0.7)
    logits = np.full((96, 96), -8.0, np.float32)
    logits[:, :width] = 8.0  # the left side
    asked = []
    while (chosen := points.take(16)) is not None:
        asked.append(chosen)
        here = [Candidate(logits, Frame((96, 96), 300, 300), score, (0.0, 0.0), 0.0, 1.0)]
        points.cover(here, len(chosen))
    everywhere = np.concatenate(asked)
    assert len(asked[0]) == 4  # the coarse grid, whatever is there
    assert len(everywhere) == 64 - left_out
    assert (everywhere[4:, 0] > 0.25).all() == bool(left_out)
    assert points.done == 64


def test_limits_left_open_are_those_that_suit_the_model() -> None:
    from sam2.automatic_mask_generator import SAM2AutomaticMaskGenerator

    own = inspect.signature(SAM2AutomaticMaskGenerator.__init__).parameters
    of_sam2 = EverythingOptions().suited(False)
    for name in ("pred_iou_thresh", "stability_score_thresh", "stability_score_offset", "box_nms_thresh"):
        assert getattr(of_sam2, name) == own[name].default
    asked = EverythingOptions(pred_iou_thresh=0.0, stability_score_thresh=0.9)
    assert asked.suited(True) == asked.suited(False) == asked
    soft = EverythingOptions().suited(True)
    assert soft.pred_iou_thresh is not None and soft.pred_iou_thresh < 0.8 and soft.check() is None


def test_the_built_in_model_finds_objects_without_being_told_limits() -> None:
    model, config = load_checkpoint(paths.checkpoint("winnow-starter.safetensors"))
    rgb = read_rgb(paths.resource("samples", "coffee.jpg"), 480)
    found = found_in(model, config, rgb, EverythingOptions(points_per_side=8))
    assert 3 <= len(found) <= 60


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_hundred_megapixels_fit_into_memory(tmp_path: Path) -> None:
    """Against the same work on a small picture: the rest of the memory is the program's and the model's.

    One mask of that size as an array of logits is 400 MB, and the generator makes three for every point.
    """
    code = """
import resource, sys
from inference.everything import EverythingOptions
from inference.jobs.everything import EverythingRequest
from inference.protocol import ImageRef
from inference.worker.inline import InlineRunner
from inference.worker.options import WorkerOptions
options = EverythingOptions(points_per_side=4, pred_iou_thresh=0.0, stability_score_thresh=0.0)
request = EverythingRequest(ImageRef(sys.argv[1]), "starter", options, keep=False)
result = InlineRunner(options=WorkerOptions(force_device="cpu")).run(request)
print(len(result.masks), result.width, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""
    peaks = []
    for name, width, height in (("small.jpg", 600, 420), ("large.jpg", 12_000, 8_400)):
        Image.fromarray(picture(600, 420)).resize((width, height)).save(tmp_path / name, quality=80)
        done = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path / name)],
            cwd=Path(__file__).resolve().parents[2], capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        masks, seen, peak = map(int, done.stdout.split()[-3:])
        assert masks > 3 and seen == width
        peaks.append(peak * 1024)
    assert peaks[1] - peaks[0] < 1_500_000_000
