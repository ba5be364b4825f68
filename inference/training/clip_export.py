"""Puts the two towers together as a folder that open_clip loads by itself (`local-dir:`), in float16."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from open_clip.model import CLIP, CLIPTextCfg, CLIPVisionCfg
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from inference.errors import ModelError
from inference.training import clip_text
from inference.training.clip_images import SCALE, TRUNK, Tower
from inference.training.clip_words import Words, plain

SIDE = 128  # pixels pictures are looked at with, as in training: more are slower, and worse for small pictures
DIM = 512
_WEIGHTS = "open_clip_model.safetensors"
_TRUNK, _MAP = "visual.trunk.", "visual.head.proj.weight"


def configuration(vocabulary: int) -> dict[str, Any]:
    """The content of open_clip_config.json."""
    return {
        "model_cfg": {
            "embed_dim": DIM,
            "vision_cfg": {
                "timm_model_name": TRUNK, "timm_model_pretrained": False, "timm_pool": "avg", "timm_proj": "linear",
                "image_size": SIDE,
            },
            "text_cfg": {
                "context_length": clip_text.CONTEXT, "vocab_size": vocabulary, "width": clip_text.WIDTH,
                "heads": clip_text.HEADS, "layers": clip_text.LAYERS,
            },
        },
        "preprocess_cfg": {
            "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5], "interpolation": "bicubic", "resize_mode": "shortest",
        },
    }  # fmt: skip


def empty(vocabulary: int) -> CLIP:
    """A model of this shape with fresh weights."""
    model = configuration(vocabulary)["model_cfg"]
    return CLIP(DIM, CLIPVisionCfg(**model["vision_cfg"]), CLIPTextCfg(**model["text_cfg"]))


def put_tower(model: CLIP, tower: Tower) -> None:
    """Copies a trained picture tower into the model."""
    model.visual.trunk.load_state_dict(tower.trunk.state_dict())
    model.visual.head.proj.weight.data.copy_(tower.proj.weight.data)
    model.logit_scale.data.fill_(torch.tensor(SCALE).log())


def write(folder: Path, model: CLIP, words: Words, seen: set[str]) -> None:
    """Writes configuration, weights and the list of words. `seen` are the names of which there were pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(configuration(model.token_embedding.num_embeddings), indent=2) + "\n"
    (folder / "open_clip_config.json").write_text(text, encoding="utf-8")
    # Counters of batch norms are no weights: they stay whole numbers.
    state = {k: v.half().contiguous() if v.is_floating_point() else v for k, v in model.state_dict().items()}
    save_file(state, folder / _WEIGHTS)
    known = {part for name in seen for part in _said(name)}
    guessed = {part for name in words.names for part in _said(name)} - known
    aliases = {word: _said(name)[0] for word, name in sorted(words.aliases.items()) if word not in known}
    listed = {"known": sorted(known), "guessed": sorted(guessed), "aliases": aliases}
    (folder / "vocabulary.json").write_text(json.dumps(listed, indent=1) + "\n", encoding="utf-8")


def average(folder: Path, others: Sequence[Path]) -> None:
    """Makes the picture tower of `folder` the mean of its own and those of other folders, in place.

    Runs that began from the same weights and aim at the same anchors lie in one basin, where the mean of two is better
    than either (model soups, Wortsman et al. 2022). The text tower stays as it is.

    Raises ModelError for a folder without such a model.
    """
    file = folder / _WEIGHTS
    own = load_file(file)
    towers = [tower_of(other).state_dict() for other in (folder, *others)]
    for key, value in towers[0].items():
        name = f"{_TRUNK}{key.removeprefix('trunk.')}" if key.startswith("trunk.") else _MAP
        if value.is_floating_point():
            own[name] = torch.stack([tower[key] for tower in towers]).mean(0).half().contiguous()
    save_file(own, file)


def tower_of(folder: Path) -> Tower:
    """The picture tower of a finished folder. ModelError where there is none, or another one."""
    file, tower = folder / _WEIGHTS, Tower(DIM)
    try:
        weights = load_file(file)
        trunk = {k.removeprefix(_TRUNK): v.float() for k, v in weights.items() if k.startswith(_TRUNK)}
        tower.trunk.load_state_dict(trunk)
        tower.proj.load_state_dict({"weight": weights[_MAP].float()})
    except (OSError, SafetensorError, KeyError, RuntimeError) as error:
        remedy = "Name a finished folder made by `main.py train words`."
        raise ModelError("There is no picture tower of the built-in classifier's kind.", file, remedy) from error
    return tower.eval()


def _said(name: str) -> list[str]:
    """A name as people say it: without its remark, and each side of a slash."""
    return [plain(part) for part in name.split("/") if plain(part)] or [name]
