"""Runs a request as a supervised process of the program's own command line.

A crash or a memory kill there fails its job and nothing else. The process says what it does in JSON lines on standard
output: `{"progress": {"done", "total", "message", "payload"}}`, `{"result": ...}`, and
`{"error": {"type", "message", "path", "remedy", "details"}}`; other lines and standard error are kept for bug reports.
"""

from __future__ import annotations

import json
import logging
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any

from inference import errors
from inference.errors import AppError, Cancelled, OutOfMemory, ProcessError
from inference.paths import program_dir
from inference.protocol import Progress
from inference.worker.failures import ran_out_of_memory
from inference.worker.supervised import VARIABLE

log = logging.getLogger(__name__)

Report = Callable[[Progress], None]

CONSOLE_TWIN = "winnow-cli.exe"
STOP_GRACE_S = 30.0
"""So long may a child take to write its checkpoint after it was asked to stop."""
_POLL_S = 0.05
_TAIL_LINES = 60


def program() -> list[str]:
    """The command that starts this program again: the built program itself, or the interpreter with `main.py`.

    On Windows the built program has a twin with a console: the one with windows has no standard output to talk through.
    """
    if getattr(sys, "frozen", False):
        twin = Path(sys.executable).with_name(CONSOLE_TWIN)
        return [str(twin) if twin.is_file() else sys.executable]
    return [sys.executable, str(program_dir() / "main.py")]


class ChildExecutor:
    """An `inference.worker.lane.Executor`; several lane threads may use one.

    A request has `argv() -> list[str]`, the arguments after the program's name. What the command's result line holds is
    the result; a request with `parse(result)` turns it into something better.

    Args:
        command: what starts the program; tests give another one.
        stop_grace_s: how long a child may take to end by itself.
    """

    def __init__(self, command: Sequence[str] | None = None, stop_grace_s: float = STOP_GRACE_S) -> None:
        self._command = list(program() if command is None else command)
        self._grace_s = stop_grace_s
        self._deadline = float("inf")
        self._closing = threading.Event()
        self._children: dict[int, _Child] = {}  # by the identity of their request
        self._lock = threading.Lock()

    def run(self, request: Any, report: Report, stopping: Callable[[], bool] = lambda: False) -> Any:
        """Starts the command and follows it to its end."""
        if stopping() or self._closing.is_set():
            raise Cancelled
        child = _Child([*self._command, *request.argv()])
        with self._lock:
            self._children[id(request)] = child
        try:
            result = child.follow(report, lambda: stopping() or self._closing.is_set(), self._kill_at)
        finally:
            with self._lock:
                del self._children[id(request)]
            child.end()
        parse = getattr(request, "parse", None)
        return result if parse is None else parse(result)

    def pause(self, request: Any) -> bool:
        """Freezes the request's processes; False when it is not running."""
        child = self._child(request)
        return child is not None and child.suspend()

    def resume(self, request: Any) -> bool:
        """Lets paused processes go on; False when it is not running."""
        child = self._child(request)
        return child is not None and child.resume()

    def close(self, deadline: float) -> None:
        """Asks every child to write its checkpoint and end; those that are not done at `deadline` are killed."""
        self._deadline = deadline
        self._closing.set()

    def _kill_at(self, asked_at: float) -> float:
        return min(asked_at + self._grace_s, self._deadline)

    def _child(self, request: Any) -> _Child | None:
        with self._lock:
            return self._children.get(id(request))


class _Stop:
    """The state of stopping a child: asked once, killed once when it is overdue."""

    def __init__(self, kill_at: Callable[[float], float]) -> None:
        self._kill_at = kill_at
        self._since: float | None = None
        self._killed = False
        self.was_done = False  # it had answered before it was asked to stop: the answer counts

    @property
    def asked(self) -> bool:
        return self._since is not None

    def begin(self, *, was_done: bool) -> None:
        self._since = time.monotonic()
        self.was_done = was_done

    def overdue(self) -> bool:
        """True once, when the grace is over."""
        if self._since is None or self._killed or time.monotonic() <= self._kill_at(self._since):
            return False
        self._killed = True
        return True


