"""What a model taught one class says of clicks and boxes, and masks that keep to their box and apart."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from app.instance import Instance, Source
from app.session.class_map import PATCH, ClassMap, apart, bounded, within
from inference.engines.architecture import build_model, save_checkpoint
from inference.masks import Mask
from inference.prompts import Box
from inference.protocol import Candidate
from inference.weights.cards import taught_one_class, training_card
from tests.unit.training_scene import TINY


def _half(width: int = 200, height: int = 100) -> ClassMap:
    """The left half is the class."""
    logits = np.full((32, 32), -6.0, np.float32)
    logits[:, :16] = 6.0
    return ClassMap(logits, width, height)


def test_probability_is_the_mean_of_the_patch_in_full_size() -> None:
    rng = np.random.default_rng(0)
    seen = ClassMap(rng.normal(0, 4, (16, 16)).astype(np.float32), 90, 60)
    full = torch.nn.functional.interpolate(torch.from_numpy(seen.logits)[None, None], (60, 90), mode="bilinear")
    probability = torch.sigmoid(full)[0, 0].numpy()
    for x, y in ((45.3, 30.9), (0.0, 0.0), (89.9, 59.9), (7.0, 52.5)):
        left, top = max(int(x) - PATCH // 2, 0), max(int(y) - PATCH // 2, 0)
        patch = probability[top : int(y) + PATCH // 2 + 1, left : int(x) + PATCH // 2 + 1]
        assert seen.probability(x, y) == pytest.approx(float(patch.mean()), abs=2e-3)


def test_clicks_and_boxes_on_and_off_the_class() -> None:
    seen = _half()
    assert seen.sign(40, 50) and not seen.sign(160, 50)
    assert seen.sign(0, 0) and not seen.sign(200, 100)
    assert seen.verdict(Box(0, 0, 80, 100)).coverage == 1.0
    empty = seen.verdict(Box(120, 0, 200, 100))
    assert empty.coverage == 0.0 and not empty.positive
    both = seen.verdict(Box(50, 10, 150, 90))
    assert both.positive and both.coverage == pytest.approx(0.5, abs=0.02)
    assert seen.verdict(Box(50, 10, 150, 90), threshold=7.0).coverage == 0.0
    assert seen.verdict(Box(300, 300, 400, 400)).coverage == 0.0
    assert seen.coverage() == pytest.approx(0.5, abs=0.02)


def test_masks_end_at_their_box() -> None:
    rng = np.random.default_rng(1)
    pixels = rng.random((60, 90)) > 0.4
    box = Box(10.4, 5.6, 50.5, 40.0)
    y, x = np.mgrid[:60, :90] + 0.5
    inside = (x >= box.x0) & (x < box.x1) & (y >= box.y0) & (y < box.y1)
    assert np.array_equal(within(Mask.from_array(pixels), box).array(), pixels & inside)
    assert not within(Mask.from_array(pixels), Box(10, 10, 10.2, 10.2)).area
    logits = np.full((30, 30), 5.0, np.float32)
    (kept,) = bounded([Candidate(0.8, logits, Mask.from_array(pixels))], box, 90, 60)
    assert kept.mask is not None and np.array_equal(kept.mask.array(), pixels & inside)
    assert kept.low_res[10, 10] == 5.0 and kept.low_res[29, 29] < 0 and kept.low_res[0, 0] < 0
    assert logits.min() == 5.0  # the model's own answer stays as it was


def _instance(name: str, x0: int, x1: int, score: float | None, *, locked: bool = False) -> Instance:
    pixels = np.zeros((10, 40), bool)
    pixels[:, x0:x1] = True
    return Instance(name, Mask.from_array(pixels), None, score, Source.CLICK, locked=locked)


def test_the_highest_score_wins_a_pixel() -> None:
    sure, unsure = _instance("sure", 0, 12, 0.95), _instance("unsure", 16, 30, 0.4)
    drawn, locked = _instance("drawn", 18, 20, None), _instance("locked", 24, 25, 0.1, locked=True)
    swallowed, far = _instance("swallowed", 21, 23, 0.2), _instance("far", 35, 40, 0.1)
    new, changed = apart(_instance("new", 8, 28, 0.7), [sure, unsure, drawn, locked, swallowed, far])
    row = new.mask.array()[0]
    assert np.flatnonzero(row).tolist() == [n for n in range(12, 28) if n not in (18, 19, 24)]
    by_id = {one.id: np.flatnonzero(one.mask.array()[0]).tolist() for one in changed}
    assert by_id == {"unsure": [18, 19, 24, 28, 29], "swallowed": []}
    again, none = apart(new, [new, far])
    assert again == new and none == []


def test_weights_say_whether_they_were_taught_one_class(tmp_path: Path) -> None:
    model = build_model(TINY)

    def saved(name: str, card: dict[str, object]) -> Path:
        return save_checkpoint(model, TINY, tmp_path / f"{name}.safetensors", card)

    pets = saved("pets", {"config": {"whole_box_share": 0.0, "objects": 1}})
    assert taught_one_class(pets) and training_card(pets)["config"]["objects"] == 1
    assert taught_one_class(saved("boxes", {"config": {"whole_box_share": 0.5, "objects": 4}}))
    assert not taught_one_class(saved("starter", {"config": {"whole_box_share": 0.0, "objects": 4}}))
    assert not taught_one_class(saved("none", {}))
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(b"nothing")
    assert not taught_one_class(broken) and not taught_one_class(tmp_path / "missing.pt")
    assert training_card(Path(json.__file__)) == {}
