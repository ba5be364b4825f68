"""The metrics, held against torchmetrics, pycocotools, scikit-image's way of dilating, and scipy's bootstrap."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from pycocotools import mask as coco
from scipy import stats
from torchmetrics.functional.classification import (
    binary_accuracy,
    binary_f1_score,
    binary_jaccard_index,
    multiclass_jaccard_index,
)
from torchmetrics.functional.segmentation import dice_score

from inference.evaluation import bootstrap
from inference.evaluation.categories import pooled
from inference.evaluation.measure import Row
from inference.evaluation.metrics import Counts, Outline, counts_of, outline_of
from inference.evaluation.report import number_of_clicks, summary


def _blob(rng: np.random.Generator, height: int = 70, width: int = 90) -> np.ndarray:
    canvas = np.zeros((height, width), np.uint8)
    for _ in range(3):
        centre = int(rng.integers(15, width - 15)), int(rng.integers(15, height - 15))
        cv2.ellipse(canvas, centre, (int(rng.integers(4, 20)), int(rng.integers(4, 14))), 30, 0, 360, 1, -1)
    return canvas > 0


def _row(counts: Counts, category: str, image: str, clicks: tuple[float, ...] = ()) -> Row:
    return Row(image, 0, "s", category, 0.2, {"box": counts}, {"box": 0.5}, {"box": 0.1}, clicks)


@pytest.mark.parametrize("seed", range(5))
def test_pixel_metrics_are_those_of_torchmetrics_and_pycocotools(seed: int) -> None:
    rng = np.random.default_rng(seed)
    answer, truth = _blob(rng), _blob(rng)
    counts = counts_of(answer, truth)
    a, t = torch.from_numpy(answer), torch.from_numpy(truth)
    assert counts.iou == pytest.approx(float(binary_jaccard_index(a, t)), abs=1e-6)
    assert counts.dice == pytest.approx(float(binary_f1_score(a, t)), abs=1e-6)
    classes = dice_score(a[None, None].long(), t[None, None].long(), num_classes=1, include_background=True)
    assert counts.dice == pytest.approx(float(classes), abs=1e-6)
    assert counts.accuracy == pytest.approx(float(binary_accuracy(a, t)), abs=1e-6)
    codes = [coco.encode(np.asfortranarray(m.astype(np.uint8))) for m in (answer, truth)]
    assert counts.iou == pytest.approx(float(coco.iou(codes[:1], codes[1:], [0])[0][0]), abs=1e-9)


def test_what_is_ignored_is_as_if_it_were_not_there() -> None:
    rng = np.random.default_rng(9)
    answer, truth, ignore = _blob(rng), _blob(rng), np.zeros((70, 90), bool)
    ignore[:, 40:] = True
    assert counts_of(answer, truth, ignore) == counts_of(answer[:, :40], truth[:, :40])
    assert counts_of(answer, truth, np.ones_like(truth)) == Counts(0, 0, 0, 0)


def test_empty_masks_are_right_when_both_are() -> None:
    none, some = np.zeros((9, 9), bool), np.eye(9, dtype=bool)
    nothing, wrong = counts_of(none, none), counts_of(some, none)
    assert (nothing.iou, nothing.dice, nothing.accuracy) == (1.0, 1.0, 1.0)
    assert (wrong.iou, wrong.dice) == (0.0, 0.0)
    assert Outline(none).f_score(none) == 1.0 and Outline(none).f_score(some) == 0.0


@pytest.mark.parametrize("seed", range(5))
def test_boundary_f_is_that_of_dilated_outlines(seed: int) -> None:
    """As DAVIS computes it: outlines within a disc of each other match."""
    rng = np.random.default_rng(seed)
    answer, truth = _blob(rng), _blob(rng)
    outline = Outline(truth)
    reach = outline.reach
    grid = np.arange(-reach, reach + 1)
    disc = (grid[:, None] ** 2 + grid[None] ** 2 <= reach**2).astype(np.uint8)
    own, true = outline_of(answer), outline_of(truth)
    near_own, near_true = (cv2.dilate(line.astype(np.uint8), disc) > 0 for line in (own, true))
    precision, recall = (own & near_true).sum() / own.sum(), (true & near_own).sum() / true.sum()
    assert outline.f_score(answer) == pytest.approx(2 * precision * recall / (precision + recall))
    assert outline.f_score(truth) == 1.0


def test_an_uncertain_border_has_its_outline_in_the_middle() -> None:
    inside, unsure, middle = (np.zeros((200, 200), np.uint8) for _ in range(3))
    cv2.circle(unsure, (100, 100), 60, 1, -1)
    cv2.circle(inside, (100, 100), 40, 1, -1)
    cv2.circle(middle, (100, 100), 50, 1, -1)
    outline = Outline(inside > 0, (unsure - inside) > 0)
    assert outline.reach == 3
    assert outline.f_score(middle > 0) == 1.0
    assert outline.f_score(inside > 0) == 0.0 and outline.f_score(unsure > 0) == 0.0


def test_the_three_categories_are_a_semantic_mean_iou_over_pooled_pixels() -> None:
    rng = np.random.default_rng(4)
    rows, said, true = [], [], []
    for number, category in enumerate(("cat", "dog", "cat", "dog", "dog")):
        answer, truth = _blob(rng, 60 + 10 * number), _blob(rng, 60 + 10 * number)
        rows.append(_row(counts_of(answer, truth), category, f"{number}.jpg"))
        label = 1 if category == "cat" else 2
        said.append(torch.from_numpy(answer.astype(np.int64) * label).flatten())
        true.append(torch.from_numpy(truth.astype(np.int64) * label).flatten())
    figures = pooled(rows, "box")
    values = multiclass_jaccard_index(torch.cat(said), torch.cat(true), num_classes=3, average="none")
    assert [figures[n] for n in ("background", "cat", "dog")] == pytest.approx(values.tolist(), abs=1e-4)
    assert figures["mean"] == pytest.approx(float(values.mean()), abs=1e-4)
    low, high = figures["confidence"]
    assert 0 <= low <= figures["mean"] <= high <= 1
    assert pooled(rows, "click1") == {}


def test_intervals_are_those_of_scipy() -> None:
    values = np.random.default_rng(2).beta(5, 2, 80)
    ours = bootstrap.mean_interval(range(80), list(values), rounds=20_000)
    theirs = stats.bootstrap((values,), np.mean, n_resamples=20_000, method="percentile", rng=1).confidence_interval
    assert ours == pytest.approx((theirs.low, theirs.high), abs=2e-3)


def test_objects_of_one_picture_are_drawn_together() -> None:
    """Ten copies of every value say no more than one: the interval stays as wide."""
    values = list(np.random.default_rng(2).beta(5, 2, 30))
    once = bootstrap.mean_interval(range(30), values)
    copies = bootstrap.mean_interval([i for i in range(30) for _ in range(10)], [v for v in values for _ in range(10)])
    assert copies == pytest.approx(once, abs=1e-9)
    assert bootstrap.mean_interval(["a"], [0.5]) == (0.5, 0.5)


def test_clicks_are_counted_until_the_mask_is_good() -> None:
    counts = Counts(90, 5, 5, 900)
    rows = [_row(counts, "cat", str(i), clicks) for i, clicks in enumerate([(0.9,), (0.5, 0.86), (0.2, 0.3, 0.4)])]
    assert number_of_clicks(rows, 85, 20) == {"mean": round((1 + 2 + 20) / 3, 3), "failures": 1}
    assert number_of_clicks(rows, 90, 20) == {"mean": round((1 + 20 + 20) / 3, 3), "failures": 2}
    figures = summary(rows, counted=20)
    assert figures["noc"]["85"]["failures"] == 1 and figures["noc"]["at_most"] == 20
    assert figures["box"] == 0.9 and figures["dice"] == {"box": 0.9474} and figures["boundary_f"] == {"box": 0.5}
    assert figures["by_class"] == {"cat": {"box": 0.9, "objects": 3}}
    assert "noc" not in summary(rows)
