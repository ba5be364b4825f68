"""Trains a SAM 2 model on pictures with masks. Read `train` from top to bottom: that is all of it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from contextlib import closing, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sam2.modeling.sam2_base import SAM2Base
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from inference.engines.architecture import ArchConfig, save_checkpoint
from inference.errors import Cancelled
from inference.training.config import TrainConfig
from inference.training.data import Record
from inference.training.loader import Batch, BatchMaker, batches
from inference.training.losses import sam_loss, true_iou
from inference.training.prompts import Prompted, best_answer, boxed, clicked, corrected, decode
from inference.training.state import Ema, RunState, load_state, save_state
from inference.training.together import Team
from inference.training.validate import quick_iou

Report = Callable[[float, float, str, dict[str, Any] | None], None]
"""(seconds trained, budget in seconds, one line, new figures if any); raises Cancelled to stop with a checkpoint."""


@dataclass(frozen=True, slots=True)
class Trained:
    """Where a run ended: the best checkpoint, its validation figures, the steps and seconds it took."""

    best: Path
    metrics: dict[str, float]
    steps: int
    seconds: float
    broken: dict[str, str]


def train(
    model: SAM2Base,
    arch: ArchConfig,
    config: TrainConfig,
    train_records: list[Record],
    val_records: Sequence[Record],
    out: Path,
    report: Report,
    card: dict[str, Any] | None = None,
) -> Trained:
    """Trains until the budget is used up, keeping the best averaged weights in `out/best.safetensors`.

    Args:
        model: is changed in place, on the CUDA card where there is one; `arch` describes it, its `image_size` is
            `config.image_size`.
        val_records: choose the best checkpoint; without any, the last is the best.
        out: `state.pt` there is continued from; `metrics.jsonl` gets a line every `log_steps` and validation.

    Raises:
        Cancelled: `report` asked to stop; the state was written before.
    """
    torch.set_num_threads(config.threads)
    torch.manual_seed(config.seed)
    team = Team.join()
    out.mkdir(parents=True, exist_ok=True)
    model = model.to(team.device(), memory_format=torch.channels_last)
    freeze(model, config)
    optimizer = make_optimizer(model, config)
    team.share(model)
    ema = Ema(model, config.ema)
    state_file, best_file = out / "state.pt", out / "best.safetensors"
    state = load_state(state_file, model, ema, optimizer) if state_file.exists() else RunState()
    maker = BatchMaker(train_records, config)
    budget, metrics, recent = config.minutes * 60, dict[str, float](), list[dict[str, float]]()
    started = time.monotonic() - state.seconds
    next_save, next_validation = (state.seconds + 60 * m for m in (config.save_minutes, config.validate_minutes))
    if team.leads:
        (out / "config.json").write_text(json.dumps({"arch": asdict(arch), "train": asdict(config)}, indent=1))

    try:
        with closing(batches(maker, state.step, team.rank, team.size)) as stream:
            while (seconds := team.agree(state.seconds)) < budget and state.step < config.last_step:
                progress = seconds / budget
                set_rates(optimizer, config, state.step, progress)
                model.train()
                loss, figures = training_step(model, next(stream), arch, config, state.step, team.rank)
                optimizer.zero_grad(set_to_none=True)
                loss.backward()
                if progress < config.freeze_fraction:
                    forget_gradients(model.image_encoder.trunk)
                team.average_gradients(model)
                norm = nn.utils.clip_grad_norm_(model.parameters(), config.clip_norm)
                if torch.isfinite(norm):
                    optimizer.step()
                ema.update(model, state.step)
                state.step += 1
                state.seconds = time.monotonic() - started
                recent.append(figures | {"loss": float(loss.detach()), "norm": float(norm)})

                if not team.leads:
                    continue
                line = None
                if state.step % config.log_steps == 0:
                    line = mean_of(recent) | {"step": state.step, "seconds": round(state.seconds, 1)}
                    recent.clear()
                    log(out, line)
                report(state.seconds, budget, f"step {state.step}" if line is None else as_text(line), line)
                if val_records and state.seconds >= next_validation:
                    metrics = validate_and_keep(
                        ema.model, arch, config, val_records, state, best_file, card, out, report
                    )
                    next_validation = state.seconds + config.validate_minutes * 60
                    started = time.monotonic() - state.seconds  # validation is not training time
                if state.seconds >= next_save:
                    save_state(state_file, model, ema, optimizer, state)
                    next_save = state.seconds + config.save_minutes * 60
    except (Cancelled, KeyboardInterrupt):
        if team.leads:
            save_state(state_file, model, ema, optimizer, state)
        raise
    if team.leads:
        save_state(state_file, model, ema, optimizer, state)
        if val_records:
            metrics = validate_and_keep(ema.model, arch, config, val_records, state, best_file, card, out, report)
        else:
            save_checkpoint(ema.model, arch, best_file, (card or {}) | {"steps": state.step})
    team.leave()
    return Trained(best_file, metrics, state.step, state.seconds, maker.broken)


def training_step(
    model: SAM2Base, batch: Batch, arch: ArchConfig, config: TrainConfig, step: int, rank: int = 0
) -> tuple[torch.Tensor, dict[str, float]]:
    """Encodes the pictures once, lets simulated people correct the answers a few times, and takes the loss of the last.

    The corrections run without gradient, as in RITM: the model learns from where they lead, at the price of one pass.
    """
    rng = np.random.default_rng((config.seed, step, 1, rank))
    shared = np.random.default_rng((config.seed, step, 2))  # the same in every process, so that none waits for another
    device = next(model.parameters()).device
    objects = len(batch.targets) // len(batch.images)
    with torch.autocast(device.type, torch.bfloat16, enabled=config.bfloat16):
        levels = encode(model, batch.images.to(device))
        # Always as many boxes, so that the CPU's compiled kernels fit every step.
        order = torch.from_numpy(rng.permutation(len(batch.targets)))
        boxes = round(config.box_share * len(order))
        rounds = int(shared.choice(len(config.rounds), p=np.array(config.rounds) / sum(config.rounds)))
        dense = arch.dense_prompts and not (rounds == 0 and shared.random() < config.no_dense_share)
        losses, figures = [], dict[str, float]()
        for kind, rows in (("box", order[:boxes]), ("click", order[boxes:])):
            if not len(rows):
                continue
            targets = batch.targets[rows]
            maps = [level[(rows // objects).to(device)] for level in levels]
            prompts = boxed(batch.boxes[rows], rng) if kind == "box" else clicked(targets, rng)
            with torch.no_grad():
                for _ in range(rounds):
                    prompts = corrected(prompts, targets, answer_of(model, maps, prompts, dense), rng)
            with sdpa_kernel(SDPBackend.MATH) if device.type == "cpu" else nullcontext():  # its gradient is faster
                masks, ious = decode(model, maps[2], maps[:2], prompts, dense)
            losses.append(loss_of(masks, ious, targets.to(device), prompts, config))
            shown = best_answer(masks.detach().float(), ious.detach(), prompts)
            figures[f"{kind}+{rounds}"] = float(true_iou(shown, targets.to(device)).mean())
    return torch.cat(losses).mean(), figures


def encode(model: SAM2Base, images: torch.Tensor) -> list[torch.Tensor]:
    """The maps at strides 4, 8 and 16, as `SAM2ImagePredictor.set_image` makes them."""
    levels: list[torch.Tensor] = model.forward_image(images)["backbone_fpn"]
    if model.directly_add_no_mem_embed:
        levels[-1] = levels[-1] + model.no_mem_embed.reshape(1, -1, 1, 1)
    return levels


def answer_of(model: SAM2Base, maps: list[torch.Tensor], prompts: Prompted, dense: bool) -> torch.Tensor:
    """(N, 1, h, w) float32 logits on the CPU, of what the engine would show."""
    masks, ious = decode(model, maps[2], maps[:2], prompts, dense)
    return best_answer(masks, ious, prompts).float().cpu()


def loss_of(
    masks: torch.Tensor, ious: torch.Tensor, targets: torch.Tensor, prompts: Prompted, config: TrainConfig
) -> torch.Tensor:
    weights = (config.focal_weight, config.dice_weight, config.iou_weight)
    with torch.autocast(masks.device.type, enabled=False):
        return sam_loss(masks, ious, targets, prompts.ambiguous, weights)


def freeze(model: SAM2Base, config: TrainConfig) -> None:
    """Stops gradients in the first blocks of a MobileNet trunk; other trunks train whole."""
    body = getattr(model.image_encoder.trunk, "body", None)
    if body is not None and config.frozen_blocks:
        for part in (body.conv_stem, *body.blocks[: config.frozen_blocks]):
            part.requires_grad_(False)


def make_optimizer(model: SAM2Base, config: TrainConfig) -> torch.optim.AdamW:
    """AdamW with four groups: pretrained trunk or not, matrices (decayed) or vectors (not)."""
    body = getattr(model.image_encoder.trunk, "body", model.image_encoder.trunk)
    pretrained = {id(p) for p in body.parameters()}
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for parameter in model.parameters():
        if parameter.requires_grad:
            groups.setdefault((id(parameter) in pretrained, parameter.ndim > 1), []).append(parameter)
    return torch.optim.AdamW(
        [
            {
                "params": group,
                "weight_decay": config.weight_decay if decayed else 0.0,
                "share": config.trunk_rate if slow else 1.0,
            }
            for (slow, decayed), group in groups.items()
        ],
        lr=config.learning_rate,
        betas=(0.9, 0.98),
        fused=False,
        foreach=True,
    )


def set_rates(optimizer: torch.optim.Optimizer, config: TrainConfig, step: int, progress: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = config.learning_rate * group["share"] * config.rate_at(step, progress)


def forget_gradients(trunk: nn.Module) -> None:
    """Leaves the pretrained part where it is while the new parts around it still learn to walk."""
    for parameter in getattr(trunk, "body", trunk).parameters():
        parameter.grad = None


def validate_and_keep(
    model: SAM2Base,
    arch: ArchConfig,
    config: TrainConfig,
    records: Sequence[Record],
    state: RunState,
    best_file: Path,
    card: dict[str, Any] | None,
    out: Path,
    report: Report,
) -> dict[str, float]:
    """Validates averaged weights; writes them to `best_file` when they beat what was there."""
    metrics = quick_iou(model, arch.dense_prompts, records, config.validate_objects)
    score = sum(metrics.values()) / len(metrics) if metrics else 0.0
    if score > state.best:
        state.best = score
        save_checkpoint(model, arch, best_file, (card or {}) | {"steps": state.step, "validation": metrics})
    line = {f"val_{k}": v for k, v in metrics.items()} | {"step": state.step, "seconds": round(state.seconds, 1)}
    log(out, line)
    report(state.seconds, config.minutes * 60, as_text(line), line)
    return metrics


def mean_of(rows: list[dict[str, float]]) -> dict[str, float]:
    keys = sorted({k for row in rows for k in row})
    return {k: float(np.mean([row[k] for row in rows if k in row])) for k in keys}


def log(out: Path, line: dict[str, float]) -> None:
    with (out / "metrics.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def as_text(line: dict[str, float]) -> str:
    return " ".join(f"{k} {v:.3f}" if isinstance(v, float) and k != "seconds" else f"{k} {v}" for k, v in line.items())
