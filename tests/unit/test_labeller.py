"""A trained classifier on its device: what happens to it while others use it, and when memory runs out."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from inference.engines.classifier_model import ClassifierArch, build_classifier
from inference.engines.device import Device
from inference.engines.labeller import Labeller
from inference.errors import OutOfMemory

ARCH = ClassifierArch("small-vit", ("cat", "dog"), 16, {"patch": 4, "dim": 16, "depth": 1, "heads": 2})
PICTURES = [np.full((20, 24, 3), shade, np.uint8) for shade in (10, 200)]


class Crowded(Labeller):
    """A labeller whose first `failures` answers find the card full."""

    def __init__(self, failures: int) -> None:
        self.left = failures
        torch.manual_seed(0)
        device = SimpleNamespace(
            kind="cuda", name="Small card", precision="float32", torch_name="cpu", on_cpu=Device("cpu", "CPU").on_cpu
        )
        super().__init__(build_classifier(ARCH).eval(), ARCH, id="mine", title="Mine", checksum="0", device=device)  # type: ignore[arg-type]

    def _answer(self, pictures: object) -> object:  # type: ignore[override]
        if self.left:
            self.left -= 1
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return super()._answer(pictures)  # type: ignore[arg-type]


@pytest.fixture
def freed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The kinds of device whose memory was given back."""
    kinds: list[str] = []
    monkeypatch.setattr("inference.engines.device.release_memory", lambda device: kinds.append(device.kind))
    return kinds


def test_a_batch_goes_on_after_its_classifier_was_released(freed: list[str]) -> None:
    labeller = Crowded(0)
    before = labeller.probabilities(PICTURES)
    labeller.release()  # as the pool does when another model takes its place, while a batch still holds it
    assert np.array_equal(labeller.probabilities(PICTURES), before)
    assert before.shape == (2, 2)
    assert np.allclose(before.sum(1), 1)


def test_a_full_card_is_tried_again_and_then_left(freed: list[str]) -> None:
    labeller = Crowded(1)
    labeller.probabilities(PICTURES)
    assert labeller.device.kind == "cuda"
    labeller.left = 2
    labeller.probabilities(PICTURES)
    assert labeller.device.kind == "cpu"
    assert labeller.device.reason == "Small card ran out of memory"
    assert freed[-1] == "cuda"  # what it left behind there


def test_no_memory_anywhere_is_told(freed: list[str]) -> None:
    with pytest.raises(OutOfMemory, match="Mine could not be used"):
        Crowded(3).probabilities(PICTURES)
