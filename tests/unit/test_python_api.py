"""`from inference import …`: the page's examples run as they stand, and importing costs nothing."""

from __future__ import annotations

import doctest
import io
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image

import inference
from inference.errors import ImageError, UsageError

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def models_are_let_go() -> Iterator[None]:
    yield
    from inference import api

    for device in (None, "cpu"):
        api._runner(device).models.release()
    api._runner.cache_clear()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_examples_of_the_page_are_true(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    failed, tried = doctest.testfile(str(ROOT / "docs" / "python-api.md"), module_relative=False)
    assert failed == 0 and tried > 15


def test_importing_it_imports_no_torch() -> None:
    code = "import sys, inference; from inference import segment_text; assert 'torch' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_only_what_is_there_can_be_had() -> None:
    assert set(inference.__all__) == {"cutout", "segment_everything", "segment_text"}
    with pytest.raises(AttributeError):
        inference.segment_video  # noqa: B018


def test_pixels_that_are_no_picture_and_options_that_are_none_are_refused() -> None:
    with pytest.raises(ImageError):
        inference.segment_text(np.zeros((4, 4, 3), np.float32), "a cat")
    with pytest.raises(ImageError, match="no pixels"):
        inference.segment_text(np.zeros((0, 4, 3), np.uint8), "a cat")
    with pytest.raises(ImageError):
        inference.segment_text("/nowhere/at-all.png", "a cat", device="cpu")
    with pytest.raises(UsageError):
        inference.segment_everything(np.zeros((4, 4, 3), np.uint8), points=3)


def test_pictures_of_pillow_are_upright_and_of_any_mode() -> None:
    from inference.api import _file
    from inference.pictures import read_rgb

    exif, data = Image.Exif(), io.BytesIO()
    exif[ExifTags.Base.Orientation] = 6  # to be turned clockwise
    Image.new("RGB", (40, 20)).save(data, "JPEG", exif=exif)
    with Image.open(data) as opened, _file(opened) as path:
        assert read_rgb(path).shape == (40, 20, 3)
    for mode in ("1", "L", "LA", "P", "RGBA", "CMYK", "YCbCr", "HSV", "F"):
        with _file(Image.new(mode, (6, 4))) as path:
            assert read_rgb(path).shape == (4, 6, 3)


@pytest.mark.slow
def test_several_classifiers_judge_together_and_those_that_are_not_there_take_no_part() -> None:
    cat = ROOT / "resources" / "samples" / "cat.jpg"
    together = inference.segment_text(cat, "a cat", clip_model=(("winnow-clip", 2.0), ("vit-h-14-laion2b", 1.0)))
    alone = inference.segment_text(cat, "a cat", clip_model="winnow-clip")
    assert together and [one.mask for one in together] == [one.mask for one in alone]


@pytest.mark.slow
def test_a_cat_that_is_not_black_is_found_when_black_ones_are_not_meant() -> None:
    cat = ROOT / "resources" / "samples" / "cat.jpg"
    largest = max(inference.segment_text(cat, "a cat"), key=lambda one: one.mask.area)
    found = inference.segment_text(cat, "a cat", negative="a black cat")
    assert any(one.mask.iou(largest.mask) > 0.9 for one in found)
    assert not inference.segment_text(cat, "a cat", negative="a cat")
