"""A classifier that was trained on folders, chosen in the Sort workspace as where suggestions come from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from pytestqt.qtbot import QtBot

from app.session.record import AUTO, TRAINED
from inference import paths
from inference.engines.classifier_checkpoint import save_classifier
from inference.engines.classifier_model import ClassifierArch, build_classifier
from inference.engines.pool import ModelPool
from inference.errors import AppError
from inference.jobs.label import LabelRequest
from inference.protocol import Progress, Ticket
from inference.weights import library
from inference.worker.inline import InlineRunner
from tests.unit.classifier_scene import FAST
from tests.widgets.sort_kit import ColorRunner, colors
from tests.widgets.window_kit import Desktop


class TrainedRunner(ColorRunner):
    """Runs the real labelling job as well."""

    def __init__(self) -> None:
        super().__init__()
        self.labelled: list[str] = []
        self._inline = InlineRunner(ModelPool(force_device="cpu"))

    def _answer(self, ticket: Ticket, result: Any = None) -> None:
        if isinstance(ticket.request, LabelRequest):

            def tell(progress: Progress) -> None:
                if progress.payload is not None:
                    self.labelled.append(Path(progress.payload.path).name)
                self.progressed.emit(ticket, progress)

            try:
                result = self._inline.run(ticket.request, tell)
            except AppError as error:
                self.failed.emit(ticket, error)
                return
        super()._answer(ticket, result)


@pytest.fixture
def desktop(qtbot: QtBot, winnow_home: Path) -> Iterator[Desktop]:
    torch.manual_seed(3)
    arch = ClassifierArch("small-vit", ("RED", "blue", "green"), 16, FAST["options"])
    file = save_classifier(build_classifier(arch), arch, winnow_home / "mine.safetensors")
    library.import_file(file, paths.models_dir(), name="mine")
    made = Desktop(qtbot, winnow_home, TrainedRunner())
    yield made
    made.close()


def test_a_trained_classifier_is_a_choice_and_suggests(desktop: Desktop, tmp_path: Path) -> None:
    folder = colors(tmp_path / "pictures", 3)
    (folder / "red").mkdir()
    (folder / "blue 1.png").rename(folder / "red" / "blue 1.png")  # a class folder that stands for RED
    (folder / "broken.png").write_bytes(b"nothing")
    desktop.open(folder)
    desktop.do("workspace_sort")
    session, bar = desktop.services.sorting, desktop.window.sort.bar
    desktop.until(lambda: len(session.looker.vectors) == 9)
    assert bar.source.findData(f"{TRAINED}mine") >= 0
    bar.source.setCurrentIndex(bar.source.findData(f"{TRAINED}mine"))
    bar.source.activated.emit(bar.source.currentIndex())
    desktop.until(lambda: len(session.suggestions) == 8)
    pool = ModelPool(force_device="cpu")
    from inference.pictures import read_rgb

    for image_id, suggestion in session.suggestions.items():
        row = pool.labeller("mine").probabilities([read_rgb(folder / image_id)])[0]
        assert suggestion.label == ("red", "blue", "green")[int(row.argmax())]
        assert suggestion.confidence == pytest.approx(float(row.max()), abs=1e-3)
    assert "3 classes" in session.state_text()
    runner = desktop.runner
    assert sorted(runner.labelled) == sorted(set(runner.labelled)) and "broken.png" in runner.labelled  # once each
    session.set_source(AUTO)
    desktop.until(lambda: not session.suggestions)
    pool.release()


def test_a_classifier_that_was_removed_is_told_and_not_asked_again(desktop: Desktop, tmp_path: Path) -> None:
    desktop.open(colors(tmp_path / "pictures", 1))
    desktop.do("workspace_sort")
    session = desktop.services.sorting
    desktop.until(lambda: len(session.looker.vectors) == 3)
    told: list[AppError] = []
    desktop.services.answers.failed.connect(told.append)
    session.set_source(f"{TRAINED}gone")
    desktop.until(lambda: bool(told))
    session.set_source(f"{TRAINED}gone")
    desktop.qtbot.wait(700)
    assert len(told) == 1 and "gone" in str(told[0]) and not session.suggestions
