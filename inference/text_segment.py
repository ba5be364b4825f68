"""What "segment by words" is asked and what it answers. Plain values: no torch, no Qt."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Literal

import numpy as np
import numpy.typing as npt

from inference.errors import UsageError
from inference.masks import Mask
from inference.prompts import Prompts

DetectorName = Literal["auto", "grounding-dino", "clip"]
DETECTORS: tuple[DetectorName, ...] = ("auto", "grounding-dino", "clip")
DETECTOR = "grounding-dino-tiny"
"""The catalogue's detector for "grounding-dino"."""
ENSEMBLE = (
    ("vit-h-14-laion2b", 0.4),
    ("eva02-l-14-merged2b", 0.25),
    ("vit-l-14-336-openai", 0.2),
    ("vit-b-16-siglip", 0.15),
)
"""Classifiers that judge together, the largest weighing most."""
PART_NAMES = ("text", "compactness", "size", "smoothness")

MOST_PHRASES = 1000
_LONGEST = 300  # characters of a phrase
_ARTICLE = re.compile(r"^(?:an?|the)\s+", re.IGNORECASE)
_HOW_TO = "Write what to look for, several things with semicolons between: a dog; a red ball; grass."


def phrases(text: str) -> tuple[str, ...]:
    """The phrases of "a dog; a red ball; grass", each once, in their order.

    Raises UsageError when there are none, too many, or one that no model could read.
    """
    found = [" ".join(part.split()) for part in re.split(r"[;\n]", text)]
    first: dict[str, str] = {}
    for phrase in found:
        if any(map(str.isalnum, phrase)):
            first.setdefault(phrase.casefold(), phrase)
    kept = tuple(first.values())
    if not kept:
        raise UsageError("There are no words to look for.", remedy=_HOW_TO)
    if len(kept) > MOST_PHRASES:
        raise UsageError(f"{len(kept)} phrases are too many.", remedy=f"Give {MOST_PHRASES} at most.")
    for phrase in kept:
        if len(phrase) > _LONGEST:
            raise UsageError(f"“{phrase[:40]}…” is too long for a phrase.", remedy=_HOW_TO)
    return kept


def unwanted(text: str) -> tuple[str, ...]:
    """The phrases of what is not meant, which may be nothing."""
    return phrases(text) if any(map(str.isalnum, text)) else ()


def bare(phrase: str) -> str:
    """A phrase without its article, as classes are called: "a red car" is "red car"."""
    return _ARTICLE.sub("", phrase) or phrase


@dataclass(frozen=True, slots=True)
class Weights:
    """How much each part of a judgement counts; only their proportions matter."""

    text: float = 0.6
    compactness: float = 0.2
    size: float = 0.1
    smoothness: float = 0.1


@dataclass(frozen=True, slots=True)
class Parts:
    """What a mask was judged by, each 0..1.

    Attributes:
        text: how much likelier the words are than anything else, for the masked region.
        compactness: 4πA/P²: 1 for a disc, little for what is frayed or thin.
        size: 1 for a usual share of the picture.
        smoothness: how much of the outline's length is left when it is smoothed.
    """

    text: float
    compactness: float
    size: float
    smoothness: float

    def total(self, weights: Weights) -> float:
        """The weighted mean."""
        pairs = [(getattr(weights, name), getattr(self, name)) for name in PART_NAMES]
        return sum(weight * value for weight, value in pairs) / sum(weight for weight, _ in pairs)


@dataclass(frozen=True, slots=True)
class TextOptions:
    """How words are looked for.

    Attributes:
        detector: "grounding-dino", "clip", or "auto": the first where it is installed, else the second.
        box_threshold: GroundingDINO's boxes under it are left out.
        least_text: masked regions that fit the words less are no instances, whatever their shape.
        relative: instances whose text part is so much under the best one's of their phrase are left out.
        mask_nms: of two masks that overlap by more (IoU), the one that is judged better stays.
        contained: a mask that lies inside a better one by this share is no instance of its own.
        weights: of the judge's parts.
        size_range: shares of the picture between which an object has the usual size.
        most: instances of a phrase.
        clean: masks are opened, closed and their edges smoothed.
        max_side: the models see the picture with no longer side; masks are as large as the picture all the same.
        points_per_side: of the grid whose masks are proposals.
    """

    detector: DetectorName = "auto"
    box_threshold: float = 0.3
    least_text: float = 0.5
    relative: float = 0.2
    mask_nms: float = 0.3
    contained: float = 0.4
    weights: Weights = field(default_factory=Weights)
    size_range: tuple[float, float] = (0.05, 0.5)
    most: int = 50
    clean: bool = True
    max_side: int = 1024
    points_per_side: int = 8

    def check(self) -> None:
        """Raises UsageError for what cannot work."""
        limits: Sequence[tuple[str, float, float, float]] = (
            ("box_threshold", self.box_threshold, 0, 1),
            ("least_text", self.least_text, 0, 1),
            ("relative", self.relative, 0, 1),
            ("mask_nms", self.mask_nms, 0, 1),
            ("contained", self.contained, 0, 1),
            ("most", self.most, 1, 1000),
            ("max_side", self.max_side, 64, 8192),
            ("points_per_side", self.points_per_side, 1, 64),
        )
        for name, value, low, high in limits:
            if not low <= value <= high:  # False for NaN, too
                raise UsageError(f"{name} is {value:g}.", remedy=f"Choose a value of {low:g} to {high:g}.")
        if self.detector not in DETECTORS:
            raise UsageError(f"“{self.detector}” is no detector.", remedy=f"Choose one of {', '.join(DETECTORS)}.")
        values = [getattr(self.weights, f.name) for f in fields(Weights)]
        if not all(0 <= v < math.inf for v in values) or not sum(values) > 0:
            raise UsageError("The weights of the judge make no sense.", remedy="Give numbers from 0, one above it.")
        low, high = self.size_range
        if not 0 < low <= high <= 1:
            raise UsageError(f"{low:g} to {high:g} is no range of sizes.", remedy="Give shares of the picture, 0 to 1.")


@dataclass(frozen=True, slots=True, eq=False)
class WordMask:
    """One mask that was judged.

    Attributes:
        phrase: what it is an instance of.
        mask: as large as the upright picture.
        score: the judge's total, 0..1.
        parts: what that is made of.
        predicted_iou: the segmentation model's own estimate.
        prompts: that gave the mask, in pixels of the picture.
        low_res: its logits, for refining it with a click.
        accepted: an instance, and not only one of the best that were looked at.
        sure: a detector that understands the words found it; the text part does not decide on it.
    """

    phrase: str
    mask: Mask
    score: float
    parts: Parts
    predicted_iou: float
    prompts: Prompts
    low_res: npt.NDArray[np.float32]
    accepted: bool = True
    sure: bool = False
