"""The segmenter against the plain predictor: the same bits; and what it does when memory runs out."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from inference import paths
from inference.engines.architecture import configs, load_checkpoint, predictor_for
from inference.engines.device import Device
from inference.engines.embedding import network_input
from inference.engines.segmenter import Segmenter
from inference.errors import OutOfMemory, UsageError
from inference.masks import Mask
from inference.prompts import Box, Point, Prompts
from tests.random_models import HIERA, SMALL, picture, random_model

CLICK = Prompts((Point(301.3, 222.8),))
MANY = Prompts((Point(301.3, 222.8), Point(20, 30.5, False), Point(500, 400)))
BOX = Prompts((), Box(100.5, 80, 400, 333.25))
BOTH = Prompts((Point(200, 200), Point(110, 90, False)), Box(100.5, 80, 400, 333.25))


def asked(prompts: Prompts) -> dict[str, Any]:
    """The prompts as the predictor's arguments."""
    box = prompts.box
    return {
        "point_coords": np.array([[p.x, p.y] for p in prompts.points], np.float32) if prompts.points else None,
        "point_labels": np.array([int(p.positive) for p in prompts.points]) if prompts.points else None,
        "box": None if box is None else np.array([box.x0, box.y0, box.x1, box.y1], np.float32),
    }


def assert_same(
    predictor: Any, segmenter: Segmenter, rgb: np.ndarray, prompts: Prompts, multimask: bool, rounds: int = 3
) -> None:
    """In several rounds, each refining the answer of the one before."""
    predictor.set_image(rgb)
    embedding = segmenter.encode(rgb)
    previous = None
    for _ in range(rounds):
        mask_input = None if previous is None else np.clip(previous, -32, 32)[None]
        masks, scores, logits = predictor.predict(**asked(prompts), mask_input=mask_input, multimask_output=multimask)
        candidates = segmenter.decode(embedding, prompts, previous, multimask)
        order = np.argsort(-scores, kind="stable")
        assert [c.score for c in candidates] == [float(scores[i]) for i in order]
        for candidate, i in zip(candidates, order, strict=True):
            assert np.array_equal(np.clip(candidate.low_res, -32, 32), logits[i])
            assert segmenter.full_mask(embedding, candidate) == Mask.from_array(masks[i] > 0)
        previous = candidates[0].low_res


@pytest.mark.parametrize("prompts", [CLICK, MANY, BOX, BOTH], ids=["click", "many", "box", "both"])
@pytest.mark.parametrize("multimask", [True, False])
def test_the_same_bits_as_the_plain_predictor(prompts: Prompts, multimask: bool) -> None:
    model = random_model(HIERA)
    assert_same(predictor_for(model), Segmenter(model, HIERA), picture(640, 480), prompts, multimask)


@pytest.mark.parametrize("prompts", [CLICK, MANY, BOX, BOTH], ids=["click", "many", "box", "both"])
def test_the_same_bits_with_dense_prompts(prompts: Prompts) -> None:
    model = random_model()
    predictor = predictor_for(model, dense_prompts=True)
    assert_same(predictor, Segmenter(model, SMALL), picture(700, 1000, 4), prompts, True)


@pytest.mark.slow
def test_the_same_bits_with_sam_2_1_tiny_at_its_own_size() -> None:
    config = configs["sam2.1-tiny"]
    model = random_model(config)
    assert_same(predictor_for(model), Segmenter(model, config), picture(1500, 1100), CLICK, True, rounds=1)


@pytest.mark.parametrize("prompts", [CLICK, BOX], ids=["click", "box"])
def test_the_same_bits_with_the_built_in_model(prompts: Prompts) -> None:
    weights = paths.checkpoint("winnow-starter.safetensors")
    if not weights.is_file():
        pytest.skip("the built-in model is not trained yet")
    model, config = load_checkpoint(weights)
    predictor = predictor_for(model, dense_prompts=config.dense_prompts)
    assert_same(predictor, Segmenter(model, config), picture(640, 480), prompts, True)


@pytest.mark.parametrize("size", [(1, 1), (3, 400), (1999, 17), (1300, 1200)])
def test_pictures_of_odd_sizes(size: tuple[int, int]) -> None:
    model = random_model()
    middle = Prompts((Point(size[0] / 2, size[1] / 2),))
    assert_same(predictor_for(model, dense_prompts=True), Segmenter(model, SMALL), picture(*size), middle, True)


def test_the_networks_input_is_sam2s(monkeypatch: pytest.MonkeyPatch) -> None:
    predictor = predictor_for(random_model(HIERA))
    for width, height in ((333, 222), (2000, 1000), (256, 256), (5, 900)):
        rgb = picture(width, height, width)
        assert torch.equal(network_input(rgb, 256), predictor._transforms(rgb)[None])


