"""What every test is held to: no Qt messages, no exceptions in slots, no threads or processes left behind.

Exceptions in slots are pytest-qt's part (it fails any test in whose event loop one was raised). A fixture of a wider
scope than a function may keep a thread or a process through several tests: such tests say
`@pytest.mark.keeps_threads`.
"""

from __future__ import annotations

import gc
import sys
import threading
import time
from collections.abc import Generator, Iterator
from pathlib import Path

import psutil
import pytest
from PySide6.QtCore import QCoreApplication, QThreadPool, QtMsgType, qInstallMessageHandler

from inference import warnings_allowed

PATIENCE_S = 3.0

HARMLESS_MESSAGES = (
    "This plugin does not support propagateSizeHints()",  # the offscreen platform, at every window
    "This plugin does not support raise()",
    "This plugin does not support grabbing the keyboard",
    "QFontDatabase: Cannot find font directory",  # a machine without fonts draws boxes; layout is the same
)
"""The one list of Qt messages that do not fail a test, each with its reason."""

LASTING_THREADS = (
    "pytest_timeout",
    "asyncio_",  # a loop's default executor, ended with the interpreter
    "Dummy-",  # Python's names for threads of Qt and torch that once called Python
    "tqdm_monitor",
    "tmonitor",
)
LASTING_PROCESSES = ("resource_tracker", "forkserver")


def pytest_configure(config: pytest.Config) -> None:
    gc.disable()  # a QObject collected in a worker's thread crashes; as in the window, one thread collects
    config.addinivalue_line("markers", "keeps_threads: a fixture of a wider scope keeps threads or processes running")
    for line in warnings_allowed.pytest_lines():
        config.addinivalue_line("filterwarnings", line)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """File names that are no UTF-8 reach the captured output as lone surrogates, which xdist cannot send."""
    report = yield
    report.sections = [(name, text.encode("utf-8", "backslashreplace").decode()) for name, text in report.sections]
    return report


@pytest.fixture(autouse=True)
def no_qt_messages() -> Iterator[None]:
    """Fails the test that made Qt warn. Deletions run before it ends, because they warn too."""
    said: list[str] = []

    def listen(kind: QtMsgType, _where: object, text: str | None) -> None:
        if kind not in (QtMsgType.QtDebugMsg, QtMsgType.QtInfoMsg) and text and not text.startswith(HARMLESS_MESSAGES):
            said.append(f"{kind.name}: {text}")

    previous = qInstallMessageHandler(listen)
    yield
    if QCoreApplication.instance() is not None:
        QCoreApplication.sendPostedEvents(None, 52)  # QEvent.DeferredDelete
    gc.collect(1)
    qInstallMessageHandler(previous)
    if said:
        pytest.fail("Qt said:\n" + "\n".join(said), pytrace=False)


@pytest.fixture(autouse=True)
def nothing_left_behind(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fails the test that leaves a thread or a process running (after a moment in which it may end)."""
    if request.node.get_closest_marker("keeps_threads"):
        yield
        return
    threads, processes = set(threading.enumerate()), _children()
    yield
    deadline = time.monotonic() + PATIENCE_S
    while (left := _left(threads, processes)) and time.monotonic() < deadline:
        QThreadPool.globalInstance().waitForDone(50)
        time.sleep(0.01)
    if left:
        pytest.fail("left running: " + ", ".join(left), pytrace=False)


def _left(threads: set[threading.Thread], processes: set[int]) -> list[str]:
    running = [t.name for t in threading.enumerate() if t not in threads and not t.name.startswith(LASTING_THREADS)]
    return running + [name for pid in _children() - processes if (name := _name(pid))]


def _children() -> set[int]:
    """The process numbers of our children; by the kernel's list where there is one, which takes no time."""
    if sys.platform == "linux":
        lists = Path("/proc/self/task").glob("*/children")
        return {int(pid) for text in map(_read, lists) for pid in text.split()}
    return {child.pid for child in psutil.Process().children()}


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except OSError:
        return ""  # that thread has ended


def _name(pid: int) -> str | None:
    """What runs there, or None when that is nothing to complain about."""
    try:
        command = " ".join(psutil.Process(pid).cmdline())
    except psutil.Error:
        return None
    if not command or any(word in command for word in LASTING_PROCESSES):
        return None
    return f"process {pid} ({command[:200]})"
