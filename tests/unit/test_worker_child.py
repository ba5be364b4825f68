"""Supervised children: real processes of small scripts that speak the protocol, well and badly."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import psutil
import pytest

from inference.errors import AppError, Cancelled, FormatError, OutOfMemory, ProcessError
from inference.paths import program_dir
from inference.protocol import Progress
from inference.worker.child import ChildExecutor, describe_exit, program
from inference.worker.inline import InlineRunner
from inference.worker.supervised import error_line, progress_line, result_line

PRELUDE = f"import json, os, signal, sys, time; sys.path.insert(0, {str(program_dir())!r})\n"


@dataclass(frozen=True)
class Command:
    """A request whose command line is a script."""

    lane: ClassVar[str] = "child"
    script: str

    def argv(self) -> list[str]:
        return ["-c", PRELUDE + textwrap.dedent(self.script)]


@dataclass(frozen=True)
class Counted(Command):
    def parse(self, result: Any) -> int:
        return len(result)


def ignore(_progress: Progress) -> None:
    """Nobody listens."""


def executor(stop_grace_s: float = 20.0) -> ChildExecutor:
    return ChildExecutor([sys.executable], stop_grace_s)


def run(script: str, report: Callable[[Progress], None] = ignore) -> Any:
    return executor().run(Command(script), report)


def test_progress_and_result() -> None:
    seen: list[Progress] = []
    script = """
        print('{"progress": {"done": 1, "total": 2, "message": "half", "payload": {"loss": 0.5}}}')
        print("something a library prints")
        print('{"no": "message of ours"}')
        print('{"progress": {"done": 2}}')
        print('{"result": {"iou": 0.9}}')
    """
    assert run(script, seen.append) == {"iou": 0.9}
    assert seen == [Progress(1, 2, "half", {"loss": 0.5}), Progress(2, 0)]


def test_our_own_lines_are_understood() -> None:
    progress = Progress(3, 9, "Größe", {"a": [1]})
    error = FormatError("No masks.", "a/b.json", "Draw some.", "line 3")
    script = f"print({progress_line(progress)!r}); print({result_line([1, 2])!r})"
    seen: list[Progress] = []
    assert executor().run(Counted(script), seen.append) == 2
    assert seen == [progress]
    with pytest.raises(FormatError, match=r"a/b.json: No masks. Draw some.") as caught:
        run(f"print({error_line(error)!r}); sys.exit(2)")
    assert caught.value.details == "line 3"


def test_some_items_failed_is_still_a_result() -> None:
    assert run("""print('{"result": {"failed": ["x.jpg"]}}'); sys.exit(1)""") == {"failed": ["x.jpg"]}


def test_the_inline_runner_supervises_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inference.worker.child.program", lambda: [sys.executable])
    assert InlineRunner(models=object()).run(Command("""print('{"result": 7}')""")) == 7


@pytest.mark.parametrize(
    ("script", "kind", "says"),
    [
        ("sys.exit('no such preset')", ProcessError, "ended with status 1. no such preset"),
        ("raise KeyError('x')", ProcessError, "KeyError: 'x'"),
        ("os.kill(os.getpid(), signal.SIGKILL)", OutOfMemory, "killed by the system"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", ProcessError, "crashed .SIGSEGV."),
        ("raise MemoryError", OutOfMemory, "ran out of memory"),
        ("raise RuntimeError('CUDA out of memory')", OutOfMemory, "ran out of memory"),
        ("print('bye')", ProcessError, "without an answer"),
        ('print(\'{"error": {"type": "os", "message": "odd"}}\')', ProcessError, "odd"),
    ],
)
def test_ends_without_an_answer(script: str, kind: type[AppError], says: str) -> None:
    with pytest.raises(kind, match=says) as caught:
        run(script)
    assert type(caught.value) is kind


def test_the_last_lines_are_kept_for_a_report() -> None:
    with pytest.raises(ProcessError) as caught:
        run("[print('line', n, file=sys.stderr) for n in range(500)]; sys.exit(3)")
    assert "line 499" in (caught.value.details or "")
    assert "line 100\n" not in (caught.value.details or "")


def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ProcessError, match="could not start"):
        ChildExecutor([str(tmp_path / "gone")]).run(Command(""), ignore)


GENTLE = """
    def stop(*_):
        open({mark!r}, "w").write("checkpoint")
        print('{{"result": "stopped early"}}')
        sys.exit(0)
    signal.signal(signal.SIGTERM, stop)
    print('{{"progress": {{"done": 1}}}}')
    time.sleep(60)
