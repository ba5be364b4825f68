"""Segment by words: detect, segment, judge, clean. From a picture and some phrases to all instances of each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from pycocotools import mask as coco

from inference.engines.embedding import Embedding
from inference.engines.segmenter import Segmenter
from inference.engines.text_segment import colours
from inference.engines.text_segment.cleanup import cleaned
from inference.engines.text_segment.detectors import Detector
from inference.engines.text_segment.judge import MaskJudge
from inference.engines.text_segment.scene import Region, Scene, Step, is_plain
from inference.engines.text_segment.words import Words
from inference.engines.upscale import mask_of_logits
from inference.masks import Mask
from inference.text_segment import Parts, TextOptions, WordMask

Rgb = npt.NDArray[np.uint8]

_SHOWN = 3  # candidates of a phrase that are told, instances or not
_OVERLAP = 0.05  # a region of which more lies in a better instance is looked at without that one
_OF_ITS_OWN = 0.2  # how well what it has of its own must fit then: the muzzle of a cat with the wall beside is no cat
_SAME_THING = 0.8  # IoU of two phrases' masks that are one thing: it belongs to the phrase that is judged better


@dataclass(frozen=True, slots=True)
class Judged:
    """What was made of a region for one phrase: their places, the parts, the total.

    `sure`: a detector that understands the words has said so; the classifier only helps to choose between such.
    """

    region: int
    phrase: int
    parts: Parts
    total: float
    sure: bool = False


class Overlaps:
    """How masks of one size lie to each other: (n, n) IoU, and the share of the smaller one inside the other."""

    def __init__(self, masks: Sequence[Mask]) -> None:
        codes = [{"size": [m.height, m.width], "counts": m.counts.encode("ascii")} for m in masks]
        none = np.zeros((0, 0))
        self.iou = np.asarray(coco.iou(codes, codes, [0] * len(codes))) if codes else none
        inside = np.asarray(coco.iou(codes, codes, [1] * len(codes))) if codes else none  # against a "crowd"
        self.inside = np.maximum(inside, inside.T)


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """Instances, the best first within each phrase; and of every phrase the best that were looked at."""

    instances: tuple[WordMask, ...]
    candidates: tuple[WordMask, ...]


def find_words(
    segmenter: Segmenter,
    embedding: Embedding,
    rgb: Rgb,
    words: Words,
    detector: Detector,
    options: TextOptions,
    step: Step = lambda _done, _total, _message: None,
) -> Answer:
    """All instances of the phrases in a picture.

    Of masks that overlap the one stays that is judged best and that the segmentation model trusts most: the product of
    both, for the judge alone prefers round scraps of a thing to the thing.

    Args:
        segmenter: the model of masks.
        embedding: of the picture, with the size that masks shall have.
        rgb: the picture, (H, W, 3); it may be smaller than that.
        words: the phrases.
        step: see `scene.Step`.

    Raises UsageError (options), OutOfMemory, and what `step` raises.
    """
    options.check()
    if is_plain(rgb):
        return Answer((), ())
    scene = Scene(segmenter, embedding, rgb, step)
    regions = detector.regions(scene, words, options)
    heeded = _colour_fits(rgb, regions, words.negative_colours)
    fits = scene.fits(regions, words, heeded) * _colour_fits(rgb, regions, words.colours)
    judge = MaskJudge(options.weights, options.size_range)
    shapes = [judge.parts(region.mask, 0.0) for region in regions]
    lie = Overlaps([region.mask for region in regions])

    def own_fit(one: Judged, taken: list[int]) -> float:
        return scene.own_fit(regions[one.region], [regions[place] for place in taken], words, one.phrase)

    accepted: list[Judged] = []
    every: list[list[Judged]] = []
    for phrase, text in enumerate(words.phrases):
        unknown = text in words.unknown
        judged = []
        for place, (region, shape) in enumerate(zip(regions, shapes, strict=True)):
            sure = region.detected is not None
            if (region.only is None or region.only == phrase) and (sure or not unknown):
                fit = region.detected if unknown and region.detected is not None else float(fits[place, phrase])
                parts = replace(shape, text=fit)
                judged.append(Judged(place, phrase, parts, judge.total(parts), sure))
        judged.sort(key=lambda one: -one.total * regions[one.region].candidate.score)
        accepted += of_their_own(instances(judged, lie, options), lie, own_fit, options)
        every.append(judged)
    accepted = _one_each(accepted, lie)
    chosen = {(one.region, one.phrase) for one in accepted}
    shown = [one for judged in every for one in told(judged, chosen, lie, options)]
    step(0, 0, "Finishing the masks")
    make = _Masks(regions, embedding, words, options)
    kept = [make(one, True) for one in accepted]
    best = [make(one, (one.region, one.phrase) in chosen) for one in shown]
    return Answer(tuple(one for one in kept if one.mask.area), tuple(one for one in best if one.mask.area))


def _colour_fits(rgb: Rgb, regions: Sequence[Region], asked: Sequence[frozenset[str]]) -> npt.NDArray[np.float32]:
    """(regions, phrases): 1 where a phrase gives its thing no colour that the classifiers do not understand."""
    result = np.ones((len(regions), len(asked)), np.float32)
    for place, region in enumerate(regions if any(asked) else ()):
        inside = region.mask.array()
        for wanted in set(asked) - {frozenset()}:
            result[place, [own == wanted for own in asked]] = colours.fit(rgb, inside, wanted)
    return result


def instances(judged: Sequence[Judged], lie: Overlaps, options: TextOptions) -> list[Judged]:
    """Of one phrase's regions, the best first, those that are instances: what fits the words, each thing once."""
    top = max((one.parts.text for one in judged), default=0.0)
    least = max(options.least_text, top - options.relative)
    return _apart([one for one in judged if one.sure or one.parts.text >= least], lie, options, options.most)


