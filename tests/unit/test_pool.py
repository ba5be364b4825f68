"""The pool: models load once, pictures are encoded once, failures leave nothing behind."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from inference import pictures
from inference.engines import pool as pools
from inference.engines.architecture import save_checkpoint
from inference.engines.pool import ModelPool, Origin
from inference.errors import ImageError, ModelError, OutOfMemory
from inference.prompts import Point, Prompts
from tests.random_models import SMALL, picture, random_model


@pytest.fixture
def weights(tmp_path: Path) -> str:
    return str(save_checkpoint(random_model(), SMALL, tmp_path / "small.safetensors", half=False))


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    file = tmp_path / "photo.png"
    Image.fromarray(picture(200, 150)).save(file)
    return file


def pool_of(folder: Path | None = None, **more: int) -> ModelPool:
    return ModelPool(force_device="cpu", disk_cache_dir=folder, **more)


def test_a_model_loads_once_and_only_the_last_ones_stay(weights: str, tmp_path: Path) -> None:
    pool = pool_of()
    assert not pool.is_loaded(weights)
    first = pool.segmenter(weights)
    assert pool.segmenter(weights) is first
    others = [str(save_checkpoint(random_model(), SMALL, tmp_path / f"{n}.safetensors")) for n in range(2)]
    for other in others:
        pool.segmenter(other)
    assert not pool.is_loaded(weights)
    assert pool.is_loaded(others[0])
    assert pool.is_loaded(others[1])
    assert pool.device.kind == "cpu"


def test_from_encoding_to_memory_to_disk(weights: str, photo: Path, tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    pool = pool_of(folder)
    made = pool.find(weights, photo)
    assert made.origin is Origin.ENCODED
    again = pool.find(weights, photo)
    assert again.origin is Origin.MEMORY
    assert again.embedding is made.embedding
    assert pool.embedding(weights, photo) is made.embedding
    assert pool.cached_bytes == made.embedding.nbytes
    stored = pool_of(folder).find(weights, photo)
    assert stored.origin is Origin.DISK
    assert stored.from_cache
    assert all(map(torch.equal, stored.embedding.tensors, made.embedding.tensors))
    assert pool_of().find(weights, photo).origin is Origin.ENCODED


def test_answers_from_the_disk_cache_are_the_same_bits(weights: str, photo: Path, tmp_path: Path) -> None:
    answers = []
    for _ in range(2):
        pool = pool_of(tmp_path / "cache")
        embedding = pool.embedding(weights, photo)
        answers.append(pool.segmenter(weights).decode(embedding, Prompts((Point(90, 70),))))
    for one, two in zip(*answers, strict=True):
        assert np.array_equal(one.low_res, two.low_res)


def test_reopening_needs_no_decoding_and_a_changed_file_is_encoded_anew(
    weights: str, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = pool_of()
    first = pool.embedding(weights, photo)
    with monkeypatch.context() as patch:
        patch.setattr(pictures, "read_rgb", lambda *_: pytest.fail("decoded again"))
        assert pool.embedding(weights, photo) is first
        copy = photo.with_name("copy.png")
        copy.write_bytes(photo.read_bytes())
        assert pool.embedding(weights, copy) is first
    Image.fromarray(picture(90, 80, 3)).save(photo)
    assert pool.find(weights, photo).origin is Origin.ENCODED
    assert pool.embedding(weights, photo).width == 90


def test_models_do_not_share_embeddings(weights: str, photo: Path, tmp_path: Path) -> None:
    other = save_checkpoint(random_model(), SMALL, tmp_path / "half.safetensors", half=True)
    pool = pool_of(tmp_path / "cache")
    pool.find(weights, photo)
    assert pool.find(str(other), photo).origin is Origin.ENCODED


def test_pictures_of_a_batch_push_nothing_out(weights: str, photo: Path, tmp_path: Path) -> None:
    pool = pool_of(tmp_path / "cache")
    assert pool.find(weights, photo, keep=False).origin is Origin.ENCODED
    assert pool.cached_bytes == 0
    assert pool.find(weights, photo).origin is Origin.ENCODED
    assert pool.find(weights, photo, keep=False).origin is Origin.MEMORY


def test_a_more_urgent_job_may_encode_the_same_picture_in_between(weights: str, photo: Path) -> None:
    pool = pool_of()
    nested = []
    found = pool.find(weights, photo, lambda: nested.append(pool.find(weights, photo)))
    assert nested[0].origin is Origin.ENCODED
    assert found.origin is Origin.MEMORY
    assert found.embedding is nested[0].embedding


def test_release_frees_everything_and_the_pool_goes_on(weights: str, photo: Path) -> None:
    pool = pool_of()
    pool.embedding(weights, photo)
    pool.release()
    assert pool.cached_bytes == 0
    assert not pool.is_loaded(weights)
    assert pool.find(weights, photo).origin is Origin.ENCODED


def test_models_that_cannot_be_loaded(weights: str, photo: Path, tmp_path: Path) -> None:
    pool = pool_of()
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(Path(weights).read_bytes()[:5000])
    for bad in (str(cut), "no-such-model", str(tmp_path / "none.safetensors")):
        with pytest.raises(ModelError) as caught:
            pool.embedding(bad, photo)
        assert caught.value.remedy
        assert not pool.is_loaded(bad)
    assert pool.embedding(weights, photo).width == 200


def test_bad_pictures_are_the_pictures_fault(weights: str, tmp_path: Path) -> None:
    with pytest.raises(ImageError):
        pool_of().embedding(weights, tmp_path / "none.jpg")


def test_a_model_too_large_for_memory(weights: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def heavy(_path: Path) -> None:
        raise RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: not enough memory")

    pool = pool_of()
    with monkeypatch.context() as patch:
        patch.setattr(pools, "load_checkpoint", heavy)
        with pytest.raises(OutOfMemory) as caught:
            pool.segmenter(weights)
    assert caught.value.path == weights
    assert pool.segmenter(weights)


def test_short_of_memory_the_cached_embeddings_go_first(
    weights: str, photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = pool_of()
    pool.embedding(weights, photo)
    segmenter = pool.segmenter(weights)
    encode = segmenter._encode

    def tight(rgb: np.ndarray) -> object:
        if pool.cached_bytes:
            raise MemoryError
        return encode(rgb)

    monkeypatch.setattr(segmenter, "_encode", tight)
    other = tmp_path / "other.png"
    Image.fromarray(picture(60, 50)).save(other)
    assert pool.embedding(weights, other).width == 60
