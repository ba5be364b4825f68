"""What a classifier costs: parameters, the length of its sequence, the memory its activations take in training."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from inference.engines.classifier_model import ClassifierArch


def cost(model: nn.Module, arch: ClassifierArch) -> dict[str, Any]:
    """Parameters, sequence length (patches and extra tokens; 0 for models without), activation bytes of a picture."""
    return {
        "parameters": sum(p.numel() for p in model.parameters()),
        "sequence_length": sequence_length(model),
        "activation_bytes": activation_bytes(model, arch),
    }


def sequence_length(model: nn.Module) -> int:
    """How many tokens the blocks of a ViT see; 0 for models that have no tokens."""
    patches = getattr(getattr(model, "patch_embed", None), "num_patches", None)
    if patches is None:
        return 0
    return int(patches) + int(getattr(model, "num_prefix_tokens", 0))


def activation_bytes(model: nn.Module, arch: ClassifierArch, batch: int = 4) -> int:
    """What one picture keeps in memory between forward and backward in training (bfloat16 autocast).

    Counted, not guessed: every storage that autograd saves, once, without the weights themselves. Two batch sizes
    are compared, so that what does not grow with the batch (weights cast to bfloat16) is left out.
    """
    small, large = (_saved_bytes(model, arch, n) for n in (batch, 2 * batch))
    return (large - small) // batch


def _saved_bytes(model: nn.Module, arch: ClassifierArch, batch: int) -> int:
    own = {p.untyped_storage().data_ptr() for p in (*model.parameters(), *model.buffers())}
    seen: dict[int, torch.UntypedStorage] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            seen[storage.data_ptr()] = storage  # held, so that no later one gets the same place
        return tensor

    device = next(model.parameters()).device
    images = torch.zeros(batch, 3, arch.image_size, arch.image_size, device=device)
    before, statistics = model.training, {k: v.clone() for k, v in model.named_buffers()}
    model.train()
    try:
        with (
            torch.enable_grad(),
            torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor),
            torch.autocast(device.type, torch.bfloat16),
        ):
            answer = model(images)
    finally:
        model.train(before)
        for name, buffer in model.named_buffers():  # zeros are no pictures to take statistics of
            buffer.copy_(statistics[name])
    del answer
    return sum(storage.nbytes() for storage in seen.values())
