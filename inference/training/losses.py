"""SAM 2's losses on low-resolution logits: focal, dice, error of the predicted IoU; the best of three masks counts."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F


def focal(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """(N, M, h, w) logits and (N, 1, h, w) targets in 0..1 to (N, M): cross entropy weighed by the squared error.

    For targets of 0 and 1 this is the focal loss with gamma 2 (Lin et al., 2017; for soft ones Li et al., 2020).
    """
    target = target.expand_as(logits)
    entropy = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    return (entropy * (logits.sigmoid() - target).square()).mean((-2, -1))


def dice(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """1 - Dice of the probabilities, (N, M)."""
    probability = logits.sigmoid()
    overlap = (probability * target).sum((-2, -1))
    return 1 - (2 * overlap + 1) / (probability.sum((-2, -1)) + target.sum((-2, -1)) + 1)


def true_iou(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """IoU of the thresholded logits with the thresholded target, (N, M), without gradient."""
    with torch.no_grad():
        answer, truth = logits > 0, target > 0.5
        union = (answer | truth).sum((-2, -1)).clamp(min=1)
        return (answer & truth).sum((-2, -1)) / union


@dataclass(frozen=True, slots=True, eq=False)
class Loss:
    """The loss of each of N objects, (N,): the weighted sum, and its unweighted parts without gradient."""

    total: torch.Tensor
    focal: torch.Tensor
    dice: torch.Tensor
    iou: torch.Tensor


def sam_loss(
    logits: torch.Tensor,
    predicted_iou: torch.Tensor,
    target: torch.Tensor,
    ambiguous: bool,
    weights: tuple[float, float, float],
) -> Loss:
    """The loss of one answer for N objects, for soft targets.

    Args:
        logits: (N, 4, h, w): SAM's single mask first, then its three for ambiguous prompts.
        predicted_iou: (N, 4).
        target: (N, 1, h, w), 0..1.
        ambiguous: the prompt is one click, so the best of the three counts as much as the single mask; elsewhere
            it counts little, enough to keep the alternatives alive.
        weights: of focal, dice and IoU error.
    """
    logits = logits.float()
    focals, dices = focal(logits, target), dice(logits, target)
    mask_loss = weights[0] * focals + weights[1] * dices
    best = mask_loss[:, 1:].min(1).values
    iou_error = (predicted_iou.float() - true_iou(logits, target)).abs().mean(1)
    share = 1.0 if ambiguous else 0.2
    total = mask_loss[:, 0] + share * best + weights[2] * iou_error
    return Loss(total, focals[:, 0].detach(), dices[:, 0].detach(), iou_error.detach())


def package_loss(
    logits: torch.Tensor,
    predicted_iou: torch.Tensor,
    target: torch.Tensor,
    ambiguous: bool,
    weights: tuple[float, float, float],
) -> Loss:
    """As `sam_loss` with the functions of the sam2 package and its rules (`MultiStepMultiMasksAndIous`).

    Of the three masks of an ambiguous prompt the one with the least mask loss learns, all learn their IoU; other
    prompts teach the single mask. Targets are taken as 0 or 1.
    """
    from training.loss_fns import dice_loss, iou_loss, sigmoid_focal_loss

    chosen = slice(1, None) if ambiguous else slice(0, 1)
    masks, ious = logits[:, chosen].float(), predicted_iou[:, chosen].float()
    truth = (target > 0.5).float().expand_as(masks)
    focals = sigmoid_focal_loss(masks, truth, 1, loss_on_multimask=True)
    dices = dice_loss(masks, truth, 1, loss_on_multimask=True)
    errors = iou_loss(masks, truth, ious, 1, loss_on_multimask=True, use_l1_loss=True).mean(1)
    mask_loss = weights[0] * focals + weights[1] * dices
    best = mask_loss.argmin(1, keepdim=True)
    focals, dices = focals.gather(1, best)[:, 0].detach(), dices.gather(1, best)[:, 0].detach()
    return Loss(mask_loss.gather(1, best)[:, 0] + weights[2] * errors, focals, dices, errors.detach())
