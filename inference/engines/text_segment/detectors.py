"""Where in a picture some words may be: detectors behind one interface, and which of them is used."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np

from inference.engines.everything import find_everything
from inference.engines.text_segment.scene import SMALLEST, Region, Scene, distinct
from inference.engines.text_segment.views import MARGIN
from inference.engines.text_segment.windows import overlaps, windows
from inference.engines.text_segment.words import Float32, Words
from inference.errors import ModelError, OutOfMemory
from inference.everything import EverythingOptions, FoundMask
from inference.masks import Mask
from inference.prompts import Box, Prompts
from inference.text_segment import DetectorName, TextOptions

log = logging.getLogger(__name__)

_SAME = 0.9  # IoU of masks that are one
_A_PHRASE = 24  # of the places that fit a phrase best
_HOPELESS = 0.02  # places that fit less are not looked at twice
_TRUSTED = 0.25  # predicted IoU over which masks of the grid are proposals
_ALIKE = 0.7  # IoU of boxes of which the one that fits better is asked for
_BATCH_S = 0.08  # what a batch of points may take: then more urgent requests get their turn


class Detector(Protocol):
    """Proposes regions."""

    name: str

    def regions(self, scene: Scene, words: Words, options: TextOptions) -> list[Region]:
        """Masks that may show some of the words, each once. Raises what `scene.step` raises, and OutOfMemory."""


class ClipDetector:
    """Needs nothing but the classifier: masks of a grid of points and windows of several sizes, whichever fit."""

    name = "clip"

    def regions(self, scene: Scene, words: Words, options: TextOptions) -> list[Region]:
        """See `Detector`. What fits a phrase best is asked for again with its box, which says more than a point."""
        if all(phrase in words.unknown for phrase in words.phrases):
            return []
        found = self._found(scene, options)
        boxes = [_box(one.mask) for one in found] + windows(scene.width, scene.height)
        fits = words.fits(scene.seen_boxes(boxes, words, MARGIN))
        chosen = sorted({place for column in fits.T for place in best(column, boxes)})
        regions = []
        for done, place in enumerate(chosen):
            scene.step(done, len(chosen), "Drawing masks")
            if place < len(found):
                regions.append(scene.region_of_point(found[place]))
            regions.append(scene.region(Prompts((), scene.full_box(boxes[place]))))
        return list(distinct([region for region in regions if region is not None], _SAME))

    def _found(self, scene: Scene, options: TextOptions) -> list[FoundMask]:
        """What the points of a grid find, at the size of the scene."""
        small = replace(scene.embedding, width=scene.width, height=scene.height)
        search = EverythingOptions(
            points_per_side=options.points_per_side,
            points_per_batch=16,
            pred_iou_thresh=_TRUSTED,
            stability_score_thresh=0.0,
        )

        def report(done: int, total: int, _new: object) -> None:
            scene.step(done, total, "Looking for objects")

        found = find_everything(scene.segmenter, small, search, lambda: scene.rgb, report, pace=_BATCH_S)
        return [one for one in found if one.mask.area >= SMALLEST * scene.width * scene.height]


def best(fits: Float32, boxes: Sequence[Box]) -> list[int]:
    """The places that fit one phrase best: of boxes that are much alike one only, `_A_PHRASE` at most."""
    kept: list[int] = []
    for place in np.argsort(-fits, kind="stable").tolist():
        if fits[place] < _HOPELESS or len(kept) == _A_PHRASE:
            break
        if not (overlaps(boxes[place], [boxes[other] for other in kept]) >= _ALIKE).any():
            kept.append(place)
    return kept


def choose(
    wish: DetectorName, load: Callable[[], Detector], own: Callable[[], Detector] = ClipDetector
) -> tuple[Detector, str]:
    """The detector that was asked for, or the one that needs nothing, with the reason why ("" when there is none).

    Args:
        load: gives GroundingDINO; ModelError when it cannot be loaded.
    """
    if wish == "clip":
        return own(), ""
    try:
        return load(), ""
    except (ModelError, OutOfMemory) as error:
        log.info("the classifier looks for the words: %s", error)
        return own(), f"The classifier looks for the words by itself: {error.message}"


def _box(mask: Mask) -> Box:
    x, y, w, h = mask.bbox
    return Box(float(x), float(y), float(x + w), float(y + h))
