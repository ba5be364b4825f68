"""Thumbnails: what is in sight first, kept on disk, broken pictures named, never waited for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PySide6.QtGui import QImage
from pytestqt.qtbot import QtBot

from app.library.thumbnail_cache import ThumbnailCache
from app.library.thumbnails import PENDING, ThumbnailService, as_qimage


def picture(path: Path, size: tuple[int, int] = (400, 200), **save: object) -> None:
    Image.new("RGB", size, (200, 30, 60)).save(path, **save)  # type: ignore[arg-type]


@pytest.fixture
def service(tmp_path: Path, qapp: object) -> Iterator[ThumbnailService]:
    made = ThumbnailService(tmp_path, edge=64, threads=1, cache_folder=tmp_path / "cache")
    yield made
    made.close()


def wait(qtbot: QtBot, service: ThumbnailService, image_id: str) -> QImage:
    qtbot.waitUntil(lambda: service.get(image_id) is not None)
    image = service.get(image_id)
    assert image is not None
    return image


def test_a_thumbnail_is_small_and_upright(tmp_path: Path, service: ThumbnailService, qtbot: QtBot) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    picture(tmp_path / "turned.jpg", exif=exif)
    assert service.get("turned.jpg") is None
    image = wait(qtbot, service, "turned.jpg")
    assert (image.width(), image.height()) == (32, 64)
    assert abs(image.pixelColor(5, 5).red() - 200) < 4


def test_broken_and_missing_pictures_say_why(tmp_path: Path, service: ThumbnailService, qtbot: QtBot) -> None:
    (tmp_path / "empty.jpg").write_bytes(b"")
    for name, words in (("empty.jpg", "empty"), ("none.jpg", "not there")):
        with qtbot.waitSignal(service.ready, check_params_cb=lambda i, n=name: i == n):
            service.get(name)
        assert words in str(service.problem(name))
        assert service.get(name) is None


def test_a_thumbnail_that_cannot_be_put_in_place_leaves_nothing(tmp_path: Path) -> None:
    cache = ThumbnailCache(tmp_path / "cache", 1 << 20)
    blocking = tmp_path / "cache" / "ab" / "abc.jpg"
    (blocking / "full").mkdir(parents=True)  # a folder has its name
    cache.put("abc", np.zeros((4, 4, 3), np.uint8))
    assert list(blocking.parent.iterdir()) == [blocking] and cache.get("abc") is None


def test_a_bug_in_a_decoder_costs_one_thumbnail(
    tmp_path: Path, service: ThumbnailService, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, caplog
) -> None:
    picture(tmp_path / "a.png")
    picture(tmp_path / "b.png")

    def read(path: Path, edge: int) -> np.ndarray:
        if path.name == "a.png":
            raise RecursionError("a decoder's own")
        return np.zeros((8, 8, 3), np.uint8)

    monkeypatch.setattr("app.library.thumbnails.read_rgb", read)
    with qtbot.waitSignal(service.ready):
        service.get("a.png")
    assert "RecursionError" in str(service.problem("a.png"))
    wait(qtbot, service, "b.png")
    assert any("no thumbnail" in record.message for record in caplog.records)
    caplog.clear()


def test_a_full_disk_leaves_no_half_thumbnail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    ThumbnailCache(tmp_path, 1000).put("abc", np.zeros((4, 4, 3), np.uint8))
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []


def test_a_mended_picture_is_tried_again(tmp_path: Path, service: ThumbnailService, qtbot: QtBot) -> None:
    (tmp_path / "a.png").write_bytes(b"")
    with qtbot.waitSignal(service.ready):
        service.get("a.png")
    picture(tmp_path / "a.png")
    service.forget(["a.png"])
    wait(qtbot, service, "a.png")
    assert service.problem("a.png") is None


def test_the_disk_keeps_them(tmp_path: Path, service: ThumbnailService, qtbot: QtBot, monkeypatch) -> None:
    picture(tmp_path / "a.png")
    first = wait(qtbot, service, "a.png")
    monkeypatch.setattr("app.library.thumbnails.read_rgb", None)  # decoding again would fail
    second = ThumbnailService(tmp_path, edge=64, threads=1, cache_folder=tmp_path / "cache")
    image = wait(qtbot, second, "a.png")
    assert image.size() == first.size()
    second.close()


def test_what_was_asked_last_comes_first(tmp_path: Path, service: ThumbnailService, qtbot: QtBot) -> None:
    for n in range(30):
        picture(tmp_path / f"{n}.png")
    order: list[str] = []
    service.ready.connect(order.append)
    with service._wake:  # nothing is begun until all is asked
        for n in range(30):
            service._ask(f"{n}.png")
    qtbot.waitUntil(lambda: len(order) == 30)
    assert order == [f"{n}.png" for n in reversed(range(30))]


def test_wishes_replace_earlier_ones(tmp_path: Path, service: ThumbnailService, qtbot: QtBot) -> None:
    for n in range(20):
        picture(tmp_path / f"{n}.png")
    order: list[str] = []
    service.ready.connect(order.append)
    with service._wake:
        for n in range(10):
            service._ask(f"{n}.png")
    service.want([f"{n}.png" for n in range(10, 20)])
    qtbot.waitUntil(lambda: "19.png" in order)
    late = [i for i in order if int(i[:-4]) >= 10]
    assert late == [f"{n}.png" for n in range(10, 20)]
    assert len(order) - len(late) <= 2  # those begun before


def test_old_wishes_are_dropped(service: ThumbnailService) -> None:
    with service._wake:
        for n in range(PENDING * 3):
            service._ask(f"{n}.png")
        assert len(service._pending) == PENDING
        service._pending.clear()


def test_memory_is_bounded(tmp_path: Path, qapp: object, qtbot: QtBot) -> None:
    for n in range(12):
        picture(tmp_path / f"{n}.png", (64, 64))
    service = ThumbnailService(tmp_path, edge=64, memory_bytes=5 * 64 * 64 * 3, threads=2, cache_folder=tmp_path / "c")
    for n in range(12):
        wait(qtbot, service, f"{n}.png")
    assert len(service._images) == 5
    assert service._bytes == 5 * 64 * 64 * 3
    wait(qtbot, service, "0.png")
    service.close()


def test_the_disk_cache_is_bounded_and_forgives(tmp_path: Path) -> None:
    cache = ThumbnailCache(tmp_path / "cache", limit_bytes=3000)
    pixels = np.random.default_rng(1).integers(0, 255, (32, 32, 3), np.uint8)
    for n in range(10):
        cache.put(f"{n:032x}", pixels)
    assert 0 < cache.prune() <= 3000
    file = next((tmp_path / "cache").glob("*/*.jpg"))
    file.write_bytes(b"rubbish")
    assert cache.get(file.stem) is None
    assert cache.get("f" * 32) is None
    blocked = tmp_path / "blocked"
    blocked.write_text("a file")
    ThumbnailCache(blocked, 1).put("a" * 32, pixels)  # no folder there: no harm


def test_pixels_of_odd_widths() -> None:
    pixels = np.arange(5 * 7 * 3, dtype=np.uint8).reshape(5, 7, 3)
    image = as_qimage(pixels)
    assert [image.pixelColor(x, 4).getRgb()[:3] for x in range(7)] == [tuple(p) for p in pixels[4].tolist()]
