"""OpenCV's GrabCut (Rother et al., 2004) from a box: the measure to beat without any learning."""

from __future__ import annotations

import cv2
import numpy as np

from inference.evaluation.protocol import BoolMap, Rgb


def grabcut(rgb: Rgb, box: tuple[int, int, int, int], rounds: int = 5) -> BoolMap:
    """The object in a tight box x0, y0, x1, y1 (exclusive) of an (H, W, 3) uint8 picture, as (H, W) bool.

    Runs on the whole picture, which gives GrabCut all the background there is to learn from. OpenCV's own random
    numbers are seeded, so the answer is always the same. A box that fills the picture leaves no background: then it is
    the answer itself.
    """
    height, width = rgb.shape[:2]
    x0, y0, x1, y1 = box
    everything = np.zeros((height, width), bool)
    everything[y0:y1, x0:x1] = True
    if everything.all():
        return everything
    mask = np.zeros((height, width), np.uint8)
    cv2.setRNGSeed(0)
    background, foreground = np.zeros((1, 65)), np.zeros((1, 65))
    bgr = np.ascontiguousarray(rgb[..., ::-1])
    cv2.grabCut(bgr, mask, (x0, y0, x1 - x0, y1 - y0), background, foreground, rounds, cv2.GC_INIT_WITH_RECT)
    return (mask == cv2.GC_FGD) | (mask == cv2.GC_PR_FGD)
