"""How well each way to say where the subject is finds it: mean IoU with the masks of Oxford-IIIT Pet's test pictures.

The mask is the trimap's foreground and boundary. Needs the development data (`../shared/data`); no model of ours was
trained on `test.txt`. 150 of its pictures are measured, evenly spread; `WINNOW_FOCUS_PICTURES` says another number
(0: all), `WINNOW_FOCUS_MODEL` another model.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.common import report

PETS = Path(__file__).resolve().parents[2] / "shared" / "data" / "oxford_pets_sample"
PICTURES = 150
BACKGROUND = 2  # in the trimaps


def main() -> None:
    """Prints a line for each way: the mean IoU, the worst tenth, the time of a picture."""
    if not (PETS / "annotations" / "test.txt").is_file():
        print(f"skipped: no development data in {PETS}")
        return
    from inference import warnings_allowed
    from inference.engines.pool import ModelPool
    from inference.focus import Focus
    from inference.jobs.cutout import subject_mask
    from inference.pictures import read_rgb
    from inference.prompts import Box

    warnings_allowed.allow()
    model = os.environ.get("WINNOW_FOCUS_MODEL", "starter")
    segmenter = ModelPool(force_device="cpu").segmenter(model)
    found: dict[str, list[float]] = {}
    seconds: dict[str, float] = {}
    pictures = 0
    for photo, truth in _pairs(int(os.environ.get("WINNOW_FOCUS_PICTURES", str(PICTURES)))):
        rgb = read_rgb(photo)
        embedding = segmenter.encode(rgb)
        rows, columns = np.flatnonzero(truth.any(1)), np.flatnonzero(truth.any(0))
        box = Box(float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1))
        ways = {
            "one click in the middle": Focus(margin=0.0),
            "center": Focus(),
            "auto": Focus("auto"),
            "the true box": Focus("box", box=box, shares=False),
        }
        for name, focus in ways.items():
            start = time.perf_counter()
            answer = subject_mask(segmenter, embedding, rgb, focus)[0].array()
            seconds[name] = seconds.get(name, 0.0) + time.perf_counter() - start
            found.setdefault(name, []).append(float((answer & truth).sum() / (answer | truth).sum()))
        pictures += 1
    print(f"{pictures} pictures of {PETS.name}/annotations/test.txt, {model} on {segmenter.device.name}")
    for name, values in found.items():
        worst = np.sort(values)[: max(1, pictures // 10)].mean()
        note = f"worst tenth {worst:.3f}, {1000 * seconds[name] / pictures:.0f} ms after the encoding"
        report(f"{name}, mean IoU", float(np.mean(values)), "", note=note)


def _pairs(count: int) -> Iterator[tuple[Path, np.ndarray]]:
    """Pictures and their masks."""
    lines = (PETS / "annotations" / "test.txt").read_text(encoding="utf-8").splitlines()
    names = [line.split()[0] for line in lines if line.strip()]
    places = np.linspace(0, len(names) - 1, count).round().astype(int) if 0 < count < len(names) else range(len(names))
    for place in places:
        photo = PETS / "images" / f"{names[place]}.jpg"
        trimap = PETS / "annotations" / "trimaps" / f"{names[place]}.png"
        if photo.is_file() and trimap.is_file():
            with Image.open(trimap) as opened:
                yield photo, np.asarray(opened) != BACKGROUND


if __name__ == "__main__":
    main()
