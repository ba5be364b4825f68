"""A picture while words are looked for in it: its embedding, a smaller copy for the classifiers, masks on request."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from inference.engines.embedding import Embedding
from inference.engines.segmenter import Segmenter
from inference.engines.text_segment.views import Views
from inference.engines.text_segment.words import Float32, Words
from inference.engines.upscale import mask_of_logits
from inference.everything import FoundMask
from inference.masks import Mask
from inference.prompts import Box, Point, Prompts
from inference.protocol import Candidate

Rgb = npt.NDArray[np.uint8]
Step = Callable[[int, int, str], None]
"""Called between steps with how many of how many are done, and what is being done; raises to stop."""

SMALLEST = 0.0005  # share of the picture: less is no object
_UNSURE = 1e-3  # no view is surer than this


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """A mask that something proposed.

    Attributes:
        prompts: in pixels of the picture.
        candidate: the segmentation model's answer.
        mask: of the scene's size.
        only: the place of the phrase that a detector meant; None for any.
        detected: that detector's own score, which was high enough; None where the classifier has to decide.
    """

    prompts: Prompts
    candidate: Candidate
    mask: Mask
    only: int | None = None
    detected: float | None = None

    @property
    def box(self) -> Box:
        """In pixels of the scene."""
        x, y, w, h = self.mask.bbox
        return Box(float(x), float(y), float(x + w), float(y + h))


class Scene:
    """One picture.

    Args:
        segmenter: the model of masks.
        embedding: the picture's, with its full size.
        rgb: the picture, perhaps smaller: (H, W, 3).
        step: see `Step`.
    """

    def __init__(self, segmenter: Segmenter, embedding: Embedding, rgb: Rgb, step: Step) -> None:
        self.segmenter, self.embedding, self.rgb, self.step = segmenter, embedding, rgb, step
        self.views = Views.of(rgb)
        self.height, self.width = rgb.shape[:2]

    def full_box(self, box: Box) -> Box:
        """A box of the scene in pixels of the picture."""
        across, down = self.embedding.width / self.width, self.embedding.height / self.height
        return Box(box.x0 * across, box.y0 * down, box.x1 * across, box.y1 * down)

    def region(self, prompts: Prompts, only: int | None = None, detected: float | None = None) -> Region | None:
        """The model's best answer to some prompts; None when it is next to nothing."""
        candidate = self.segmenter.decode(self.embedding, prompts)[0]
        mask = mask_of_logits(candidate.low_res, self.width, self.height)
        if mask.area < max(SMALLEST * self.width * self.height, 1):
            return None
        return Region(prompts, candidate, mask, only, detected)

    def region_of_point(self, found: FoundMask) -> Region | None:
        """A mask that a point found, with its logits; None when it is next to nothing."""
        across, down = self.embedding.width / self.width, self.embedding.height / self.height
        prompts = Prompts((Point(found.point[0] * across, found.point[1] * down),))
        candidates = self.segmenter.decode(self.embedding, prompts)
        masks = [mask_of_logits(one.low_res, self.width, self.height) for one in candidates]
        place = int(np.argmax([mask.iou(found.mask) for mask in masks]))
        return Region(prompts, candidates[place], masks[place]) if masks[place].area else None

    def seen_boxes(self, boxes: Sequence[Box], words: Words, margin: float) -> list[Float32]:
        """The classifiers' embeddings of squares around boxes of the scene."""
        return self._seen([partial(self.views.plain, box, margin) for box in boxes], words)

    def fits(self, regions: Sequence[Region], words: Words, heeded: Float32 | None = None) -> Float32:
        """(regions, phrases): how the plain crop fits together with how the one with blurred surroundings does.

        Both say what they make of the words by their odds. Averaged are neither the embeddings (in their mean a crop
        that shows the thing beside the region outweighs a region that shows nothing of it) nor the fits themselves
        (where a sure view and an undecided one are as good as two that agree). `heeded`: see `Words.fits`.
        """
        plain = self._seen([partial(self.views.plain, region.box) for region in regions], words)
        alone = self._seen([partial(self._alone, region) for region in regions], words)
        return agreed(words.fits(plain, heeded), words.fits(alone, heeded))

    def own_fit(self, region: Region, taken: Sequence[Region], words: Words, phrase: int) -> float:
        """How a region fits a phrase when all that others take is blurred: what it has of its own, 0..1."""
        gone = np.logical_or.reduce([other.mask.array() for other in taken])
        inside = region.mask.array() & ~gone
        if inside.sum() < max(SMALLEST * inside.size, 1):
            return 0.0
        rest = Views(np.where(gone[..., None], self.views.ground, self.rgb), self.views.ground)
        plain = self._seen([partial(rest.plain, region.box)], words)
        alone = self._seen([partial(rest.alone, inside, region.box)], words)
        return float(agreed(words.fits(plain), words.fits(alone))[0, phrase])

    def _alone(self, region: Region) -> Rgb:
        return self.views.alone(region.mask.array(), region.box)

    def _seen(self, views: Sequence[Callable[[], Rgb]], words: Words) -> list[Float32]:
        parts: list[list[Float32]] = []
        size = words.at_once
        for start in range(0, len(views), size):
            self.step(start, len(views), "Comparing with the words")
            parts.append(words.seen([view() for view in views[start : start + size]]))
        if not parts:
            return [np.zeros((0, member.classifier.dim), np.float32) for member in words.members]
        return [np.concatenate([part[number] for part in parts]) for number in range(len(words.members))]


def agreed(one: Float32, other: Float32) -> Float32:
    """Two views' fits as one: the mean of their log-odds, each no surer than a thousand to one."""
    odds = [np.log(fit / (1 - fit)) for fit in (np.clip(view, _UNSURE, 1 - _UNSURE) for view in (one, other))]
    both = 1 / (1 + np.exp(-(odds[0] + odds[1]) / 2))
    return np.where((one > 0) & (other > 0), both, 0).astype(np.float32)


def distinct(regions: Sequence[Region], same: float) -> Iterator[Region]:
    """The first of all whose masks are nearly the same (IoU), those meant for one phrase told apart from others."""
    kept: list[Any] = []
    for region in regions:
        code = {"size": [region.mask.height, region.mask.width], "counts": region.mask.counts.encode("ascii")}
        own = [other for other, only in kept if only == region.only]
        if own and float(np.max(_iou([code], own))) >= same:
            continue
        kept.append((code, region.only))
        yield region


def _iou(one: list[dict[str, Any]], others: list[dict[str, Any]]) -> npt.NDArray[np.float64]:
    from pycocotools import mask as coco

    return np.asarray(coco.iou(one, others, [0] * len(others)))


def is_plain(rgb: Rgb) -> bool:
    """Whether a picture has one colour only, where nothing can be found."""
    small = cv2.resize(rgb, (64, 64), interpolation=cv2.INTER_AREA)
    return bool((np.asarray(small).reshape(-1, 3).max(0).astype(int) - small.reshape(-1, 3).min(0)).max() <= 2)