def test_the_embedding_is_the_predictors() -> None:
    model = random_model(HIERA)
    predictor = predictor_for(model)
    rgb = picture(320, 200)
    predictor.set_image(rgb)
    embedding = Segmenter(model, HIERA).encode(rgb)
    assert torch.equal(embedding.image, predictor._features["image_embed"])
    assert all(map(torch.equal, embedding.high_res, predictor._features["high_res_feats"]))
    assert (embedding.width, embedding.height) == (320, 200)
    assert embedding.nbytes == 4 * sum(t.numel() for t in embedding.tensors)


def test_prompts_decide_how_many_candidates_there_are() -> None:
    segmenter = Segmenter(random_model(), SMALL)
    embedding = segmenter.encode(picture(640, 480))
    several = segmenter.decode(embedding, CLICK)
    assert len(several) == 3
    assert several[0].score >= several[1].score >= several[2].score
    assert several[0].mask is None
    assert several[0].low_res.shape == (32, 32)
    assert len(segmenter.decode(embedding, BOX)) == 1
    assert len(segmenter.decode(embedding, MANY)) == 1
    assert len(segmenter.decode(embedding, CLICK, several[0].low_res)) == 1
    assert len(segmenter.decode(embedding, BOX, multimask=True)) == 3


def test_the_answer_of_another_model_can_be_refined() -> None:
    segmenter = Segmenter(random_model(), SMALL)
    embedding = segmenter.encode(picture(640, 480))
    assert segmenter.decode(embedding, CLICK, np.zeros((256, 256), np.float32))


def test_threshold_and_cleaning_are_options() -> None:
    segmenter = Segmenter(random_model(), SMALL)
    logits = np.full((32, 32), -5, np.float32)
    logits[4:20, 4:20] = 5
    logits[10, 10] = -5
    logits[28, 28] = 5
    plain = segmenter.full_mask((640, 640), logits)
    assert segmenter.full_mask((640, 640), logits, threshold=2.0).area < plain.area
    filled = segmenter.full_mask((640, 640), logits, fill_holes=2000)
    assert filled.array()[210, 210]
    cleaned = segmenter.full_mask((640, 640), logits, remove_specks=2000)
    assert not cleaned.array()[570, 570]
    assert plain.array()[570, 570]


def test_prompts_that_make_no_sense_are_refused() -> None:
    segmenter = Segmenter(random_model(), SMALL)
    embedding = segmenter.encode(picture(64, 48))
    with pytest.raises(UsageError):
        segmenter.decode(embedding, Prompts())
    with pytest.raises(UsageError):
        segmenter.decode(embedding, Prompts((Point(900, 9),)))


def test_half_precision_gives_float32_answers() -> None:
    segmenter = Segmenter(random_model(), SMALL, Device("cpu", "CPU", "bfloat16"))
    embedding = segmenter.encode(picture(640, 480))
    candidate = segmenter.decode(embedding, CLICK)[0]
    assert candidate.low_res.dtype == np.float32
    assert segmenter.full_mask(embedding, candidate).width == 640


class Crowded(Segmenter):
    """A segmenter whose first `failures` encodes find the card full."""

    def __init__(self, failures: int, on_cpu_too: bool = False) -> None:
        self.left = failures
        self.on_cpu_too = on_cpu_too
        self.released = 0
        device = SimpleNamespace(
            kind="cuda", name="Small card", precision="float32", torch_name="cpu", on_cpu=Device("cpu", "CPU").on_cpu
        )
        super().__init__(random_model(), SMALL, device)  # type: ignore[arg-type]

    def release(self) -> None:
        self.released += 1
        self._on_device = None

    def _encode(self, rgb: np.ndarray) -> Any:
        if self.left and (self.device.kind == "cuda" or self.on_cpu_too):
            self.left -= 1
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return super()._encode(rgb)


@pytest.fixture
def no_card(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inference.engines.device.release_memory", lambda _device: None)


def test_a_full_card_is_tried_again_with_its_caches_freed(no_card: None) -> None:
    segmenter = Crowded(1)
    assert segmenter.encode(picture(64, 48)).width == 64
    assert segmenter.device.kind == "cuda"
    assert segmenter.released == 1


def test_a_card_that_stays_full_is_left_for_the_cpu_and_that_is_said(no_card: None) -> None:
    segmenter = Crowded(2)
    embedding = segmenter.encode(picture(64, 48))
    assert segmenter.device.kind == "cpu"
    assert segmenter.device.reason == "Small card ran out of memory"
    assert segmenter.decode(embedding, Prompts((Point(5, 5),)))


def test_no_memory_anywhere_is_reported_and_the_segmenter_goes_on(no_card: None) -> None:
    segmenter = Crowded(3, on_cpu_too=True)
    with pytest.raises(OutOfMemory) as caught:
        segmenter.encode(picture(64, 48))
    assert caught.value.remedy
    assert segmenter.encode(picture(64, 48)).height == 48


def test_other_failures_are_not_taken_for_memory() -> None:
    segmenter = Segmenter(random_model(), SMALL)
    with pytest.raises(RuntimeError):
        segmenter.encode(np.zeros((0, 5, 3), np.uint8))
