"""Many single-point prompts at once, with the image's share of the work done once for all of them.

The first layer of SAM's two-way transformer sees the same picture for every point: its keys, values and queries are
projected once, and all points of a batch attend to them together. Models that draw their prompts into the mask input
(the starter) have a picture of their own for every point, so theirs runs as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from sam2.modeling.sam.transformer import TwoWayTransformer

from inference.engines.dense_prompts import dense_prompt
from inference.engines.embedding import Embedding
from inference.engines.segmenter import Segmenter

_LOGIT_LIMIT = 32.0  # as SAM2ImagePredictor clamps logits before they are a prompt again


class PointDecoder:
    """Decodes batches of points of one picture.

    Args:
        segmenter: the model.
        embedding: from its `encode`.
    """

    def __init__(self, segmenter: Segmenter, embedding: Embedding) -> None:
        self._segmenter = segmenter
        self._embedding = embedding
        self._model = segmenter.model
        transformer = self._model.sam_mask_decoder.transformer
        self._shares = type(transformer) is TwoWayTransformer and transformer.layers[0].skip_first_layer_pe
        self._look: _Look | None = None

    def __call__(
        self, points: torch.Tensor, multimask: bool, previous: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """What each point may mean.

        Args:
            points: (B, 2) float32 x, y in pixels of the picture.
            multimask: three masks each, or one.
            previous: (B, h, w) logits to refine.

        Returns:
            logits (B, M, h, w) float32 and predicted IoU (B, M) float32, on the CPU. Raises OutOfMemory.
        """
        return self._segmenter._guarded(lambda: self._decoded(points, multimask, previous), "searched")

    def _decoded(
        self, points: torch.Tensor, multimask: bool, previous: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        segmenter = self._segmenter
        self._model = segmenter.model  # moved to the CPU, maybe
        here = segmenter._here(self._embedding)
        with torch.inference_mode(), segmenter._autocast():
            at, signs = self._prompts(points.to(here.image.device))
            mask = self._mask_input(at, signs, previous)
            sparse, dense = self._model.sam_prompt_encoder(points=(at, signs), boxes=None, masks=mask)
            if mask is None and self._shares:
                logits, scores = self._shared(here, sparse, dense, multimask)
            else:
                logits, scores, _, _ = self._model.sam_mask_decoder(
                    image_embeddings=here.image,
                    image_pe=segmenter._dense_position(),
                    sparse_prompt_embeddings=sparse,
                    dense_prompt_embeddings=dense,
                    multimask_output=multimask,
                    repeat_image=len(points) > 1,
                    high_res_features=list(here.high_res),
                )
            return logits.float().cpu(), scores.float().cpu()

    def _prompts(self, points: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(B, 1, 2) positions on the model's square and (B, 1) labels, in the order that transform_coords computes."""
        at = points.clone()
        at[:, 0] /= self._embedding.width
        at[:, 1] /= self._embedding.height
        at *= self._segmenter.image_size
        return at[:, None], torch.ones(len(at), 1, dtype=torch.int, device=at.device)

    def _mask_input(self, at: torch.Tensor, signs: torch.Tensor, previous: torch.Tensor | None) -> torch.Tensor | None:
        mask = None
        if previous is not None:
            mask = previous[:, None].to(at.device).clamp(-_LOGIT_LIMIT, _LOGIT_LIMIT)
        if getattr(self._segmenter.config, "dense_prompts", False):
            return dense_prompt(None, at / self._segmenter.image_size, signs, mask, self._segmenter.low_res_size)
        return mask

    def _shared(
        self, here: Embedding, sparse: torch.Tensor, dense: torch.Tensor, multimask: bool
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """`MaskDecoder.forward` for prompts without a mask."""
        decoder = self._model.sam_mask_decoder
        if self._look is None or self._look.picture.device != here.image.device:
            self._look = _Look.of(decoder.transformer, here.image + dense[:1], self._segmenter._dense_position())
        tokens = _tokens(decoder, sparse)
        queries, keys = _two_way(decoder.transformer, self._look, tokens)
        grid = keys.transpose(1, 2).reshape(len(tokens), -1, *here.image.shape[-2:])
        if decoder.use_high_res_features:
            first, norm, activation, second, last = decoder.output_upscaling
            upscaled = activation(norm(first(grid) + here.high_res[1]))
            upscaled = last(second(upscaled) + here.high_res[0])
        else:
            upscaled = decoder.output_upscaling(grid)
        start = 1 if decoder.pred_obj_scores else 0
        answers = queries[:, start + 1 : start + 1 + decoder.num_mask_tokens]
        wanted = range(1, decoder.num_mask_tokens) if multimask else range(decoder.num_mask_tokens)
        weights = torch.stack([decoder.output_hypernetworks_mlps[i](answers[:, i]) for i in wanted], dim=1)
        b, c, h, w = upscaled.shape
        masks = (weights @ upscaled.view(b, c, h * w)).view(b, -1, h, w)
        scores = decoder.iou_prediction_head(queries[:, start])
        if multimask:
            return masks, scores[:, 1:]
        if decoder.dynamic_multimask_via_stability:
            masks, scores = decoder._dynamic_multimask_via_stability(masks, scores)
        return masks[:, :1], scores[:, :1]


@dataclass(frozen=True, eq=False)
class _Look:
    """What the transformer's first layer makes of the picture, whatever the prompt: all (1, N, C) or by heads.

    Attributes:
        picture, place: the tokens and their positions.
        keys, values: for the prompts that look at the picture; queries: for the picture that looks at them.
    """

    picture: torch.Tensor
    place: torch.Tensor
    keys: torch.Tensor
    values: torch.Tensor
    queries: torch.Tensor

    @classmethod
    def of(cls, transformer: Any, features: torch.Tensor, position: torch.Tensor) -> _Look:
        picture, place = (t.flatten(2).transpose(1, 2) for t in (features, position))
        placed = picture + place
        there, back = transformer.layers[0].cross_attn_token_to_image, transformer.layers[0].cross_attn_image_to_token
        return cls(
            picture,
            place,
            there._separate_heads(there.k_proj(placed), there.num_heads),
            there._separate_heads(there.v_proj(picture), there.num_heads),
            back._separate_heads(back.q_proj(placed), back.num_heads),
        )


def _tokens(decoder: Any, sparse: torch.Tensor) -> torch.Tensor:
    own = [decoder.iou_token.weight, decoder.mask_tokens.weight]
    if decoder.pred_obj_scores:
        own.insert(0, decoder.obj_score_token.weight)
    return torch.cat((torch.cat(own)[None].expand(len(sparse), -1, -1), sparse), dim=1)


def _two_way(transformer: Any, look: _Look, tokens: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """`TwoWayTransformer.forward`: (B, T, C) tokens to (B, T, C) queries and (B, N, C) keys."""
    queries, keys = _first(transformer.layers[0], look, tokens)
    for layer in transformer.layers[1:]:
        queries, keys = layer(queries=queries, keys=keys, query_pe=tokens, key_pe=look.place)
    attended = transformer.final_attn_token_to_image(q=queries + tokens, k=keys + look.place, v=keys)
    return transformer.norm_final_attn(queries + attended), keys


def _first(layer: Any, look: _Look, tokens: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """`TwoWayAttentionBlock.forward` of the first layer, where all prompts look at one picture."""
    queries = layer.norm1(layer.self_attn(q=tokens, k=tokens, v=tokens))
    there, back = layer.cross_attn_token_to_image, layer.cross_attn_image_to_token
    b, t, c = queries.shape
    # Queries attend to keys each by itself, so those of all prompts can stand in one row before the one picture.
    asked = there._separate_heads(there.q_proj((queries + tokens).reshape(1, b * t, c)), there.num_heads)
    seen = there._recombine_heads(F.scaled_dot_product_attention(asked, look.keys, look.values))
    queries = layer.norm2(queries + there.out_proj(seen).reshape(b, t, c))
    queries = layer.norm3(queries + layer.mlp(queries))
    keys = back._separate_heads(back.k_proj(queries + tokens), back.num_heads)
    values = back._separate_heads(back.v_proj(queries), back.num_heads)
    told = F.scaled_dot_product_attention(look.queries.expand(b, -1, -1, -1), keys, values)
    return queries, layer.norm4(look.picture + back.out_proj(back._recombine_heads(told)))
