"""All objects of a picture: `SAM2AutomaticMaskGenerator`'s way, with full-size masks for those that survive only.

The generator blends every candidate of every point to the picture's full size, measures it there and throws most of
them away. Here candidates stay at low resolution until it is known which ones are kept (`everything_candidate`), so
time and memory hardly depend on the picture's size.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from sam2.utils.amg import build_all_layer_point_grids, generate_crop_boxes
from torchvision.ops import nms

from inference.engines.embedding import Embedding
from inference.engines.everything_candidate import Candidate, Frame
from inference.engines.everything_decoder import PointDecoder
from inference.engines.everything_nms import PlacedBoxes, near_crop_edge, survivors
from inference.engines.everything_points import Points
from inference.engines.postprocess import clean
from inference.engines.segmenter import Segmenter
from inference.engines.upscale import mask_of_runs
from inference.everything import EverythingOptions, FoundMask
from inference.masks import Mask

Rgb = npt.NDArray[np.uint8]
Report = Callable[[int, int, "list[FoundMask]"], None]

_EDGE = 20.0  # pixels; `is_box_near_crop_edge` of amg.py
_HELD = 256 << 20  # bytes of logits that wait for the end; what comes after is made full size at once


@dataclass(frozen=True, slots=True)
class Crop:
    """A part of the picture that is searched by itself: x0, y0, x1, y1 and its layer."""

    box: tuple[int, int, int, int]
    layer: int

    @property
    def size(self) -> tuple[int, int]:
        return self.box[2] - self.box[0], self.box[3] - self.box[1]


def find_everything(
    segmenter: Segmenter,
    embedding: Embedding,
    options: EverythingOptions,
    rgb: Callable[[], Rgb],
    report: Report = lambda _done, _total, _new: None,
    *,
    watched: bool = False,
    pace: float | None = None,
) -> list[FoundMask]:
    """The masks of a picture, the highest predicted IoU first (after crops: those of the smallest crops first).

    Args:
        segmenter: the model.
        embedding: of the whole picture; its width and height are those of the masks.
        options: how it is searched.
        rgb: the picture, (H, W, 3) uint8, for its crops; not called without them. It may be smaller than the masks.
        report: called after every batch of points with how many are done, how many there are, and, when `watched`,
            the masks that the batch brought; raises to stop. Of those masks some may be missing in the end, when
            better ones came later; `FoundMask.number` tells them apart.
        pace: seconds that a batch may take; batches become smaller for it. None: `points_per_batch` at once.

    Raises UsageError (options), OutOfMemory.
    """
    options.check()
    options = options.suited(segmenter.config.dense_prompts)
    search = _Search(segmenter, options, (embedding.width, embedding.height), report, watched, _Pace(options, pace))
    crops = _crops(options, search.size)
    search.total = sum(len(search.grid(crop)) for crop in crops)
    found: list[tuple[Candidate, Crop]] = []
    picture: Rgb | None = None
    for crop in crops:
        if crop.layer:
            picture = rgb() if picture is None else picture
            embedding = _encoded(segmenter, picture, crop, search.size)
        found += search.crop(embedding, crop)
    if len(crops) > 1:  # prefer masks from smaller crops
        scores = np.array([1 / (c.size[0] * c.size[1]) for _, c in found], np.float32)
        corners = [c.box[:2] for _, c in found]
        found = [found[i] for i in survivors([c for c, _ in found], corners, scores, options.crop_nms_thresh)]
    masks = []
    for candidate, crop in found:
        report(search.total, search.total, [])
        masks.append(search.finished(candidate, crop))
    return _cleaned([m for m in masks if m.mask.area], options)


class _Search:
    """What the search of one picture shares between its crops."""

    def __init__(
        self,
        segmenter: Segmenter,
        options: EverythingOptions,
        size: tuple[int, int],
        report: Report,
        watched: bool,
        pace: _Pace,
    ) -> None:
        self.segmenter, self.options, self.size, self.report = segmenter, options, size, report
        self.watched, self.pace = watched, pace
        self.done = self.total = 0
        self._grids = options.point_grids or build_all_layer_point_grids(
            options.points_per_side, options.crop_n_layers, options.crop_n_points_downscale_factor
        )
        self._held = 0
        self._finished: dict[Candidate, FoundMask] = {}
        self._shown = PlacedBoxes()
        self._number = 0

    def grid(self, crop: Crop) -> npt.NDArray[np.float64]:
        """(N, 2) points of a crop, 0..1."""
        return np.asarray(self._grids[crop.layer], np.float64).reshape(-1, 2)

    def crop(self, embedding: Embedding, crop: Crop) -> list[tuple[Candidate, Crop]]:
        """What a crop shows, each thing once."""
        grid = self.grid(crop)
        before, decoder = self.done, PointDecoder(self.segmenter, embedding)
        side = self.segmenter.low_res_size
        frame = Frame((side, side), *crop.size)
        points = Points(grid, side, fast=self.options.mode == "fast", trusted=_clearly(self.options.pred_iou_thresh))
        found: list[Candidate] = []
        while (chosen := points.take(self.pace.size)) is not None:
            with self.pace.batch(len(chosen)):
                new = [c for c in self._batch(decoder, frame, chosen * np.array(crop.size)) if self._wanted(c, crop)]
            points.cover(new, len(chosen))
            found += new
            self._hold(new)
            self.done = before + points.done
            self.report(self.done, self.total, self._new(new, crop) if self.watched else [])
        scores = np.array([c.score for c in found], np.float32)
        kept = survivors(found, [(0, 0)] * len(found), scores, self.options.box_nms_thresh)
        return [(found[i], crop) for i in kept]

    def finished(self, candidate: Candidate, crop: Crop) -> FoundMask:
        """The full-size mask with all that is told about it."""
        done = self._finished.get(candidate)
        if done is None:
            (x, y, *_), (width, height) = crop.box, crop.size
            self._number += 1
            done = FoundMask(
                placed(candidate.mask, x, y, *self.size),
                candidate.score,
                candidate.stability,
                (candidate.point[0] + x, candidate.point[1] + y),
                (x, y, width, height),
                self._number,
            )
            self._finished[candidate] = done
        return done

    def _batch(self, decoder: PointDecoder, frame: Frame, points: npt.NDArray[np.float64]) -> Iterator[Candidate]:
        """The candidates of some points that the model trusts."""
        options = self.options
        at = torch.as_tensor(points, dtype=torch.float32)
        logits, scores = decoder(at, options.multimask_output)
        at = at.repeat_interleave(logits.shape[1], dim=0)
        logits, scores = logits.flatten(0, 1), scores.flatten()
        if options.use_m2m:
            parts = range(0, len(at), self.pace.size)
            again = [decoder(at[i : i + self.pace.size], False, logits[i : i + self.pace.size]) for i in parts]
            logits, scores = torch.cat([a for a, _ in again])[:, 0], torch.cat([b for _, b in again])[:, 0]
        least = options.pred_iou_thresh
        trusted = scores > least if least else torch.ones_like(scores).bool()
        for i in torch.nonzero(trusted).flatten().tolist():
            point = (float(at[i, 0]), float(at[i, 1]))
            yield Candidate(
                logits[i].numpy(), frame, float(scores[i]), point, options.mask_threshold,
                options.stability_score_offset,
            )  # fmt: skip

    def _wanted(self, candidate: Candidate, crop: Crop) -> bool:
        limit = self.options.stability_score_thresh
        if candidate.empty or (limit and not candidate.is_stable(limit)):
            return False
        return not near_crop_edge(candidate, crop.box, self.size, _EDGE)

    def _hold(self, new: Sequence[Candidate]) -> None:
        """Keeps the logits of the first ones, and the finished masks of the others."""
        for candidate in new:
            if self._held + candidate.nbytes > _HELD:
                candidate.settle()
            self._held += candidate.nbytes

    def _new(self, new: Sequence[Candidate], crop: Crop) -> list[FoundMask]:
        """Those that nothing shown before resembles, ready to be shown."""
        shown = []
        for candidate in new:
            earlier = np.arange(len(self._shown))
            self._shown.add([candidate], [crop.box[:2]])
            if self._shown.overlaps(len(earlier), earlier, self.options.box_nms_thresh).any():
                self._shown.drop_last()
            else:
                shown.append(self.finished(candidate, crop))
        return shown


class _Pace:
    """How many points are decoded at once: all that may be, or what fits into the time that is given."""

    def __init__(self, options: EverythingOptions, seconds: float | None) -> None:
        self._most, self._seconds = options.points_per_batch, seconds
        self.size = self._most if seconds is None else min(self._most, 4)
        self._start, self._count = 0.0, 0

    def batch(self, count: int) -> _Pace:
        self._count = count
        return self

    def __enter__(self) -> None:
        self._start = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        if self._seconds is not None:
            each = (time.perf_counter() - self._start) / self._count
            self.size = max(1, min(self._most, 2 * self.size, int(self._seconds / max(each, 1e-6))))


def placed(mask: Mask, x: int, y: int, width: int, height: int) -> Mask:
    """A crop's mask in its place in the picture."""
    if (mask.width, mask.height) == (width, height):
        return mask
    left, _, across, _ = mask.bbox
    if not across:
        return Mask.empty(height, width)
    band = np.zeros((height, across), bool)  # the columns that it covers; all others are outside
    band[y : y + mask.height] = mask.array()[:, left : left + across]
    flat, start, whole = band.T.ravel(), (x + left) * height, width * height
    stop = start + flat.size
    changes = np.flatnonzero(flat[1:] != flat[:-1]) + 1 + start
    ends = [stop] if flat[-1] and stop < whole else []
    runs = np.diff(np.concatenate([[0], [start] if flat[0] else [], changes, ends, [whole]]))
    return mask_of_runs(height, width, runs.astype(np.int64))


