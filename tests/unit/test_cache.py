"""Embeddings in memory and on disk: bounded, exact, never in the way."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest
import torch

from inference.engines.cache import DiskCache, MemoryCache
from inference.engines.embedding import Embedding


def embedding(seed: int = 0, side: int = 8, dtype: torch.dtype = torch.float32) -> Embedding:
    """About 9 KiB; one of the finer levels lies channels-last, as Hiera leaves it."""
    generator = torch.Generator().manual_seed(seed)
    image = torch.randn(1, 16, side, side, generator=generator, dtype=torch.float32).to(dtype)
    fine = torch.randn(1, 4, 2 * side, 2 * side, generator=generator).to(dtype)
    return Embedding(image, (fine.to(memory_format=torch.channels_last),), 640, 480)


def same(a: Embedding, b: Embedding) -> bool:
    return (
        (a.width, a.height) == (b.width, b.height)
        and all(x.dtype == y.dtype and x.stride() == y.stride() for x, y in zip(a.tensors, b.tensors, strict=True))
        and all(map(torch.equal, a.tensors, b.tensors))
    )


def test_memory_forgets_what_was_not_used_for_longest() -> None:
    size = embedding().nbytes
    cache = MemoryCache(3 * size)
    for number in range(3):
        cache.put(str(number), embedding(number))
    assert cache.get("0") is not None
    cache.put("3", embedding(3))
    assert cache.get("1") is None
    assert [k for k in "0123" if cache.get(k)] == ["0", "2", "3"]
    assert cache.nbytes == 3 * size
    cache.put("3", embedding(4))
    assert cache.nbytes == 3 * size
    cache.clear()
    assert (len(cache), cache.nbytes) == (0, 0)


def test_one_that_is_over_the_limit_alone_is_still_held() -> None:
    cache = MemoryCache(10)
    cache.put("a", embedding())
    assert cache.get("a") is not None
    cache.put("b", embedding())
    assert cache.get("a") is None


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_disk_gives_back_the_same_bits_in_the_same_layout(tmp_path: Path, dtype: torch.dtype) -> None:
    stored = embedding(dtype=dtype)
    cache = DiskCache(tmp_path / "deep" / "er", 10**6)
    assert cache.get("a") is None
    assert cache.put("a", stored)
    found = DiskCache(tmp_path / "deep" / "er", 10**6).get("a")
    assert found is not None
    assert same(found, stored)


def test_disk_stays_under_its_limit_and_keeps_what_was_used_last(tmp_path: Path) -> None:
    cache = DiskCache(tmp_path, 35_000)
    for number in range(3):
        assert cache.put(str(number), embedding(number))
        stamp = 1_000_000 + number
        os.utime(cache._file(str(number)), (stamp, stamp))
    assert cache.get("0") is not None  # used now
    assert cache.put("3", embedding(3))
    assert cache.put("4", embedding(4))
    assert cache.get("1") is None
    assert cache.get("0") is not None
    assert sum(f.stat().st_size for f in tmp_path.iterdir()) <= 35_000


def test_one_that_is_too_large_is_not_stored(tmp_path: Path) -> None:
    assert not DiskCache(tmp_path, 100).put("a", embedding())
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("harm", ["cut", "flip", "empty", "foreign"])
def test_damaged_files_are_dropped_and_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture, harm: str) -> None:
    cache = DiskCache(tmp_path, 10**6)
    cache.put("a", embedding())
    file = cache._file("a")
    data = bytearray(file.read_bytes())
    if harm == "flip":
        data[-50] ^= 4
    new = {"cut": data[:-700], "flip": data, "empty": b"", "foreign": b"PK\3\4 something else"}[harm]
    file.write_bytes(new)
    with caplog.at_level(logging.WARNING):
        assert cache.get("a") is None
    assert str(file) in caplog.text
    assert not file.exists()
    assert cache.put("a", embedding())
    assert cache.get("a") is not None


def test_a_disk_that_takes_nothing_is_logged_once_and_then_left_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way")
    cache = DiskCache(tmp_path / "file", 10**6)
    assert not cache.put("a", embedding())
    assert not cache.put("b", embedding())
    assert cache.get("a") is None
    assert len([r for r in caplog.records if r.levelno >= logging.WARNING and "no longer" in r.message]) == 1


def test_nothing_half_written_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_self: Path, _target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    assert not DiskCache(tmp_path, 10**6).put("a", embedding())
    assert not list(tmp_path.iterdir())
