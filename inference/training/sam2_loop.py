"""Trains a SAM 2 model on pictures or clips with masks. Read `train` from top to bottom: that is all of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from sam2.modeling.sam2_base import SAM2Base
from torch import nn

from inference.engines.architecture import ArchConfig, save_checkpoint
from inference.engines.checkpoint import read_card
from inference.errors import Cancelled, UsageError
from inference.training.config import TrainConfig
from inference.training.data import Record
from inference.training.lessons import Lessons
from inference.training.loader import batches
from inference.training.optimizer import (
    freeze,
    make_optimizer,
    recompute_activations,
    rest_trunk,
    set_rates,
    set_training,
)
from inference.training.run_log import RunLog, as_text
from inference.training.state import Ema, RunState, load_state, save_state
from inference.training.step import Learned
from inference.training.together import Team
from inference.training.validate import draw_samples, quick_iou

Report = Callable[[float, str, dict[str, Any] | None], None]
"""(part of the run done 0..1, one line, a row of figures if there is a new one); raises Cancelled to stop with the
state written. Called at least every half second, also inside long steps and validations."""

PULSE_S = 0.5
CANCELLED, FINISHED = -1.0, -2.0


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
    lessons: Lessons,
    val_records: Sequence[Record],
    out: Path,
    report: Report,
    card: dict[str, Any] | None = None,
) -> Trained:
    """Trains until the steps or the time are used up, keeping the best averaged weights in `out/best.safetensors`.

    The run's folder is described in docs/training.md. What a step does depends on the seed, its number and the state
    alone, so a run that was stopped or killed and goes on ends with the weights of one that was not (on a CPU; with
    a budget of minutes the learning rate follows the clock, and only nearly).

    Args:
        model: is changed in place, on the CUDA card where there is one; `arch` describes it, its `image_size` is
            `config.image_size`.
        val_records: choose the best checkpoint; without any, the last is the best.
        out: `state.pt` there is continued from.
        card: goes into the checkpoints, with the configuration.

    Raises:
        Cancelled: `report` asked to stop; the state was written before.
        StorageError: the run's folder cannot be written. ModelError: its state is of another model.
    """
    team = Team.join()
    model = _prepared(model, config, team)
    optimizer = make_optimizer(model, config)
    team.share(model)
    ema = Ema(model, config.ema)
    if config.checkpoint_activations:
        recompute_activations(model)
    state_file = out / "state.pt"
    state = load_state(state_file, model, ema, optimizer) if state_file.exists() else RunState()
    scaler = torch.amp.GradScaler(enabled=config.precision == "float16")
    last, epoch_steps = config.last_step(lessons.count, team.size), lessons.count / config.step_size(team.size)
    keeper = _Keeper(ema.model, arch, config, val_records, state, out, card or {}, _Teller(report))
    recent, clock, word = _Recent(), _Clock(state.seconds, config), 0.0

    with (
        RunLog(out if team.leads else None, state.step, state.validated == state.step) as log,
        closing(batches(lessons.maker, config, state.step, team.rank, team.size)) as stream,
    ):
        changing = False  # while it is, model and state do not belong together
        try:
            while True:
                progress, epoch = _progress(state, config, last), round(state.step / epoch_steps, 4)
                if team.leads and word != CANCELLED and progress < 1 and keeper.is_due(epoch_steps):
                    try:
                        keeper.validate(log, progress, epoch)
                    except Cancelled:
                        word = CANCELLED
                    clock.rest(state)
                if word != CANCELLED:
                    word = FINISHED if progress >= 1 or keeper.is_stale else state.seconds
                word = team.agree(word)
                if word == CANCELLED:
                    raise Cancelled
                if word == FINISHED:
                    break
                state.seconds = word
                progress = _progress(state, config, last)
                rates = set_rates(optimizer, config, state.step, progress)
                set_training(model)
                optimizer.zero_grad(set_to_none=True)
                pulse = keeper.teller.pulse if team.size == 1 else _nothing
                for _ in range(config.accumulate):
                    learned = lessons.learn(model, next(stream), state.step, team.size, pulse)
                    scaler.scale(learned.loss / config.accumulate).backward()
                    recent.add(learned)
                    pulse()
                if progress < config.freeze_fraction:
                    rest_trunk(model)
                team.average_gradients(model)
                scaler.unscale_(optimizer)
                norm = nn.utils.clip_grad_norm_(model.parameters(), config.clip_norm)
                changing = True
                if scaler.is_enabled() or torch.isfinite(norm):
                    scaler.step(optimizer)
                scaler.update()
                ema.update(model, state.step)
                state.step += 1
                state.seconds = clock.now()
                changing = False

                due = state.step % config.log_steps == 0 or state.step >= last
                figures = recent.means(team) | {"norm": float(norm)} | rates if due else {}
                if not team.leads:
                    continue
                row = {"step": state.step, "epoch": round(state.step / epoch_steps, 4)}
                row |= {"seconds": round(state.seconds, 1)} | figures
                if figures:
                    log.add(row)
                try:
                    keeper.teller.tell(_progress(state, config, last), as_text(row), row if figures else None)
                except Cancelled:
                    word = CANCELLED
                if clock.is_due_to_save(state):
                    save_state(state_file, model, ema, optimizer, state)
            if team.leads:
                keeper.finish(log, state.step / epoch_steps)
        except (Cancelled, KeyboardInterrupt):
            if team.leads and not changing:
                save_state(state_file, model, ema, optimizer, state)
            raise
        if team.leads:
            save_state(state_file, model, ema, optimizer, state)
    team.leave()
    return Trained(
        keeper.best_file, keeper.best_metrics, state.step, state.seconds, lessons.maker.broken | keeper.broken
    )


def _prepared(model: SAM2Base, config: TrainConfig, team: Team) -> SAM2Base:
    """The model where this process trains, with its frozen parts frozen."""
    torch.set_num_threads(config.threads)
    torch.manual_seed(config.seed)
    device = team.device()
    if config.precision == "float16" and device.type != "cuda":
        raise UsageError("float16 trains on CUDA cards only.", remedy="Set precision to bfloat16 or float32.")
    model = model.to(device, memory_format=torch.channels_last)
    freeze(model, config)
    return model


def _progress(state: RunState, config: TrainConfig, last: float) -> float:
    """How much of the run is done, 0..1: by steps or time, whichever is further."""
    by_time = state.seconds / (config.minutes * 60) if config.minutes else 0.0
    return min(1.0, max(by_time, state.step / last))


def _nothing() -> None:
    """The pulse of one process of several: they stop together, between steps."""


class _Teller:
    """Passes on what happens; in between it asks now and then whether to stop."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._progress, self._line, self._at = 0.0, "", time.monotonic()

    def tell(self, progress: float, line: str, row: dict[str, Any] | None = None) -> None:
        self._progress, self._line, self._at = progress, line, time.monotonic()
        self._report(progress, line, row)

    def pulse(self) -> None:
        if time.monotonic() - self._at > PULSE_S:
            self.tell(self._progress, self._line)


