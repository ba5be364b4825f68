"""Classifiers of pictures: any timm model, or a small ViT for small pictures; what is needed to build one again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import timm
import torch
from timm.layers import Conv2dSame
from timm.models.vision_transformer import VisionTransformer
from torch import nn

from inference.engines.trunk import FloatConv2d, FloatConv2dSame
from inference.errors import ModelError

SMALL_VIT = "small-vit"
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_DEVIATION = (0.229, 0.224, 0.225)
SMALL_VIT_OPTIONS = {"patch": 4, "dim": 192, "depth": 6, "heads": 3, "stem": "patch"}
_STEMS = ("patch", "conv")


@dataclass(frozen=True, slots=True)
class ClassifierArch:
    """What a classifier is made of; it is kept in the checkpoint.

    Attributes:
        name: a timm model's name, or "small-vit".
        classes: what it tells apart, in the order of its outputs.
        image_size: the side of the square it sees, pixels.
        options: of "small-vit": patch, dim, depth, heads, stem ("patch": plain ViT; "conv": three 3 × 3 convolutions);
            of timm models: arguments for `timm.create_model` (numbers, words, true or false).
        mean, deviation: of the normalisation, for channels of 0..1.
    """

    name: str
    classes: tuple[str, ...]
    image_size: int = 224
    options: Mapping[str, Any] = field(default_factory=dict)
    mean: tuple[float, float, float] = IMAGENET_MEAN
    deviation: tuple[float, float, float] = IMAGENET_DEVIATION

    def to_json(self) -> str:
        return json.dumps(asdict(self) | {"options": dict(self.options)}, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> ClassifierArch:
        """ValueError or TypeError when the text describes no classifier."""
        data = json.loads(text)
        if not isinstance(data, dict) or not isinstance(data.get("name"), str):
            raise ValueError("not the description of a classifier")
        classes = tuple(str(c) for c in data["classes"])
        mean, deviation = (tuple(float(v) for v in data[k]) for k in ("mean", "deviation"))
        size = int(data["image_size"])
        if len(classes) < 2 or len(set(classes)) != len(classes) or len(mean) != 3 or len(deviation) != 3:
            raise ValueError("a classifier has two classes or more, each once, and three channels")
        if not 8 <= size <= 1024 or min(deviation) <= 0:
            raise ValueError("the picture size or the normalisation is out of range")
        return cls(data["name"], classes, size, _plain_options(data["options"]), mean, deviation)  # type: ignore[arg-type]


def _plain_options(options: Any) -> dict[str, Any]:
    """Numbers and words only; nothing that makes timm load files or fetch weights."""
    if not isinstance(options, dict):
        raise TypeError("options are names with values")
    forbidden = {
        "pretrained",
        "checkpoint_path",
        "cache_dir",
        "pretrained_cfg",
        "pretrained_cfg_overlay",
        "num_classes",
    }
    for key, value in options.items():
        if key in forbidden or not isinstance(value, (int, float, str, bool)):
            raise ValueError(f"the option {key} is not allowed")
    return dict(options)


class ConvStem(nn.Module):
    """Pictures to tokens by three 3 × 3 convolutions (Xiao et al., 2021) instead of one patch projection.

    With it a small ViT is a hybrid: it learns from fewer pictures. (B, 3, S, S) to (B, (S / patch)², dim).
    """

    def __init__(self, img_size: int, patch_size: int, in_chans: int, embed_dim: int, **_: Any) -> None:
        super().__init__()
        grid = img_size // patch_size
        self.grid_size, self.num_patches, self.patch_size = (grid, grid), grid * grid, (patch_size, patch_size)
        strides = {2: (1, 2, 1), 4: (2, 1, 2), 8: (2, 2, 2)}[patch_size]
        widths = (in_chans, embed_dim // 4, embed_dim // 2, embed_dim)
        layers: list[nn.Module] = []
        for before, after, stride in zip(widths, widths[1:], strides, strict=False):
            layers += [nn.Conv2d(before, after, 3, stride, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU(inplace=True)]
        self.body = nn.Sequential(*layers, nn.Conv2d(embed_dim, embed_dim, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        tokens: torch.Tensor = self.body(x).flatten(2).transpose(1, 2)
        return tokens


def build_classifier(arch: ClassifierArch) -> nn.Module:
    """A fresh model on the CPU with `len(arch.classes)` outputs. ModelError when it cannot be built."""
    try:
        if arch.name == SMALL_VIT:
            return _small_vit(arch)
        return _timm_model(arch)
    except (RuntimeError, TypeError, ValueError, KeyError, AssertionError, ZeroDivisionError) as error:
        raise ModelError(
            f"The model “{arch.name}” cannot be built for {arch.image_size} pixels: {str(error)[:200]}.",
            remedy="Choose another --model or --image-size.",
        ) from error


def _small_vit(arch: ClassifierArch) -> nn.Module:
    options: dict[str, Any] = SMALL_VIT_OPTIONS | dict(arch.options)
    if set(options) != set(SMALL_VIT_OPTIONS) or options["stem"] not in _STEMS:
        raise ValueError(f"small-vit has {', '.join(SMALL_VIT_OPTIONS)}; stems are {' and '.join(_STEMS)}")
    if arch.image_size % options["patch"]:
        raise ValueError("the picture's side is no multiple of the patch's")
    return VisionTransformer(
        img_size=arch.image_size,
        patch_size=options["patch"],
        embed_dim=options["dim"],
        depth=options["depth"],
        num_heads=options["heads"],
        num_classes=len(arch.classes),
        class_token=False,
        global_pool="avg",
        **({"embed_layer": ConvStem} if options["stem"] == "conv" else {}),
    )


def _timm_model(arch: ClassifierArch) -> nn.Module:
    if not timm.is_model(arch.name):  # also keeps "hf-hub:" and "local-dir:" out
        near = ", ".join(timm.list_models(f"*{arch.name.split('_')[0]}*")[:4])
        raise ModelError(
            f"timm has no model called “{arch.name}”.",
            remedy=f"Near names: {near}." if near else "See `timm.list_models()`, or use small-vit.",
        )
    options = dict(arch.options)
    try:
        model = timm.create_model(
            arch.name, pretrained=False, num_classes=len(arch.classes), img_size=arch.image_size, **options
        )
    except TypeError:  # convolutional models take any size and know no img_size
        model = timm.create_model(arch.name, pretrained=False, num_classes=len(arch.classes), **options)
    keep_depthwise_float(model)
    return model


def keep_depthwise_float(model: nn.Module) -> None:
    """Turns depthwise convolutions into ones that stay float32 under autocast, in place (same weights, same names).

    On CPUs their bfloat16 gradients are many times slower; on a GPU the difference is small.
    """
    for module in model.modules():
        if isinstance(module, nn.Conv2d) and module.groups == module.in_channels > 1:
            if type(module) is nn.Conv2d:
                module.__class__ = FloatConv2d
            elif type(module) is Conv2dSame:
                module.__class__ = FloatConv2dSame


__all__ = ["SMALL_VIT", "ClassifierArch", "build_classifier"]
