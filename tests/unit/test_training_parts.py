"""The parts of a training step: prompts, losses, what learns how fast, and how a run is written and gone on with."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from inference.engines.architecture import build_model, save_checkpoint
from inference.engines.checkpoint import read_card
from inference.errors import Cancelled, ModelError, StorageError, UsageError
from inference.jobs.train_sam2 import TrainSam2Request, run
from inference.training import run_log, state
from inference.training.config import TrainConfig
from inference.training.data import find_data
from inference.training.loader import BatchMaker, Order
from inference.training.losses import package_loss, sam_loss
from inference.training.optimizer import freeze, make_optimizer, part_of, recompute_activations, set_rates, set_training
from inference.training.prompts import boxed, corrected, masked
from inference.training.run_folder import read_run
from inference.training.step import KINDS, StepPlan, picture_step
from tests.unit.test_training_loop import FAST, Listener
from tests.unit.training_scene import TINY, write_scene

ONE_STEP = FAST | {"max_steps": 1}


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)


def _rngs(count: int) -> list[np.random.Generator]:
    return [np.random.default_rng((5, n)) for n in range(count)]


def test_an_objects_prompts_do_not_depend_on_its_neighbours() -> None:
    targets = (torch.rand(3, 1, 16, 16) > 0.5).float()
    boxes = torch.tensor([[0.1, 0.1, 0.5, 0.6]]).repeat(3, 1)
    together = boxed(boxes, _rngs(3)), masked(targets, _rngs(3))
    alone = boxed(boxes[1:2], _rngs(3)[1:2]), masked(targets[1:2], _rngs(3)[1:2])
    assert torch.equal(together[0].boxes[1:2], alone[0].boxes)  # type: ignore[index]
    assert torch.equal(together[1].previous[1:2], alone[1].previous)  # type: ignore[index]


def test_whole_boxes_rough_masks_and_rounds_of_clicks() -> None:
    target = torch.zeros(1, 1, 32, 32)
    target[..., 8:24, 8:24] = 1
    whole = boxed(torch.tensor([[0.25, 0.25, 0.75, 0.75]]), _rngs(1), whole_share=1.0)
    assert whole.boxes is not None and whole.boxes.tolist() == [[0, 0, 1, 1]]
    rough = masked(target, _rngs(1))
    assert rough.previous is not None and rough.points.shape[1] == 0
    overlap = ((rough.previous > 0) & (target > 0)).sum() / ((rough.previous > 0) | (target > 0)).sum()
    assert 0.3 < float(overlap) < 1
    more = corrected(rough, target, torch.full((1, 1, 32, 32), -1.0), _rngs(1), clicks_a_round=3)
    assert more.points.shape == (1, 3, 2) and more.labels.tolist() == [[1, 1, 1]]


def test_the_package_losses_learn_from_the_right_mask() -> None:
    target = torch.zeros(1, 1, 8, 8)
    target[..., 2:6, 2:6] = 1
    right, wrong = (target * 2 - 1) * 10, (1 - target * 2) * 10
    ious = torch.tensor([[0.0, 0.0, 1.0, 0.0]])
    masks = torch.cat((wrong, wrong, right, wrong), 1)
    ambiguous = package_loss(masks, ious, target, True, (20, 1, 1))
    assert float(ambiguous.total) == pytest.approx(0, abs=0.1) and float(ambiguous.focal) < 1e-3
    assert float(package_loss(masks, ious, target, False, (20, 1, 1)).total) > 1
    assert float(sam_loss(masks, ious, target, False, (20, 1, 1)).dice) > 0.9


def test_every_step_has_its_shares_of_prompts() -> None:
    config = TrainConfig(pictures=5, objects=4, accumulate=2, point_share=0.5, box_share=0.3, mask_share=0.2)
    plans = [StepPlan.make(config, step, 2, True) for step in range(3)]
    for plan in plans:
        assert np.bincount(plan.kinds, minlength=len(KINDS)).tolist() == [40, 24, 16]
    assert (plans[0].kinds != plans[1].kinds).any() and plans[2].first == 2 * 20


def test_pictures_come_once_an_epoch_unless_they_are_weighted() -> None:
    order, rng = Order([1.0] * 7, 0), np.random.default_rng(0)
    first, second = ([order.at(7 * epoch + n, rng) for n in range(7)] for epoch in range(2))
    assert sorted(first) == sorted(second) == list(range(7)) and first != second
    weighted = Order([1.0, 0.0], 0)
    assert {weighted.at(n, rng) for n in range(20)} == {0}


def test_frozen_parts_have_no_rate_and_layers_decay() -> None:
    model = build_model(TINY)
    config = TrainConfig(
        frozen=("prompt_encoder", "neck"),
        frozen_blocks=0,
        learning_rate=1e-3,
        trunk_learning_rate=1e-4,
        layer_decay=0.5,
    )
    freeze(model, config)
    learning = {part_of(n) for n, p in model.named_parameters() if p.requires_grad}
    assert "trunk" in learning and "mask_decoder" in learning and not learning & {"prompt_encoder", "neck"}
    optimizer = make_optimizer(model, config)
    rates = sorted({group["share"] for group in optimizer.param_groups if group["trunk"]})
    layers = len(model.image_encoder.trunk.body.blocks)
    assert rates[-1] == pytest.approx(0.1 * 0.5) and rates[0] == pytest.approx(0.1 * 0.5 ** (layers + 1))
    shown = set_rates(optimizer, config.model_copy(update={"warmup_steps": 0}), 5, 0.0)
    assert shown["lr"] == pytest.approx(1e-3) and shown["lr_trunk"] == pytest.approx(0.5e-4)


def test_batch_norms_and_frozen_trunks_rest() -> None:
    model = build_model(TINY)
    model.image_encoder.extra = torch.nn.BatchNorm2d(3)
    model.image_encoder.trunk.requires_grad_(False)
    set_training(model)
    assert model.training and not model.image_encoder.extra.training and not model.image_encoder.trunk.training


@pytest.mark.parametrize("learn_from", ["last", "all"])
def test_recomputed_activations_give_the_same_gradients(tmp_path: Path, learn_from: str) -> None:
    config = TrainConfig(
        **(ONE_STEP | {"learn_from": learn_from, "rounds": (0.0, 1.0), "mask_share": 0.5, "loss": "soft"})
    )
    batch = BatchMaker(find_data(write_scene(tmp_path)), config).batch(range(2))
    gradients = []
    for recompute in (False, True):
        torch.manual_seed(0)
        model = build_model(TINY)
        set_training(model)
        if recompute:
            recompute_activations(model)
        learned = picture_step(model, batch, config, StepPlan.make(config, 0, 1, True))
        learned.loss.backward()
        gradients.append([p.grad for p in model.parameters() if p.grad is not None])
        assert learned.sums["loss"][1] == 4 and np.isfinite(learned.sums["loss"][0])
    assert len(gradients[0]) == len(gradients[1]) > 20
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(*gradients, strict=True))


def test_float16_is_refused_without_a_card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from inference.training.together import Team

    monkeypatch.setattr(Team, "device", staticmethod(lambda: torch.device("cpu")))
    request = _request(tmp_path, precision="float16")
    with pytest.raises(UsageError, match="CUDA"):
        run(request, Listener())
    assert read_run(tmp_path / "run")["status"] == "failed"  # type: ignore[index]


def _request(folder: Path, **settings: Any) -> TrainSam2Request:
    start = save_checkpoint(build_model(TINY), TINY, folder / "start.safetensors")
    chosen = FAST | {"max_steps": 3, "log_steps": 1} | settings
    return TrainSam2Request((str(write_scene(folder)),), str(folder / "run"), init=str(start), settings=chosen)


def test_a_run_folder_holds_what_the_guide_says(tmp_path: Path) -> None:
    result = run(_request(tmp_path, patience=1, ema=0.0), Listener())
    out = tmp_path / "run"
    assert {p.name for p in out.iterdir()} == {
        "run.json", "config.yaml", "metrics.jsonl", "metrics.csv", "best.safetensors", "last.safetensors", "state.pt",
        "samples", "tensorboard",
    }  # fmt: skip
    told = read_run(out)
    assert told and told["status"] == "finished" and told["pictures"] == {"train": 3, "val": 1, "twice": 0}
    assert told["request"]["init"].endswith("start.safetensors")
    rows = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    assert "val_iou" in rows[0] and rows[0]["step"] == 0 and rows[-1]["val_iou"] >= 0
    trained = [row for row in rows if "loss" in row]
    assert {"loss_focal", "loss_dice", "loss_iou", "lr", "lr_trunk", "norm", "epoch", "seconds"} <= set(trained[0])
    with (out / "metrics.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    assert len(table) == len(rows) and float(table[1]["loss"]) == pytest.approx(trained[0]["loss"])
    assert list((out / "tensorboard").glob("events.*"))
    assert [Path(p).name for p in rows[0]["samples"]] == ["0000000_0.png"] and Path(rows[-1]["samples"][0]).is_file()
    card = read_card(result.checkpoint)
    assert card["config"]["max_steps"] == 3 and card["pictures"]["train"] == 3


def test_a_run_is_gone_on_with_by_its_folder_alone(tmp_path: Path) -> None:
    request = _request(tmp_path)
    with pytest.raises(Cancelled):
        run(request, Listener(stop_after=3))
    assert read_run(tmp_path / "run")["status"] == "stopped"  # type: ignore[index]
    result = run(TrainSam2Request((), request.out), Listener())
    assert result.steps == 3 and read_run(tmp_path / "run")["status"] == "finished"  # type: ignore[index]
    with pytest.raises(UsageError, match="no run"):
        run(TrainSam2Request((), str(tmp_path / "nowhere")), Listener())


def test_early_stopping_counts_validations_without_a_better_one(tmp_path: Path) -> None:
    how = {"patience": 2, "validate_epochs": 0.5, "learning_rate": 1e-9, "trunk_learning_rate": 1e-9, "max_steps": 50}
    result = run(_request(tmp_path, **how), Listener())
    assert 2 <= result.steps < 10


def test_pictures_of_the_validation_set_are_not_trained_on(tmp_path: Path) -> None:
    request = _request(tmp_path)
    (tmp_path / "val").mkdir()
    val = write_scene(tmp_path / "val", pictures=2, name="other")  # the same seed: the same bytes as the first two
    run(TrainSam2Request(request.data, request.out, str(val), request.init, settings=request.settings), Listener())
    assert read_run(tmp_path / "run")["pictures"] == {"train": 2, "val": 2, "twice": 2}  # type: ignore[index]
    with pytest.raises(UsageError, match="validation set too"):
        run(TrainSam2Request(request.data, str(tmp_path / "b"), request.data[0], request.init), Listener())


def test_a_full_disk_is_said_and_leaves_the_last_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    request = _request(tmp_path)
    with pytest.raises(Cancelled):
        run(request, Listener(stop_after=3))
    before = (tmp_path / "run" / "state.pt").read_bytes()

    def full(content: Any, path: Path) -> None:
        Path(path).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(state.torch, "save", full)
    with pytest.raises(StorageError, match="No space left"):
        run(request, Listener())
    assert (tmp_path / "run" / "state.pt").read_bytes() == before
    assert not list((tmp_path / "run").glob(".*.part"))
    assert "No space left" in read_run(tmp_path / "run")["reason"]  # type: ignore[index]


def test_a_state_of_another_model_is_refused(tmp_path: Path) -> None:
    from dataclasses import replace

    run(_request(tmp_path), Listener())
    other = replace(TINY, hidden_dim=48)
    start = save_checkpoint(build_model(other), other, tmp_path / "other.safetensors")
    request = _request(tmp_path, max_steps=5)
    with pytest.raises(ModelError, match=r"state\.pt"):
        run(TrainSam2Request(request.data, request.out, init=str(start), settings=request.settings), Listener())


def test_weights_that_are_no_sam2_model_are_refused(tmp_path: Path) -> None:
    request = _request(tmp_path)
    torch.save({"visual.proj": torch.zeros(2, 2)}, tmp_path / "clip.pt")
    wrong = TrainSam2Request(request.data, request.out, init=str(tmp_path / "clip.pt"), settings=request.settings)
    with pytest.raises(ModelError, match="CLIP"):
        run(wrong, Listener())


def test_lines_cut_off_by_a_crash_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").write_text('{"step": 1, "loss": 2.0}\n{"step": 2, "lo')
    assert run_log.read_rows(tmp_path / "metrics.jsonl") == [{"step": 1, "loss": 2.0}]
    with run_log.RunLog(tmp_path, 1) as log:
        log.add({"step": 2, "loss": 1.0})
    assert [row["step"] for row in run_log.read_rows(tmp_path / "metrics.jsonl")] == [1, 2]


def test_a_long_step_is_left_when_asked(tmp_path: Path) -> None:
    """A stop does not wait for the end of a long step: what had begun is forgotten, not half done."""
    config = TrainConfig(**(ONE_STEP | {"rounds": (0.0, 1.0)}))
    batch = BatchMaker(find_data(write_scene(tmp_path)), config).batch(range(2))
    model, calls = build_model(TINY), []

    def pulse() -> None:
        calls.append(1)
        if len(calls) == 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        picture_step(model, batch, config, StepPlan.make(config, 0, 1, True), pulse)
    assert len(calls) == 2


def test_corrections_leave_the_gradients_of_rounded_weights(tmp_path: Path) -> None:
    """Weights that autocast rounded in a round without gradient still learn from the answer after it."""
    batch = None
    learning = []
    for rounds in ((1.0,), (0.0, 1.0)):
        settings = {"rounds": rounds, "precision": "bfloat16", "box_share": 0.0, "no_dense_share": 0.0}
        config = TrainConfig(**(ONE_STEP | settings))
        batch = batch or BatchMaker(find_data(write_scene(tmp_path)), config).batch(range(2))
        model = build_model(TINY)
        set_training(model)
        picture_step(model, batch, config, StepPlan.make(config, 0, 1, True)).loss.backward()
        learning.append({n for n, p in model.named_parameters() if p.grad is not None})
    assert learning[0] == learning[1]


def test_a_broken_validation_picture_is_listed_and_the_rest_goes_on(tmp_path: Path) -> None:
    request = _request(tmp_path)
    (tmp_path / "val").mkdir()
    val = write_scene(tmp_path / "val", pictures=3, size=80, name="other")
    picture = tmp_path / "val" / "images" / "other_1.png"
    picture.write_bytes(picture.read_bytes()[:900])  # the header is whole
    again = TrainSam2Request(request.data, request.out, str(val), request.init, settings=request.settings)
    result = run(again, Listener())
    assert result.steps == 3 and any("other_1.png" in path for path in result.broken)