class _Clock:
    """Seconds trained, without validations and what happened while the run was stopped."""

    def __init__(self, seconds: float, config: TrainConfig) -> None:
        self._save_s = config.save_minutes * 60
        self._started = time.monotonic() - seconds
        self._next_save = seconds + self._save_s

    def now(self) -> float:
        return time.monotonic() - self._started

    def rest(self, state: RunState) -> None:
        """What went by since `state.seconds` was not training."""
        self._started = time.monotonic() - state.seconds

    def is_due_to_save(self, state: RunState) -> bool:
        due = state.seconds >= self._next_save
        if due:
            self._next_save = state.seconds + self._save_s
        return due


@dataclass
class _Recent:
    """What was learned since the last row."""

    sums: dict[str, list[float]] = field(default_factory=dict)

    def add(self, learned: Learned) -> None:
        for name, (total, count) in learned.sums.items():
            mine = self.sums.setdefault(name, [0.0, 0.0])
            mine[0] += total
            mine[1] += count

    def means(self, team: Team) -> dict[str, float]:
        """By name, over all processes; what was not met is left out."""
        names = sorted(self.sums)
        flat = team.total([value for name in names for value in self.sums[name]])
        self.sums.clear()
        return {name: flat[2 * i] / flat[2 * i + 1] for i, name in enumerate(names) if flat[2 * i + 1]}


@dataclass
class _Keeper:
    """Validates, and keeps the best and the last weights."""

    model: SAM2Base
    arch: ArchConfig
    config: TrainConfig
    records: Sequence[Record]
    state: RunState
    out: Path
    card: dict[str, Any]
    teller: _Teller
    best_metrics: dict[str, float] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.state.validated >= 0 and self.best_file.exists():
            self.best_metrics = read_card(self.best_file).get("validation", {})
        self._next_seconds = self.state.seconds + self.config.validate_minutes * 60

    @property
    def best_file(self) -> Path:
        return self.out / "best.safetensors"

    @property
    def is_stale(self) -> bool:
        return bool(self.config.patience) and self.state.stale >= self.config.patience

    def is_due(self, epoch_steps: float) -> bool:
        """Whether it is time for a validation: before the first step, by the clock or by epochs."""
        if not self.records or self.state.validated == self.state.step:
            return False
        config, due = self.config, self.state.step == 0
        if config.validate_minutes and self.state.seconds >= self._next_seconds:
            self._next_seconds = self.state.seconds + config.validate_minutes * 60
            due = True
        if config.validate_epochs:
            due |= self.state.step % max(1, round(config.validate_epochs * epoch_steps)) == 0
        return due

    def validate(self, log: RunLog, progress: float, epoch: float) -> None:
        """Measures the averaged weights, draws samples, writes the best anew when it is beaten, logs the row.

        Left in the middle (Cancelled), nothing has changed and it is made up for when the run goes on.
        """
        config, state = self.config, self.state
        self.teller.tell(progress, f"validating at step {state.step}")
        pulse, dense = self.teller.pulse, self.arch.dense_prompts
        metrics = quick_iou(
            self.model, dense, self.records, config.validate_objects, 3, config.box_share > 0, pulse, self.broken
        )
        samples = draw_samples(
            self.model, dense, self.records, config.sample_pictures, self.out / "samples", state.step, pulse
        )
        score = sum(metrics.values()) / len(metrics) if metrics else 0.0
        if score > state.best:
            self._write(self.best_file, metrics)
            state.best, state.stale, self.best_metrics = score, 0, metrics
        else:
            state.stale += 1
        state.validated = state.step
        row: dict[str, Any] = {"step": state.step, "epoch": round(epoch, 4), "seconds": round(state.seconds, 1)}
        row |= {"val_iou": score} | {f"val_{k}": v for k, v in metrics.items()} | {"samples": samples}
        log.add(row)
        self.teller.tell(progress, as_text(row), row)

    def finish(self, log: RunLog, epoch: float) -> None:
        """The last validation and `last.safetensors`; without validation pictures the last is the best."""
        self._write(self.out / "last.safetensors", {})
        if not self.records:
            self._write(self.best_file, {})
        elif self.state.validated != self.state.step:
            self.validate(log, 1.0, epoch)

    def _write(self, path: Path, metrics: dict[str, float]) -> None:
        told = {"steps": self.state.step, "validation": metrics, "config": self.config.model_dump(mode="json")}
        save_checkpoint(self.model, self.arch, path, self.card | told)


__all__ = ["Report", "Trained", "train"]
