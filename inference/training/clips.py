"""Clips of several frames for models with a memory: SAM 2's training layout, taught by the sam2 package's `SAM2Train`.

A clip is some consecutive frames of a video: `JPEGImages/NAME/00000.jpg …`, `Annotations/NAME/00000.png …`, where every
number but 0 and 255 is the same object in all frames. Objects are prompted in the first frame or two and followed.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from sam2.modeling.sam2_base import SAM2Base

from inference.data_sets.model import confined
from inference.data_sets.sam2 import index_map, names_of
from inference.engines.architecture import OFFICIAL_YAML, ArchConfig, official_node
from inference.errors import AppError, FormatError, ModelError, UsageError
from inference.training.config import TrainConfig
from inference.training.data import PictureCache, Pixels
from inference.training.loader import DEVIATION, MEAN, Maker, Order
from inference.training.step import DTYPES, Learned, Pulse

_TRIES = 50


@dataclass(frozen=True, slots=True)
class Clip:
    """A video: its name and its frames in order, each a picture and its annotation."""

    name: str
    frames: tuple[tuple[Path, Path], ...]


def find_clips(folder: Path, frames: int, split: str, problems: list[AppError] | None = None) -> list[Clip]:
    """The videos of SAM 2's layout that have at least `frames` annotated frames.

    Args:
        split: `{split}_list.txt` names those to take; without it all are.
        problems: gets the videos that cannot be used.

    Raises:
        FormatError: this is no such folder, or no video is long enough.
    """
    if not (folder / "JPEGImages").is_dir() or not (folder / "Annotations").is_dir():
        raise FormatError("This is not SAM 2's training layout.", folder, "Videos need JPEGImages and Annotations.")
    names = folder / f"{split}_list.txt"
    clips, listed = [], [] if problems is None else problems
    for name in names_of(folder, names if names.is_file() else None):
        try:
            clip = _clip(folder, name)
            if len(clip.frames) < frames:
                raise FormatError(f"The video has {len(clip.frames)} annotated frames, not {frames}.", folder / name)
            clips.append(clip)
        except FormatError as error:
            listed.append(error)
    if not clips:
        raise FormatError(
            f"No video has {frames} annotated frames.", folder, "Set frames to fewer, or to 1 for pictures."
        )
    return clips


def _clip(folder: Path, name: str) -> Clip:
    pairs = []
    first = confined([folder / "Annotations"], f"{name}/00000.png", folder)
    for annotation in sorted(first.parent.glob("*.png")):
        picture = folder / "JPEGImages" / name / f"{annotation.stem}.jpg"
        if not picture.is_file():
            break  # frames that follow on each other, up to the first gap
        pairs.append((picture, annotation))
    return Clip(name, tuple(pairs))


def clip_model(arch: ArchConfig) -> SAM2Base:
    """`SAM2Train` with random weights: a `SAM2Base` of the same shape that also simulates people.

    UsageError for models without a memory.
    """
    from hydra.utils import instantiate

    if arch.kind != "sam2" or arch.name not in OFFICIAL_YAML:
        raise UsageError(
            "This model has no memory for videos.", None, "Start from a SAM 2 model, or set frames to 1 for pictures."
        )
    node = official_node(arch)
    node._target_ = "training.model.sam2.SAM2Train"
    try:
        model: SAM2Base = instantiate(node, _recursive_=True)
    except (TypeError, ValueError) as error:
        raise ModelError(f"The model cannot be built for training: {error}.") from error
    return model


class ClipMaker:
    """Makes batches of clips, `BatchedVideoDatapoint` of the sam2 package."""

    def __init__(self, clips: list[Clip], config: TrainConfig) -> None:
        self.clips, self.config = clips, config
        self.broken: dict[str, str] = {}
        self._cache = PictureCache(max_side=1024)
        self._order = Order([1.0] * len(clips), config.seed)

    def batch(self, numbers: range) -> Any:
        """The clips of these numbers; the same for the same seed and files."""
        from training.utils.data_utils import collate_fn

        return collate_fn([self._clip(number) for number in numbers], dict_key="all")

    def _clip(self, number: int) -> Any:
        rng = np.random.default_rng((self.config.seed, 0, number))
        index = self._order.at(number, rng)
        for _ in range(_TRIES):
            clip = self.clips[index]
            try:
                made = None if clip.name in self.broken else self._read(clip, number, rng)
            except AppError as error:
                self.broken[clip.name] = str(error)
                made = None
            if made is not None:
                return made
            index = self._order.any(rng)
        raise FormatError(
            "The data set gives no clips: its files cannot be read or its first frames show no objects.",
            self.clips[0].frames[0][0].parent.parent.parent,
            "Check the files.",
        )

    def _read(self, clip: Clip, number: int, rng: np.random.Generator) -> Any:
        """A `VideoDatapoint`; None when the first frame shows no object."""
        from training.utils.data_utils import Frame, Object, VideoDatapoint

        config, size = self.config, self.config.image_size
        start = int(rng.integers(0, len(clip.frames) - config.frames + 1))
        taken = clip.frames[start : start + config.frames]
        flip = rng.random() < 0.5
        maps = [_squeezed(index_map(annotation), size, flip, cv2.INTER_NEAREST) for _, annotation in taken]
        there = [int(n) for n in np.unique(maps[0]) if n not in (0, 255)]
        if not there:
            return None
        objects = rng.permutation(there)[: config.objects].tolist()
        frames = []
        for place, ((picture, _), numbers) in enumerate(zip(taken, maps, strict=True)):
            pixels = _squeezed(self._cache.get(picture), size, flip, cv2.INTER_AREA)
            image = (torch.from_numpy(pixels).permute(2, 0, 1).float() / 255 - MEAN) / DEVIATION
            masks = [Object(n, place, torch.from_numpy(numbers == n)) for n in objects]
            frames.append(Frame(image, masks))
        return VideoDatapoint(frames, number, (size, size))


def _squeezed(pixels: Pixels, size: int, flip: bool, how: int) -> Pixels:
    square = cv2.resize(pixels, (size, size), interpolation=how)
    return np.ascontiguousarray(square[:, ::-1] if flip else square, dtype=np.uint8)


class ClipLessons:
    """Clips, for SAM 2 models with a memory. The last answers of all frames are learned from, as in the package."""

    def __init__(self, clips: list[Clip], config: TrainConfig) -> None:
        from training.loss_fns import MultiStepMultiMasksAndIous

        self.maker: Maker[Any] = ClipMaker(clips, config)
        self._config, self._clips = config, clips
        weights = {"loss_mask": config.focal_weight, "loss_dice": config.dice_weight, "loss_iou": config.iou_weight}
        self._losses = MultiStepMultiMasksAndIous(
            weights | {"loss_class": 1.0},
            supervise_all_iou=True,
            iou_use_l1_loss=True,
            pred_obj_scores=True,
        )

    @property
    def count(self) -> int:
        return len(self._clips)

    def learn(self, model: SAM2Base, batch: Any, step: int, processes: int, pulse: Pulse) -> Learned:  # noqa: ARG002
        """The loss of one batch of a step."""
        config, device = self._config, next(model.parameters()).device
        self._direct(model, step)
        batch = batch.to(device)
        with torch.autocast(device.type, DTYPES[config.precision], enabled=config.precision != "float32"):
            answers = model(batch)
            pulse()
            losses = self._losses(answers, batch.masks)
        loss, clips = losses["core_loss"], config.pictures
        names = {"loss_mask": "loss_focal", "loss_dice": "loss_dice", "loss_iou": "loss_iou"}
        sums = {ours: (float(losses[theirs].detach()) * clips / config.frames, clips) for theirs, ours in names.items()}
        return Learned(loss, sums | {"loss": (float(loss.detach()) * clips, clips)})

    def _direct(self, model: Any, step: int) -> None:
        """Tells `SAM2Train` how to simulate people in this step; all processes do the same."""
        config = self._config
        asked = config.point_share + config.box_share
        model.rng = np.random.default_rng((config.seed, 2, step))
        model.prob_to_use_pt_input_for_train = asked / (asked + config.mask_share)
        model.prob_to_use_box_input_for_train = config.box_share / asked if asked else 0.0
        model.prob_to_sample_from_gt_for_train = 0.1
        model.num_init_cond_frames_for_train = model.num_frames_to_correct_for_train = min(2, config.frames)
        model.rand_init_cond_frames_for_train = model.rand_frames_to_correct_for_train = True
        model.add_all_frames_to_correct_as_cond = True
        model.num_correction_pt_per_frame = max(n for n, share in enumerate(config.rounds) if share > 0)


__all__ = ["Clip", "ClipLessons", "ClipMaker", "clip_model", "find_clips"]
