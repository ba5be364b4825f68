"""The rules of `tests/plugins.py` catch what they are for: a file of tests that break them, run by itself."""

from __future__ import annotations

import pytest

pytest_plugins = ["pytester"]

CONFTEST = """
import tests.plugins as rules
rules.PATIENCE_S = 0.2
pytest_plugins = ["tests.plugins"]
"""

TESTS = """
import subprocess, sys, threading
import pytest
from PySide6.QtCore import QTimer, qWarning

end, left = threading.Event(), []

def test_good():
    pass

def test_message():
    qWarning("QThread: Destroyed while thread is still running")

def test_slot(qtbot):
    QTimer.singleShot(0, lambda: 1 / 0)
    qtbot.wait(20)

def test_thread():
    threading.Thread(target=end.wait, args=(20,), daemon=True).start()

def test_process():
    end.set()
    left.append(subprocess.Popen([sys.executable, "-c", "import time; time.sleep(20)"]))

def test_after():
    left[0].kill()
    left[0].wait()

@pytest.mark.keeps_threads
def test_said_so():
    threading.Timer(0.3, lambda: None).start()
"""


@pytest.mark.keeps_threads  # the timer of the last inner test may outlive it by a moment
def test_every_rule(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.plugins.PATIENCE_S", 0.2)  # what the inner run sets in this process is put back
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(test_it=TESTS)
    result = pytester.runpytest_inprocess("-rEf", "-p", "no:cacheprovider")
    told = {line.split(" - ")[0] for line in result.outlines if line.startswith(("ERROR test_it", "FAILED test_it"))}
    assert told == {
        "ERROR test_it.py::test_message",
        "FAILED test_it.py::test_slot",
        "ERROR test_it.py::test_thread",
        "ERROR test_it.py::test_process",
    }