"""


def test_cancelling_lets_it_write_its_checkpoint(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    begun = threading.Event()
    with pytest.raises(Cancelled):
        executor().run(Command(GENTLE.format(mark=str(mark))), lambda _p: begun.set(), begun.is_set)
    assert mark.read_text() == "checkpoint"


def test_progress_may_cancel_too(tmp_path: Path) -> None:
    def stop(_progress: Progress) -> None:
        raise Cancelled

    mark = tmp_path / "mark"
    with pytest.raises(Cancelled):
        run(GENTLE.format(mark=str(mark)), stop)
    assert mark.exists()


def test_one_that_does_not_listen_is_killed_with_its_children() -> None:
    script = """
        import subprocess
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        print(json.dumps({"progress": {"done": child.pid}}))
        time.sleep(60)
    """
    pids: list[int] = []
    with pytest.raises(Cancelled):
        executor(stop_grace_s=0.1).run(Command(script), lambda p: pids.append(p.done), lambda: bool(pids))
    assert eventually(lambda: not is_running(pids[0]))


def test_a_result_before_the_cancel_counts() -> None:
    """It had answered already and hung at its end."""
    script = """
        print('{"result": 5}')
        print('{"progress": {"done": 1}}')
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(60)
    """
    begun = threading.Event()
    assert executor(0.1).run(Command(script), lambda _p: begun.set(), begun.is_set) == 5


def test_pause_and_resume_and_cancel_while_paused() -> None:
    request = Command("""print('{"progress": {"done": %d}}' % os.getpid()); time.sleep(60)""")
    supervisor, pids, stop = executor(), [], threading.Event()
    assert not supervisor.pause(request)
    outcome: list[BaseException] = []

    def run_it() -> None:
        try:
            supervisor.run(request, lambda p: pids.append(p.done), stop.is_set)
        except Cancelled as cancelled:
            outcome.append(cancelled)

    thread = threading.Thread(target=run_it)
    thread.start()
    assert eventually(lambda: bool(pids))
    assert supervisor.pause(request)
    assert eventually(lambda: psutil.Process(pids[0]).status() == psutil.STATUS_STOPPED)
    assert supervisor.resume(request)
    assert eventually(lambda: psutil.Process(pids[0]).status() != psutil.STATUS_STOPPED)
    assert supervisor.pause(request)
    stop.set()
    thread.join(10)
    assert len(outcome) == 1


def test_closing_stops_it_by_the_deadline() -> None:
    supervisor, outcome = executor(), []
    begun = threading.Event()
    script = "signal.signal(signal.SIGTERM, signal.SIG_IGN); print('{\"progress\": {}}'); time.sleep(60)"

    def run_it() -> None:
        try:
            supervisor.run(Command(script), lambda _p: begun.set())
        except Cancelled as cancelled:
            outcome.append(cancelled)

    thread = threading.Thread(target=run_it)
    thread.start()
    assert begun.wait(20)
    supervisor.close(time.monotonic() + 0.2)
    thread.join(10)
    assert len(outcome) == 1
    with pytest.raises(Cancelled):
        supervisor.run(Command(script), ignore)


@pytest.mark.parametrize("ends", ["stdin", "stop"])
def test_a_command_notices_that_its_window_is_gone(ends: str, tmp_path: Path) -> None:
    """`supervised.enter` turns the end of standard input, or "stop" there, into SIGTERM."""
    import os

    script = PRELUDE + textwrap.dedent("""
        from inference.worker import supervised
        signal.signal(signal.SIGTERM, lambda *_: (print("checkpoint", flush=True), os._exit(0)))
        supervised.enter()
        print("begun", "WINNOW_SUPERVISED" in os.environ, os.nice(0) > 0, flush=True)
        time.sleep(60)
    """)
    child = subprocess.Popen(
        [sys.executable, "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"WINNOW_SUPERVISED": "1"},
    )
    assert child.stdin is not None
    assert child.stdout is not None
    assert child.stdout.readline() == "begun False True\n"
    if ends == "stop":
        child.stdin.write("stop\n")
    child.stdin.close()
    assert child.stdout.read() == "checkpoint\n"
    child.stdout.close()
    assert child.wait(10) == 0


def test_the_program_starts_itself(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert program() == [sys.executable, str(program_dir() / "main.py")]
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert program() == [sys.executable]
    monkeypatch.setattr(sys, "executable", str(tmp_path / "Winnow.exe"))
    (tmp_path / "winnow-cli.exe").touch()  # Windows: the one with windows has no standard output
    assert program() == [str(tmp_path / "winnow-cli.exe")]


def test_exit_statuses_in_words() -> None:
    assert describe_exit(3) == "ended with status 3"
    assert describe_exit(-11) == "crashed (SIGSEGV)"
    assert describe_exit(-99) == "crashed (signal 99)"
    assert describe_exit(0xC0000005) == "crashed (0xC0000005)"


def is_running(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def eventually(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 10
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    return condition()


def test_a_child_leaves_with_all_it_said_and_without_taking_itself_apart() -> None:
    script = PRELUDE + textwrap.dedent("""
        import atexit
        from inference.worker.supervised import leave, result_line
        atexit.register(print, "taken apart")
        print(result_line({"done": 1}))
        leave(3)
    """)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (3, '{"result": {"done": 1}}\n', "")
