"""A look at a model during training: the evaluation protocol on a fixed handful of objects, some of them drawn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from sam2.modeling.sam2_base import SAM2Base

from inference.errors import AppError, StorageError
from inference.evaluation.objects import choose_objects
from inference.evaluation.protocol import Answerer, run_protocol
from inference.training.clicks import center_of
from inference.training.data import PictureCache, Pixels, Record, thing_mask

BoolMap = npt.NDArray[np.bool_]
SIDE = 320  # of a drawn picture, pixels
_MASK, _TRUTH, _CLICK = (66, 133, 244), (255, 255, 255), (52, 199, 89)  # RGB


def quick_iou(
    model: SAM2Base,
    dense_prompts: bool,
    records: Sequence[Record],
    objects: int,
    clicks: int = 3,
    box: bool = True,
    pulse: Callable[[], None] = lambda: None,
    broken: dict[str, str] | None = None,
) -> dict[str, float]:
    """Mean IoU by key ("box", "click1" …) on `objects` seeded objects of at least 1 % of their picture.

    Args:
        pulse: called now and then; may raise Cancelled.
        broken: gets the pictures that cannot be read, which are left out, with the reason.
    """
    answerer, cache = Answerer(model, dense_prompts), PictureCache(max_bytes=0)
    scores: dict[str, list[float]] = {}
    for chosen in choose_objects(records, limit=objects):
        try:
            picture = cache.get(chosen.record.path)
            truths = [_at_size(thing_mask(chosen.record, thing), picture) > 127 for thing in chosen.things]
        except AppError as error:
            if broken is not None:
                broken[error.path or str(chosen.record.path)] = error.message
            continue
        answerer.set_image(picture)
        for truth in truths:
            pulse()
            if not truth.any():
                continue
            for key, value in run_protocol(answerer, truth, box=box, clicks=clicks).iou.items():
                scores.setdefault(key, []).append(value)
    return {key: float(np.mean(values)) for key, values in scores.items()}


def draw_samples(
    model: SAM2Base,
    dense_prompts: bool,
    records: Sequence[Record],
    count: int,
    folder: Path,
    step: int,
    pulse: Callable[[], None] = lambda: None,
) -> list[str]:
    """Writes `folder/{step}_{n}.png`: the same `count` validation pictures each time, with what one click gives.

    The mask is blue, the true outline white, the click green. Returns the paths.

    Raises:
        StorageError: they cannot be written.
    """
    chosen = choose_objects(records)
    picked = [chosen[int(i)] for i in np.linspace(0, len(chosen) - 1, min(count, len(chosen)))] if chosen else []
    answerer, written = Answerer(model, dense_prompts), []
    for number, one in enumerate(picked):
        pulse()
        try:
            picture = PictureCache(max_bytes=0).get(one.record.path)
            truth = _at_size(thing_mask(one.record, one.things[0]), picture) > 127
        except AppError:
            continue  # `quick_iou` says so
        x, y, _ = center_of(truth)
        answerer.set_image(picture)
        mask, _ = answerer.answer([(x + 0.5, y + 0.5, True)], None, None)
        path = folder / f"{step:07d}_{number}.png"
        _write(path, drawn(picture, mask, truth, (x, y)))
        written.append(str(path))
    return written


def drawn(picture: Pixels, mask: BoolMap, truth: BoolMap, click: tuple[int, int] | None = None) -> Pixels:
    """(H, W, 3) uint8 with the long side `SIDE`: the mask tinted, the true outline and the click on it."""
    scale = SIDE / max(picture.shape[:2])
    size = (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    inside = cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA)[..., None] * 0.5
    small = (small * (1 - inside) + np.array(_MASK, np.float32) * inside).astype(np.uint8)
    outline = cv2.resize(truth.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
    contours, _ = cv2.findContours(outline, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(small, contours, -1, _TRUTH, 1, cv2.LINE_AA)
    if click is not None:
        at = (round(click[0] * scale), round(click[1] * scale))
        cv2.circle(small, at, 6, (255, 255, 255), -1, cv2.LINE_AA)
        cv2.circle(small, at, 5, _CLICK, -1, cv2.LINE_AA)
    return small


def _at_size(mask: Pixels, picture: Pixels) -> Pixels:
    if mask.shape == picture.shape[:2]:
        return mask
    return cv2.resize(mask, picture.shape[1::-1], interpolation=cv2.INTER_AREA).astype(np.uint8)


def _write(path: Path, picture: Pixels) -> None:
    """Beside first, then renamed: a window may look at any time."""
    beside = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        done, code = cv2.imencode(".png", picture[..., ::-1])
        assert done
        beside.write_bytes(code.tobytes())
        beside.replace(path)
    except OSError as error:
        raise StorageError(
            f"The sample picture cannot be written ({error.strerror or error}).", path, "Free space on the disk."
        ) from error


__all__ = ["SIDE", "draw_samples", "drawn", "quick_iou"]