class _Child:
    """One process, its output, and its end."""

    def __init__(self, command: list[str]) -> None:
        self._command = command
        self._tail: deque[str] = deque(maxlen=_TAIL_LINES)
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._result: list[Any] = []
        self._error: AppError | None = None
        self._paused = False
        environment = os.environ | {VARIABLE: "1", "PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8"}
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                encoding="utf-8",
                errors="replace",
                env=environment,
                start_new_session=True,  # one group, so that its own children can be ended with it
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
        except OSError as error:
            raise ProcessError(f"The program could not start its helper: {error}.", path=command[0]) from error
        self._readers = [
            threading.Thread(
                target=self._read_lines, args=(self._process.stdout,), name="winnow-child-out", daemon=True
            ),
            threading.Thread(
                target=self._read_tail, args=(self._process.stderr,), name="winnow-child-err", daemon=True
            ),
        ]
        for reader in self._readers:
            reader.start()

    def follow(self, report: Report, stopping: Callable[[], bool], kill_at: Callable[[float], float]) -> Any:
        """Passes progress on until the process ends, and returns its result or raises its failure."""
        stop = _Stop(kill_at)
        while not self._ended():
            if stopping():
                self._ask_to_stop(stop)
            if stop.overdue():
                log.warning("%s did not stop in time and is killed", " ".join(self._command))
                self._kill()
            try:
                self._handle_next(report)
            except Cancelled:
                self._ask_to_stop(stop)
        if stop.asked and not stop.was_done:
            raise Cancelled
        return self._outcome(0 if stop.was_done else self._process.wait())

    def end(self) -> None:
        """Leaves nothing behind: no process, no thread, no open pipe."""
        if self._process.poll() is None or os.name != "nt":
            self._kill()
        self._process.wait()
        for reader in self._readers:
            reader.join(1.0)
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None and not any(r.is_alive() for r in self._readers):
                _close(pipe)

    def suspend(self) -> bool:
        return self._for_tree("suspend", paused=True)

    def resume(self) -> bool:
        return self._for_tree("resume", paused=False)

    def _handle_next(self, report: Report) -> None:
        try:
            line = self._lines.get(timeout=_POLL_S)
        except queue.Empty:
            return
        if line is None:
            return
        message = _parse(line)
        if message is None:
            self._tail.append(line.rstrip())
        elif "progress" in message:
            report(_progress(message["progress"]))
        elif "result" in message:
            self._result = [message["result"]]
        else:
            self._error = _error(message["error"])

    def _ended(self) -> bool:
        """The process is gone and everything it wrote was handled (its own children may keep the pipe open: 1 s)."""
        if self._process.poll() is None:
            return False
        for reader in self._readers:
            reader.join(1.0)
        return self._lines.empty()

    def _outcome(self, status: int) -> Any:
        if self._error is not None:
            raise self._error
        if self._result and status in (0, 1):  # 1: some items failed, the result lists them
            return self._result[0]
        details = f"{' '.join(self._command)}\nexit status {status}\n" + "\n".join(self._tail)
        if status == 0:
            raise ProcessError("The helper process ended without an answer.", details=details)
        if status in (-9, 137) or ran_out_of_memory(RuntimeError(details)) or "MemoryError" in details:
            message = "The helper process was killed by the system, most likely because memory ran out."
            if status > 0 and status != 137:
                message = "The helper process ran out of memory."
            raise OutOfMemory(message, remedy="Choose a smaller model, picture size or batch.", details=details)
        last = next((line for line in reversed(self._tail) if line.strip()), "")
        raise ProcessError(f"The helper process {describe_exit(status)}. {last}".rstrip(), details=details)

    def _ask_to_stop(self, stop: _Stop) -> None:
        if stop.asked:
            return
        stop.begin(was_done=bool(self._result))
        self.resume()
        try:
            if os.name == "nt":
                if self._process.stdin is not None:
                    self._process.stdin.write("stop\n")
                    self._process.stdin.flush()
            else:
                self._process.send_signal(signal.SIGTERM)
        except OSError as error:
            log.info("the child is already gone: %s", error)

    def _kill(self) -> None:
        try:
            if os.name == "nt":
                self._for_tree("kill", paused=False)
            else:
                os.killpg(self._process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            return  # nobody is left in the group

    def _for_tree(self, verb: str, *, paused: bool) -> bool:
        import psutil

        if verb == "resume" and not self._paused:
            return self._process.poll() is None
        try:
            root = psutil.Process(self._process.pid)
            for process in (root, *root.children(recursive=True)):
                getattr(process, verb)()
        except psutil.Error as error:
            log.info("could not %s the child: %s", verb, error)
            return False
        self._paused = paused
        return True

    def _read_lines(self, pipe: IO[str]) -> None:
        for line in pipe:
            self._lines.put(line)
        self._lines.put(None)

    def _read_tail(self, pipe: IO[str]) -> None:
        for line in pipe:
            self._tail.append(line.rstrip())


def describe_exit(status: int) -> str:
    """An exit status in words: "crashed (SIGSEGV)", "ended with status 3"."""
    if status >= 0:
        return f"ended with status {status}" if status < 0xC0000000 else f"crashed (0x{status:08X})"
    try:
        return f"crashed ({signal.Signals(-status).name})"
    except ValueError:
        return f"crashed (signal {-status})"


def _parse(line: str) -> dict[str, Any] | None:
    """The line's message, or None when it is not one of ours."""
    if not line.lstrip().startswith("{"):
        return None
    try:
        message = json.loads(line)
    except ValueError:
        return None
    if not isinstance(message, dict) or not any(isinstance(message.get(k), dict) for k in ("progress", "error")):
        return message if isinstance(message, dict) and "result" in message else None
    return message


def _progress(fields: dict[str, Any]) -> Progress:
    return Progress(
        int(fields.get("done") or 0),
        int(fields.get("total") or 0),
        str(fields.get("message") or ""),
        fields.get("payload"),
    )


def _error(fields: dict[str, Any]) -> AppError:
    """The failure with its own class when `inference.errors` has it."""
    kind = getattr(errors, str(fields.get("type")), ProcessError)
    if not (isinstance(kind, type) and issubclass(kind, AppError)):
        kind = ProcessError
    return kind(str(fields.get("message")), fields.get("path"), fields.get("remedy"), fields.get("details"))


def _close(pipe: IO[str]) -> None:
    try:
        pipe.close()
    except OSError as error:
        log.debug("closing a pipe of an ended child: %s", error)
