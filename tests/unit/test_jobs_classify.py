"""The jobs that embed pictures and texts and score pictures, through the runner, with real files and random weights."""

from __future__ import annotations

import pickle
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from inference import pictures
from inference.errors import Cancelled, ModelError, UsageError
from inference.jobs.classify import ClassifyItem, ClassifyRequest, ClassifyResult
from inference.jobs.embed import EmbedItem, EmbedRequest, EmbedResult
from inference.jobs.embed_text import EmbedTextRequest, EmbedTextResult
from inference.paths import resource
from inference.prompt_sets import PromptItem, PromptSet
from inference.protocol import Progress
from inference.scoring import score
from inference.worker.inline import InlineRunner
from inference.worker.options import WorkerOptions
from tests.random_classifier import write_classifier

PHOTOS = tuple(str(path) for path in sorted(resource("samples").glob("*.jpg")))
PETS = PromptSet(
    "pets", ("a photo of a ",), (PromptItem("cat"), PromptItem("dog"), PromptItem("quasar")), ("", " outside")
)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_classifier(tmp_path_factory.mktemp("models") / "one"))


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Another tower and another input."""
    return str(write_classifier(tmp_path_factory.mktemp("models") / "two", seed=5, image_size=64, vocabulary=False))


@pytest.fixture(scope="module")
def runner() -> InlineRunner:
    return InlineRunner(options=WorkerOptions(force_device="cpu"))


def _run(runner: InlineRunner, request: Any) -> tuple[Any, list[Any]]:
    told: list[Progress] = []
    result = runner.run(request, told.append)
    return result, [progress.payload for progress in told if progress.payload is not None]


def _files(folder: Path) -> tuple[str, ...]:
    (folder / "broken.jpg").write_bytes(Path(PHOTOS[0]).read_bytes()[:4000])
    (folder / "empty.png").write_bytes(b"")
    return (PHOTOS[0], str(folder / "broken.jpg"), *PHOTOS[1:], str(folder / "empty.png"), str(folder / "gone.jpg"))


def test_embeddings_stream_in_order_and_bad_pictures_are_named(
    runner: InlineRunner, model: str, tmp_path: Path
) -> None:
    files = _files(tmp_path)
    result, items = _run(runner, EmbedRequest(files, model))
    assert isinstance(result, EmbedResult)
    assert [item.path for item in items] == list(files)
    good = [item for item in items if item.error is None]
    assert len(good) == len(PHOTOS)
    for item in good:
        assert item.embedding is not None
        assert item.embedding.dtype == np.float16
        assert item.content == pictures.content_key(item.path)
        assert np.linalg.norm(item.embedding.astype(np.float32)) == pytest.approx(1, abs=1e-2)
    assert [item.path for item in result.items] == [files[1], *files[-2:]]
    assert all(item.error is not None and item.error.path == item.path for item in result.items)
    assert result.device == "CPU"
    text, _ = _run(runner, EmbedTextRequest(("a cat",), model))
    assert text.checksum == result.checksum


def test_all_messages_can_be_pickled(runner: InlineRunner, model: str, tmp_path: Path) -> None:
    """They cross to the window's process and back."""
    requests = [
        EmbedRequest(_files(tmp_path)[:2], model),
        EmbedTextRequest(("a cat",), model),
        ClassifyRequest(_files(tmp_path)[:2], PETS, model),
    ]
    for request in requests:
        assert pickle.loads(pickle.dumps(request)) == request
        result, items = _run(runner, request)
        for message in (result, *items):
            assert type(pickle.loads(pickle.dumps(message))) is type(message)


def test_texts_come_with_all_that_scores_need(runner: InlineRunner, model: str) -> None:
    texts = ("a photo of a cat", "a photo of a teapot", "a photo of a quasar", "a photo of an automobile")
    result, _ = _run(runner, EmbedTextRequest(texts, model))
    assert isinstance(result, EmbedTextResult)
    assert result.embeddings.shape == (4, 512)
    assert result.unknown == ("a photo of a quasar",)
    assert result.guessed == ("a photo of a teapot",)
    assert result.context_length == 24
    assert [len(tokens) > 3 for tokens in result.tokens] == [True] * 4
    named, _ = _run(runner, EmbedTextRequest(texts, model, ("cat", "quasar", "teapots")))
    assert (named.unknown, named.guessed) == (("quasar",), ("teapots",))


