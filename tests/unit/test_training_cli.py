"""`main.py train sam2` and `main.py evaluate`, from the command line to the files and the exit status."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from app import cli
from app.cli.evaluate import job_context
from inference.engines.architecture import build_model, save_checkpoint
from inference.errors import AppError, Cancelled
from inference.jobs.evaluate import EvaluateRequest
from inference.jobs.train_sam2 import TrainSam2Request
from inference.protocol import Progress
from tests.unit.training_scene import TINY, write_scene

SETTINGS = ["pictures=2", "objects=2", "max_steps=1", "threads=1", "precision=float32", "validate_objects=1"]


def _run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, object]]:
    status = cli.run(list(words), lambda *_, **__: 0)
    out = capsys.readouterr().out
    return status, json.loads(out) if out.strip() else {}


@pytest.fixture
def scene(tmp_path: Path) -> tuple[str, str]:
    """A COCO file and a tiny model."""
    model = save_checkpoint(build_model(TINY), TINY, tmp_path / "tiny.safetensors")
    return str(write_scene(tmp_path)), str(model)


def test_train_then_evaluate(tmp_path: Path, scene: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    data, model = scene
    options = [word for text in SETTINGS for word in ("--set", text)]
    status, trained = _run(
        capsys, "train", "sam2", "--data", data, "--init", model, "--image-size", "64",
        "--out", str(tmp_path / "run"), *options, "--json",
    )  # fmt: skip
    assert status == 0 and trained["steps"] == 1 and trained["failures"] == []
    assert TrainSam2Request.parse(trained).checkpoint == str(tmp_path / "run" / "best.safetensors")
    status, figures = _run(
        capsys, "evaluate", "--data", data, "--model", str(trained["checkpoint"]), "--prompts", "box,click",
        "--clicks", "5", "--out", str(tmp_path / "eval"), "--json",
    )  # fmt: skip
    assert status == 0
    assert {"box", "click1", "click2", "click3", "click4", "click5", "grabcut_box"} <= set(figures)
    assert EvaluateRequest.parse(figures).figures["box"] == figures["box"]


def test_counted_clicks_are_told_with_their_limit(
    tmp_path: Path, scene: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    data, model = scene
    words = ["evaluate", "--data", data, "--model", model, "--prompts", "click", "--clicks", "1", "--limit", "2"]
    assert cli.run([*words, "--noc-clicks", "3", "--out", str(tmp_path / "three")], lambda *_, **__: 0) == 0
    said = " ".join("".join(capsys.readouterr()).split())
    assert "clicks, at most 3;" in said and "did not get there with 3." in said and "grabcut" not in said.lower()
    assert cli.run([*words, "--noc-clicks", "1", "--out", str(tmp_path / "one")], lambda *_, **__: 0) == 0
    assert "NoC" not in "".join(capsys.readouterr())


def test_a_broken_picture_is_listed_and_the_status_says_so(
    tmp_path: Path, scene: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    data, model = scene
    (tmp_path / "images" / "train_1.png").unlink()
    words = ["evaluate", "--data", data, "--model", model, "--out", str(tmp_path / "eval"), "--clicks", "1"]
    status, figures = _run(capsys, *words, "--no-grabcut", "--json")
    assert status == 1
    result = EvaluateRequest.parse(figures)
    assert len(result.failures) == 1 and "train_1.png" in str(result.failures[0])


@pytest.mark.parametrize("setting", ["pictures", "pictures=many", "colour=1"])
def test_wrong_settings_are_usage_errors(
    tmp_path: Path, scene: tuple[str, str], capsys: pytest.CaptureFixture[str], setting: str
) -> None:
    words = ["train", "sam2", "--data", scene[0], "--out", str(tmp_path / "run"), "--set", setting]
    assert _run(capsys, *words)[0] == 2


def test_a_missing_data_set_is_named(
    tmp_path: Path, scene: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["evaluate", "--data", str(tmp_path / "nowhere"), "--model", scene[1], "--out", str(tmp_path / "e")]
    assert cli.run(words, lambda *_, **__: 0) == 1
    assert "nowhere" in capsys.readouterr().err


def test_sigterm_ends_a_job_at_its_next_progress() -> None:
    seen: list[Progress] = []
    before = signal.getsignal(signal.SIGTERM)
    with job_context(seen.append) as context:
        context.progress(1, 3, "first")
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(Cancelled):
            context.progress(2, 3, "second")
    assert [p.message for p in seen] == ["first", "second"]
    assert signal.getsignal(signal.SIGTERM) == before


def test_failures_survive_the_command_line() -> None:
    data = {"box": 0.5, "failures": [{"type": "ImageError", "message": "Broken.", "path": "a.png", "remedy": None}]}
    result = EvaluateRequest.parse(data)
    assert result.figures == {"box": 0.5} and isinstance(result.failures[0], AppError)
