"""A `SAM2ImagePredictor` that draws the prompts into the mask input by itself, for models that want dense prompts."""

from __future__ import annotations

import torch
from sam2.sam2_image_predictor import SAM2ImagePredictor

from inference.engines.dense_prompts import dense_prompt


class DensePromptPredictor(SAM2ImagePredictor):
    """Use it wherever a plain predictor goes; `mask_input` is the previous answer's logits, as ever."""

    @torch.no_grad()
    def _predict(
        self,
        point_coords: torch.Tensor | None,
        point_labels: torch.Tensor | None,
        boxes: torch.Tensor | None = None,
        mask_input: torch.Tensor | None = None,
        multimask_output: bool = True,
        return_logits: bool = False,
        img_idx: int = -1,
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """As the parent's: coordinates are pixels of the model's square."""
        size = self.model.image_size
        drawn = dense_prompt(
            None if boxes is None else boxes.reshape(-1, 4) / size,
            None if point_coords is None else point_coords / size,
            point_labels,
            mask_input,
            size // 4,
        )
        return super()._predict(point_coords, point_labels, boxes, drawn, multimask_output, return_logits, img_idx)
