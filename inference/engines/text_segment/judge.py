"""`MaskJudge`: how good a mask is for some words, in parts that a person can follow. No torch.

The text part comes from a classifier (`words.py`); the three others are measured here, on the outline, at a size that
is the same for all objects, so that a mask is judged alike in small and large pictures.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
import numpy.typing as npt

from inference.masks import Mask
from inference.text_segment import Parts, Weights

Float64 = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

_SIDE = 256  # pixels: the object's longer side when its outline is measured
_STAIRS = 2.0  # pixels there, or one of the mask's own: stairs are shorter than this, and no part of the shape
_SMOOTHED = 0.02  # of the outline's length: how far smoothness smooths


@dataclass(frozen=True, slots=True)
class MaskJudge:
    """Judges masks.

    Attributes:
        weights: of the parts.
        size_range: shares of the picture between which the size is best.
    """

    weights: Weights = field(default_factory=Weights)
    size_range: tuple[float, float] = (0.05, 0.5)

    def parts(self, mask: Mask, text: float) -> Parts:
        """What a mask is judged by; `text` is how well its region fits the words. An empty mask has nothing good."""
        area = mask.area
        if not area:
            return Parts(float(np.clip(text, 0, 1)), 0.0, 0.0, 0.0)
        rings = outlines(_patch(mask))
        share = area / (mask.width * mask.height)
        return Parts(float(np.clip(text, 0, 1)), compactness(rings), size(share, *self.size_range), smoothness(rings))

    def total(self, parts: Parts) -> float:
        """0..1."""
        return parts.total(self.weights)


def compactness(rings: list[Float64]) -> float:
    """4πA/P²: 1 for a disc, π/4 for a square, towards 0 for what is long, frayed or in pieces (Cox, 1927)."""
    length = sum(map(_length, rings))
    return float(np.clip(4 * np.pi * sum(map(_area, rings)) / length**2, 0, 1)) if length else 0.0


def size(share: float, low: float = 0.05, high: float = 0.5) -> float:
    """1 between `low` and `high` shares of the picture, and softly less outside: the root of how far it is off.

    Half for an object of a quarter of `low`; 0 for one that fills the picture, unless `high` is 1.
    """
    if share < low:
        return float(max(share, 0.0) / low) ** 0.5
    return float(max(1 - share, 0.0) / (1 - high)) ** 0.5 if share > high else 1.0


def smoothness(rings: list[Float64]) -> float:
    """The share of the outline's length that is left after smoothing it by 2 % of that length.

    exp(-(0.04π)²/2) = 0.99 for a disc; little for a comb, whose teeth the smoothing takes away.
    """
    length = sum(map(_length, rings))
    if not length:
        return 0.0
    return float(np.clip(sum(_length(_smoothed(ring, _SMOOTHED * length)) for ring in rings) / length, 0, 1))


def outlines(inside: BoolArray) -> list[Float64]:
    """The rings around a mask's parts and holes, (n, 2) closed, enlarged or shrunk to a longer side of 256 pixels.

    Outer rings run so that their areas are positive, holes the other way round.
    """
    height, width = inside.shape
    scale = _SIDE / max(height, width)
    target = max(1, round(width * scale)), max(1, round(height * scale))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    soft = cv2.resize(np.ascontiguousarray(inside).view(np.uint8) * np.uint8(255), target, interpolation=how)
    framed = cv2.copyMakeBorder(np.asarray(soft), 2, 2, 2, 2, cv2.BORDER_CONSTANT, value=0)
    found, nested = cv2.findContours((framed > 127).astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    rings = []
    for contour, place in zip(found, [] if nested is None else nested.reshape(-1, 4), strict=True):
        ring = np.asarray(contour, np.float64).reshape(-1, 2)
        is_hole = place[3] >= 0
        if len(ring) > 2:
            rings.append(_smoothed(ring[::-1] if (_area(ring) < 0) != is_hole else ring, max(_STAIRS, scale)))
    return rings


def _patch(mask: Mask) -> BoolArray:
    x, y, w, h = mask.bbox
    return mask.array()[y : y + h, x : x + w]


def _smoothed(ring: Float64, reach: float) -> Float64:
    """A closed ring after a Gaussian of `reach` pixels along its length."""
    even = _even(ring)
    step = _length(even) / len(even)
    frequency = 2 * np.pi * np.fft.fftfreq(len(even)) / max(step, 1e-9)
    spectrum = np.fft.fft(even[:, 0] + 1j * even[:, 1]) * np.exp(-((frequency * reach) ** 2) / 2)
    smooth = np.fft.ifft(spectrum)
    return np.stack([smooth.real, smooth.imag], 1)


def _even(ring: Float64) -> Float64:
    """The ring with points at even distances of about a pixel."""
    closed = np.concatenate([ring, ring[:1]])
    at = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(closed, axis=0).T))])
    places = np.linspace(0, at[-1], max(8, round(at[-1])), endpoint=False)
    return np.stack([np.interp(places, at, closed[:, axis]) for axis in (0, 1)], 1)


def _length(ring: Float64) -> float:
    return float(np.hypot(*(ring - np.roll(ring, 1, axis=0)).T).sum())


def _area(ring: Float64) -> float:
    """With a sign that tells which way round the ring runs."""
    x, y = ring.T
    return float((x * np.roll(y, 1) - y * np.roll(x, 1)).sum() / 2)
