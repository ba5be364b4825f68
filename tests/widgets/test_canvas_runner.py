"""The canvas on the window's own runner with a real (random, small) model: from the click to the instance."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QPointF, Qt
from pytestqt.qtbot import QtBot

from app.project import Project
from app.selection import Selection
from app.session.prompting import PromptSession
from inference.worker.options import WorkerOptions
from inference.worker.thread import ThreadRunner
from widgets.canvas import Canvas


@pytest.fixture
def weights(tmp_path_factory: pytest.TempPathFactory) -> str:
    import torch

    from inference.engines.architecture import save_checkpoint
    from tests.random_models import SMALL, random_model

    torch.set_num_threads(1)
    return str(save_checkpoint(random_model(), SMALL, tmp_path_factory.mktemp("weights") / "small.safetensors"))


def test_hover_click_tab_accept_with_the_real_runner(qtbot: QtBot, tmp_path: Path, weights: str) -> None:
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (120, 160, 3), np.uint8)).save(tmp_path / "a.png")
    project = Project.open(tmp_path)
    document = project.document("a.png")
    runner = ThreadRunner(WorkerOptions(force_device="cpu"), in_process=True)
    session = PromptSession(runner, weights)
    canvas = Canvas()
    qtbot.addWidget(canvas)
    canvas.resize(400, 300)
    errors: list[object] = []
    session.failed.connect(errors.append)
    canvas.set_session(session)
    canvas.set_document(document, Selection(document))
    canvas.show()
    try:
        qtbot.waitUntil(lambda: canvas.picture.complete)
        session.hover(80, 60)
        qtbot.waitUntil(lambda: session.preview is not None or bool(errors), timeout=30000)
        spot = canvas.view.to_view(80, 60)
        qtbot.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=QPointF(spot).toPoint())
        qtbot.waitUntil(lambda: not session.is_thinking, timeout=30000)
        assert not errors and session.candidate_count == 3
        for _ in range(3):
            canvas.next_candidate()
            qtbot.waitUntil(lambda: not session.is_thinking, timeout=30000)
            shown = session.suggestion
            assert shown is not None and shown.mask is not None and (shown.mask.width, shown.mask.height) == (160, 120)
        session.add_point(20, 20, positive=False)
        qtbot.waitUntil(lambda: not session.is_thinking, timeout=30000)
        area = session.suggestion.mask.area  # type: ignore[union-attr]
        canvas.accept()
        assert len(document.instances) == (1 if area else 0)
    finally:
        canvas.close_down()
        assert runner.close()
        project.close()
