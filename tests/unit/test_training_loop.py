"""The loop learns, is continued exactly where it stopped, and keeps what validates best."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from inference.engines import device as devices
from inference.engines.architecture import ArchConfig, build_model, load_checkpoint, save_checkpoint
from inference.engines.device import Device
from inference.errors import Cancelled, ModelError, UsageError
from inference.jobs.train_sam2 import TrainSam2Request, run
from inference.training.clicks import center_of, correction_click, random_error_click
from inference.training.config import TrainConfig
from inference.training.data import find_data
from inference.training.lessons import PictureLessons
from inference.training.losses import dice, focal, sam_loss, true_iou
from inference.training.prompts import best_answer, boxed, clicked, corrected, decode
from inference.training.sam2_loop import train
from inference.training.together import Team
from tests.unit.training_scene import TINY, write_scene

FAST: dict[str, Any] = {
    "image_size": 64,
    "pictures": 2,
    "objects": 2,
    "minutes": 0.0,
    "threads": 1,
    "precision": "float32",
    "warmup_steps": 1,
    "learning_rate": 2e-3,
    "trunk_learning_rate": 3e-4,
    "freeze_fraction": 0.0,
    "rounds": (0.6, 0.4),
    "validate_objects": 2,
    "sample_pictures": 1,
    "log_steps": 5,
}


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)


class Listener:
    """Keeps what was reported; asks to stop after `stop_after` steps."""

    models = None

    def __init__(self, stop_after: int = 10**9) -> None:
        self.calls: list[tuple[int, int, str, Any]] = []
        self.stop_after = stop_after

    def report(self, done: float, line: str, row: dict[str, Any] | None) -> None:
        self.progress(round(1000 * done), 1000, line, row)

    def progress(self, done: int, total: int, message: str = "", payload: Any = None) -> None:
        self.calls.append((done, total, message, payload))
        if len(self.calls) >= self.stop_after:
            raise Cancelled


def _train(
    folder: Path,
    out: Path,
    steps: int,
    stop_after: int = 10**9,
    arch: ArchConfig = TINY,
    validate: bool = False,
    **changes: Any,
) -> Any:
    torch.manual_seed(0)
    listener = Listener(stop_after)
    records = find_data(write_scene(folder))
    config = TrainConfig(**(FAST | {"max_steps": steps} | changes))
    lessons = PictureLessons(records, config, arch.dense_prompts)
    return train(build_model(arch), arch, config, lessons, records[:2] if validate else [], out, listener.report)


def test_the_loss_goes_down(tmp_path: Path) -> None:
    done = _train(tmp_path, tmp_path / "run", 25)
    lines = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert done.steps == 25 and lines[-1]["loss"] < 0.9 * lines[0]["loss"]
    assert load_checkpoint(done.best)[1] == TINY


def test_it_trains_where_its_team_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[torch.device] = []
    home = Team.device

    def device() -> torch.device:
        asked.append(home())
        return asked[-1]

    monkeypatch.setattr(Team, "device", staticmethod(device))
    trained: list[torch.device] = []
    learn = PictureLessons.learn

    def watched(self: PictureLessons, model: Any, *rest: Any) -> Any:
        trained.append(next(model.parameters()).device)
        return learn(self, model, *rest)

    monkeypatch.setattr(PictureLessons, "learn", watched)
    _train(tmp_path, tmp_path / "run", 1)
    assert [d.type for d in asked] == ["cuda" if torch.cuda.is_available() else "cpu"]
    assert trained[0].type == asked[0].type


def test_a_card_is_preferred_and_each_process_of_a_team_has_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "choose", lambda: Device("cuda", "a card", index=0))
    assert Team.device() == torch.device("cuda")  # no number: the one that `join` chose for this process
    monkeypatch.setattr(devices, "choose", lambda: Device("mps", "Apple GPU"))
    assert Team.device() == torch.device("cpu")


@pytest.mark.parametrize("stop_after", [1, 4, 7, 9, 12])
def test_a_run_cut_anywhere_ends_with_the_same_weights(tmp_path: Path, stop_after: int) -> None:
    """Before the first step, between steps, and inside a validation, which is made up for."""
    how: dict[str, Any] = {"validate": True, "validate_epochs": 1.0, "accumulate": 2, "log_steps": 1}
    how["freeze_fraction"] = 0.3
    whole = _train(tmp_path, tmp_path / "whole", 6, **how)
    with pytest.raises(Cancelled):
        _train(tmp_path, tmp_path / "parts", 6, stop_after=stop_after, **how)
    torch.manual_seed(stop_after)  # what the state does not bring back would show
    rest = _train(tmp_path, tmp_path / "parts", 6, **how)
    assert rest.steps == whole.steps == 6 and rest.metrics == whole.metrics
    one, other = (torch.load(tmp_path / run / "state.pt", weights_only=True) for run in ("whole", "parts"))
    for part in ("model", "ema"):
        assert all(torch.equal(one[part][k], other[part][k]) for k in one[part])
    rows = [_rows(tmp_path / run) for run in ("whole", "parts")]
    assert [_without_time(row) for row in rows[0]] == [_without_time(row) for row in rows[1]]


def test_a_killed_run_goes_on_from_its_last_state_exactly(tmp_path: Path) -> None:
    with pytest.raises(Cancelled):
        _train(tmp_path, tmp_path / "parts", 6, stop_after=2, log_steps=1)
    early = (tmp_path / "parts" / "state.pt").read_bytes()
    with pytest.raises(Cancelled):
        _train(tmp_path, tmp_path / "parts", 6, stop_after=2, log_steps=1)
    (tmp_path / "parts" / "state.pt").write_bytes(early)  # as if it had been killed before it wrote the later one
    _train(tmp_path, tmp_path / "parts", 6, log_steps=1)
    _train(tmp_path, tmp_path / "whole", 6, log_steps=1)
    rows = _rows(tmp_path / "parts")
    assert [row["step"] for row in rows] == [1, 2, 3, 4, 5, 6]
    assert [_without_time(r) for r in rows] == [_without_time(r) for r in _rows(tmp_path / "whole")]


def _rows(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def _without_time(row: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in row.items() if k not in ("seconds", "samples")}


def test_a_damaged_state_is_refused_with_the_file(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "state.pt").write_bytes(b"nonsense")
    with pytest.raises(ModelError, match=r"state\.pt"):
        _train(tmp_path, tmp_path / "run", 2)


def test_the_job_trains_from_a_checkpoint_and_validates(tmp_path: Path) -> None:
    scene = write_scene(tmp_path)
    start = save_checkpoint(build_model(TINY), TINY, tmp_path / "start.safetensors")
    settings = FAST | {"max_steps": 2, "image_size": 96}
    request = TrainSam2Request((str(scene),), str(tmp_path / "run"), init=str(start), settings=settings)
    listener = Listener()
    result = run(request, listener)
    assert result.steps == 2 and set(result.metrics) == {"box", "click1", "click2", "click3"}
    assert load_checkpoint(result.checkpoint)[1].image_size == 96
    assert any(payload and "val_box" in payload for *_, payload in listener.calls)
    assert request.argv()[:2] == ["train", "sam2"] and "--init" in request.argv()


def test_unknown_settings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="setting"):
        run(TrainSam2Request((str(tmp_path),), str(tmp_path), settings={"colour": 1}), Listener())


def test_rates_warm_up_and_fall() -> None:
    config = TrainConfig(warmup_steps=10, final_rate=0.1)
    assert config.rate_at(0, 0.0) == pytest.approx(0.1)
    assert config.rate_at(100, 0.0) == pytest.approx(1.0)
    assert config.rate_at(100, 1.0) == pytest.approx(0.1) == config.rate_at(100, 1.5)


def test_clicks_go_to_the_largest_error() -> None:
    target = np.zeros((40, 40), bool)
    target[5:25, 5:25] = True
    assert center_of(target)[:2] in {(14, 14), (15, 15), (14, 15), (15, 14)}
    answer = np.zeros_like(target)
    answer[5:25, 5:20] = True  # misses a strip 5 wide
    answer[28:39, 28:39] = True  # and has a square 11 wide too much
    x, y, positive = correction_click(target, answer) or (0, 0, True)
    assert not positive and 32 <= x <= 34 and 32 <= y <= 34
    assert correction_click(target, target) is None
    x, y, positive = random_error_click(target, answer, np.random.default_rng(0)) or (0, 0, False)
    assert (target ^ answer)[y, x] and positive == target[y, x]


def test_losses_know_right_from_wrong() -> None:
    target = torch.zeros(1, 1, 8, 8)
    target[..., 2:6, 2:6] = 1
    right, wrong = (target * 2 - 1) * 10, (1 - target * 2) * 10
    for loss in (focal, dice):
        assert float(loss(right, target)) < 0.05 < 0.5 < float(loss(wrong, target))
    assert float(true_iou(right, target)) == 1.0 and float(true_iou(wrong, target)) == 0.0
    masks = torch.cat((wrong, wrong, right, wrong), 1)
    scores = torch.tensor([[0.0, 0.0, 1.0, 0.0]])
    single = float(sam_loss(masks, scores, target, False, (1, 1, 1)).total)
    best = float(sam_loss(masks, scores, target, True, (1, 1, 1)).total)
    assert best - single == pytest.approx(0.0, abs=0.05)  # the best of three is right, so it adds nothing


@pytest.mark.filterwarnings("ignore:.*torch.jit.script.*")
@pytest.mark.parametrize("kind", ["box", "click"])
def test_training_asks_as_the_predictor_does(kind: str) -> None:
    """The same prompts give the same logits in training and in use, with their corrections."""
    from inference.engines.architecture import predictor_for

    model, rngs = build_model(TINY), [np.random.default_rng(0)]
    image = rngs[0].integers(0, 255, (64, 64, 3)).astype(np.uint8)
    predictor = predictor_for(model, dense_prompts=True)
    predictor.set_image(image)
    maps = [*predictor._features["high_res_feats"], predictor._features["image_embed"]]
    target = torch.zeros(1, 1, 16, 16)
    target[..., 4:12, 4:10] = 1
    prompts = boxed(torch.tensor([[0.25, 0.25, 0.625, 0.75]]), rngs) if kind == "box" else clicked(target, rngs)
    with torch.no_grad():
        first = decode(model, maps[2], maps[:2], prompts, True)
        shown = best_answer(*first, prompts)
        prompts = corrected(prompts, target, shown, rngs)
        masks, scores = decode(model, maps[2], maps[:2], prompts, True)
    _, theirs, low = predictor.predict(
        prompts.points[0].numpy() * 64,
        prompts.labels[0].numpy(),
        None if prompts.boxes is None else prompts.boxes[0].numpy() * 64,
        shown[0].numpy(),
        multimask_output=False,
    )
    assert np.allclose(low, masks[0, :1].numpy(), atol=1e-4) and np.allclose(theirs, scores[0, :1].numpy(), atol=1e-5)


def test_models_without_dense_prompts_train_too(tmp_path: Path) -> None:
    from dataclasses import replace

    plain: ArchConfig = replace(TINY, dense_prompts=False)
    assert _train(tmp_path, tmp_path / "run", 2, arch=plain, rounds=(0.0, 1.0)).steps == 2
