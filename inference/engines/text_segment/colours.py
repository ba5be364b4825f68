"""“Red” in “a red car”, for classifiers that have learned things and no colours. No torch.

The eleven basic colour names of English (Berlin & Kay, 1969), told apart by hue, saturation and brightness.
"""

from __future__ import annotations

import re

import cv2
import numpy as np
import numpy.typing as npt

Rgb = npt.NDArray[np.uint8]
BoolArray = npt.NDArray[np.bool_]

_GREYS = ("black", "white", "grey")
_HUES = (
    (12, "red"), (40, "orange"), (68, "yellow"), (165, "green"), (258, "blue"), (315, "purple"), (345, "pink"),
    (361, "red"),
)  # degrees up to which a colour goes  # fmt: skip
NAMES = (*_GREYS, *dict.fromkeys(name for _, name in _HUES), "brown")
_ENOUGH = 0.4  # of a region: a red car has windows, wheels and lights


def asked(phrase: str, learned: str | None) -> frozenset[str]:
    """The colours that a phrase gives its thing: names before another word, unless the learned name has them itself.

    Args:
        learned: the name within the phrase that the classifier knows ("black swan").
    """
    words = re.findall(r"\w+", phrase.casefold().replace("gray", "grey"))
    own = set(re.findall(r"\w+", (learned or "").casefold().replace("gray", "grey")))
    return frozenset(word for word in words[:-1] if word in NAMES and word not in own)


def fit(rgb: Rgb, inside: BoolArray, colours: frozenset[str]) -> float:
    """1 when enough of a region has one of the colours, less in proportion to what is missing.

    Args:
        rgb: (H, W, 3) uint8; inside: (H, W), the region.
    """
    if not colours:
        return 1.0
    pixels = rgb[inside]
    if not len(pixels):
        return 0.0
    named = names_of(pixels)
    return min(float(np.isin(named, [NAMES.index(colour) for colour in colours]).mean()) / _ENOUGH, 1.0)


def names_of(pixels: Rgb) -> npt.NDArray[np.uint8]:
    """For (n, 3) uint8 pixels the places of their colours in `NAMES`."""
    hsv = cv2.cvtColor(pixels[None].astype(np.float32) / 255, cv2.COLOR_RGB2HSV)[0]
    hue, saturation, value = hsv[:, 0], hsv[:, 1], hsv[:, 2]
    by_hue = np.array([NAMES.index(name) for _, name in _HUES], np.uint8)
    named = by_hue[np.searchsorted([end for end, _ in _HUES], hue, side="right").clip(max=len(_HUES) - 1)]
    warm = (named == NAMES.index("orange")) | (named == NAMES.index("red")) & (hue < 90)
    named[warm & (value < 0.65) & (hue > 6)] = NAMES.index("brown")
    named[(named == NAMES.index("red")) & (saturation < 0.5) & (value > 0.75)] = NAMES.index("pink")
    faint = saturation < 0.16
    named[faint] = NAMES.index("grey")
    named[faint & (value > 0.82)] = NAMES.index("white")
    named[value < 0.2] = NAMES.index("black")
    return named
