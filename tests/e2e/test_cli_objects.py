"""`main.py everything` and `main.py text-segment` as people call them: real processes and the built-in models."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO

from app import cli, logs
from inference import paths
from inference.masks import Mask

ROOT = Path(__file__).resolve().parents[2]


def _main(*words: object) -> tuple[int, dict[str, Any], str]:
    """Runs the program in a process of its own: its status, what it told machines, and what it told people."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "main.py"), *map(str, words), "--force-device", "cpu", "--json"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    return done.returncode, json.loads(done.stdout), done.stderr


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A sample photograph, a broken one, and what is no picture at all."""
    folder = tmp_path / "photos"
    folder.mkdir()
    data = paths.resource("samples", "cat.jpg").read_bytes()
    (folder / "кот.jpg").write_bytes(data)
    (folder / "broken.jpg").write_bytes(data[:2000])
    (folder / "notes.txt").write_text("a cat")
    return folder


def _broken_only(status: int, told: dict[str, Any], said: str) -> None:
    assert status == 1
    assert [Path(failure["path"]).name for failure in told["failures"]] == ["broken.jpg"]
    assert sum("broken.jpg" in line for line in said.splitlines()) == 1


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_everything_lays_out_a_folder(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    settings = ("--points-per-side", 6, "--pred-iou-thresh", 0.2, "--stability-score-thresh", 0)
    status, told, said = _main("everything", photos, "--out", out, *settings, "--save-segments")
    _broken_only(status, told, said)
    (row,) = told["images"]
    assert (row["width"], row["height"]) == (451, 300) and row["masks"] == len(row["scores"]) > 1
    coco = COCO(told["coco"])
    annotations = coco.loadAnns(coco.getAnnIds())
    assert [one["score"] for one in annotations] == row["scores"] == sorted(row["scores"], reverse=True)
    segments = sorted(Path(row["segments"]).iterdir())
    assert len(segments) == len(annotations)
    for one, file in zip(annotations, segments, strict=True):
        x, y, w, h = (int(v) for v in one["bbox"])
        pixels = coco.annToMask(one)
        assert pixels.shape == (300, 451) and pixels.sum() == one["area"] > 0
        with Image.open(file) as segment:
            assert segment.mode == "RGBA"
            assert np.array_equal(np.asarray(segment)[..., 3] > 0, pixels[y : y + h, x : x + w] > 0)
        whole = one["attributes"]["part_of"]
        if whole is not None:
            inside = Mask.from_array(pixels & coco.annToMask(coco.loadAnns([whole])[0]))
            assert inside.area >= 0.9 * one["area"]
    with Image.open(row["overlay"]) as overlay:
        assert overlay.size == (451, 300)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_everything_shows_two_models_beside_each_other(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from inference.engines.checkpoint import save_checkpoint
    from tests.random_models import SMALL, random_model

    (photos / "broken.jpg").unlink()
    other = save_checkpoint(random_model(), SMALL, tmp_path / "small.safetensors")
    words = ("everything", photos, "--out", tmp_path / "out", "--compare", other, "--max-side", 200, "--json")
    words = (*words, "--points-per-side", 2, "--pred-iou-thresh", 0, "--stability-score-thresh", 0)
    assert cli.run([str(word) for word in words], lambda *_a, **_k: 0) == 0
    logs.shut_down()
    told = json.loads(capsys.readouterr().out)
    first, second = told["images"]
    assert first["model"] == "starter" and second["model"] == str(other)
    assert (first["width"], first["height"]) == (451, 300)  # masks keep the full size
    assert len(json.loads(Path(told["coco"]).read_text(encoding="utf-8"))["annotations"]) == first["masks"]
    with Image.open(first["side_by_side"]) as both, Image.open(first["overlay"]) as overlay:
        assert max(overlay.size) == 200 and both.width > 2 * overlay.width


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_words_are_found_in_a_folder_and_a_later_run_goes_on(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = ("text-segment", photos, "--text", "a cat; an airplane; a quasar", "--out", out)
    status, told, said = _main(*words)
    _broken_only(status, told, said)
    assert told["unknown"] == ["a quasar"] and "quasar" in said
    (row,) = told["images"]
    assert row["counts"] == {"a cat": len(row["instances"]), "an airplane": 0, "a quasar": 0} and row["instances"]
    coco = COCO(str(out / "annotations.json"))
    annotations = coco.loadAnns(coco.getAnnIds())
    assert {coco.loadCats([one["category_id"]])[0]["name"] for one in annotations} == {"cat"}
    union = np.zeros((300, 451), bool)
    for one in annotations:
        union |= coco.annToMask(one) > 0
    with Image.open(out / row["files"]["mask"]) as mask:
        assert np.array_equal(np.asarray(mask) > 0, union)
    assert union[150, 200] and 0.2 < union.mean() < 0.95  # the cat's face; not the whole picture
    for name in ("index.html", "instances.csv", row["files"]["figure"], row["files"]["original"]):
        assert (out / name).stat().st_size
    figure = (out / row["files"]["figure"]).stat().st_mtime_ns

    (photos / "broken.jpg").unlink()
    status, again, _ = _main(*words)
    assert status == 0 and [one["earlier"] for one in again["images"]] == [True]
    assert again["images"][0]["instances"] == row["instances"]
    assert (out / row["files"]["figure"]).stat().st_mtime_ns == figure
