"""Models side by side: the same objects, differences with intervals, agreement, sheets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from app import cli
from inference.engines.architecture import build_model, save_checkpoint
from inference.engines.device import Device
from inference.errors import ModelError, UsageError
from inference.evaluation import sheets
from inference.evaluation.contenders import PeakMemory, contenders
from inference.jobs.compare import CompareRequest, run
from inference.jobs.evaluate import EvaluateRequest
from inference.jobs.evaluate import run as evaluate
from inference.pictures import read_rgb
from tests.unit.training_scene import TINY, write_scene


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


class Listener:
    models = None

    def __init__(self) -> None:
        self.calls: list[tuple[int, int]] = []

    def progress(self, done: int, total: int, message: str = "", payload: Any = None) -> None:
        self.calls.append((done, total))


@pytest.fixture
def models(tmp_path: Path) -> list[str]:
    write_scene(tmp_path, pictures=3)
    files = []
    for seed, name in enumerate(("one", "two")):
        torch.manual_seed(seed)
        files.append(str(save_checkpoint(build_model(TINY), TINY, tmp_path / f"{name}.safetensors")))
    return files


def test_the_same_objects_through_every_model(tmp_path: Path, models: list[str]) -> None:
    data, out = str(tmp_path / "train.json"), tmp_path / "out"
    listener = Listener()
    result = run(CompareRequest(tuple(models), data, str(out), clicks=2, shown=2, device="cpu"), listener)
    figures = result.figures
    assert list(figures["models"]) == ["one", "two", "GrabCut"] and figures["objects"] == 3
    assert listener.calls[0] == (0, 9) and listener.calls[-1] == (9, 9)
    alone = evaluate(EvaluateRequest(data, models[1], str(tmp_path / "alone"), clicks=2, noc=0), Listener()).figures
    for key in ("box", "click1", "click2"):
        assert figures["models"]["two"][key] == alone[key]
        delta = figures["differences"]["two"][key]
        assert delta["mean"] == pytest.approx(alone[key] - figures["models"]["one"][key], abs=2e-4)
        assert delta["confidence"][0] <= delta["mean"] <= delta["confidence"][1]
    assert figures["models"]["GrabCut"]["box"] == alone["grabcut_box"]
    assert set(figures["differences"]["GrabCut"]) == {"box"}
    assert figures["models"]["one"]["parameters"] == sum(p.numel() for p in build_model(TINY).parameters())
    assert figures["agreement"]["box"]["labels"] == ["one", "two", "GrabCut"]
    assert figures["agreement"]["click1"]["labels"] == ["one", "two"]
    square = np.array(figures["agreement"]["box"]["iou"])
    assert (np.diag(square) == 1).all() and (square == square.T).all()
    assert json.loads((out / "comparison.json").read_text("utf-8")) == figures
    assert len((out / "comparison.csv").read_text("utf-8").splitlines()) == 4
    assert len((out / "objects.csv").read_text("utf-8").splitlines()) == 4
    pictures = ["sheet_box", "sheet_click1", "differences_box", "differences_click1", "agreement", "curves"]
    for name in pictures:
        assert read_rgb(out / f"{name}.png").shape[0] > 100
    assert (out / "report.html").read_text("utf-8").count("data:image/") == len(pictures)


def test_a_model_agrees_with_itself(tmp_path: Path, models: list[str]) -> None:
    twin = tmp_path / "twin.safetensors"
    twin.write_bytes(Path(models[0]).read_bytes())
    request = CompareRequest(
        (models[0], str(twin)), str(tmp_path / "train.json"), str(tmp_path / "out"), prompts=("box",), grabcut=False
    )
    figures = run(request, Listener()).figures
    assert figures["agreement"]["box"]["iou"] == [[1.0, 1.0], [1.0, 1.0]]
    assert figures["differences"]["twin"]["box"] == {"mean": 0.0, "confidence": [0.0, 0.0]}
    assert "--no-grabcut" in request.argv() and request.argv()[:3] == ["compare", models[0], str(twin)]


def test_the_command_and_its_failures(tmp_path: Path, models: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    picture = tmp_path / "images" / "train_1.png"
    picture.write_bytes(picture.read_bytes()[:-400])
    words = ["compare", *models, "--data", str(tmp_path / "train.json"), "--out", str(tmp_path / "out")]
    status = cli.run([*words, "--clicks", "1", "--shown", "1", "--json"], lambda *_, **__: 0)
    result = CompareRequest.parse(json.loads(capsys.readouterr().out))
    assert status == 1 and [Path(f.path or "").name for f in result.failures] == ["train_1.png"]
    assert result.figures["objects"] == 2


@pytest.mark.parametrize("changes", [{"prompts": ("lasso",)}, {"clicks": 0}, {"border": "mine"}, {"min_area": 0.9}])
def test_senseless_requests_are_refused(tmp_path: Path, models: list[str], changes: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        run(CompareRequest(tuple(models), str(tmp_path / "train.json"), str(tmp_path / "out"), **changes), Listener())


def test_contenders_have_names_of_their_own(tmp_path: Path) -> None:
    files = []
    for folder in ("first", "second", "deep/second"):
        file = tmp_path / folder / "best.safetensors"
        file.parent.mkdir(parents=True)
        file.write_bytes(b"")
        files.append(str(file))
    assert [c.label for c in contenders(["starter", *files])] == ["starter", "first", "second", "second (2)"]
    with pytest.raises(ModelError):
        contenders(["sam2.1-large"], str(tmp_path))
    with pytest.raises(UsageError):
        contenders([])


def test_peak_memory_sees_what_was_needed() -> None:
    with PeakMemory(Device("cpu", "CPU")) as memory:
        block = np.ones(40_000_000)
    assert block.nbytes == 320_000_000 and 250 < memory.megabytes < 600


def test_the_map_of_agreement_is_coloured_where_answers_differ() -> None:
    rgb = np.full((40, 60, 3), 100, np.uint8)
    left, both = np.zeros((40, 60), bool), np.zeros((40, 60), bool)
    left[:, :30], both[:, :20] = True, True
    drawn = sheets.agreement(rgb, [left, both])
    agreed, split, outside = (drawn[20, x].astype(int) for x in (10, 25, 50))
    assert agreed[1] > agreed[0] and split[0] > split[1] and outside[0] == outside[1] == outside[2]
