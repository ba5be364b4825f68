"""What "segment everything" is asked and what it answers. Plain values: no torch, no Qt."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from inference.errors import UsageError
from inference.masks import Mask

Mode = Literal["exact", "fast"]
MODES: tuple[Mode, ...] = ("exact", "fast")

_OF_SAM2 = (0.8, 0.95)  # least predicted IoU, least stability
_SOFT = (0.4, 0.5)

_MOST_POINTS = 256  # a side
_MOST_LAYERS = 4  # 341 crops


@dataclass(frozen=True, slots=True)
class EverythingOptions:
    """How a picture is searched; names and defaults of `SAM2AutomaticMaskGenerator`, and `mode`.

    Attributes:
        points_per_side: the grid has so many points along each side of the picture.
        points_per_batch: so many points are decoded at once, at most.
        pred_iou_thresh: masks whose predicted IoU is not over it are left out; 0 for all. None: what suits the model
            (`suited`), for SAM 2 the generator's 0.8.
        stability_score_thresh: masks that change more than this when the cut-off moves are left out; 0 for all.
            None: what suits the model, for SAM 2 the generator's 0.95.
        stability_score_offset: how far it moves, in logits.
        mask_threshold: logit above which a pixel is inside.
        box_nms_thresh: of two masks whose boxes overlap by more (IoU), the one with the lower score is left out.
        crop_n_layers: layers of crops that are searched beside the whole picture: 4, 16 … of them.
        crop_nms_thresh: as `box_nms_thresh`, between crops; the smaller crop wins.
        crop_overlap_ratio: how far crops of the first layer overlap, as a share of the picture's shorter side.
        crop_n_points_downscale_factor: the grid of layer n is sparser by its n-th power.
        point_grids: for each layer its points, each 0..1 of width and height, in place of the regular grid.
        min_mask_region_area: holes and separate parts of fewer pixels are filled and removed; 0 for never.
        use_m2m: every mask is given to the model once more, to be refined.
        multimask_output: three masks a point, or one.
        mode: "exact" asks every point; "fast" goes from a coarse grid to the fine one and leaves out points that lie
            well inside of a mask that is clearly trusted.
    """

    points_per_side: int = 32
    points_per_batch: int = 64
    pred_iou_thresh: float | None = None
    stability_score_thresh: float | None = None
    stability_score_offset: float = 1.0
    mask_threshold: float = 0.0
    box_nms_thresh: float = 0.7
    crop_n_layers: int = 0
    crop_nms_thresh: float = 0.7
    crop_overlap_ratio: float = 512 / 1500
    crop_n_points_downscale_factor: int = 1
    point_grids: tuple[tuple[tuple[float, float], ...], ...] | None = None
    min_mask_region_area: int = 0
    use_m2m: bool = False
    multimask_output: bool = True
    mode: Mode = "exact"

    def suited(self, draws_prompts: bool) -> EverythingOptions:
        """With the limits that were left to the model.

        Args:
            draws_prompts: it is of the built-in model's kind, whose edges are softer: its stability is 0.08 in the
                middle and 0.84 for the best of a hundred candidates (docs/everything.md).
        """
        score, stability = _SOFT if draws_prompts else _OF_SAM2
        return replace(
            self,
            pred_iou_thresh=score if self.pred_iou_thresh is None else self.pred_iou_thresh,
            stability_score_thresh=stability if self.stability_score_thresh is None else self.stability_score_thresh,
        )

    def check(self) -> None:
        """Raises UsageError for what cannot work."""
        limits: Sequence[tuple[str, float | None, float, float]] = (
            ("points_per_side", self.points_per_side, 1, _MOST_POINTS),
            ("points_per_batch", self.points_per_batch, 1, 4096),
            ("pred_iou_thresh", self.pred_iou_thresh, 0, 1),
            ("stability_score_thresh", self.stability_score_thresh, 0, 1),
            ("stability_score_offset", self.stability_score_offset, 0, 32),
            ("mask_threshold", self.mask_threshold, -32, 32),
            ("box_nms_thresh", self.box_nms_thresh, 0, 1),
            ("crop_n_layers", self.crop_n_layers, 0, _MOST_LAYERS),
            ("crop_nms_thresh", self.crop_nms_thresh, 0, 1),
            ("crop_overlap_ratio", self.crop_overlap_ratio, 0, 0.9),
            ("crop_n_points_downscale_factor", self.crop_n_points_downscale_factor, 1, _MOST_POINTS),
            ("min_mask_region_area", self.min_mask_region_area, 0, math.inf),
        )
        for name, value, low, high in limits:
            if value is not None and not low <= value <= high:  # False for NaN, too
                most = f" to {high:g}" if math.isfinite(high) else " or more"
                raise UsageError(f"{name} is {value:g}.", remedy=f"Choose a value of {low:g}{most}.")
        if self.mode not in MODES:
            raise UsageError(f"“{self.mode}” is no way of searching.", remedy=f"Choose one of {', '.join(MODES)}.")
        if self.point_grids is not None and len(self.point_grids) <= self.crop_n_layers:
            raise UsageError("There are fewer grids of points than layers of crops.", remedy="Give one a layer.")


@dataclass(frozen=True, slots=True)
class FoundMask:
    """One mask, as the generator's records have it.

    Attributes:
        mask: as large as the upright picture.
        predicted_iou: the model's own estimate of its quality.
        stability_score: IoU of the masks cut off a little higher and a little lower.
        point: x, y in pixels of the picture: what found it.
        crop_box: x, y, width, height of the crop it was found in.
        number: tells it apart from the others of its search, for whoever watched.
    """

    mask: Mask
    predicted_iou: float
    stability_score: float
    point: tuple[float, float]
    crop_box: tuple[int, int, int, int]
    number: int = 0

    def with_mask(self, mask: Mask) -> FoundMask:
        return replace(self, mask=mask)


def parents(masks: Sequence[Mask], share: float = 0.9) -> tuple[int | None, ...]:
    """Which mask each one is a part of: the smallest larger one that holds at least `share` of it; None for wholes."""
    from pycocotools import mask as coco

    if not masks:
        return ()
    codes = [{"size": [m.height, m.width], "counts": m.counts.encode("ascii")} for m in masks]
    inside = coco.iou(codes, codes, [1] * len(codes))  # against a "crowd", the IoU is the share of the first inside
    order = sorted(range(len(masks)), key=lambda i: (masks[i].area, i))
    rank = {index: place for place, index in enumerate(order)}
    found: list[int | None] = []
    for index in range(len(masks)):
        larger = order[rank[index] + 1 :]
        found.append(next((other for other in larger if inside[index][other] >= share), None))
    return tuple(found)
