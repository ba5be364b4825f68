"""Makes one training picture: cropped, squeezed to the square, flipped, turned, coloured, an object pasted in."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from inference.training.clicks import center_of
from inference.training.config import TrainConfig
from inference.training.data import PictureCache, Pixels, Record, thing_mask

MIN_AREA = 0.003  # of the square; smaller ones teach little at a quarter of the resolution


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """One picture and the objects asked for in it.

    Attributes:
        image: (S, S, 3) uint8 RGB.
        targets: (K, S/4, S/4) uint8 0..255, coverage of each coarse pixel.
        boxes: (K, 4) float32 tight boxes x0, y0, x1, y1 in 0..1 of the square.
    """

    image: Pixels
    targets: Pixels
    boxes: npt.NDArray[np.float32]


def make_example(
    records: list[Record], index: int, cache: PictureCache, config: TrainConfig, rng: np.random.Generator
) -> Example | None:
    """Draws an example from `records[index]`; None when the crop holds no object worth asking for."""
    record, size = records[index], config.image_size
    picture = cache.get(record.path)
    order = _draw_objects(record, config.objects, rng)
    anchor = _resized(thing_mask(record, order[0]), picture)
    warp = _random_warp(anchor, size, config.crop_share, rng)
    image = cv2.warpAffine(
        picture,
        warp,
        (size, size),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=tuple(rng.uniform(0, 255, 3)),
    )
    masks = [
        cv2.warpAffine(m, warp, (size, size), flags=cv2.INTER_LINEAR)
        for m in [anchor, *(_resized(thing_mask(record, i), picture) for i in order[1:])]
    ]
    if rng.random() < config.paste_share:
        pasted = _pasted_object(records, cache, size, rng)
        if pasted is not None:
            image, masks = _paste(image, masks, *pasted)
    masks = [m for m in masks if np.count_nonzero(m > 127) >= MIN_AREA * size * size]
    if not masks:
        return None
    masks = [masks[i % len(masks)] for i in range(config.objects)]
    quarter = (size // 4, size // 4)
    targets = np.stack([cv2.resize(m, quarter, interpolation=cv2.INTER_AREA) for m in masks])
    boxes = np.stack([_tight_box(m) for m in masks])
    return Example(_coloured(image.astype(np.uint8), rng), targets.astype(np.uint8), boxes)


def _draw_objects(record: Record, count: int, rng: np.random.Generator) -> list[int]:
    """Different instances, larger ones rather (by the square root of their area)."""
    weights = np.sqrt(np.array([max(t.area, 1.0) for t in record.things]))
    count = min(count, len(record.things))
    return [int(i) for i in rng.choice(len(record.things), count, replace=False, p=weights / weights.sum())]


def _resized(mask: Pixels, picture: Pixels) -> Pixels:
    if mask.shape == picture.shape[:2]:
        return mask
    return cv2.resize(mask, picture.shape[1::-1], interpolation=cv2.INTER_AREA).astype(np.uint8)


def _random_warp(anchor: Pixels, size: int, crop_share: float, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """A 2×3 matrix from the picture to the square: the whole picture, or a crop around a point of the anchor object."""
    height, width = anchor.shape
    if rng.random() >= crop_share:
        w, h, cx, cy = float(width), float(height), width / 2, height / 2
    else:
        scale = np.exp(rng.uniform(np.log(0.35), np.log(1.15)))
        stretch = np.exp(rng.uniform(-0.3, 0.3))
        w, h = width * scale * stretch, height * scale / stretch
        if scale < 1 and (anchor > 127).any():
            x, y, _ = center_of(anchor > 127)
            cx, cy = x + rng.uniform(-0.4, 0.4) * w, y + rng.uniform(-0.4, 0.4) * h
            cx = float(np.clip(cx, min(w, width) / 2, max(width - w / 2, width / 2)))
            cy = float(np.clip(cy, min(h, height) / 2, max(height - h / 2, height / 2)))
        else:
            cx, cy = width / 2 + rng.uniform(-0.1, 0.1) * w, height / 2 + rng.uniform(-0.1, 0.1) * h
    angle = np.deg2rad(rng.uniform(-20, 20)) if rng.random() < 0.3 else 0.0
    flip = -1.0 if rng.random() < 0.5 else 1.0
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    linear = np.diag([size / w * flip, size / h]) @ turn
    shift = np.array([size / 2, size / 2]) - linear @ np.array([cx, cy])
    return np.column_stack([linear, shift])


def _pasted_object(
    records: list[Record], cache: PictureCache, size: int, rng: np.random.Generator
) -> tuple[Pixels, Pixels] | None:
    """Another picture's object at a new place and size: its picture and soft mask, both on the square."""
    record = records[int(rng.integers(len(records)))]
    if record.things[0].category in ("region", "nucleus"):
        return None
    picture = cache.get(record.path)
    mask = _resized(thing_mask(record, _draw_objects(record, 1, rng)[0]), picture)
    rows, columns = np.flatnonzero(mask.max(1) > 127), np.flatnonzero(mask.max(0) > 127)
    if len(rows) < 24 or len(columns) < 24:
        return None
    x0, x1, y0, y1 = columns[0], columns[-1] + 1, rows[0], rows[-1] + 1
    scale = size * rng.uniform(0.2, 0.6) / max(x1 - x0, y1 - y0)
    flip = -1.0 if rng.random() < 0.5 else 1.0
    cx, cy = rng.uniform(0.1, 0.9, 2) * size
    warp = np.array(
        [
            [scale * flip, 0, cx - scale * flip * (x0 + x1) / 2],
            [0, scale, cy - scale * (y0 + y1) / 2],
        ]
    )
    flat = cv2.warpAffine(
        picture,
        warp,
        (size, size),
        flags=cv2.INTER_AREA,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=tuple(rng.uniform(0, 255, 3)),
    )
    return flat.astype(np.uint8), cv2.warpAffine(mask, warp, (size, size), flags=cv2.INTER_LINEAR).astype(np.uint8)


