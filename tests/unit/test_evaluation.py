"""The evaluation reports what its command promises, lists what it cannot read, and clicks like a person would."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from inference.engines.architecture import build_model, save_checkpoint
from inference.engines.segmenter import Segmenter
from inference.errors import UsageError
from inference.evaluation.grabcut import grabcut
from inference.evaluation.measure import name_of
from inference.evaluation.objects import choose_objects
from inference.evaluation.protocol import Answerer, SegmenterAnswerer, iou_of, run_protocol, tight_box
from inference.jobs.evaluate import EvaluateRequest, run
from inference.pictures import read_rgb
from inference.training.data import Record, find_data, thing_mask
from tests.unit.training_scene import TINY, write_scene


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


class Listener:
    models = None

    def __init__(self) -> None:
        self.calls: list[tuple[int, int, str]] = []

    def progress(self, done: int, total: int, message: str = "", payload: Any = None) -> None:
        self.calls.append((done, total, message))


class Eraser:
    """An annotator's dream: answers a box with the truth, and clicks with discs around the positive ones."""

    def __init__(self, truth: np.ndarray) -> None:
        self.truth = truth
        self.fed_back: list[object] = []

    def answer(self, clicks: list[Any], box: Any, previous: Any) -> tuple[np.ndarray, Any]:
        self.fed_back.append(previous)
        if box is not None:
            return self.truth, "logits"
        mask = np.zeros(self.truth.shape, np.uint8)
        for x, y, positive in clicks:
            cv2.circle(mask, (int(x), int(y)), 6, int(positive), -1)
        return mask.astype(bool), f"logits {len(clicks)}"


def test_every_click_is_new_and_carries_the_logits_before() -> None:
    truth = np.zeros((60, 60), bool)
    truth[10:50, 15:45] = True
    eraser = Eraser(truth)
    outcome = run_protocol(eraser, truth, box=True, clicks=4, keep=True)  # type: ignore[arg-type]
    assert outcome.iou["box"] == 1.0 and list(outcome.iou) == ["box", "click1", "click2", "click3", "click4"]
    assert eraser.fed_back == [None, None, "logits 1", "logits 2", "logits 3"]
    values = [outcome.iou[f"click{n}"] for n in range(1, 5)]
    assert values == sorted(values) and values[0] < values[-1]


def test_the_application_and_the_plain_predictor_answer_alike(tmp_path: Path) -> None:
    record = find_data(write_scene(tmp_path))[0]
    rgb, truth = read_rgb(record.path), thing_mask(record, 0) > 127
    model = build_model(TINY)
    both = [SegmenterAnswerer(Segmenter(model, TINY)), Answerer(model, TINY.dense_prompts)]
    outcomes = []
    for answerer in both:
        answerer.set_image(rgb)
        outcomes.append(run_protocol(answerer, truth, box=True, clicks=4, keep=True))
    ours, plain = outcomes
    assert ours.iou == plain.iou
    assert all((ours.masks[key] == plain.masks[key]).all() for key in plain.masks)


def test_a_right_answer_needs_no_further_click() -> None:
    truth = np.zeros((30, 30), bool)
    cv2.circle(canvas := truth.astype(np.uint8), (15, 15), 6, 1, -1)
    eraser = Eraser(canvas.astype(bool))
    outcome = run_protocol(eraser, canvas.astype(bool), box=False, clicks=3)  # type: ignore[arg-type]
    assert list(outcome.iou.values()) == [1.0, 1.0, 1.0] and len(eraser.fed_back) == 1


def test_uncertain_pixels_do_not_count() -> None:
    truth, answer, unsure = (np.zeros((4, 4), bool) for _ in range(3))
    truth[0], answer[0], answer[1], unsure[1] = True, True, True, True
    assert iou_of(answer, truth) == 0.5 and iou_of(answer, truth, unsure) == 1.0
    assert tight_box(truth) == (0, 0, 4, 1)


