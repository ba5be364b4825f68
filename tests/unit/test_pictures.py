"""Pictures of every kind come out upright, RGB, eight bits; bad ones say which file and what to do."""

from __future__ import annotations

import os
import random
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from app.settings import SETTINGS
from inference import pictures
from inference.errors import AppError, ImageError
from inference.pictures import content_key, read_rgb, read_size


@pytest.fixture
def rgb() -> np.ndarray:
    y, x = np.mgrid[0:60, 0:80]
    return np.stack([x * 3, y * 4, (x + y) % 256], 2).astype(np.uint8)


@pytest.mark.parametrize("suffix", ["png", "tif", "bmp"])
def test_lossless_formats_come_out_as_they_went_in(tmp_path: Path, rgb: np.ndarray, suffix: str) -> None:
    file = tmp_path / f"a.{suffix}"
    Image.fromarray(rgb).save(file)
    assert np.array_equal(read_rgb(file), rgb)
    assert read_size(file) == (80, 60)


@pytest.mark.parametrize("suffix", ["jpg", "webp", "gif", "heic", "avif"])
def test_lossy_formats_come_out_much_as_they_went_in(tmp_path: Path, rgb: np.ndarray, suffix: str) -> None:
    file = tmp_path / f"a.{suffix}"
    Image.fromarray(rgb).save(file)
    seen = read_rgb(file)
    assert seen.shape == (60, 80, 3)
    assert np.abs(seen.astype(int) - rgb).mean() < 8
    assert read_size(file) == (80, 60)
    assert f".{suffix}" in pictures.EXTENSIONS


@pytest.mark.parametrize("mode", ["L", "LA", "P", "PA", "1", "CMYK", "YCbCr", "RGBA", "LAB", "I", "F", "I;16"])
def test_every_pixel_type(tmp_path: Path, mode: str) -> None:
    grey = np.repeat(np.linspace(0, 255, 64, dtype=np.uint8)[None], 32, 0)
    source = Image.fromarray(grey)
    if mode == "I;16":
        source = Image.fromarray(grey.astype(np.uint16) * 257)
    elif mode == "P":
        source = source.quantize(256)
    elif mode in ("I", "F"):
        source = source.convert(mode)
    else:
        source = source.convert("RGBA" if mode in ("LA", "PA") else "RGB").convert(mode)
    file = tmp_path / "a.tif"
    source.save(file)
    seen = read_rgb(file).astype(int)
    assert seen.shape == (32, 64, 3)
    assert seen[:, :8].mean() < 40
    assert seen[:, -8:].mean() > 215
    if mode not in ("1", "PA"):
        assert np.abs(seen[0, :, 0] - grey[0]).max() <= 6
    small = read_rgb(file, max_side=16)
    assert small.shape == (8, 16, 3)
    assert small[:, :2].mean() < small[:, -2:].mean()


def test_transparent_parts_are_white(tmp_path: Path) -> None:
    pixels = np.zeros((4, 4, 4), np.uint8)
    pixels[:, 2:, 3] = 255
    Image.fromarray(pixels).save(tmp_path / "a.png")
    seen = read_rgb(tmp_path / "a.png")
    assert (seen[:, :2] == 255).all()
    assert (seen[:, 2:] == 0).all()


def test_a_palette_with_a_transparent_colour(tmp_path: Path) -> None:
    source = Image.new("P", (4, 4), 1)
    source.putpalette([0, 0, 0, 200, 30, 40])
    source.putpixel((0, 0), 0)
    source.save(tmp_path / "a.png", transparency=0)
    seen = read_rgb(tmp_path / "a.png")
    assert tuple(seen[0, 0]) == (255, 255, 255)
    assert tuple(seen[1, 1]) == (200, 30, 40)


def test_twelve_bits_in_a_sixteen_bit_file_are_seen(tmp_path: Path) -> None:
    values = np.linspace(0, 4095, 100).astype(np.uint16)[None].repeat(10, 0)
    Image.fromarray(values).save(tmp_path / "a.png")
    seen = read_rgb(tmp_path / "a.png")
    assert seen.min() == 0
    assert seen.max() == 255


