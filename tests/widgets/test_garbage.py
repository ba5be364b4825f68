"""Cycles with Qt objects in them are collected in the window's thread, whatever other threads allocate.

Without this the program crashes: `PYTHONFAULTHANDLER` showed timers of a closed project destroyed in a worker's thread.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from typing import ClassVar

import pytest
from PySide6.QtCore import QObject, QTimer
from pytestqt.qtbot import QtBot

from inference import garbage
from inference.errors import OutOfMemory
from inference.worker.failures import as_app_error
from widgets.garbage import GarbageCollector


class Knot(QObject):
    """In a cycle with itself and with a running timer, as a project with its documents is; notes where it ends."""

    ended_in: ClassVar[list[str]] = []

    def __init__(self) -> None:
        super().__init__()
        self.me = self
        self.timer = QTimer(self)
        self.timer.start(10_000)
        self.end = End()


class End:
    def __del__(self) -> None:
        Knot.ended_in.append(threading.current_thread().name)


@pytest.fixture
def eager() -> Iterator[None]:
    """Python's own collector as in a program that starts, and in a hurry."""
    was, thresholds = gc.isenabled(), gc.get_threshold()
    Knot.ended_in.clear()
    gc.collect()
    gc.set_threshold(20, 2, 2)
    gc.enable()
    yield
    gc.set_threshold(*thresholds)
    gc.enable() if was else gc.disable()


def _busy_thread() -> None:
    """Allocates what the collector counts, many times its threshold."""
    thread = threading.Thread(target=lambda: [[n] for n in range(50_000)], name="busy")
    thread.start()
    thread.join()


def test_only_the_windows_thread_collects(qtbot: QtBot, eager: None) -> None:
    collector = GarbageCollector()
    for _ in range(50):
        Knot()
    _busy_thread()
    assert Knot.ended_in == []
    for _ in range(4):  # one generation at a time
        [[n] for n in range(100)]
        collector.collect()
    assert set(Knot.ended_in) == {threading.main_thread().name}
    collector.stop()
    assert gc.isenabled()


def test_memory_that_ran_out_in_a_thread_collects_nothing_there(qtbot: QtBot, eager: None) -> None:
    collector = GarbageCollector()
    Knot()
    failure: list[Exception] = []
    thread = threading.Thread(target=lambda: failure.append(as_app_error(MemoryError(), object())), name="lane")
    thread.start()
    thread.join()
    assert isinstance(failure[0], OutOfMemory) and Knot.ended_in == []
    collector.stop()
    garbage.collect()
    assert Knot.ended_in == [threading.main_thread().name]