def test_grabcut_finds_a_plain_object_and_repeats_itself() -> None:
    rgb = np.random.default_rng(0).integers(0, 60, (80, 80, 3)).astype(np.uint8)
    cv2.circle(rgb, (40, 40), 20, (250, 200, 30), -1)
    truth = np.zeros((80, 80), np.uint8)
    cv2.circle(truth, (40, 40), 20, 1, -1)
    first = grabcut(rgb, tight_box(truth > 0))
    assert iou_of(first, truth > 0) > 0.9 and (grabcut(rgb, tight_box(truth > 0)) == first).all()
    assert grabcut(rgb, (0, 0, 80, 80)).all()


def test_objects_are_chosen_by_size_category_and_seed(tmp_path: Path) -> None:
    records = find_data(write_scene(tmp_path))
    assert sum(len(c.things) for c in choose_objects(records)) == 4  # "region" is left out
    assert sum(len(c.things) for c in choose_objects(records, exclude=())) == 8
    assert choose_objects(records, min_area=0.5) == []
    few = choose_objects(records, exclude=(), limit=3)
    assert sum(len(c.things) for c in few) == 3 and few == choose_objects(records, exclude=(), limit=3)


def test_the_job_reports_and_lists_broken_pictures(tmp_path: Path) -> None:
    scene = write_scene(tmp_path)
    (tmp_path / "images" / "train_2.png").write_bytes(b"broken")
    model = save_checkpoint(build_model(TINY), TINY, tmp_path / "m.safetensors")
    listener = Listener()
    result = run(EvaluateRequest(str(scene), str(model), str(tmp_path / "out"), clicks=2), listener)
    figures = json.loads((tmp_path / "out" / "evaluation.json").read_text())
    assert figures == result.figures
    assert {"box", "click1", "click2", "grabcut_box", "by_source", "by_size", "seconds"} <= set(figures)
    assert figures["objects"] == 3 and set(figures["by_source"]) == {"s0", "s1"}
    assert 0 <= figures["box"] <= 1 and figures["seconds"]["click"] > 0 and figures["seconds"]["grabcut_box"] > 0
    assert [Path(f.path or "").name for f in result.failures] == ["train_2.png"]
    assert len((tmp_path / "out" / "objects.csv").read_text().splitlines()) == 4
    head, *rows = csv.reader((tmp_path / "out" / "pictures.csv").read_text().splitlines())
    assert head[:3] == ["image", "objects", "box"] and {"click2_dice", "box_boundary_f", "click1_accuracy"} <= set(head)
    assert [row[0] for row in rows] == ["train_0.png", "train_1.png", "train_3.png"]
    assert figures["noc"]["at_most"] == 20 and set(figures["thresholds"]) == {"logits", "box", "click1", "click2"}
    cut_as_in_use = figures["thresholds"]["box"][figures["thresholds"]["logits"].index(0.0)]
    assert cut_as_in_use == figures["box"]
    for name in ("curves.png", "worst.png"):
        assert read_rgb(tmp_path / "out" / name).shape[0] > 100
    page = (tmp_path / "out" / "report.html").read_text("utf-8")
    assert page.count("data:image/") == 2 and "NoC@85" in page and 'src="curves' not in page
    assert listener.calls[-1][:2] == (3, 3)  # the broken one is found when the data set is read


@pytest.mark.parametrize(
    "changes",
    [{"prompts": ("lasso",)}, {"clicks": 0}, {"min_area": 0.9}, {"device": "abacus"}, {"border": "mine"}],
)
def test_senseless_requests_are_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    scene = write_scene(tmp_path)
    model = save_checkpoint(build_model(TINY), TINY, tmp_path / "m.safetensors")
    with pytest.raises(UsageError):
        run(EvaluateRequest(str(scene), str(model), str(tmp_path / "out"), **changes), Listener())


