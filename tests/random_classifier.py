"""A classifier of the built-in one's layout with random weights: real files, real open_clip, nothing learned."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import open_clip
import torch
from safetensors.torch import save_file

MERGES = 1200
KNOWN = ("cat", "dog", "car", "bird", "ship")
GUESSED = ("zebra finch", "teapot")
ALIASES = {"automobile": "car", "kitty": "cat"}


def config(image_size: int = 96, tower: str = "mobilenetv2_100", dim: int = 512) -> dict[str, Any]:
    """`open_clip_config.json`, with a text tower small enough for tests."""
    return {
        "model_cfg": {
            "embed_dim": dim,
            "custom_text": True,
            "vision_cfg": {
                "timm_model_name": tower,
                "timm_model_pretrained": False,
                "timm_pool": "",
                "timm_proj": "linear",
                "image_size": image_size,
            },
            "text_cfg": {
                "context_length": 24,
                "vocab_size": 512 + MERGES + 2,
                "width": 64,
                "heads": 2,
                "layers": 2,
            },
        },
        "preprocess_cfg": {
            "mean": [0.5, 0.5, 0.5],
            "std": [0.5, 0.5, 0.5],
            "interpolation": "bicubic",
            "resize_mode": "shortest",
        },
    }


def write_classifier(folder: Path, seed: int = 3, image_size: int = 96, vocabulary: bool = True, **more: Any) -> Path:
    """Fills `folder` as `checkpoints/winnow-clip` is filled and returns it. `seed` changes the weights."""
    folder.mkdir(parents=True, exist_ok=True)
    written = config(image_size, **more)
    (folder / "open_clip_config.json").write_text(json.dumps(written))
    torch.manual_seed(seed)
    model = open_clip.model.CustomTextCLIP(
        embed_dim=written["model_cfg"]["embed_dim"],
        vision_cfg=written["model_cfg"]["vision_cfg"],
        text_cfg=written["model_cfg"]["text_cfg"],
    )
    torch.nn.init.normal_(model.text.text_projection, std=0.1)
    half = {k: v.half() if v.is_floating_point() else v for k, v in model.state_dict().items()}
    save_file({k: v.contiguous() for k, v in half.items()}, str(folder / "open_clip_model.safetensors"))
    merges = gzip.decompress(Path(open_clip.tokenizer.default_bpe()).read_bytes()).decode("utf-8").split("\n")
    with gzip.open(folder / "bpe.txt.gz", "wt", encoding="utf-8") as file:
        file.write("\n".join(merges[: MERGES + 1]))
    if vocabulary:
        words = {"known": list(KNOWN), "guessed": list(GUESSED), "aliases": ALIASES}
        (folder / "vocabulary.json").write_text(json.dumps(words))
    (folder / "README.md").write_text("Random weights, for tests.\n")
    return folder
