"""Panning a 108-megapixel picture with 200 instances: time of a frame, and the longest gap of the event loop."""

from __future__ import annotations

import math
import os
import tempfile
import time
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import cv2
import numpy as np
import psutil
from PIL import Image
from PySide6.QtCore import QPointF
from PySide6.QtWidgets import QApplication

from app.editing import stroke_mask
from app.instance import Instance, Source, new_id
from app.project import Project
from app.selection import Selection
from benchmarks.common import report
from benchmarks.gaps import Gaps
from widgets.canvas import Canvas

WIDTH, HEIGHT = 12_000, 9_000
INSTANCES = 200
FRAME_MS = 33.0
STEPS = 150


def main() -> None:
    application = QApplication.instance() or QApplication([])
    assert isinstance(application, QApplication)
    with tempfile.TemporaryDirectory() as folder:
        _picture(Path(folder) / "large.jpg")
        project = Project.open(folder)
        document = project.document("large.jpg")
        document.add(_instances())
        canvas = Canvas()
        canvas.resize(1600, 1000)
        gaps = Gaps()
        gaps.start()
        start = time.perf_counter()
        canvas.set_document(document, Selection(document))
        canvas.show()
        _until(application, lambda: canvas.picture.ready)
        report("108 MP: first sight of the picture", time.perf_counter() - start, "s")
        _until(application, lambda: canvas.picture.complete and canvas.overlay.settled)
        report("108 MP: picture complete", time.perf_counter() - start, "s")
        report("108 MP: longest event-loop gap while it is read", gaps.stop()[-1], "ms", target=100)
        for name, scale in (("12 %", 0.12), ("50 %", 0.5), ("100 %", 1.0), ("400 %", 4.0)):
            _measure(application, canvas, name, scale)
        report("108 MP: tiles in memory", canvas.picture.cached_bytes / 2**20, "MiB", target=192)
        report("108 MP: memory of the process", psutil.Process().memory_info().rss / 2**20, "MiB")
        canvas.close_down()
        canvas.close()
        project.close()


def _measure(application: QApplication, canvas: Canvas, name: str, scale: float) -> None:
    """A pan in a circle, as a hand would, frame by frame, with everything that a frame makes the program do."""
    canvas.view.zoom_to_scale(scale)
    canvas._on_view()
    for _ in range(30):
        application.processEvents()
        time.sleep(0.01)
    frames, gaps = [], Gaps()
    gaps.start()
    for step in range(STEPS):
        angle = step / STEPS * 4 * math.pi
        canvas.pan(QPointF(22 * math.cos(angle), 22 * math.sin(angle)))
        start = time.perf_counter()
        canvas.repaint()
        frames.append((time.perf_counter() - start) * 1000)
        application.processEvents()
        time.sleep(0.004)
    late = gaps.stop()
    report(f"108 MP pan at {name}: frame, 99th percentile", float(np.percentile(frames, 99)), "ms", target=FRAME_MS)
    report(f"108 MP pan at {name}: event-loop gap, 99th percentile", float(np.percentile(late, 99)), "ms")


def _until(application: QApplication, done: object) -> None:
    while not done():  # type: ignore[operator]
        application.processEvents()
        time.sleep(0.002)


def _picture(path: Path) -> None:
    coarse = np.random.default_rng(0).integers(0, 255, (90, 120, 3), np.uint8)
    Image.fromarray(cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)).save(path, quality=90)


def _instances() -> list[Instance]:
    rng = np.random.default_rng(1)
    made = []
    for _ in range(INSTANCES):
        line = np.cumsum(rng.normal(0, 120, (12, 2)), axis=0) + rng.random(2) * (WIDTH, HEIGHT)
        mask = stroke_mask([(float(x), float(y)) for x, y in line], float(rng.uniform(60, 300)), WIDTH, HEIGHT)
        if mask.area:
            made.append(Instance(new_id(), mask, source=Source.BRUSH))
    whole = stroke_mask([(2000.0, 4500.0), (10000.0, 4500.0)], 5000, WIDTH, HEIGHT)
    return [Instance(new_id(), whole, source=Source.BRUSH), *made]


if __name__ == "__main__":
    main()