def _paste(image: Pixels, masks: list[Pixels], other: Pixels, mask: Pixels) -> tuple[Pixels, list[Pixels]]:
    """Blends the object in; it hides what lies under it, and is asked for itself in the last object's place."""
    alpha = cv2.GaussianBlur(mask, (3, 3), 0).astype(np.float32)[..., None] / 255
    blended = image * (1 - alpha) + other * alpha
    visible = 255 - mask
    return blended.astype(np.uint8), [*(np.minimum(m, visible) for m in masks), mask][-max(len(masks), 2) :]


def _tight_box(mask: Pixels) -> npt.NDArray[np.float32]:
    rows, columns = np.flatnonzero(mask.max(1) > 127), np.flatnonzero(mask.max(0) > 127)
    height, width = mask.shape
    edges = (columns[0] / width, rows[0] / height, (columns[-1] + 1) / width, (rows[-1] + 1) / height)
    return np.array(edges, np.float32)


def _coloured(image: Pixels, rng: np.random.Generator) -> Pixels:
    """Brightness, contrast and gamma a channel, saturation; now and then grey, blurred, noisy or compressed."""
    if rng.random() < 0.8:
        ramp = np.linspace(0, 1, 256)[:, None] ** np.exp(rng.uniform(-0.35, 0.35))
        gain = np.exp(rng.uniform(-0.25, 0.25) + rng.uniform(-0.08, 0.08, 3))
        table = np.clip((ramp - 0.5) * gain + 0.5 + rng.uniform(-0.1, 0.1), 0, 1) * 255
        image = cv2.LUT(image, table.astype(np.uint8)[None])
    if rng.random() < 0.5:
        grey = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
        keep = 0.0 if rng.random() < 0.1 else float(rng.uniform(0.4, 1.6))
        image = cv2.addWeighted(image, keep, grey, 1 - keep, 0)
    if rng.random() < 0.1:
        image = cv2.GaussianBlur(image, (0, 0), float(rng.uniform(0.5, 1.5)))
    if rng.random() < 0.1:
        noise = rng.normal(0, rng.uniform(2, 12), image.shape).astype(np.float32)
        image = np.clip(image + noise, 0, 255)
    return np.ascontiguousarray(image, dtype=np.uint8)
