"""Clips: found in SAM 2's layout, the same for the same seed, and learned from by the sam2 package's training model."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from inference.engines.architecture import configs
from inference.errors import AppError, FormatError, UsageError
from inference.training.clips import ClipLessons, ClipMaker, clip_model, find_clips
from inference.training.config import TrainConfig
from tests.unit.training_scene import TINY

CONFIG = TrainConfig(
    minutes=0, max_steps=2, image_size=64, pictures=1, objects=2, frames=2, threads=1, precision="float32",
    rounds=(0.0, 1.0), loss="sam2",
)  # fmt: skip


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    """Two videos of four frames with two discs that move, and one of a single frame."""
    for name, frames in (("a", 4), ("b", 4), ("short", 1)):
        (tmp_path / "JPEGImages" / name).mkdir(parents=True)
        (tmp_path / "Annotations" / name).mkdir(parents=True)
        for frame in range(frames):
            image, numbers = np.full((60, 80, 3), 40, np.uint8), np.zeros((60, 80), np.uint8)
            for number, y in ((1, 20), (2, 45)):
                cv2.circle(numbers, (20 + 6 * frame, y), 9, number, -1)
            image[numbers > 0] = 200
            cv2.imwrite(str(tmp_path / "JPEGImages" / name / f"{frame:05d}.jpg"), image)
            cv2.imwrite(str(tmp_path / "Annotations" / name / f"{frame:05d}.png"), numbers)
    return tmp_path


def test_videos_that_are_long_enough(videos: Path) -> None:
    problems: list[AppError] = []
    clips = find_clips(videos, 3, "train", problems)
    assert [(c.name, len(c.frames)) for c in clips] == [("a", 4), ("b", 4)]
    assert len(problems) == 1 and "1 annotated" in problems[0].message
    with pytest.raises(FormatError, match="9 annotated frames"):
        find_clips(videos, 9, "train")


@pytest.mark.filterwarnings("ignore::DeprecationWarning:tensordict")
def test_clips_follow_their_objects(videos: Path) -> None:
    clips = find_clips(videos, 2, "train", [])
    one, other = (ClipMaker(clips, CONFIG).batch(range(3, 5)) for _ in range(2))
    assert torch.equal(one.img_batch, other.img_batch) and torch.equal(one.masks, other.masks)
    assert one.img_batch.shape == (2, 2, 3, 64, 64) and one.masks.shape == (2, 4, 64, 64)
    assert one.masks.flatten(2).any(-1).all()


def test_models_without_a_memory_are_refused() -> None:
    with pytest.raises(UsageError, match="memory"):
        clip_model(TINY)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_model_with_a_memory_learns_from_clips(videos: Path) -> None:
    torch.manual_seed(0)
    torch.set_num_threads(1)
    model = clip_model(configs["sam2.1-tiny"].at_size(64)).train()
    lessons = ClipLessons(find_clips(videos, 2, "train", []), CONFIG)
    learned = lessons.learn(model, lessons.maker.batch(range(1)), 0, 1, lambda: None)
    learned.loss.backward()
    assert np.isfinite(learned.sums["loss"][0]) and learned.sums["loss_dice"][0] > 0
    memory = [p.grad for n, p in model.named_parameters() if n.startswith("memory_encoder.") and p.requires_grad]
    assert any(g is not None and g.abs().sum() > 0 for g in memory)
