"""The image of all instances: after a pan only what is new is drawn, and it comes out as if all of it had been."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QPointF, QSizeF
from PySide6.QtGui import QImage
from pytestqt.qtbot import QtBot

from app.instance import Instance, Source, new_id
from app.project import Project
from inference.masks import Mask
from widgets.canvas.overlay import Overlay, Style
from widgets.canvas.view import View

WIDTH, HEIGHT = 1600, 1200


def _instances() -> list[Instance]:
    rng = np.random.default_rng(2)
    made = []
    for _ in range(25):
        pixels = np.zeros((HEIGHT, WIDTH), np.uint8)
        centre = tuple(int(v) for v in rng.integers((50, 50), (WIDTH - 50, HEIGHT - 50)))
        cv2.ellipse(pixels, centre, tuple(int(v) for v in rng.integers(20, 160, 2)), 30, 0, 360, 1, -1)
        made.append(Instance(new_id(), Mask.from_array(pixels > 0), source=Source.IMPORT))
    return made


def _pixels(image: QImage) -> np.ndarray:
    return np.array(image.constBits()).reshape(image.height(), -1, 4).astype(int)


@pytest.mark.parametrize("ratio", [1.0, 1.25, 2.0])
@pytest.mark.parametrize(("scale", "boxes"), [(0.5, False), (2.0, False), (0.5, True)])
def test_a_pan_draws_what_is_new_and_nothing_else(
    qtbot: QtBot, tmp_path: Path, scale: float, boxes: bool, ratio: float
) -> None:
    Image.new("RGB", (WIDTH, HEIGHT)).save(tmp_path / "a.png")
    project = Project.open(tmp_path)
    document = project.document("a.png")
    instances = _instances()
    document.add(instances)
    view = View()
    view.set_image(WIDTH, HEIGHT)
    view.set_viewport(QSizeF(300, 240), ratio)
    view.zoom_to_scale(scale)
    overlay = Overlay(view)
    chosen = frozenset([instances[0].id, instances[7].id])
    overlay.set_scene(document=document, selected=chosen, style=Style(boxes=boxes, labels=True))
    qtbot.waitUntil(lambda: overlay.settled)
    for shift in (QPointF(-140, 30), QPointF(60, -110), QPointF(151, 90)):
        view.pan(shift)
        overlay.render()
        qtbot.waitUntil(lambda: overlay.settled)
        moved = _pixels(overlay._image)
        overlay.invalidate()
        overlay.render()
        differing = abs(moved - _pixels(overlay._image)).max(axis=2) > 3
        assert np.count_nonzero(differing) <= 4, shift  # a sample on the very border of two dots may be either
    overlay.close()
    project.close()
