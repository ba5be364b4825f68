"""What a SAM 2 model is built like: `ArchConfig`, building it, and writing it beside its weights.

Two families: "starter" (inference/engines/starter_model.py), whose whole shape is in the config, and "sam2", the eight
official models, built from the `sam2` package's own yaml files.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inference.errors import ModelError

if TYPE_CHECKING:
    from sam2.modeling.sam2_base import SAM2Base
    from sam2.sam2_image_predictor import SAM2ImagePredictor

OFFICIAL_YAML = {
    "sam2-tiny": "sam2/sam2_hiera_t",
    "sam2-small": "sam2/sam2_hiera_s",
    "sam2-base-plus": "sam2/sam2_hiera_b+",
    "sam2-large": "sam2/sam2_hiera_l",
    "sam2.1-tiny": "sam2.1/sam2.1_hiera_t",
    "sam2.1-small": "sam2.1/sam2.1_hiera_s",
    "sam2.1-base-plus": "sam2.1/sam2.1_hiera_b+",
    "sam2.1-large": "sam2.1/sam2.1_hiera_l",
}


@dataclass(frozen=True, slots=True)
class ArchConfig:
    """Everything needed to build a model before its weights are there. JSON-able; kept in a checkpoint's metadata.

    Attributes:
        kind: "starter" or "sam2".
        name: what people call it; for "sam2" a key of `configs`.
        image_size: side of the square that pictures are squeezed to, pixels.
        hidden_dim: width of the prompt encoder and mask decoder.
        dense_prompts: the model wants `dense_prompts.dense_prompt` as its mask input.
        trunk_channels, trunk_attention, trunk_convs: see `MobileTrunk` ("starter" only).
        decoder_mlp, decoder_depth: the two-way transformer's inner width and layers ("starter" only).
        extra: for what later versions add; unknown keys of newer files land here.
    """

    kind: str = "starter"
    name: str = "winnow-starter"
    image_size: int = 384
    hidden_dim: int = 192
    dense_prompts: bool = True
    trunk_channels: tuple[int, int, int, int] = (48, 96, 192, 256)
    trunk_attention: tuple[int, int] = (2, 2)
    trunk_convs: tuple[int, int, int] = (1, 1, 2)
    decoder_mlp: int = 512
    decoder_depth: int = 2
    extra: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> ArchConfig:
        """Reads `to_json`'s form; ValueError when it is something else."""
        data = json.loads(text)
        if not isinstance(data, dict) or data.get("kind") not in ("starter", "sam2"):
            raise ValueError("not the description of a model that this version knows")
        known = {f.name for f in fields(cls)}
        extra = dict(data.pop("extra", None) or {}) | {k: data.pop(k) for k in list(data) if k not in known}
        lists = {k: tuple(v) for k, v in data.items() if isinstance(v, list)}
        config = cls(**(data | lists), extra=extra)
        if not config._has_sane_sizes():
            raise ValueError("its sizes make no sense")
        return config

    def _has_sane_sizes(self) -> bool:
        """A forged file asks for no more memory than a model can need."""
        lists = ((self.trunk_channels, 4), (self.trunk_attention, 2), (self.trunk_convs, 3))
        if not all(isinstance(values, tuple) and len(values) == length for values, length in lists):
            return False
        widths = (self.hidden_dim, self.decoder_mlp, *self.trunk_channels)
        counts = (self.decoder_depth, *self.trunk_attention, *self.trunk_convs)
        ranges = (((self.image_size,), 32, 4096), (widths, 1, 4096), (counts, 0, 64))
        return all(type(n) is int and low <= n <= high for numbers, low, high in ranges for n in numbers)

    def at_size(self, image_size: int) -> ArchConfig:
        """The same model for another picture size; weights fit both."""
        return replace(self, image_size=image_size)


configs: dict[str, ArchConfig] = {"winnow-starter": ArchConfig()} | {
    name: ArchConfig(kind="sam2", name=name, image_size=1024, hidden_dim=256, dense_prompts=False)
    for name in OFFICIAL_YAML
}


def build_model(config: ArchConfig) -> SAM2Base:
    """The model with random weights, in eval mode, float32 on the CPU. ModelError when the config makes no model."""
    if config.kind == "sam2":
        model = _build_official(config)
    elif config.kind == "starter":
        from inference.engines.starter_model import build_starter

        if config.image_size % 32 or config.hidden_dim % 16:
            raise ModelError(
                f"A starter model needs a picture size that is a multiple of 32 and a width that is a multiple of 16, "
                f"not {config.image_size} and {config.hidden_dim}."
            )
        model = build_starter(
            config.image_size,
            config.hidden_dim,
            config.trunk_channels,
            config.trunk_attention,
            config.trunk_convs,
            config.decoder_mlp,
            config.decoder_depth,
        )
    else:
        raise ModelError(f"There is no model family {config.kind!r}.", remedy="Update Winnow to use this model.")
    return model.eval()


def _build_official(config: ArchConfig) -> SAM2Base:
    """Through the yaml files inside the `sam2` package. They are read with omegaconf and instantiated; hydra's global
    state (which `import sam2` initialises for its own use) is neither read nor changed.

    Mask choice by stability is on, as in `sam2.build_sam.build_sam2`.
    """
    from hydra.utils import instantiate

    model: SAM2Base = instantiate(official_node(config), _recursive_=True)
    return model


def official_node(config: ArchConfig) -> Any:
    """The omegaconf node that an official model is made from. ModelError when there is no such model."""
    import sam2
    from omegaconf import OmegaConf

    if config.name not in OFFICIAL_YAML:
        known = ", ".join(OFFICIAL_YAML)
        raise ModelError(f"There is no SAM 2 model {config.name!r}.", remedy=f"Use one of {known}.")
    path = Path(sam2.__path__[0]) / "configs" / f"{OFFICIAL_YAML[config.name]}.yaml"
    node = OmegaConf.load(path).model
    node.image_size = config.image_size
    extra: dict[str, Any] = dict(config.extra.get("sam_mask_decoder_extra_args", {}))
    node.sam_mask_decoder_extra_args = {
        "dynamic_multimask_via_stability": True,
        "dynamic_multimask_stability_delta": 0.05,
        "dynamic_multimask_stability_thresh": 0.98,
    } | extra
    return node


def predictor_for(model: SAM2Base, dense_prompts: bool = False) -> SAM2ImagePredictor:
    """A `SAM2ImagePredictor` that fits the model's picture size; also for `SAM2AutomaticMaskGenerator.predictor`.

    The package fixes the feature sizes for 1024 pixels; here they follow the model: size/4, /8, /16.

    Args:
        dense_prompts: the predictor itself draws the prompts into the mask input (for models whose config asks for it).
            Off, it is the plain class and the caller gives `mask_input`.
    """
    from sam2.sam2_image_predictor import SAM2ImagePredictor

    if dense_prompts:
        from inference.engines.dense_predictor import DensePromptPredictor

        predictor: SAM2ImagePredictor = DensePromptPredictor(model)
    else:
        predictor = SAM2ImagePredictor(model)
    size = model.image_size
    predictor._bb_feat_sizes = [(size // s, size // s) for s in (4, 8, 16)]
    return predictor


from inference.engines.checkpoint import load_checkpoint, recognise, save_checkpoint  # noqa: E402  (one door for both)

__all__ = [
    "ArchConfig",
    "build_model",
    "configs",
    "load_checkpoint",
    "official_node",
    "predictor_for",
    "recognise",
    "save_checkpoint",
]