def test_classifying_is_embedding_and_scoring(runner: InlineRunner, model: str, tmp_path: Path) -> None:
    files = _files(tmp_path)
    result, items = _run(runner, ClassifyRequest(files, PETS, model))
    assert isinstance(result, ClassifyResult)
    assert [item.path for item in items] == list(files)
    assert [item.path for item in result.failed] == [files[1], *files[-2:]]
    assert result.prompts == 6
    assert result.unknown == ("quasar",)
    _, embedded = _run(runner, EmbedRequest(files, model))
    rows = np.stack([item.embedding for item in embedded if item.embedding is not None]).astype(np.float32)
    prompts = PETS.prompts()
    text, _ = _run(runner, EmbedTextRequest(tuple(prompt for of_item in prompts for prompt in of_item), model))
    expected = score(rows, np.split(text.embeddings, [2, 4]), PETS, text.scale, text.bias, text.sigmoid)
    found = [item.scores for item in items if item.scores is not None]
    for ours, theirs in zip(found, expected, strict=True):
        assert np.allclose(ours.values, theirs.values, atol=2e-3)
        assert ours.values.sum() == pytest.approx(1, abs=1e-5)


def test_an_ensemble_goes_on_with_the_members_that_are_there(runner: InlineRunner, model: str, other: str) -> None:
    members = ((model, 3.0), ("vit-h-14-laion2b", 1.0), (other, 1.0))
    result, items = _run(runner, ClassifyRequest(PHOTOS[:3], PETS, members=members))
    assert [weight for _, weight in result.models] == [3.0, 1.0]
    assert [name for name, _ in result.left_out] == ["vit-h-14-laion2b"]
    assert "not installed" in result.left_out[0][1].message
    alone = [_run(runner, ClassifyRequest(PHOTOS[:3], PETS, one))[1] for one in (model, other)]
    for item, first, second in zip(items, *alone, strict=True):
        assert np.allclose(item.scores.values, 0.75 * first.scores.values + 0.25 * second.scores.values, atol=1e-4)


def test_a_picture_that_vanishes_between_two_models_fails_alone(
    runner: InlineRunner, model: str, other: str, tmp_path: Path
) -> None:
    paths = tuple(str(shutil.copy(photo, tmp_path)) for photo in PHOTOS[:3])
    items: list[ClassifyItem] = []

    def follow(progress: Progress) -> None:
        if isinstance(progress.payload, ClassifyItem):
            items.append(progress.payload)
        elif progress.message == paths[0]:  # the first model's pixels are at hand, the second has yet to read
            Path(paths[1]).unlink()

    runner.run(ClassifyRequest(paths, PETS, members=((model, 1.0), (other, 1.0))), follow)
    assert [item.error is None for item in items] == [True, False, True]
    assert items[1].error is not None and items[1].error.path == paths[1]


def test_no_model_no_sound_set_no_weight(runner: InlineRunner, model: str) -> None:
    with pytest.raises(ModelError, match="not installed"):
        runner.run(ClassifyRequest(PHOTOS, PETS, "vit-h-14-laion2b"))
    with pytest.raises(ModelError, match="None of the models"):
        runner.run(ClassifyRequest(PHOTOS, PETS, members=(("vit-h-14-laion2b", 1), ("vit-b-32-openai", 1))))
    with pytest.raises(UsageError, match="no items"):
        runner.run(ClassifyRequest(PHOTOS, replace(PETS, items=()), model))
    with pytest.raises(UsageError, match="no weight"):
        runner.run(ClassifyRequest(PHOTOS, PETS, members=((model, 0.0), (model, 1.0))))


def test_five_thousand_prompts_and_prompts_of_a_hundred_tokens(runner: InlineRunner, model: str) -> None:
    many = PromptSet("many", tuple(f"view {n} of a " for n in range(2500)), PETS.items[:2], ("",))
    result, items = _run(runner, ClassifyRequest(PHOTOS[:1], many, model))
    assert result.prompts == 5000
    assert items[0].scores is not None
    long = replace(PETS, prefixes=("word " * 100,))
    result, items = _run(runner, ClassifyRequest(PHOTOS[:1], long, model))
    assert any("longer than the 24 tokens" in problem.message for problem in result.problems)
    assert any("the same tokens" in problem.message for problem in result.problems)
    assert isinstance(items[0], ClassifyItem)


@pytest.mark.parametrize("kind", ["embed", "classify"])
def test_stopping_in_the_middle(kind: str, runner: InlineRunner, model: str) -> None:
    many = PHOTOS * 10
    request = EmbedRequest(many, model) if kind == "embed" else ClassifyRequest(many, PETS, model)
    done: list[Any] = []

    def stop(progress: Progress) -> None:
        if isinstance(progress.payload, (EmbedItem, ClassifyItem)):
            done.append(progress.payload)
        if len(done) == 20:
            raise Cancelled

    with pytest.raises(Cancelled):
        runner.run(request, stop)
    assert len(done) == 20