def test_boxes_alone(tmp_path: Path) -> None:
    scene = write_scene(tmp_path, pictures=1)
    model = save_checkpoint(build_model(TINY), TINY, tmp_path / "m.safetensors")
    request = EvaluateRequest(
        str(scene), str(model), str(tmp_path / "out"), prompts=("box",), grabcut=False, device="cpu", curves=False
    )
    figures = run(request, Listener()).figures
    assert "box" in figures and "click1" not in figures and "grabcut_box" not in figures
    assert figures["device"] == "CPU"
    assert "noc" not in figures and "thresholds" not in figures
    switches = {"--no-grabcut", "--force-device", "--no-threshold-curve"}
    assert request.argv()[0] == "evaluate" and switches <= set(request.argv())


def test_clicks_alone_need_no_grabcut_and_the_progress_says_what_takes_long(tmp_path: Path) -> None:
    scene = write_scene(tmp_path, pictures=1)
    model = save_checkpoint(build_model(TINY), TINY, tmp_path / "m.safetensors")
    request = EvaluateRequest(str(scene), str(model), str(tmp_path / "out"), prompts=("click",), clicks=1, noc=1)
    figures = run(request, Listener()).figures
    assert set(figures["confidence"]) == {"click1"} and "grabcut_box" not in figures["seconds"]
    assert "noc" not in figures  # with one click it would be 1 whatever the model does
    listener = Listener()
    figures = run(replace(request, prompts=("box", "click"), noc=3), listener).figures
    assert "grabcut_box" in figures and figures["noc"]["at_most"] == 3
    doing = [message for _, _, message in listener.calls]
    assert {"train_0.png", "train_0.png: click 2", "train_0.png: GrabCut"} <= set(doing)


def _pets(folder: Path) -> Path:
    """Two pictures in the layout of the Oxford-IIIT Pet set: a cat and a dog, with an uncertain border."""
    (folder / "images").mkdir(parents=True)
    (folder / "annotations" / "trimaps").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for name, x in (("Bengal_1", 40), ("american_bulldog_2", 60)):
        trimap = np.full((96, 128), 2, np.uint8)
        cv2.circle(trimap, (x, 48), 24, 3, -1)
        cv2.circle(trimap, (x, 48), 20, 1, -1)
        cv2.imwrite(str(folder / "images" / f"{name}.jpg"), rng.integers(0, 255, (96, 128, 3)).astype(np.uint8))
        cv2.imwrite(str(folder / "annotations" / "trimaps" / f"{name}.png"), trimap)
    (folder / "annotations" / "test.txt").write_text("Bengal_1 6 1 1\namerican_bulldog_2 2 2 1\n")
    return folder


@pytest.mark.parametrize(("border", "radius"), [("ignore", 20), ("inside", 24), ("outside", 20)])
def test_pets_are_cats_dogs_and_background(tmp_path: Path, border: str, radius: int) -> None:
    pets = _pets(tmp_path / "pets")
    model = save_checkpoint(build_model(TINY), TINY, tmp_path / "m.safetensors")
    request = EvaluateRequest(
        str(pets), str(model), str(tmp_path / "out"), clicks=1, split="test", border=border, noc=0
    )
    figures = run(request, Listener()).figures
    assert set(figures["by_class"]) == {"cat", "dog"}
    assert set(figures["categories"]["click1"]) == {"cat", "dog", "background", "mean", "confidence"}
    rows = list(csv.DictReader((tmp_path / "out" / "objects.csv").read_text().splitlines()))
    assert [row["category"] for row in rows] == ["cat", "dog"]
    assert float(rows[0]["share"]) == pytest.approx(np.pi * radius**2 / (96 * 128), rel=0.05)
    assert request.border in request.argv()


def test_pictures_of_sam2s_layout_go_by_their_folders(tmp_path: Path) -> None:
    record = Record(tmp_path / "JPEGImages" / "a cat" / "00000.jpg", "s", ())
    assert name_of(record) == "a cat"
    assert name_of(Record(tmp_path / "b.jpg", "s", ())) == "b.jpg"
