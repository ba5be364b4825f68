"""Folders of runs as the window reads them, and orders as it checks them."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from app.teaching.orders import (
    CLASSIFIER_RECIPES,
    RECIPES,
    ClassifierOrder,
    TrainOrder,
    classifier_request,
    describe_classes,
    free_folder,
    free_name,
    request_for,
    resumed_classifier,
    settings_of,
)
from app.teaching.reports import MeasureOrder, find_reports, measurement, reports_dir
from app.teaching.runs import Rows, best_of, find_runs, read_facts, samples_of, series, validations
from inference.errors import FormatError, ModelError, UsageError
from inference.jobs.compare import CompareRequest
from inference.jobs.evaluate import EvaluateRequest
from inference.training.classifier_config import PRESETS, make_config
from inference.training.config import presets
from tests.unit.classifier_scene import write_classes


def _run(folder: Path, **told: Any) -> Path:
    folder.mkdir(parents=True)
    base = {"kind": "sam2", "status": "finished", "process": None, "request": {"data": ["x"]}}
    (folder / "run.json").write_text(json.dumps(base | told))
    return folder


def _append(file: Path, *rows: dict[str, Any], end: str = "\n") -> None:
    with file.open("a") as stream:
        stream.write("\n".join(json.dumps(row) for row in rows) + end)


def test_rows_are_read_once_and_half_lines_wait(tmp_path: Path) -> None:
    file, rows = tmp_path / "metrics.jsonl", Rows(tmp_path)
    assert rows.new() == ([], False)
    _append(file, {"step": 1, "loss": 2.0}, {"step": 2, "loss": 1.5})
    assert [row["step"] for row in rows.new()[0]] == [1, 2]
    assert rows.new() == ([], False)
    text = json.dumps({"step": 3, "loss": 1.0})
    with file.open("a") as stream:
        stream.write(text[:9])
    assert rows.new() == ([], False)
    with file.open("a") as stream:
        stream.write(text[9:] + "\nnonsense\n[1]\n")
    assert rows.new() == ([{"step": 3, "loss": 1.0}], False)


def test_a_run_that_went_back_is_read_anew(tmp_path: Path) -> None:
    file, rows = tmp_path / "metrics.jsonl", Rows(tmp_path)
    _append(file, *({"step": n, "loss": n / 7} for n in range(40)))
    assert len(rows.new()[0]) == 40
    file.write_text("")
    _append(file, *({"step": n, "loss": n / 7} for n in range(30)), *({"step": n, "loss": 9.0} for n in range(30, 60)))
    found, anew = rows.new()
    assert anew and [row["step"] for row in found] == list(range(60))


def test_status_of_a_run_follows_its_process(tmp_path: Path) -> None:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    alive = _run(tmp_path / "alive", status="running", process=os.getpid(), started="2000-01-01T00:00:00+00:00")
    assert read_facts(alive).status == "stopped"  # that number belongs to a later process
    (alive / "run.json").write_text(
        json.dumps({"kind": "sam2", "status": "running", "process": os.getpid(), "started": now, "request": {}})
    )
    assert read_facts(alive).status == "running"
    assert read_facts(_run(tmp_path / "dead", status="running", process=2**30, started=now)).status == "stopped"
    assert read_facts(_run(tmp_path / "bad", status="failed", reason="No.")).reason == "No."
    damaged = _run(tmp_path / "damaged")
    (damaged / "run.json").write_text("{")
    assert read_facts(damaged).status == "failed" and "damaged" in read_facts(damaged).reason
    assert read_facts(tmp_path) is None
    classifier = tmp_path / "classifier"
    classifier.mkdir()
    (classifier / "run.json").write_text(json.dumps({"classes": ["a", "b"], "data": ["y"]}))
    assert read_facts(classifier).kind == "classifier" and read_facts(classifier).status == "stopped"
    marks = {"status": "running", "process": os.getpid(), "started": now}
    (classifier / "run.json").write_text(json.dumps({"classes": ["a", "b"], "data": ["y"]} | marks))
    assert read_facts(classifier).status == "running"  # one that goes on elsewhere, too
    os.utime(damaged / "run.json", (4e9, 4e9))
    assert next(facts.name for facts in find_runs([tmp_path])) == "damaged"
    assert len(find_runs([tmp_path, damaged, tmp_path / "nowhere"])) == 5


def test_curves_and_samples_of_rows(tmp_path: Path) -> None:
    rows = [{"step": 0, "val_iou": 0.4, "samples": ["C:\\elsewhere\\0_0.png"]}, {"step": 5, "loss": 1.0, "lr": None},
            {"step": 9, "val_iou": 0.6}]  # fmt: skip
    assert series(rows, "loss") == ([5.0], [1.0]) and series(rows, "lr") == ([], [])
    assert [row["step"] for row in validations(rows)] == [0, 9] and best_of(rows)["step"] == 9
    assert best_of([]) is None
    assert samples_of(tmp_path, rows[2]) == []
    assert samples_of(tmp_path, {"samples": ["/moved/away/0_0.png"]}) == [tmp_path / "samples" / "0_0.png"]


def test_recipes_are_the_presets() -> None:
    assert {recipe.preset for recipe in RECIPES} == set(presets())
    assert {recipe.preset for recipe in CLASSIFIER_RECIPES} == set(PRESETS)


def test_an_order_becomes_a_request(tmp_path: Path) -> None:
    order = TrainOrder("n", ("a", "b"), "pets-cpu-256", "starter", 20, 128, more="epochs=3\nprecision = float32\n\n")
    request = request_for(order, tmp_path / "n")
    assert request.settings == {"epochs": 3, "precision": "float32", "minutes": 20, "image_size": 128}
    assert request.init is not None and request.init.endswith("winnow-starter.safetensors")
    assert request.out == str(tmp_path / "n") and request.preset == "pets-cpu-256"
    assert request_for(TrainOrder("n", ("a",), "from-scratch", ""), tmp_path).init is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"data": ()}, "nothing to learn from"),
        ({"more": "colour=1"}, "no setting colour"),
        ({"more": "pictures=0"}, "pictures"),
        ({"more": "just words"}, "just words"),
        ({"image_size": 100}, "image_size"),
        ({"preset": "nonsense"}, "nonsense"),
    ],
)
def test_wrong_orders_are_named(tmp_path: Path, change: dict[str, Any], words: str) -> None:
    order = {"name": "n", "data": ("a",), "preset": "pets-cpu-256", "base": "starter"} | change
    with pytest.raises(UsageError, match=words):
        request_for(TrainOrder(**order), tmp_path)


def test_orders_of_classifiers(tmp_path: Path) -> None:
    data = (str(write_classes(tmp_path / "data", 4)),)
    said, note = describe_classes(data).splitlines()
    assert said == "12 pictures in 3 classes: fire 4, grass 4, sea 4" and "no test part" in note
    with pytest.raises(FormatError, match="no pictures in class folders"):
        describe_classes((str(tmp_path / "data" / "sea"),))
    order = ClassifierOrder("n", data, "cifar10-small-vit", "w.safetensors", 2, "batch=4\nthreads=1")
    request = classifier_request(order, tmp_path / "n")
    assert request.settings == {"batch": 4, "threads": 1, "minutes": 2} and request.weights == "w.safetensors"
    for wrong in ({"data": ()}, {"more": "colour=1"}, {"more": "batch=0"}, {"preset": "none"}):
        with pytest.raises(UsageError):
            classifier_request(
                ClassifierOrder(**({"name": "n", "data": data, "preset": "cifar10-small-vit"} | wrong)), tmp_path
            )
    config = make_config(request.preset, request.settings)
    told = {"data": list(data), "weights": None, "limit": 0, "config": json.loads(json.dumps(asdict(config)))}
    again = resumed_classifier(tmp_path / "n", told)
    kept = json.loads(json.dumps(asdict(make_config(again.preset, again.settings))))
    assert kept == told["config"] and again.data == data and again.out == str(tmp_path / "n")
    with pytest.raises(UsageError):
        resumed_classifier(tmp_path, {"data": list(data)})


def test_a_base_model_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ModelError):
        request_for(TrainOrder("n", ("a",), "pets-cpu-256", "sam2.1-tiny"), tmp_path)


def test_names_of_runs(tmp_path: Path) -> None:
    assert free_folder("pets/2: a?", tmp_path) == tmp_path / "pets-2- a-"
    (tmp_path / "there").mkdir()
    for name in ("there", "  ", ".."):
        with pytest.raises(UsageError):
            free_folder(name, tmp_path)
    assert free_name("a", {"a", "a 2"}) == "a 3" and free_name("b", {"a"}) == "b"
    assert settings_of("rounds=[0,1]\nscratch=sam2.1-tiny") == {"rounds": [0, 1], "scratch": "sam2.1-tiny"}


def test_measurements_and_their_reports(tmp_path: Path) -> None:
    order = MeasureOrder("evaluate", ("starter",), str(tmp_path / "pets"), "test", 5)
    request = measurement(order)
    assert isinstance(request, EvaluateRequest) and (request.split, request.limit) == ("test", 5)
    Path(request.out).mkdir(parents=True)
    assert measurement(order).out != request.out
    with pytest.raises(UsageError, match="Two models"):
        measurement(MeasureOrder("compare", ("starter",), "d"))
    with pytest.raises(UsageError, match="No model"):
        measurement(MeasureOrder("compare", (), "d"))
    two = measurement(MeasureOrder("compare", ("starter", "starter"), "d"))
    assert isinstance(two, CompareRequest) and two.models == ("starter", "starter")
    assert find_reports() == []
    out = Path(request.out)
    (out / "report.html").write_text("")
    (out / "evaluation.json").write_text(json.dumps({"click1": 0.8125, "box": 0.9, "objects": 5}))
    (reports_dir() / "other").mkdir()
    (reports_dir() / "other" / "report.html").write_text("")
    (report,) = find_reports()
    assert report.kind == "evaluate" and report.headline == "one click 0.812, box 0.900 on 5 objects"
    (out / "evaluation.json").write_text("[]")
    assert find_reports()[0].headline == ""
