"""The window of a built program under Xvfb, driven by mouse and keys; how long it takes to show. For smoke.py."""

from __future__ import annotations

import os
import shutil
import sqlite3
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import smoke_masks

Environment = Callable[..., dict[str, str]]
WIDTH, HEIGHT = 1280, 800
CLICK = (638, 428)
"""Without a window manager the window fills the screen from its corner, and the picture lies in the middle."""
_LIMIT_S = 240
_ROUNDS = 3


class Unusable(Exception):  # noqa: N818  what a person reads is the message
    """The window does not do what it has to, or there is nothing to try it with."""


def first_mask(program: Path, folder: Path, place: Path, environment: Environment, picture: Path) -> str:
    """Opens a picture, clicks on its subject, keeps the mask, closes. The screenshot goes to `place`.

    Also: no process of the program may have a file of another Python, or of the sources, in its memory, and a second
    start on the folder hands over to the window that is there.
    """
    missing = [tool for tool in ("Xvfb", "xdotool") if not shutil.which(tool)]
    if missing:
        raise Unusable(f"not tried: {', '.join(missing)} is missing here")
    mine = Path(shutil.copy(picture, place / "pictures"))
    with _screen(place) as display:
        begun = time.monotonic()
        process = subprocess.Popen(
            [str(program), str(mine)], cwd=place, env=environment(DISPLAY=display), stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, errors="replace",
        )  # fmt: skip
        try:
            _xdotool(display, "search", "--sync", "--onlyvisible", "--name", "Winnow")
            shown = time.monotonic() - begun
            _xdotool(display, "mousemove", *map(str, CLICK))
            _wait(lambda: (mine.parent / ".winnow" / "project.db").is_file(), process, "no project was made")
            _xdotool(display, "click", "1")
            area = _until_kept(display, mine.parent / ".winnow" / "project.db", process)
            masked = time.monotonic() - begun
            time.sleep(1)  # until it is drawn
            _screenshot(place / "Xvfb_screen0", place / "window.png")
            strangers = _strangers(process.pid, folder)
            if strangers:
                raise Unusable(f"files from elsewhere are loaded: {strangers[:5]}")
            _hand_over(program, environment(DISPLAY=display), place, picture.with_name("cat.jpg"))
            _xdotool(display, "key", "ctrl+q")
            said, _ = process.communicate(timeout=_LIMIT_S)
        finally:
            process.kill()
        if process.returncode != 0 or "Traceback" in said or "QThread" in said:
            raise Unusable(f"it ended with {process.returncode}: {said[-2000:]}")
    return f"window after {shown:.1f} s, mask of {area:,} pixels kept after {masked:.1f} s"


def start_times(program: Path, folder: Path, place: Path, environment: Environment) -> str:
    """Seconds from the start until the window is painted (offscreen): cold, none of its files in memory, and warm."""
    variables = environment(WINNOW_BENCH_START="1", QT_QPA_PLATFORM="offscreen")

    def once() -> float:
        done = subprocess.run(
            [str(program)], cwd=place, env=variables, capture_output=True, text=True, timeout=_LIMIT_S, check=False
        )
        words = done.stdout.split()
        if done.returncode or words[:1] != ["shown"] or words[2] != "torch=False":
            raise Unusable(f"the window did not show without torch: {done.stdout[-500:]} {done.stderr[-2000:]}")
        return float(words[1])

    once()
    warm = min(once() for _ in range(_ROUNDS))
    if not hasattr(os, "posix_fadvise"):
        return f"window after {warm:.2f} s warm"
    _forget(folder)
    return f"window after {once():.2f} s cold, {warm:.2f} s warm (best of {_ROUNDS}); torch not imported"


def _hand_over(program: Path, variables: dict[str, str], place: Path, picture: Path) -> None:
    """Opens another picture of the folder, as a file manager does: the window that has the folder shows it."""
    other = shutil.copy(picture, place / "pictures")
    command = [str(program), str(other)]
    done = subprocess.run(command, cwd=place, env=variables, capture_output=True, timeout=_LIMIT_S, check=False)
    logs = "".join(log.read_text(encoding="utf-8") for log in (place / "home").rglob("winnow.log"))
    if done.returncode or "handed over to the window" not in logs:
        raise Unusable(f"a second start did not hand over ({done.returncode}): {done.stderr[-2000:]!r}")
    time.sleep(2)
    _screenshot(place / "Xvfb_screen0", place / "second.png")


