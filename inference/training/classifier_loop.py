"""Trains a classifier on pictures in class folders. Read `train` from top to bottom: that is all of it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from timm.data.mixup import Mixup
from torch import nn

from inference.engines.classifier_checkpoint import save_classifier
from inference.engines.classifier_model import ClassifierArch
from inference.errors import Cancelled, StorageError
from inference.training.classifier_batches import BatchPlan, LabelledBatch, PictureStore, batches, test_batches
from inference.training.classifier_config import ClassifierConfig
from inference.training.state import Ema, RunState, load_state, save_state
from inference.training.together import Team
from inference.weights.quiet import silent

Report = Callable[[float, str, dict[str, Any] | None], None]
"""(part of the run that is done 0..1, one line, new figures if any); raises Cancelled to stop with a checkpoint."""

METRICS = "metrics.jsonl"
_STOP = 1e9  # as progress: the leader was asked to stop


@dataclass(frozen=True, slots=True)
class Trained:
    """Where a run ended: best and last checkpoint, the best validation accuracy, steps, epochs, seconds."""

    best: Path
    last: Path
    accuracy: float
    steps: int
    epochs: float
    seconds: float


def train(
    model: nn.Module,
    arch: ClassifierArch,
    config: ClassifierConfig,
    pictures: PictureStore,
    validation: PictureStore,
    out: Path,
    report: Report,
    card: dict[str, Any] | None = None,
) -> Trained:
    """Trains to the end of its epochs or budget; averaged weights go to `out/best.safetensors` and `last.safetensors`.

    Args:
        model: its weights are changed in place; `arch` describes it.
        out: `state.pt` there is continued from, exactly; `metrics.jsonl` gets a line every `log_steps` and validation.

    Raises:
        Cancelled: `report` asked to stop; the state was written before.
        StorageError: the run's folder cannot be written.
    """
    torch.manual_seed(config.seed)
    team = Team.join()
    torch.set_num_threads(config.threads if team.size == 1 else 1)
    device = team.device()
    model = model.to(device, memory_format=torch.channels_last)
    freeze(model, config.frozen_blocks)
    if device.type == "cpu":
        unfuse_attention(model)
    optimizer = make_optimizer(model, config)
    team.share(model)
    ema = Ema(model, config.ema)
    state_file, best_file, last_file = out / "state.pt", out / "best.safetensors", out / "last.safetensors"
    state = load_state(state_file, model, ema, optimizer) if state_file.exists() else RunState()
    plan = BatchPlan(pictures, config, arch.mean, arch.deviation, team.rank, team.size)
    mixup = make_mixup(config, len(arch.classes))
    clock, recent = Clock(state, config, plan.steps_per_epoch, team.size), list[dict[str, float]]()
    next_save = state.seconds + 60 * config.save_minutes
    every = max(1, round(config.validate_epochs * plan.steps_per_epoch))

    def validate() -> None:
        with clock.stopped():
            accuracy, loss = accuracy_of(ema.model, validation, arch)
            if accuracy > state.best:
                state.best = accuracy
                save_classifier(ema.model, arch, best_file, (card or {}) | {"steps": state.step, "val": accuracy})
        tell({"val_accuracy": accuracy, "val_loss": loss})

    def tell(figures: dict[str, float]) -> None:
        line = figures | clock.figures(state.step)
        log(out, line)
        report(clock.progress(state.step), as_text(line), line)

    stopped = False
    try:
        with closing(batches(plan, state.step)) as stream:
            while (progress := team.agree(_STOP if stopped else clock.progress(state.step))) < 1:
                rate = set_rates(optimizer, config, progress, state.step / plan.steps_per_epoch)
                model.train()
                loss, accuracy = training_step(model, next(stream), mixup, config, state.step, device)
                optimizer.zero_grad(set_to_none=True)
                loss.backward()
                team.average_gradients(model)
                norm = nn.utils.clip_grad_norm_(model.parameters(), config.clip_norm)
                if torch.isfinite(norm):
                    optimizer.step()
                ema.update(model, state.step)
                state.step += 1
                state.seconds, state.cpu_seconds = clock.seconds(), clock.cpu_seconds()
                recent.append({"loss": float(loss.detach()), "accuracy": accuracy, "norm": float(norm), "rate": rate})
                if not team.leads:
                    continue
                try:
                    report(progress, "", None)
                    if state.step % config.log_steps == 0:
                        tell(mean_of(recent))
                        recent.clear()
                    if state.step % every == 0:
                        validate()
                except Cancelled:
                    stopped = True  # told to the others before leaving, or they would wait for this one's gradients
                if state.seconds >= next_save:
                    save_state(state_file, model, ema, optimizer, state)
                    next_save = state.seconds + 60 * config.save_minutes
        if progress == _STOP:
            raise Cancelled
    except (Cancelled, KeyboardInterrupt):
        if team.leads:
            save_state(state_file, model, ema, optimizer, state)
        raise
    if team.leads:
        save_state(state_file, model, ema, optimizer, state)
        if state.step % every or state.best < 0:
            validate()
        save_state(state_file, model, ema, optimizer, state)
        save_classifier(ema.model, arch, last_file, (card or {}) | {"steps": state.step})
    team.leave()
    return Trained(best_file, last_file, state.best, state.step, state.step / plan.steps_per_epoch, state.seconds)


def training_step(
    model: nn.Module,
    batch: LabelledBatch,
    mixup: Mixup | None,
    config: ClassifierConfig,
    step: int,
    device: torch.device,
) -> tuple[torch.Tensor, float]:
    """The loss of one batch, and how many of its pictures (mixed ones by their larger part) were told right."""
    images, labels = batch.images.to(device), batch.labels.to(device)
    targets = F.one_hot(labels, mixup.num_classes).float() if mixup else labels
    if mixup is not None:
        with seeded(config.seed, step):  # timm draws from numpy's global generator
            images, targets = mixup(images, labels)
    with torch.autocast(device.type, torch.bfloat16, enabled=config.bfloat16):
        logits = model(images)
    logits = logits.float()
    loss = F.cross_entropy(logits, targets, label_smoothing=0.0 if mixup else config.label_smoothing)
    with torch.no_grad():
        truth = targets.argmax(1) if mixup else labels
        return loss, float((logits.argmax(1) == truth).float().mean())


class Clock:
    """How far a run is: by its epochs or a budget, whichever is further. Validation is not training time.

    Args:
        team: how many processes train; their processor time is taken to be alike.
    """

    def __init__(self, state: RunState, config: ClassifierConfig, steps_per_epoch: int, team: int) -> None:
        self._config, self._per_epoch, self._team = config, steps_per_epoch, team
        self._last_step = max(1, round(config.epochs * steps_per_epoch))
        self._started = time.monotonic() - state.seconds
        self._cpu_started = time.process_time() - state.cpu_seconds / team

    def seconds(self) -> float:
        return time.monotonic() - self._started

    def cpu_seconds(self) -> float:
        """Of all processes: what the run would take on cores of its own, whatever else the machine does."""
        return (time.process_time() - self._cpu_started) * self._team

    def progress(self, step: int) -> float:
        """0..1 and beyond."""
        parts = [step / self._last_step]
        if self._config.minutes:
            parts.append(self.seconds() / (60 * self._config.minutes))
        if self._config.cpu_minutes:
            parts.append(self.cpu_seconds() / (60 * self._config.cpu_minutes))
        return max(parts)

    def figures(self, step: int) -> dict[str, float]:
        times = {"seconds": round(self.seconds(), 1), "cpu_seconds": round(self.cpu_seconds(), 1)}
        return {"step": step, "epoch": round(step / self._per_epoch, 3), **times}

    @contextmanager
    def stopped(self) -> Iterator[None]:
        wall, cpu = time.monotonic(), time.process_time()
        yield
        self._started += time.monotonic() - wall
        self._cpu_started += time.process_time() - cpu


@contextmanager
def seeded(*seed: int) -> Iterator[None]:
    """numpy's global generator starts from `seed` inside and is as it was afterwards."""
    before = np.random.get_state()
    np.random.seed(np.random.SeedSequence(seed).generate_state(4))
    try:
        yield
    finally:
        np.random.set_state(before)