def test_floats_that_are_no_numbers_do_no_harm(tmp_path: Path) -> None:
    values = np.linspace(-1, 1, 100, dtype=np.float32)[None].repeat(10, 0)
    values[0, 0], values[1, 1] = np.nan, np.inf
    Image.fromarray(values).save(tmp_path / "a.tif")
    assert read_rgb(tmp_path / "a.tif").max() == 255


@pytest.mark.parametrize("kind", [np.float32, np.uint16])
def test_tiffs_of_three_deep_channels(tmp_path: Path, rgb: np.ndarray, kind: type) -> None:
    cv2.imwrite(str(tmp_path / "a.tif"), rgb[..., ::-1].astype(kind) * 100)
    assert read_size(tmp_path / "a.tif") == (80, 60)
    seen = read_rgb(tmp_path / "a.tif")
    assert seen.shape == (60, 80, 3)
    assert np.corrcoef(seen.ravel(), rgb.ravel())[0, 1] > 0.999
    assert max(read_rgb(tmp_path / "a.tif", max_side=20).shape) == 20


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["jpg", "png", "tif"])
def test_exif_orientation(tmp_path: Path, orientation: int, suffix: str) -> None:
    upright = np.zeros((32, 48, 3), np.uint8)
    upright[:16, :24] = 255  # bright upper left
    stored = _undo(orientation, upright)
    exif = Image.Exif()
    exif[274] = orientation
    file = tmp_path / f"a.{suffix}"
    Image.fromarray(np.ascontiguousarray(stored)).save(file, exif=exif)
    assert read_size(file) == (48, 32)
    for seen in (read_rgb(file), read_rgb(file, max_side=24)):
        h, w = seen.shape[:2]
        assert w > h
        assert seen[: h // 2 - 2, : w // 2 - 2].mean() > 240
        assert seen[h // 2 + 2 :].mean() < 15


def _undo(orientation: int, upright: np.ndarray) -> np.ndarray:
    back = {
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.transpose(1, 0, 2),
        6: lambda a: np.rot90(a, 1),
        7: lambda a: a.transpose(1, 0, 2)[::-1, ::-1],
        8: lambda a: np.rot90(a, -1),
    }
    return back.get(orientation, lambda a: a)(upright)


def test_one_pixel(tmp_path: Path) -> None:
    Image.new("RGB", (1, 1), "red").save(tmp_path / "a.png")
    assert read_rgb(tmp_path / "a.png").tolist() == [[[255, 0, 0]]]
    assert read_rgb(tmp_path / "a.png", max_side=64).shape == (1, 1, 3)  # never enlarged


def test_a_hundred_megapixels_are_read_small_and_measured(tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    Image.new("1", (12000, 9000)).save(file)
    assert read_size(file) == (12000, 9000)
    jpeg = tmp_path / "a.jpg"
    Image.new("L", (8000, 6000)).save(jpeg)
    assert read_rgb(jpeg, max_side=500).shape == (375, 500, 3)


def test_the_first_frame_of_an_animation(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (8, 8), c) for c in ("red", "blue")]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert tuple(read_rgb(tmp_path / "a.gif")[0, 0]) == (255, 0, 0)


def _cut(file: Path) -> None:
    data = file.read_bytes()
    file.write_bytes(data[: len(data) // 2])


def _noise(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[20:200] = random.Random(file.name).randbytes(180)
    file.write_bytes(data)


def _empty(file: Path) -> None:
    file.write_bytes(b"")


def _text(file: Path) -> None:
    file.write_text("no picture")


def _gone(file: Path) -> None:
    file.unlink()


def _folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


@pytest.mark.parametrize("harm", [_cut, _empty, _text, _gone, _folder])
@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp"])
def test_bad_files_are_named_with_a_remedy(tmp_path: Path, rgb: np.ndarray, harm: object, suffix: str) -> None:
    file = tmp_path / f"Größe {suffix}.{suffix}"
    Image.fromarray(rgb).save(file)
    harm(file)  # type: ignore[operator]
    with pytest.raises(ImageError) as caught:
        read_rgb(file)
    assert caught.value.path == str(file)
    assert caught.value.remedy


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes on this system")
@pytest.mark.parametrize("read", [read_rgb, read_size, content_key])
def test_a_pipe_with_a_pictures_name_is_refused_without_waiting_for_it(tmp_path: Path, read: object) -> None:
    pipe = tmp_path / "pipe.jpg"
    os.mkfifo(pipe)
    with pytest.raises(ImageError) as caught:
        read(pipe)  # type: ignore[operator]
    assert caught.value.path == str(pipe)


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp", "gif", "bmp", "heic", "avif"])
def test_noise_in_a_file_raises_nothing_else(tmp_path: Path, rgb: np.ndarray, suffix: str) -> None:
    for attempt in range(6):
        file = tmp_path / f"{attempt}.{suffix}"
        Image.fromarray(rgb).save(file)
        _noise(file)
        for read in (read_rgb, read_size):
            try:
                read(file)
            except AppError as error:
                assert error.path == str(file)


def test_the_pixel_limit_is_kept_before_decoding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("RGB", (60, 50)).save(tmp_path / "a.png")
    cv2.imwrite(str(tmp_path / "b.tif"), np.zeros((50, 60, 3), np.float32))
    try:
        pictures.set_max_pixels(2999)
        for name in ("a.png", "b.tif"):
            for read in (read_rgb, read_size):
                with pytest.raises(ImageError, match="limit") as caught:
                    read(tmp_path / name)
                assert "settings" in str(caught.value)
        pictures.set_max_pixels(3000)
        assert read_rgb(tmp_path / "a.png").shape == (50, 60, 3)
    finally:
        pictures.set_max_pixels(pictures.DEFAULT_MAX_PIXELS)
    with pytest.raises(ValueError, match="at least"):
        pictures.set_max_pixels(0)


def test_the_limit_of_the_command_line_is_the_settings_or_the_variables(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv(pictures.LIMIT_VARIABLE, raising=False)
    setting = next(s for s in SETTINGS if s.key == "images.max_megapixels")
    assert pictures.default_max_pixels() == setting.default * 1_000_000
    monkeypatch.setenv(pictures.LIMIT_VARIABLE, "7")
    assert pictures.default_max_pixels() == 7_000_000
    monkeypatch.setenv(pictures.LIMIT_VARIABLE, "many")
    assert pictures.default_max_pixels() == pictures.DEFAULT_MAX_PIXELS
    assert "many" in caplog.text


def test_content_keys_follow_the_bytes(tmp_path: Path, rgb: np.ndarray) -> None:
    one, two = tmp_path / "one.png", tmp_path / "two.png"
    Image.fromarray(rgb).save(one)
    two.write_bytes(one.read_bytes())
    assert content_key(one) == content_key(two)
    before = content_key(two)
    Image.fromarray(255 - rgb).save(two)
    assert content_key(two) != before
    with pytest.raises(ImageError):
        content_key(tmp_path / "none.png")


@pytest.mark.parametrize("name", ["turned.jpg", "deep.tif"])
def test_strips_make_up_the_picture(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    if name == "turned.jpg":
        exif = Image.Exif()
        exif[0x0112] = 6
        Image.fromarray(np.random.default_rng(0).integers(0, 255, (50, 70, 3), np.uint8)).save(file, exif=exif)
    else:
        Image.fromarray(np.arange(600 * 40, dtype=np.uint16).reshape(600, 40)).save(file)
    strips = list(pictures.read_strips(file, rows=32))
    assert all(len(strip) <= 32 for strip in strips)
    assert (np.concatenate(strips) == pictures.read_rgb(file)).all()
    file.unlink()
    with pytest.raises(ImageError):
        list(pictures.read_strips(file))