@contextmanager
def _screen(place: Path) -> Iterator[str]:
    """A screen of our own whose picture is a file in `place`."""
    reading, writing = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(writing), "-screen", "0", f"{WIDTH}x{HEIGHT}x24", "-fbdir", str(place)],
        pass_fds=[writing], stderr=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(writing)
    try:
        with os.fdopen(reading) as told:
            number = told.readline().strip()
        if not number:
            raise Unusable("Xvfb does not start")
        yield f":{number}"
    finally:
        server.terminate()
        server.wait()


def _xdotool(display: str, *words: str) -> str:
    done = subprocess.run(
        ["xdotool", *words], env={**os.environ, "DISPLAY": display}, capture_output=True, text=True, timeout=_LIMIT_S,
        check=False,
    )  # fmt: skip
    if done.returncode:
        raise Unusable(f"xdotool {' '.join(words)}: {done.stderr.strip()}")
    return done.stdout


def _until_kept(display: str, database: Path, process: subprocess.Popen[str]) -> int:
    """Presses F, which keeps the mask that is shown, until one is in the project; its area."""
    found: list[int] = []

    def kept() -> bool:
        _xdotool(display, "key", "f")
        time.sleep(0.5)
        with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
            rows = connection.execute("SELECT height, width, counts FROM instances").fetchall()
        found[:] = [smoke_masks.area(*row) for row in rows]
        return bool(found)

    _wait(kept, process, "no mask came")
    if not 0.02 < found[0] / (600 * 400) < 0.8:
        raise Unusable(f"the mask has {found[0]} pixels")
    return found[0]


def _wait(ready: Callable[[], bool], process: subprocess.Popen[str], failing: str) -> None:
    end = time.monotonic() + _LIMIT_S
    while not ready():
        if process.poll() is not None:
            raise Unusable(f"it ended with {process.returncode}: {process.communicate()[0][-2000:]}")
        if time.monotonic() > end:
            raise Unusable(failing)
        time.sleep(0.2)


def _strangers(pid: int, folder: Path) -> list[str]:
    """Files in the memory of the program and its children that are of this Python, or of the sources."""
    if not sys.platform.startswith("linux"):
        return []
    own = str(folder.resolve())
    foreign = {os.path.realpath(p) for p in (sys.prefix, sys.base_prefix, Path(__file__).parent.parent)} - {"/usr"}
    found = set()
    for process in _family(pid):
        for line in Path(f"/proc/{process}/maps").read_text().splitlines():
            path = line.partition("/")[1] + line.partition("/")[2]
            if not path.startswith(own) and any(path.startswith(f + os.sep) for f in foreign):
                found.add(path)
    return sorted(found)


def _family(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children")
    tasks = Path(f"/proc/{pid}/task").glob("*/children") if children.parent.parent.is_dir() else []
    return [pid, *(p for file in tasks for child in file.read_text().split() for p in _family(int(child)))]


def _screenshot(framebuffer: Path, target: Path) -> None:
    """Xvfb's memory, a picture in the format of xwd, as PNG."""
    data = framebuffer.read_bytes()
    header = struct.unpack(">25I", data[:100])
    width, height, row, colours = header[4], header[5], header[12], header[19]
    begin = header[0] + colours * 12
    rows = []
    for y in range(height):
        line = data[begin + y * row : begin + y * row + width * 4]
        pixels = bytearray(width * 3)
        pixels[0::3], pixels[1::3], pixels[2::3] = line[2::4], line[1::4], line[0::4]
        rows.append(b"\0" + bytes(pixels))

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    packed = zlib.compress(b"".join(rows), 6)
    target.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", packed) + chunk(b"IEND", b""))


def _forget(folder: Path) -> None:
    """Asks the system to drop the program's files from its memory, so that the next start reads the disk."""
    for file in folder.rglob("*"):
        if file.is_file() and not file.is_symlink():
            with file.open("rb") as stream:
                os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
