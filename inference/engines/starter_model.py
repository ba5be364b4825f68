"""The starter: SAM 2's image encoder, prompt encoder and mask decoder from the `sam2` package, made small.

Two changes make it learn from a few thousand pictures. The mask input, which also carries the prompts (see
`dense_prompts`), is split into separate ranges before its first convolution; and the decoder's two-way transformer
mixes neighbouring picture tokens by a convolution after each layer, so that a prompt can spread over the object it was
put on. It is a `SAM2Base` in everything else and works in `SAM2ImagePredictor` and `SAM2AutomaticMaskGenerator`.
"""

from __future__ import annotations

import torch
from sam2.modeling.backbones.image_encoder import FpnNeck, ImageEncoder
from sam2.modeling.position_encoding import PositionEmbeddingSine
from sam2.modeling.sam.mask_decoder import MaskDecoder
from sam2.modeling.sam.transformer import TwoWayTransformer
from sam2.modeling.sam2_base import SAM2Base
from sam2.modeling.sam2_utils import LayerNorm2d
from torch import nn

from inference.engines.dense_prompts import LIMIT
from inference.engines.trunk import ConvBlock, MobileTrunk


class SplitLogits(nn.Module):
    """(B, 1, H, W) logits to (B, 4, H, W): sign, strength, and how far over the limit either way (clicks)."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        over = (x.abs() - LIMIT).clamp(min=0.0) / LIMIT
        return torch.cat((torch.tanh(x / 2), x.clamp(-LIMIT, LIMIT) / LIMIT, over * (x > 0), over * (x < 0)), dim=1)


class MixingTransformer(TwoWayTransformer):
    """sam2's two-way transformer with a `ConvBlock` over the picture tokens after each layer."""

    def __init__(self, depth: int, embedding_dim: int, num_heads: int, mlp_dim: int) -> None:
        super().__init__(depth=depth, embedding_dim=embedding_dim, num_heads=num_heads, mlp_dim=mlp_dim)
        self.mix = nn.ModuleList(ConvBlock(embedding_dim, kernel=5) for _ in range(depth))

    def forward(
        self, image_embedding: torch.Tensor, image_pe: torch.Tensor, point_embedding: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """As `TwoWayTransformer.forward`: (B, C, h, w) twice and (B, N, C) to (B, N, C) and (B, h·w, C)."""
        b, c, h, w = image_embedding.shape
        keys = image_embedding.flatten(2).transpose(1, 2)
        key_pe = image_pe.flatten(2).transpose(1, 2)
        queries = point_embedding
        for layer, mix in zip(self.layers, self.mix, strict=True):
            queries, keys = layer(queries=queries, keys=keys, query_pe=point_embedding, key_pe=key_pe)
            grid = keys.transpose(1, 2).reshape(b, c, h, w)
            keys = mix(grid).flatten(2).transpose(1, 2)
        attended = self.final_attn_token_to_image(q=queries + point_embedding, k=keys + key_pe, v=keys)
        return self.norm_final_attn(queries + attended), keys


class StarterModel(SAM2Base):
    """A `SAM2Base` for single pictures (no memory) with the heads described above."""

    def __init__(self, image_encoder: ImageEncoder, image_size: int, decoder_mlp: int, decoder_depth: int) -> None:
        self._decoder_mlp, self._decoder_depth = decoder_mlp, decoder_depth
        super().__init__(
            image_encoder=image_encoder,
            memory_attention=None,
            memory_encoder=None,
            num_maskmem=1,
            image_size=image_size,
            backbone_stride=16,
            use_high_res_features_in_sam=True,
            multimask_output_in_sam=True,
            iou_prediction_use_sigmoid=True,
        )

    def _build_sam_heads(self) -> None:
        super()._build_sam_heads()
        dim = self.hidden_dim
        self.sam_prompt_encoder.mask_downscaling = nn.Sequential(
            SplitLogits(),
            nn.Conv2d(4, 16, kernel_size=2, stride=2),
            LayerNorm2d(16),
            nn.GELU(),
            nn.Conv2d(16, 64, kernel_size=2, stride=2),
            LayerNorm2d(64),
            nn.GELU(),
            nn.Conv2d(64, dim, kernel_size=1),
        )
        self.sam_mask_decoder = MaskDecoder(
            num_multimask_outputs=3,
            transformer=MixingTransformer(self._decoder_depth, dim, num_heads=8, mlp_dim=self._decoder_mlp),
            transformer_dim=dim,
            iou_head_depth=3,
            iou_head_hidden_dim=dim,
            use_high_res_features=True,
            iou_prediction_use_sigmoid=True,
        )


def build_starter(
    image_size: int,
    hidden_dim: int,
    channels: tuple[int, int, int, int],
    attention: tuple[int, int],
    convs: tuple[int, int, int],
    decoder_mlp: int,
    decoder_depth: int,
) -> StarterModel:
    """The starter with random weights. `image_size` is a multiple of 32, `hidden_dim` of 16; see `MobileTrunk`."""
    trunk = MobileTrunk(channels, attention, convs)
    neck = FpnNeck(
        position_encoding=PositionEmbeddingSine(
            num_pos_feats=hidden_dim, normalize=True, scale=None, temperature=10000
        ),
        d_model=hidden_dim,
        backbone_channel_list=trunk.channel_list,
        fpn_top_down_levels=[2, 3],
        fpn_interp_model="nearest",
    )
    return StarterModel(ImageEncoder(trunk, neck, scalp=1), image_size, decoder_mlp, decoder_depth)
