"""Real models with random weights, small enough for tests."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import torch

from inference.engines.architecture import ArchConfig, build_model, configs

SMALL = ArchConfig(
    image_size=128,
    hidden_dim=32,
    trunk_channels=(16, 16, 32, 32),
    trunk_attention=(1, 1),
    trunk_convs=(1, 1, 1),
    decoder_mlp=32,
)
HIERA = configs["sam2.1-tiny"].at_size(256)


def random_model(config: ArchConfig = SMALL) -> Any:
    """A model of `config`, the same one every time: do not change it."""
    return _built(config.to_json())


@functools.cache
def _built(text: str) -> Any:
    torch.manual_seed(3)
    return build_model(ArchConfig.from_json(text))


def picture(width: int, height: int, seed: int = 0) -> np.ndarray:
    """(H, W, 3) uint8 of smooth random blobs."""
    coarse = np.random.default_rng(seed).random((3, 12, 16), dtype=np.float32)
    smooth = torch.nn.functional.interpolate(torch.from_numpy(coarse)[None], (height, width), mode="bilinear")[0]
    return (smooth.permute(1, 2, 0).numpy() * 255).astype(np.uint8)