def make_mixup(config: ClassifierConfig, classes: int) -> Mixup | None:
    """timm's MixUp and CutMix, half and half; None when neither is wanted."""
    if not config.mix_chance or not (config.mixup or config.cutmix):
        return None
    return Mixup(
        mixup_alpha=config.mixup,
        cutmix_alpha=config.cutmix,
        prob=config.mix_chance,
        switch_prob=0.5,
        label_smoothing=config.label_smoothing,
        num_classes=classes,
    )


def freeze(model: nn.Module, blocks: int) -> None:
    """Stops gradients in the stem and the first blocks of models that have `blocks`; they are general and dear."""
    if not blocks:
        return
    stem = [m for name in ("conv_stem", "bn1", "patch_embed") if (m := getattr(model, name, None)) is not None]
    for part in (*stem, *list(getattr(model, "blocks", []))[:blocks]):
        part.requires_grad_(False)


def unfuse_attention(model: nn.Module) -> None:
    """On CPUs the gradient of the fused attention costs more than all the rest of a small ViT."""
    for module in model.modules():
        if hasattr(module, "fused_attn"):
            module.fused_attn = False  # timm's switch; the weights and the answers are the same


def make_optimizer(model: nn.Module, config: ClassifierConfig) -> torch.optim.AdamW:
    """AdamW with groups: the new last layer or not, matrices (decayed) or vectors (not)."""
    head = {id(p) for p in model.get_classifier().parameters()}
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            decayed = parameter.ndim > 1 and not name.endswith(("pos_embed", "cls_token"))
            groups.setdefault((id(parameter) in head, decayed), []).append(parameter)
    return torch.optim.AdamW(
        [
            {
                "params": group,
                "weight_decay": config.weight_decay if decayed else 0.0,
                "share": config.head_rate if new else 1.0,
            }
            for (new, decayed), group in groups.items()
        ],
        lr=config.learning_rate,
        foreach=True,
    )