def of_their_own(
    found: Sequence[Judged], lie: Overlaps, own_fit: Callable[[Judged, list[int]], float], options: TextOptions
) -> list[Judged]:
    """Instances without those that only fit the words by what better ones have already.

    Args:
        own_fit: how one fits without what some other regions take.
    """
    least = min(_OF_ITS_OWN, options.least_text)
    kept: list[Judged] = []
    for one in found:
        taken = [other.region for other in kept if lie.inside[one.region, other.region] > _OVERLAP]
        if one.sure or not taken or own_fit(one, taken) >= least:
            kept.append(one)
    return kept


def told(judged: Sequence[Judged], chosen: set[tuple[int, int]], lie: Overlaps, options: TextOptions) -> list[Judged]:
    """Of one phrase's regions those that are shown as its candidates: instances first, then the best of the others."""
    order = sorted(judged, key=lambda one: (one.region, one.phrase) not in chosen)  # stable: the best first within both
    return _apart(order, lie, options, _SHOWN)


def _apart(judged: Sequence[Judged], lie: Overlaps, options: TextOptions, most: int) -> list[Judged]:
    """Those that no better one overlaps, holds, or lies in."""
    kept: list[Judged] = []
    for one in judged:
        if len(kept) == most:
            break
        others = [other.region for other in kept]
        if (lie.iou[one.region, others] <= options.mask_nms).all() and (
            lie.inside[one.region, others] <= options.contained
        ).all():
            kept.append(one)
    return kept


def _one_each(accepted: Sequence[Judged], lie: Overlaps) -> list[Judged]:
    """Nothing is an instance of two phrases: it belongs to the one that fits better."""
    kept: list[Judged] = []
    for one in sorted(accepted, key=lambda judged: -judged.parts.text):
        others = [other.region for other in kept if other.phrase != one.phrase]
        if (lie.iou[one.region, others] < _SAME_THING).all():
            kept.append(one)
    return sorted(kept, key=lambda judged: (judged.phrase, -judged.total))


class _Masks:
    """Makes the full-size masks; those of instances are cleaned. Each is made once."""

    def __init__(self, regions: Sequence[Region], embedding: Embedding, words: Words, options: TextOptions) -> None:
        self._regions, self._embedding, self._words, self._options = regions, embedding, words, options
        self._made: dict[tuple[int, bool], Mask] = {}

    def __call__(self, one: Judged, accepted: bool) -> WordMask:
        region = self._regions[one.region]
        return WordMask(
            self._words.phrases[one.phrase],
            self._mask(one.region, accepted and self._options.clean),
            one.total,
            one.parts,
            float(region.candidate.score),
            region.prompts,
            region.candidate.low_res,
            accepted,
            one.sure,
        )

    def _mask(self, place: int, clean: bool) -> Mask:
        if (place, clean) not in self._made:
            low_res = self._regions[place].candidate.low_res
            mask = mask_of_logits(low_res, self._embedding.width, self._embedding.height)
            self._made[place, clean] = cleaned(mask) if clean else mask
        return self._made[place, clean]
