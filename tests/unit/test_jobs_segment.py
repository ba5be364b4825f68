"""The interactive jobs and the batch, through the runner of the command line, with a real model and real files."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from PIL import Image

from inference.engines.architecture import save_checkpoint
from inference.engines.pool import ModelPool
from inference.errors import Cancelled, ImageError, ModelError, UsageError
from inference.jobs.full_mask import FullMaskRequest
from inference.jobs.load_model import LoadModelRequest
from inference.jobs.prefetch import PrefetchRequest
from inference.jobs.segment import SegmentRequest
from inference.jobs.segment_batch import BatchImage, BatchItem, SegmentBatchRequest
from inference.prompts import Box, Point, Prompts
from inference.protocol import ImageRef, Progress
from inference.worker.inline import InlineRunner
from tests.random_models import SMALL, picture, random_model

CLICK = Prompts((Point(90, 70),))


@pytest.fixture
def weights(tmp_path: Path) -> str:
    return str(save_checkpoint(random_model(), SMALL, tmp_path / "small.safetensors"))


@pytest.fixture
def image(tmp_path: Path) -> ImageRef:
    Image.fromarray(picture(400, 300)).save(tmp_path / "photo.jpg")
    return ImageRef(str(tmp_path / "photo.jpg"), "photo.jpg", 7)


@pytest.fixture
def runner() -> InlineRunner:
    return InlineRunner(ModelPool(force_device="cpu"))


def test_a_click_gives_candidates_and_the_best_ones_mask(runner: InlineRunner, image: ImageRef, weights: str) -> None:
    seen: list[Progress] = []
    result = runner.run(SegmentRequest(image, weights, CLICK), seen.append)
    assert result.image == image
    assert (result.width, result.height, result.device, result.from_cache) == (400, 300, "CPU", False)
    assert [p.message for p in seen] == ["Loading the model", "Looking at the picture"]
    best, *others = result.candidates
    assert (best.mask.width, best.mask.height) == (400, 300)
    assert [c.mask for c in others] == [None, None]
    assert best.score >= others[0].score >= others[1].score
    again = runner.run(SegmentRequest(image, weights, CLICK), seen.append)
    assert again.from_cache
    assert again.candidates[0].mask == best.mask
    assert len(seen) == 2


def test_a_preview_makes_no_full_mask_and_refinement_takes_the_answer(
    runner: InlineRunner, image: ImageRef, weights: str
) -> None:
    preview = runner.run(SegmentRequest(image, weights, CLICK, full=False))
    assert [c.mask for c in preview.candidates] == [None] * 3
    more = CLICK.with_point(Point(10, 10, False))
    refined = runner.run(SegmentRequest(image, weights, more, previous=preview.candidates[1].low_res))
    assert len(refined.candidates) == 1
    boxed = runner.run(SegmentRequest(image, weights, Prompts((), Box(20, 20, 200, 200)), multimask=True))
    assert len(boxed.candidates) == 3


def test_the_full_mask_of_another_candidate(runner: InlineRunner, image: ImageRef, weights: str) -> None:
    result = runner.run(SegmentRequest(image, weights, CLICK))
    for candidate in result.candidates:
        answer = runner.run(FullMaskRequest(image, candidate.low_res, 400, 300))
        assert answer.image == image
        assert candidate.mask is None or answer.mask == candidate.mask
    cleaned = runner.run(FullMaskRequest(image, result.candidates[0].low_res, 400, 300, 0.5, 50, 50))
    assert cleaned.mask.height == 300


def test_prefetching_makes_the_next_click_find_the_embedding(
    runner: InlineRunner, image: ImageRef, weights: str
) -> None:
    assert not runner.run(PrefetchRequest(image, weights)).from_cache
    assert runner.run(PrefetchRequest(image, weights)).from_cache
    assert runner.run(SegmentRequest(image, weights, CLICK)).from_cache


def test_prefetching_stops_before_it_encodes(runner: InlineRunner, image: ImageRef, weights: str) -> None:
    def stop(progress: Progress) -> None:
        if progress.message == "Looking at the picture":
            raise Cancelled

    with pytest.raises(Cancelled):
        runner.run(PrefetchRequest(image, weights), stop)
    assert runner.models.cached_bytes == 0


def test_loading_a_model_ahead(runner: InlineRunner, weights: str) -> None:
    answer = runner.run(LoadModelRequest(weights))
    assert (answer.model, answer.device) == (weights, "CPU")
    assert runner.models.is_loaded(weights)
    with pytest.raises(ModelError):
        runner.run(LoadModelRequest("no-such-model"))


def test_failures_name_what_they_are_about(runner: InlineRunner, image: ImageRef, weights: str) -> None:
    with pytest.raises(UsageError):
        runner.run(SegmentRequest(image, weights, Prompts((Point(5000, 5),))))
    with pytest.raises(UsageError):
        runner.run(SegmentRequest(image, weights, Prompts((), Box(5, 5, 5, 5))))
    with pytest.raises(ImageError):
        runner.run(SegmentRequest(ImageRef("/no/such.jpg"), weights, CLICK))


def test_a_batch_goes_on_past_bad_pictures(runner: InlineRunner, image: ImageRef, weights: str, tmp_path: Path) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no picture")
    images = (
        BatchImage(image.path),
        BatchImage(image.path, Prompts((), Box(10, 10, 300, 200))),
        BatchImage(str(broken)),
        BatchImage(str(tmp_path / "none.png")),
        BatchImage(image.path, Prompts((Point(9999, 0),))),
        BatchImage(image.path, CLICK),
    )
    seen: list[Progress] = []
    result = runner.run(SegmentBatchRequest(images, weights), seen.append)
    assert [item.path for item in result.items] == [i.path for i in images]
    assert [item.error is None for item in result.items] == [True, True, False, False, False, True]
    assert len(result.failed) == 3
    assert result.items[0].prompts == Prompts((Point(200, 150),))
    assert result.items[0].mask.width == 400
    payloads = [p.payload for p in seen if isinstance(p.payload, BatchItem)]
    assert payloads == list(result.items)
    assert {p.total for p in seen} == {6}
    assert [p.done for p in seen] == sorted(p.done for p in seen)
    alone = runner.run(SegmentRequest(image, weights, CLICK))
    assert result.items[5].mask == alone.candidates[0].mask


def test_a_batch_without_its_model_fails_at_once(runner: InlineRunner, image: ImageRef) -> None:
    with pytest.raises(ModelError):
        runner.run(SegmentBatchRequest((BatchImage(image.path),), "no-such-model"))


def test_everything_travels_between_processes(runner: InlineRunner, image: ImageRef, weights: str) -> None:
    request = SegmentRequest(image, weights, CLICK)
    result = pickle.loads(pickle.dumps(runner.run(pickle.loads(pickle.dumps(request)))))
    assert result.candidates[0].mask.width == 400
    batch = runner.run(SegmentBatchRequest((BatchImage("/no/such.png"),), weights))
    assert pickle.loads(pickle.dumps(batch)).failed[0].error.path == "/no/such.png"