def set_rates(optimizer: torch.optim.Optimizer, config: ClassifierConfig, progress: float, epochs: float) -> float:
    """Sets and returns the rate: the base rate × batch / 512, warmed up and falling."""
    rate = config.learning_rate * config.batch / 512 * config.rate_at(progress, epochs)
    for group in optimizer.param_groups:
        group["lr"] = rate * group["share"]
    return rate


@torch.no_grad()
def accuracy_of(model: nn.Module, pictures: PictureStore, arch: ClassifierArch) -> tuple[float, float]:
    """(accuracy, mean cross-entropy) of a model in eval mode on whole pictures."""
    if not len(pictures):
        return 0.0, 0.0
    logits = logits_of(model, pictures, arch)
    labels = torch.from_numpy(pictures.labels)
    return float((logits.argmax(1) == labels).float().mean()), float(F.cross_entropy(logits, labels))


@torch.no_grad()
def logits_of(
    model: nn.Module,
    pictures: PictureStore,
    arch: ClassifierArch,
    flip: bool = False,
    told: Callable[[int], None] = silent,
) -> torch.Tensor:
    """(n, classes) float32 logits of all pictures in order; with `flip` the mean with those of the mirror images.

    `told` hears how many are done and may raise to stop.
    """
    device = next(model.parameters()).device
    model.eval()
    rows = []
    for images in test_batches(pictures, arch.image_size, arch.mean, arch.deviation):
        images = images.to(device)
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            answers = model(images).float()
            if flip:
                answers = (answers + model(images.flip(3)).float()) / 2
        rows.append(answers.cpu())
        told(sum(len(row) for row in rows))
    return torch.cat(rows)


@torch.no_grad()
def unfold_batch_norms(model: nn.Module, batch: LabelledBatch) -> None:
    """Gives batch norms whose statistics were folded away (mean 0, variance 1) those of `batch`; same function after.

    Weights that were quantised or merged for inference come so. Trained in that state, the first step would change
    every layer's output at once.
    """

    def measure(norm: nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        assert isinstance(norm, nn.BatchNorm2d)
        variance, mean = torch.var_mean(inputs[0].float(), (0, 2, 3), correction=0)
        gain = norm.weight / torch.sqrt(norm.running_var + norm.eps)
        shift = norm.bias - norm.running_mean * gain
        norm.running_mean.copy_(mean)
        norm.running_var.copy_(variance)
        norm.weight.copy_(gain * torch.sqrt(variance + norm.eps))
        norm.bias.copy_(shift + gain * mean)

    norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
    hooks = [norm.register_forward_pre_hook(measure) for norm in norms]
    model.eval()
    try:
        model(batch.images)
    finally:
        for hook in hooks:
            hook.remove()


def mean_of(rows: list[dict[str, float]]) -> dict[str, float]:
    return {key: float(np.mean([row[key] for row in rows])) for key in rows[0]} if rows else {}


def log(out: Path, line: dict[str, float]) -> None:
    """Appends a line to the run's figures. StorageError when it cannot be written."""
    try:
        with (out / METRICS).open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
    except OSError as error:
        raise StorageError(
            f"The run's figures could not be written ({error.strerror or error}).", out, "Free space on the disk."
        ) from error


def as_text(line: dict[str, float]) -> str:
    words = (f"{key} {value:.4g}" for key, value in line.items() if key != "cpu_seconds")
    return " ".join(words)