def _clearly(least: float | None) -> float:
    """The predicted IoU half-way between the limit and 1: a mask that hardly passes says little about its points."""
    return ((least or 0.0) + 1) / 2


def _crops(options: EverythingOptions, size: tuple[int, int]) -> list[Crop]:
    width, height = size
    boxes, layers = generate_crop_boxes((height, width), options.crop_n_layers, options.crop_overlap_ratio)
    return [Crop(tuple(box), layer) for box, layer in zip(boxes, layers, strict=True)]


def _encoded(segmenter: Segmenter, picture: Rgb, crop: Crop, size: tuple[int, int]) -> Embedding:
    """A crop's embedding; the picture may be smaller than the masks will be."""
    across, down = picture.shape[1] / size[0], picture.shape[0] / size[1]
    x0, y0, x1, y1 = crop.box
    part = picture[round(y0 * down) : max(round(y1 * down), 1), round(x0 * across) : max(round(x1 * across), 1)]
    embedding = segmenter.encode(np.ascontiguousarray(part))
    return Embedding(embedding.image, embedding.high_res, *crop.size)


def _cleaned(found: list[FoundMask], options: EverythingOptions) -> list[FoundMask]:
    """Small holes and parts taken out; what became alike by that is there once, untouched masks going first.

    As `postprocess_small_regions` (which SAM 2's generator has, but does not call).
    """
    least = options.min_mask_region_area
    if least <= 1 or not found:
        return found
    better = [f.with_mask(clean(f.mask, least - 1, least - 1)) for f in found]
    first = sorted(range(len(found)), key=lambda i: better[i].mask != found[i].mask)
    boxes = torch.tensor([better[i].mask.bbox for i in first], dtype=torch.float32)
    boxes[:, 2:] += boxes[:, :2] - 1
    order = torch.arange(len(first), 0, -1, dtype=torch.float32)
    kept = nms(boxes, order, max(options.box_nms_thresh, options.crop_nms_thresh))
    return [better[i] for i in sorted(first[k] for k in kept.tolist())]
