"""The finished thing: the window, the real worker process, the built-in model, a click on a sample photograph."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from app.project import Project
from app.samples import samples
from inference.catalogue import STARTER, find, installed
from inference.masks import Mask
from inference.worker.options import WorkerOptions
from inference.worker.thread import ThreadRunner
from tests.widgets.window_kit import Desktop


@pytest.fixture
def desktop(qtbot: QtBot, winnow_home: Path) -> Iterator[Desktop]:
    if installed(find(STARTER)) is None:
        pytest.skip("the built-in model is not here")
    made = Desktop(qtbot, winnow_home, ThreadRunner(WorkerOptions(force_device="cpu"), quiet_s=0.2))
    yield made
    made.close()


def test_a_click_on_the_flower_is_the_flower(desktop: Desktop, qtbot: QtBot) -> None:
    flower = next(s for s in samples() if s.file.stem == "flower")
    desktop.services.shelf.start()
    desktop.window.open_sample(flower.file.name)
    qtbot.waitUntil(lambda: desktop.services.desk.document is not None, timeout=20_000)
    session = desktop.services.session
    session.set_box(flower.box)
    qtbot.waitUntil(lambda: session.suggestion is not None and session.suggestion.mask is not None, timeout=90_000)
    desktop.accept()
    popup = desktop.window.annotate.popup
    popup.name.setText("flower")
    popup.name.returnPressed.emit()
    instance = desktop.document.instances[0]
    assert instance.mask.iou(_box_mask(desktop, flower)) > 0.4  # it fills its box, not the picture
    assert "CPU" in desktop.window.status.model.text or "loading" in desktop.window.status.model.text
    folder = desktop.services.desk.project.folder
    desktop.close()  # with the model at work on the neighbours
    again = Project.open(folder)
    kept = again.document(flower.file.name).instances[0]
    assert kept.mask == instance.mask
    assert again.classes.get(kept.class_id).name == "flower"
    again.close()


def _box_mask(desktop: Desktop, sample: object) -> Mask:
    box = sample.box  # type: ignore[attr-defined]
    ring = [(box.x0, box.y0), (box.x1, box.y0), (box.x1, box.y1), (box.x0, box.y1)]
    return Mask.from_polygons([ring], desktop.document.height, desktop.document.width)
