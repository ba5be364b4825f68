"""Crops of pictures nobody named: the ImageNet classifier says what they show, and the tower learns it from few pixels.

One labelled picture of an airliner is not enough to know airplanes, but the classifier does know them. Asked about many
crops of arbitrary photographs, it passes that on (distillation on unlabelled pictures: Xie et al. 2020, "Noisy
Student"; the same crop for teacher and student: Beyer et al. 2022).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from inference.training.clip_pictures import UNNAMED, Packed, Rgb, open_rgb
from inference.training.clip_teacher import Teacher

SIDE = 144  # pixels, the most a crop is packed with
_MICROSCOPY = "DSB 2018 nuclei"
_AT_ONCE = 16  # pictures
_A_PICTURE = 14  # crops asked about
_OF_A_CLASS = 40  # crops kept of those the teacher takes for one class, the surest
_SURE = 0.15  # least probability of its first guess
_SHARES = (0.3, 1.0)  # of the picture's shorter side


def gather(data: Path, teacher: Teacher, seed: int = 0) -> tuple[Packed, Tensor]:
    """Cuts, asks and keeps: (the crops, (n, 1000) float16 what the teacher says of each).

    The pictures are those of the segmentation set's training part, microscopy aside. The classes are kept about
    equally, since photographs of people and cats would drown the rest.
    """
    files = sorted(_files(data / "segmentation"))
    groups = [range(at, min(at + _AT_ONCE, len(files))) for at in range(0, len(files), _AT_ONCE)]
    with ThreadPoolExecutor(1) as ahead:
        cut = ahead.map(lambda group: [crop for i in group for crop in _cut(files[i], (seed, i))], groups)
        said = [teacher.says(crops) for crops in cut]
    where = [divmod(row, _A_PICTURE) for row in range(len(files) * _A_PICTURE)]
    answers = torch.cat(said)
    sure, guess = (x.numpy() for x in answers.float().exp().max(1))
    kept: list[int] = []
    for name in np.unique(guess):
        of_class = np.flatnonzero((guess == name) & (sure >= _SURE))
        kept += of_class[np.argsort(-sure[of_class], kind="stable")][:_OF_A_CLASS].tolist()
    kept.sort()
    return _packed(files, [where[i] for i in kept], seed), answers[torch.tensor(kept)]


def join(named: Packed, crops: Packed) -> Packed:
    """One after the other."""
    start = np.concatenate([named.start, crops.start + len(named.pixels)])
    return Packed(
        np.concatenate([named.pixels, crops.pixels]), start, np.concatenate([named.side, crops.side]),
        np.concatenate([named.label, crops.label]), np.concatenate([named.source, crops.source]),
    )  # fmt: skip


def _files(folder: Path) -> Iterator[Path]:
    images = json.loads((folder / "train.json").read_text(encoding="utf-8"))["images"]
    for image in images:
        if image["source"] != _MICROSCOPY:
            yield folder / "images" / image["file_name"]


def _cut(file: Path, seed: tuple[int, ...]) -> Iterator[Rgb]:
    rgb = open_rgb(file.read_bytes())
    height, width = rgb.shape[:2]
    rng = np.random.default_rng(seed)
    for _ in range(_A_PICTURE):
        side = max(32, round(min(height, width) * rng.uniform(*_SHARES)))
        side = min(side, height, width)
        y, x = int(rng.integers(height - side + 1)), int(rng.integers(width - side + 1))
        crop = rgb[y : y + side, x : x + side]
        yield cv2.resize(crop, (SIDE, SIDE), interpolation=cv2.INTER_AREA if side > SIDE else cv2.INTER_CUBIC)


def _packed(files: list[Path], where: list[tuple[int, int]], seed: int) -> Packed:
    wanted: dict[int, list[int]] = {}
    for number, crop in where:
        wanted.setdefault(number, []).append(crop)
    pixels = np.empty((len(where), SIDE, SIDE, 3), np.uint8)
    row = 0
    for number, chosen in wanted.items():
        crops = list(_cut(files[number], (seed, number)))
        for crop in chosen:
            pixels[row] = crops[crop]
            row += 1
    count = len(where)
    start = np.arange(count, dtype=np.int64) * 3 * SIDE * SIDE
    label: npt.NDArray[np.int32] = np.full(count, UNNAMED, np.int32)
    return Packed(pixels.reshape(-1), start, np.full(count, SIDE, np.int32), label, np.full(count, "crops"))
