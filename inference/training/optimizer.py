"""What of a model learns and how fast: frozen parts, AdamW's groups, layer decay, rates, recomputed activations."""

from __future__ import annotations

import functools
from collections.abc import Iterator

import torch
from sam2.modeling.sam2_base import SAM2Base
from torch import nn
from torch.utils.checkpoint import checkpoint

from inference.training.config import TrainConfig

_PREFIXES = {
    "trunk": "image_encoder.trunk.",
    "neck": "image_encoder.neck.",
    "prompt_encoder": "sam_prompt_encoder.",
    "mask_decoder": "sam_mask_decoder.",
}


def part_of(name: str) -> str:
    """The part of `config.PARTS` that a parameter belongs to; what serves only videos is "memory"."""
    return next((part for part, prefix in _PREFIXES.items() if name.startswith(prefix)), "memory")


def freeze(model: SAM2Base, config: TrainConfig) -> None:
    """Stops gradients in the frozen parts and in the first blocks of a MobileNet trunk."""
    for name, parameter in model.named_parameters():
        if part_of(name) in config.frozen:
            parameter.requires_grad_(False)
    body = getattr(model.image_encoder.trunk, "body", None)
    if body is not None and config.frozen_blocks:
        for part in (body.conv_stem, *body.blocks[: config.frozen_blocks]):
            part.requires_grad_(False)


def set_training(model: SAM2Base) -> None:
    """Training mode, but for parts that do not learn and for batch norms, whose statistics stay as they are.

    What a batch norm sees would differ between one process and two that share the batch.
    """
    model.train()
    trunk = model.image_encoder.trunk
    if not any(p.requires_grad for p in trunk.parameters()):
        trunk.eval()
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.eval()


def make_optimizer(model: SAM2Base, config: TrainConfig) -> torch.optim.AdamW:
    """AdamW with a group for each rate, matrices (decayed) and vectors (not) apart.

    Each group carries `share`, its part of `config.learning_rate`, and `trunk`, whether it is the pretrained one.
    """
    groups: dict[tuple[bool, float, bool], list[nn.Parameter]] = {}
    in_trunk = dict(_pretrained(model, config))
    for parameter in model.parameters():
        if parameter.requires_grad:
            share = in_trunk.get(id(parameter))
            key = (share is not None, 1.0 if share is None else share, parameter.ndim > 1)
            groups.setdefault(key, []).append(parameter)
    return torch.optim.AdamW(
        [
            {
                "params": group,
                "weight_decay": config.weight_decay if decayed else 0.0,
                "share": share,
                "trunk": trunk,
            }
            for (trunk, share, decayed), group in groups.items()
        ],
        lr=config.learning_rate,
        betas=(0.9, 0.98),
        fused=False,
        foreach=True,
    )


def set_rates(optimizer: torch.optim.Optimizer, config: TrainConfig, step: int, progress: float) -> dict[str, float]:
    """Sets every group's rate and returns those to show: `lr` of the rest, `lr_trunk` of the trunk's last layers."""
    factor = config.learning_rate * config.rate_at(step, progress)
    shown = {"lr": factor, "lr_trunk": 0.0}
    for group in optimizer.param_groups:
        group["lr"] = factor * group["share"]
        if group["trunk"]:
            shown["lr_trunk"] = max(shown["lr_trunk"], group["lr"])
    return shown


def rest_trunk(model: SAM2Base) -> None:
    """Leaves the pretrained part where it is while the new parts around it still learn to walk."""
    for parameter in _trunk_body(model).parameters():
        parameter.grad = None


def recompute_activations(model: SAM2Base) -> None:
    """Keeps no activations inside the trunk's blocks: they are computed again on the way back."""
    for block in _trunk_body(model).blocks:
        block.forward = functools.partial(checkpoint, block.forward, use_reentrant=False)


def _trunk_body(model: SAM2Base) -> nn.Module:
    """The pretrained part of the trunk: all of a Hiera, the MobileNet inside a starter's."""
    trunk = model.image_encoder.trunk
    body: nn.Module = getattr(trunk, "body", trunk)
    return body


def _pretrained(model: SAM2Base, config: TrainConfig) -> Iterator[tuple[int, float]]:
    """The identity of each parameter of the pretrained trunk, and its part of the learning rate.

    As `training.optimizer.layer_decay_param_modifier` of the sam2 package: Hiera says the layer of its parameters.
    """
    body = _trunk_body(model)
    layers = len(body.blocks)
    share = config.trunk_learning_rate / config.learning_rate
    for name, parameter in body.named_parameters():
        yield id(parameter), share * config.layer_decay ** (layers + 1 - _layer_of(body, name, layers))


def _layer_of(body: nn.Module, name: str, layers: int) -> int:
    if hasattr(body, "get_layer_id"):
        return int(body.get_layer_id(name))
    if name.startswith("conv_stem"):
        return 0
    return int(name.split(".")[1]) + 1 if name.startswith("blocks.") else layers + 1


__all__ = ["freeze", "make_optimizer", "part_of", "recompute_activations", "rest_trunk", "set_rates", "set_training"]
