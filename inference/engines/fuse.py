"""Convolutions with the batch norms behind them as one convolution each: the same numbers with a third less work."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_weights


def fuse_norms(model: Any, example: torch.Tensor) -> Any:
    """Folds the batch norms of `model.visual` into the convolutions whose output they take. In place, for eval mode.

    Which norm follows which convolution is seen by running `example` (1, 3, H, W) once: names and order in the module
    tree say nothing certain. What stands behind a norm in the same module (timm's norms bring their activation) stays.
    """
    pairs = _pairs(model.visual, example)
    for conv, norm in pairs:
        weight, bias = fuse_conv_bn_weights(
            conv.weight, conv.bias, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
        )
        conv.weight, conv.bias = nn.Parameter(weight.detach(), False), nn.Parameter(bias.detach(), False)
    norms = {norm for _, norm in pairs}
    for module in list(model.visual.modules()):
        for name, child in list(module.named_children()):
            if child in norms:
                setattr(module, name, _behind(child))
    return model


def _behind(norm: nn.Module) -> nn.Module:
    """What is left of a norm: the dropout and activation that timm's `BatchNormAct2d` ends with."""
    rest = [part for part in (getattr(norm, "drop", None), getattr(norm, "act", None)) if isinstance(part, nn.Module)]
    kept = [part for part in rest if not isinstance(part, nn.Identity)]
    return nn.Sequential(*kept) if len(kept) > 1 else kept[0] if kept else nn.Identity()


def _pairs(visual: nn.Module, example: torch.Tensor) -> list[tuple[Any, Any]]:
    """Each convolution with the batch norm that alone takes its output, both used once in a forward pass."""
    made_by: dict[int, nn.Module] = {}
    keep: list[torch.Tensor] = []  # so that no two outputs share an id
    uses: dict[nn.Module, int] = {}
    takers: dict[nn.Module, list[nn.Module]] = {}

    def before(module: nn.Module, inputs: tuple[Any, ...]) -> None:
        uses[module] = uses.get(module, 0) + 1
        source = made_by.get(id(inputs[0])) if inputs else None
        if source is not None:
            takers.setdefault(source, []).append(module)

    def after(module: nn.Module, _inputs: Any, output: Any) -> None:
        if isinstance(module, nn.Conv2d) and isinstance(output, torch.Tensor):
            made_by[id(output)] = module
            keep.append(output)

    leaves = [module for module in visual.modules() if isinstance(module, (nn.Conv2d, nn.BatchNorm2d))]
    if not any(isinstance(leaf, nn.BatchNorm2d) for leaf in leaves):
        return []
    hooks = [leaf.register_forward_pre_hook(before) for leaf in leaves]
    hooks += [leaf.register_forward_hook(after) for leaf in leaves]
    try:
        with torch.inference_mode():
            visual(example)
    finally:
        for hook in hooks:
            hook.remove()
    return [
        (conv, found[0])
        for conv, found in takers.items()
        if len(found) == 1 and isinstance(found[0], nn.BatchNorm2d) and uses[conv] == uses[found[0]] == 1
    ]
