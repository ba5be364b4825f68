"""How smooth the window stays while the worker encodes: the 99th percentile of event-loop gaps; target 33 ms."""

from __future__ import annotations

import tempfile
from pathlib import Path

from PIL import Image

from benchmarks.common import report
from benchmarks.gaps import gaps_while, percentile, prepare_model, shown_window
from inference import paths
from inference.jobs.load_model import LoadModelRequest
from inference.jobs.prefetch import PrefetchRequest
from inference.protocol import ImageRef, Jobs
from inference.worker.options import WorkerOptions
from inference.worker.thread import ThreadRunner

TARGET_MS = 33
PICTURES = 6


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pictures = _pictures(folder)
        for model in ("sam2.1-tiny", "winnow-starter"):
            _measure(model, str(prepare_model(folder, model)), pictures)


def _measure(model: str, weights: str, pictures: list[Path]) -> None:
    window = shown_window()
    runner = ThreadRunner(WorkerOptions(), window)
    gaps_while(runner, lambda jobs: jobs.submit(LoadModelRequest(weights)), 1)

    def encode_all(jobs: Jobs) -> None:
        for picture in pictures:
            jobs.submit(PrefetchRequest(ImageRef(str(picture)), weights))

    gaps = gaps_while(runner, encode_all, len(pictures))
    runner.close()
    note = f"longest {gaps[-1]:.0f} ms over {sum(gaps) / 1000:.1f} s"
    report(
        f"event-loop gap while encoding, 99th percentile, {model}", percentile(gaps, 0.99), "ms", None, TARGET_MS, note
    )


def _pictures(folder: Path) -> list[Path]:
    """Different 12-megapixel photographs, so that none is found in a cache."""
    sample = next(iter(sorted(paths.resource("samples").glob("*.jpg"))))
    files = []
    with Image.open(sample) as photo:
        large = photo.convert("RGB").resize((4000, 3000))
    for number in range(PICTURES):
        files.append(folder / f"{number}.jpg")
        large.rotate(number).save(files[-1], quality=90)
    return files
