"""The figure of a picture in which words were looked for: what was found, and the best masks that were looked at."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from app import overlays
from app.everything.outputs import fitted
from inference.masks import Mask
from inference.text_segment import PART_NAMES, WordMask

Rgb = npt.NDArray[np.uint8]

_SIDE = 480  # pixels, the longer side of a tile
_TOP = 3


def figure(rgb: Rgb, instances: Sequence[WordMask], candidates: Sequence[WordMask]) -> Rgb:
    """Original, final mask and overlay in the first row, the top three candidates with their scores in the second."""
    scale = min(1.0, _SIDE / max(rgb.shape[:2]))
    size = max(1, round(rgb.shape[1] * scale)), max(1, round(rgb.shape[0] * scale))
    small: Rgb = np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)
    white = np.zeros_like(small)
    for one in instances:
        white[fitted(one.mask, *size)] = 255
    above = [
        overlays.captioned(small, "original"),
        overlays.captioned(white, "final mask"),
        overlays.captioned(painted(small, instances), _count(instances)),
    ]
    best = sorted(candidates, key=lambda one: (not one.accepted, -one.score))[:_TOP]
    below = [_candidate(small, one, number) for number, one in enumerate(best, 1)]
    return overlays.sheet([above, below] if below else [above])


def painted(rgb: Rgb, instances: Sequence[WordMask]) -> Rgb:
    """The instances over the picture (or a smaller copy), each phrase in a colour of its own."""
    phrases = list(dict.fromkeys(one.phrase for one in instances))
    order = sorted(instances, key=lambda one: -one.mask.area)
    masks = [fitted(one.mask, rgb.shape[1], rgb.shape[0]) for one in order]
    return overlays.overlay(rgb, masks, [overlays.colour_of(phrases.index(one.phrase)) for one in order])


def union(masks: Sequence[Mask], width: int, height: int) -> npt.NDArray[np.bool_]:
    """The pixels of all of them."""
    result = np.zeros((height, width), bool)
    for mask in masks:
        result |= mask.array()
    return result


def reasons(one: WordMask) -> str:
    """What a score is made of, in a line."""
    return ", ".join(f"{name} {getattr(one.parts, name):.2f}" for name in PART_NAMES)


def _count(instances: Sequence[WordMask]) -> str:
    return "nothing of it was found" if not instances else f"{len(instances)} found"


def _candidate(small: Rgb, one: WordMask, number: int) -> Rgb:
    mask = fitted(one.mask, small.shape[1], small.shape[0])
    drawn = overlays.overlay(small, [mask], ["#22d3ee" if one.accepted else "#9ca3af"])
    said = f"{number}. {one.phrase}: {one.score:.2f}" + ("" if one.accepted else " (not taken)")
    return overlays.captioned(overlays.captioned(drawn, said), reasons(one), size=13)
