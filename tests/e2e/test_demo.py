"""`make demo` and `doctor` with the built-in model: what comes out, and that the subjects are found."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO

from app.samples import samples
from inference import catalogue

ROOT = Path(__file__).resolve().parents[2]


def _main(*words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / "main.py"), *map(str, words)],
        cwd=ROOT, env=dict(os.environ), capture_output=True, text=True, timeout=110,
    )  # fmt: skip


@pytest.fixture(scope="module")
def built_in() -> None:
    spec = catalogue.find(catalogue.STARTER)
    assert catalogue.installed(spec) is not None, "the built-in model is part of the repository"


def test_the_demo_segments_every_photograph_twice(built_in: None, tmp_path: Path) -> None:
    done = _main("demo", "--out", tmp_path / "demo", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    shots = samples()
    assert len(told["images"]) == 2 * len(shots)
    assert told["failures"] == []
    coco = COCO(told["coco"])
    assert len(coco.getAnnIds()) == 2 * len(shots)
    for row in told["images"]:
        with Image.open(row["mask"]) as mask:
            pixels = np.asarray(mask) > 0
        assert int(pixels.sum()) == row["area"]
        assert Path(row["cutout"]).is_file()
        assert Path(row["overlay"]).is_file()
    page = Path(told["index"]).read_text(encoding="utf-8")
    assert page.count("<article>") == len(shots)
    with Image.open(Path(told["index"]).with_name("index.png")) as sheet:
        assert sheet.width > 1500
    filled = [_share_inside(row) for row in told["images"] if row["variant"] == "box"]
    assert np.median(filled) > 0.85, "masks from a box stay in the box"


def _share_inside(row: dict[str, object]) -> float:
    """The part of a mask that lies in the box it was asked with."""
    box = next(s.box for s in samples() if str(s.file) == row["image"])
    with Image.open(str(row["mask"])) as mask:
        pixels = np.asarray(mask) > 0
    inside = pixels[round(box.y0) : round(box.y1), round(box.x0) : round(box.x1)].sum()
    return float(inside / max(pixels.sum(), 1))


def test_the_doctor_finds_the_built_in_model_well(built_in: None, tmp_path: Path) -> None:
    done = _main("doctor", "--self-test", "--json", "--models-dir", tmp_path)
    report = json.loads(done.stdout)
    models = {f["label"]: f for f in report["sections"]["Models"]}
    assert models["starter"]["ok"] is True, models
    (mask,) = report["sections"]["Self-test"]
    assert mask["ok"] is True, mask
    assert "Device" in report["sections"]
