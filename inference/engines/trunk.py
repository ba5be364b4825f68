"""The starter's image trunk: MobileNetV2 with its batch norms folded, and a light top-down path with global context.

MobileNetV2 (Sandler et al., 2018; timm) gives local features at strides 4, 8, 16 and 32. Everything a prompt needs from
far away is mixed here, once per picture, because this work is shared by all prompts: self-attention at strides 32 and
16, then convolutional fusion down to stride 4.
"""

from __future__ import annotations

import timm
import torch
import torch.nn.functional as F
from timm.layers import Conv2dSame
from torch import nn

TIMM_CHANNELS = (24, 32, 96, 320)


class FloatConv2d(nn.Conv2d):
    """Stays float32 under autocast: bfloat16 gradients of depthwise convolutions are up to 30 times slower on CPUs."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        with torch.autocast(x.device.type, enabled=False):
            return super().forward(x.float())


class FloatConv2dSame(Conv2dSame):
    """The same for timm's strided convolutions with TensorFlow's padding."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        with torch.autocast(x.device.type, enabled=False):
            return super().forward(x.float())


class ConvBlock(nn.Module):
    """Residual depthwise convolution and perceptron (ConvNeXt, Liu et al., 2022). (B, C, H, W) to the same."""

    def __init__(self, channels: int, kernel: int = 3, expand: int = 2) -> None:
        super().__init__()
        self.depthwise = FloatConv2d(channels, channels, kernel, padding=kernel // 2, groups=channels)
        self.norm = nn.GroupNorm(1, channels)
        self.inner = nn.Conv2d(channels, channels * expand, 1)
        self.outer = nn.Conv2d(channels * expand, channels, 1)
        nn.init.zeros_(self.outer.weight)
        nn.init.zeros_(self.outer.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.outer(F.gelu(self.inner(self.norm(self.depthwise(x)))))


class AttentionBlock(nn.Module):
    """Pre-norm self-attention over all positions, placed by a depthwise convolution. (B, C, H, W) to the same.

    The convolution before it is the only position encoding (CPVT, Chu et al., 2021), so any input size works.
    """

    def __init__(self, channels: int, heads: int, expand: int = 2) -> None:
        super().__init__()
        self.heads = heads
        self.place = nn.Conv2d(channels, channels, 3, padding=1, groups=channels)
        self.norm1 = nn.LayerNorm(channels)
        self.qkv = nn.Linear(channels, 3 * channels)
        self.out = nn.Linear(channels, channels)
        self.norm2 = nn.LayerNorm(channels)
        self.inner = nn.Linear(channels, expand * channels)
        self.outer = nn.Linear(expand * channels, channels)
        for layer in (self.out, self.outer):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        b, c, h, w = x.shape
        tokens = (x + self.place(x)).flatten(2).transpose(1, 2)
        q, k, v = self.qkv(self.norm1(tokens)).view(b, h * w, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4)
        mixed = self._attend(q, k, v).transpose(1, 2).reshape(b, h * w, c)
        tokens = tokens + self.out(mixed)
        tokens = tokens + self.outer(F.gelu(self.inner(self.norm2(tokens))))
        return tokens.transpose(1, 2).reshape(b, c, h, w)

    def _attend(self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        if not self.training or q.is_cuda:
            return F.scaled_dot_product_attention(q, k, v)
        # The fused kernel's gradient is three times slower than this on CPUs.
        return ((q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2)).softmax(-1).to(v.dtype) @ v


class MobileTrunk(nn.Module):
    """Four feature maps, strides 4 to 32, finest first, for sam2's `ImageEncoder`.

    Args:
        channels: widths given out at strides 4, 8, 16, 32.
        attention: how many attention blocks at strides 16 and 32.
        convs: how many `ConvBlock`s at strides 4, 8 and 16.
    """

    def __init__(
        self,
        channels: tuple[int, int, int, int] = (48, 96, 192, 256),
        attention: tuple[int, int] = (2, 2),
        convs: tuple[int, int, int] = (1, 1, 2),
    ) -> None:
        super().__init__()
        self.channel_list = list(channels[::-1])  # coarsest first, as FpnNeck wants it
        self.body = timm.create_model(
            "mobilenetv2_100", features_only=True, pretrained=False, pad_type="same", out_indices=(1, 2, 3, 4)
        )
        fold_batch_norms(self.body)
        keep_strided_depthwise_float(self.body)
        self.laterals = nn.ModuleList(nn.Conv2d(i, o, 1) for i, o in zip(TIMM_CHANNELS, channels, strict=True))
        self.downs = nn.ModuleList(nn.Conv2d(channels[i + 1], channels[i], 1) for i in range(3))
        self.blocks = nn.ModuleList(
            nn.Sequential(*(ConvBlock(channels[i], 5 if i == 2 else 3) for _ in range(convs[i])))
            if i < 3
            else nn.Sequential(*(AttentionBlock(channels[3], channels[3] // 32) for _ in range(attention[1])))
            for i in range(4)
        )
        self.blocks[2].extend(AttentionBlock(channels[2], channels[2] // 32) for _ in range(attention[0]))

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        """(B, 3, H, W) normalised with sam2's mean and deviation, H and W multiples of 32, to four maps."""
        features = self.body(_as_mobilenet_wants(x))
        out: list[torch.Tensor] = []
        for i in (3, 2, 1, 0):
            y = self.laterals[i](features[i])
            if out:
                y = y + F.interpolate(self.downs[i](out[-1]), scale_factor=2.0, mode="nearest")
            out.append(self.blocks[i](y))
        return out[::-1]

    def load_imagenet(self, state: dict[str, torch.Tensor]) -> None:
        """Starts the body from timm's `mobilenetv2_100` weights (with batch norms); RuntimeError if some lack."""
        fresh = timm.create_model(
            "mobilenetv2_100", features_only=True, pretrained=False, pad_type="same", out_indices=(1, 2, 3, 4)
        )
        missing = fresh.load_state_dict({k: v.float() for k, v in state.items()}, strict=False).missing_keys
        missing = [key for key in missing if not key.endswith("num_batches_tracked")]
        if missing:
            raise RuntimeError(f"not the weights of mobilenetv2_100: {missing[:3]} and others are missing")
        fold_batch_norms(fresh)
        self.body.load_state_dict(fresh.state_dict())


def fold_batch_norms(model: nn.Module) -> None:
    """Folds every timm BatchNormAct2d into the convolution before it, in place; its activation stays.

    Small batches would spoil the statistics, so they are frozen anyway; folded they also cost nothing.
    """
    convolution: nn.Conv2d | None = None
    for name, module in list(model.named_modules()):
        if isinstance(module, nn.Conv2d):
            convolution = module
        elif isinstance(module, nn.BatchNorm2d):
            if convolution is None:
                raise ValueError("a batch norm without a convolution before it")
            scale = module.weight.detach() / torch.sqrt(module.running_var + module.eps)
            shift = module.bias.detach() - module.running_mean * scale
            convolution.weight.data = convolution.weight.detach() * scale[:, None, None, None]
            convolution.bias = nn.Parameter(shift.clone())
            parent = model.get_submodule(name.rpartition(".")[0]) if "." in name else model
            setattr(parent, name.rpartition(".")[2], getattr(module, "act", nn.Identity()))
            convolution = None


def keep_strided_depthwise_float(model: nn.Module) -> None:
    """Turns the strided depthwise convolutions into `FloatConv2dSame`, in place (same weights, same names)."""
    for module in model.modules():
        if isinstance(module, Conv2dSame) and module.groups > 1:
            module.__class__ = FloatConv2dSame


def _as_mobilenet_wants(x: torch.Tensor) -> torch.Tensor:
    """From sam2's ImageNet normalisation to MobileNetV2's -1..1."""
    mean = torch.tensor((0.485, 0.456, 0.406), dtype=x.dtype, device=x.device)[:, None, None]
    deviation = torch.tensor((0.229, 0.224, 0.225), dtype=x.dtype, device=x.device)[:, None, None]
    return (x * deviation + mean) * 2 - 1
