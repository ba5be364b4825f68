"""Training in several processes: two share what one sees with the doubled batch; and the script for a cluster."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from app import cli, cluster
from app.cluster import ClusterCommand, ClusterPlan, job_script, submit
from inference.engines.architecture import build_model, save_checkpoint
from inference.errors import UsageError
from inference.paths import program_dir
from tests.unit.training_scene import TINY, write_scene

SETTINGS = {
    "max_steps": 3, "objects": 2, "threads": 1, "precision": "float32", "log_steps": 1, "warmup_steps": 1, "ema": 0.0,
    "freeze_fraction": 0.0, "learning_rate": 1e-3,
}  # fmt: skip


def _words(folder: Path, run: str, **settings: Any) -> list[str]:
    options = [w for k, v in (SETTINGS | settings).items() for w in ("--set", f"{k}={json.dumps(v)}")]
    data, start = str(folder / "train.json"), str(folder / "start.safetensors")
    words = ["train", "sam2", "--data", data, "--val", "none", "--init", start, "--image-size", "64"]
    return [*words, "--out", str(folder / run), *options]


def _rows(run: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_two_processes_are_one_with_the_doubled_batch(tmp_path: Path) -> None:
    write_scene(tmp_path)
    save_checkpoint(build_model(TINY), TINY, tmp_path / "start.safetensors", half=False)
    main = str(program_dir() / "main.py")
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", main]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    for command in (
        [*torchrun, *_words(tmp_path, "two", pictures=2)],
        [sys.executable, main, *_words(tmp_path, "one", pictures=4)],
        [sys.executable, main, *_words(tmp_path, "halves", pictures=2, accumulate=2)],
    ):
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-3000:]
    one = _rows(tmp_path / "one")
    assert [row["step"] for row in one] == [1, 2, 3]
    for run in ("two", "halves"):
        for mine, theirs in zip(one, _rows(tmp_path / run), strict=True):
            for key in ("loss", "loss_focal", "loss_dice", "loss_iou"):
                assert mine[key] == pytest.approx(theirs[key], rel=1e-4, abs=1e-4), (run, key)
            assert mine["norm"] == pytest.approx(theirs["norm"], rel=1e-3), run  # squares of differences add up
        weights = [torch.load(tmp_path / name / "state.pt", weights_only=True)["model"] for name in ("one", run)]
        assert all(torch.allclose(weights[0][k], weights[1][k], atol=1e-3) for k in weights[0])


def test_the_job_script_asks_for_what_was_said(tmp_path: Path) -> None:
    plan = ClusterPlan(nodes=2, gpus=4, hours=1.5, partition="gpu", qos="high", account="pets")
    script = job_script(plan, tmp_path / "slurm")
    for line in (
        "nodes=2",
        "ntasks-per-node=4",
        "gpus-per-node=4",
        "partition=gpu",
        "qos=high",
        "account=pets",
        "time=90",
    ):
        assert f"#SBATCH --{line}\n" in script
    assert "srun" in script and "submitit.core._submit" in script and str(program_dir()) in script
    assert not (tmp_path / "slurm").exists()


def test_a_built_program_does_not_queue_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    with pytest.raises(UsageError, match="built program"):
        submit(ClusterPlan(), tmp_path / "slurm", ["train", "sam2"])
    assert not (tmp_path / "slurm").exists()


def test_a_dry_run_prints_and_does_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_scene(tmp_path)
    words = ["train", "sam2", "--data", str(tmp_path / "train.json"), "--out", str(tmp_path / "run")]
    words += ["--preset", "pets-cpu-256", "--cluster", "slurm", "--nodes", "2", "--gpus", "8", "--partition", "p"]
    assert cli.run([*words, "--dry-run", "--json"], lambda *_, **__: 0) == 0
    told = json.loads(capsys.readouterr().out)
    assert "#SBATCH --nodes=2" in told["script"] and "#SBATCH --partition=p" in told["script"]
    assert told["command"][:2] == ["train", "sam2"] and "pets-cpu-256" in told["command"]
    assert not (tmp_path / "run").exists()
    assert cli.run([*words, "--dry-run", "--set", "colour=1"], lambda *_, **__: 0) == 2
    assert cli.run([*words[:6], "--cluster", "cloud"], lambda *_, **__: 0) == 2


def test_without_slurm_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match="srun"):
        submit(ClusterPlan(), tmp_path / "slurm", ["train", "sam2"])


def test_a_preempted_job_ends_its_training_and_asks_for_another_turn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ClusterCommand(("train", "sam2", "--out", str(tmp_path)))
    child = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(600)"])
    command._child = child
    again = pickle.loads(pickle.dumps(command.checkpoint().function))
    assert child.wait() != 0 and isinstance(again, cluster.ClusterCommand)
    assert again.words == command.words and again._child is None
