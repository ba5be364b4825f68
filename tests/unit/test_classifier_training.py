"""Training a classifier: it learns, goes on exactly where it stopped, and what it writes can be used and compared."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save_file

from inference.engines.checkpoint import CARD_KEY
from inference.engines.classifier_checkpoint import (
    CLASSIFIER_KEY,
    is_classifier,
    load_classifier,
    save_classifier,
)
from inference.engines.classifier_model import ClassifierArch, build_classifier
from inference.errors import Cancelled, FormatError, ModelError, StorageError
from inference.evaluation.classifier_cost import cost
from inference.jobs.train_classifier import TrainClassifierRequest, run
from inference.training.classifier_batches import LabelledBatch
from inference.training.classifier_loop import unfold_batch_norms
from tests.unit.classifier_scene import FAST, write_classes

TINY = ClassifierArch("small-vit", ("a", "b"), 16, FAST["options"])


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


class Listener:
    """Keeps what was reported; asks to stop when a line says the given step."""

    models = None

    def __init__(self, stop_at: int = -1) -> None:
        self.lines: list[dict[str, float]] = []
        self.stop_at = stop_at

    def progress(self, done: int, total: int, message: str = "", payload: Any = None) -> None:
        if payload:
            self.lines.append(payload)
            if payload["step"] == self.stop_at:
                raise Cancelled


def _train(data: Path, out: Path, stop_at: int = -1, weights: str | None = None, **changes: Any) -> Any:
    settings = FAST | {"epochs": 4.0} | changes
    return run(TrainClassifierRequest((str(data),), str(out), None, weights, 0, settings), Listener(stop_at))


def _told(folder: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((folder / "run.json").read_text("utf-8"))
    return told


def test_it_learns_and_reports(tmp_path: Path) -> None:
    done = _train(write_classes(tmp_path / "data"), tmp_path / "run", epochs=25.0)
    assert done.figures["accuracy"] >= 0.8 and done.figures["val_accuracy"] >= 0.8 and done.epochs == 25
    lines = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert {"loss", "cpu_seconds", "epoch"} <= set(lines[0]) and any("val_accuracy" in line for line in lines)
    report = tmp_path / "run" / "report"
    names = {path.name for path in report.iterdir()}
    assert names >= {
        "metrics.csv", "confusion_matrix.csv", "classification_report.txt", "test_predictions.npy", "test_logits.npy",
        "test_targets.npy", "report.html", "report.json", "curves.png", "confusion_matrix.png", "per_class.png",
        "calibration.png", "worst.png", "test_pictures.csv",
    }  # fmt: skip
    logits, said = (np.load(report / f"test_{k}.npy") for k in ("logits", "predictions"))
    assert logits.shape == (6, 3) and (logits.argmax(1) == said).all()
    assert "<img" in (report / "report.html").read_text("utf-8")


def test_a_stopped_run_goes_on_exactly(tmp_path: Path) -> None:
    data = write_classes(tmp_path / "data")
    _train(data, tmp_path / "whole")
    with pytest.raises(Cancelled):
        _train(data, tmp_path / "parts", stop_at=4)
    assert not (tmp_path / "parts" / "last.safetensors").exists()
    assert _told(tmp_path / "parts")["status"] == "stopped"
    _train(data, tmp_path / "parts")
    told = _told(tmp_path / "parts")
    assert told["status"] == "finished" and told["continued"] and told["process"] is None
    one, other = (load_classifier(tmp_path / n / "last.safetensors")[0].state_dict() for n in ("whole", "parts"))
    assert all(torch.equal(one[k], other[k]) for k in one)


def test_a_finished_run_is_only_reported_again(tmp_path: Path) -> None:
    data = write_classes(tmp_path / "data")
    first = _train(data, tmp_path / "run")
    assert _train(data, tmp_path / "run").steps == first.steps


def test_another_model_does_not_go_on_in_the_folder(tmp_path: Path) -> None:
    data = write_classes(tmp_path / "data")
    _train(data, tmp_path / "run")
    with pytest.raises(ModelError, match="another model or other classes"):
        _train(write_classes(tmp_path / "other", classes=("sea", "fire")), tmp_path / "run")
    (tmp_path / "run" / "state.pt").write_bytes(b"nonsense")
    with pytest.raises(ModelError, match="cannot be continued"):
        _train(data, tmp_path / "run")


@pytest.mark.slow
@pytest.mark.timeout(420)  # three processes import torch; on a machine that does ten things that takes minutes
def test_two_processes_train_as_one(tmp_path: Path) -> None:
    """torchrun with two processes gives the weights that one gives, but for rounding."""
    data = write_classes(tmp_path / "data")
    _train(data, tmp_path / "one", epochs=2.0)
    settings = [w for k, v in (FAST | {"epochs": 2.0}).items() for w in ("--set", f"{k}={json.dumps(v)}")]
    root = Path(__file__).parents[2]
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    words = ["main.py", "train", "classifier", "--data", str(data), "--out", str(tmp_path / "two"), *settings, "--json"]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "WINNOW_HOME": str(tmp_path / "home")}
    done = subprocess.run([*torchrun, *words], cwd=root, env=environment, capture_output=True, text=True, timeout=400)
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads(done.stdout)["steps"] > 0  # one process speaks
    one, two = (load_classifier(tmp_path / n / "last.safetensors")[0].state_dict() for n in ("one", "two"))
    assert all(torch.allclose(one[k], two[k], atol=2e-3) for k in one)


def test_broken_pictures_are_left_out_and_listed(tmp_path: Path) -> None:
    data = write_classes(tmp_path / "data")
    (data / "sea" / "03.png").write_bytes(b"")
    (data / "sea" / "04.png").write_bytes(b"\x89PNG nonsense")
    done = _train(data, tmp_path / "run")
    assert sorted(Path(p).name for p in done.broken) == ["03.png", "04.png"]


def test_too_few_pictures_for_a_batch_of_two_processes(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="cannot be shared"):
        _train(write_classes(tmp_path / "data", 1), tmp_path / "run", batch=7)


def test_a_full_disk_stops_with_the_file(tmp_path: Path) -> None:
    """The limit on file sizes fails a write as a full disk does: in the middle of it."""
    arch = ClassifierArch("small-vit", ("a", "b"), 16, FAST["options"] | {"dim": 256})
    model = build_classifier(arch)
    target = save_classifier(build_classifier(TINY), TINY, tmp_path / "best.safetensors")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with pytest.raises(StorageError, match="could not be written"):
            save_classifier(model, arch, target)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert load_classifier(target)[1] == TINY and [p.name for p in tmp_path.iterdir()] == ["best.safetensors"]


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError):
        _train(write_classes(tmp_path / "data"), tmp_path / "file" / "run")


def test_fine_tuning_takes_all_but_the_last_layer(tmp_path: Path) -> None:
    data = write_classes(tmp_path / "data")
    start = save_classifier(build_classifier(TINY), TINY, tmp_path / "start.safetensors")
    assert _train(data, tmp_path / "run", weights=str(start), epochs=1.0).steps
    with pytest.raises(ModelError, match="another model or size"):
        _train(data, tmp_path / "other", weights=str(start), options=FAST["options"] | {"dim": 32})
    assert _told(tmp_path / "other")["status"] == "failed" and "another model" in _told(tmp_path / "other")["reason"]
    with pytest.raises(ModelError, match="missing or damaged"):
        _train(data, tmp_path / "other", weights=str(data / "sea" / "00.png"))


def test_folded_batch_norms_get_statistics_without_changing_the_function() -> None:
    torch.manual_seed(0)
    model = timm.create_model("mobilenetv2_050", pretrained=False, num_classes=3)
    images = torch.rand(8, 3, 64, 64)
    batch = LabelledBatch(images, torch.zeros(8, dtype=torch.int64), np.arange(8))
    model.eval()
    with torch.inference_mode():
        before = model(images)
    unfold_batch_norms(model, batch)
    with torch.inference_mode():
        assert torch.allclose(model(images), before, atol=1e-4)
        assert not torch.allclose(model.bn1.running_mean, torch.zeros(1))
        assert torch.allclose(model.train()(images), before, atol=0.05)  # and training begins where it was


def test_costs_are_counted() -> None:
    small = cost(
        build_classifier(ClassifierArch("small-vit", ("a", "b"), 32)), ClassifierArch("small-vit", ("a", "b"), 32)
    )
    fine = ClassifierArch("small-vit", ("a", "b"), 32, {"patch": 2})
    large = cost(build_classifier(fine), fine)
    assert (small["sequence_length"], large["sequence_length"]) == (64, 256)
    assert 3.5 < large["activation_bytes"] / small["activation_bytes"] < 12
    net = ClassifierArch("mobilenetv2_050", ("a", "b"), 64)
    assert cost(build_classifier(net), net)["sequence_length"] == 0


@pytest.mark.parametrize("stem", ["patch", "conv"])
@pytest.mark.parametrize("patch", [2, 4])
def test_small_vits_are_kept_and_loaded(tmp_path: Path, stem: str, patch: int) -> None:
    options = {"patch": patch, "dim": 32, "depth": 1, "heads": 2, "stem": stem}
    arch = ClassifierArch("small-vit", ("a", "b", "ö"), 16, options)
    model = build_classifier(arch).eval()
    file = save_classifier(model, arch, tmp_path / "x.safetensors", {"steps": 3})
    loaded, known, card = load_classifier(file)
    images = torch.rand(2, 3, 16, 16)
    assert known == arch and card == {"steps": 3} and is_classifier(file)
    assert torch.allclose(loaded(images), model(images), atol=1e-2)  # float16 on disk


@pytest.mark.parametrize(
    "change",
    [
        {"name": "hf-hub:evil/model"},
        {"name": "resnet_of_nobody"},
        {"options": {"checkpoint_path": "/etc/passwd"}},
        {"options": {"pretrained": True}},
        {"classes": ["a"]},
        {"image_size": 10**9},
        {"options": {"patch": 5}},
        {"mean": [1]},
    ],
)
def test_forged_descriptions_are_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    text = json.dumps(json.loads(TINY.to_json()) | change)
    file = tmp_path / "x.safetensors"
    save_file({"x": torch.zeros(1)}, str(file), {CLASSIFIER_KEY: text, CARD_KEY: "{}"})
    with pytest.raises(ModelError):
        load_classifier(file)


def test_other_files_are_no_classifiers(tmp_path: Path) -> None:
    assert not is_classifier(tmp_path / "gone.safetensors")
    save_file({"x": torch.zeros(1)}, str(tmp_path / "x.safetensors"))
    assert not is_classifier(tmp_path / "x.safetensors")
    with pytest.raises(ModelError, match="no classifier"):
        load_classifier(tmp_path / "x.safetensors")


def test_models_that_do_not_exist_are_named() -> None:
    with pytest.raises(ModelError, match="timm has no model"):
        build_classifier(ClassifierArch("vit_smal_patch16", ("a", "b")))
    with pytest.raises(ModelError, match="multiple of the patch"):
        build_classifier(ClassifierArch("small-vit", ("a", "b"), 30))
