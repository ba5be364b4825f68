"""Tests a built program where nothing else helps it; `make package` ends with it.

    python packaging/smoke.py dist/Winnow [--only PART] [--keep FOLDER]

The program runs in a folder without the sources, with an empty home, an environment of nothing but that, and no Python
on PATH. It has to tell its version, find itself healthy, give the same masks as the sources do by a click, by words and
of everything, sort, download, train for a minute, and show a window in which a click gives a mask. Only Python's own
library is needed here, and the sources for the comparison.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import smoke_commands as commands
import smoke_window
from smoke_masks import Damaged
from smoke_program import Failed, Program


def window(program: Program) -> str:
    picture = program.samples / commands.PICTURE
    return smoke_window.first_mask(program.path, program.folder, program.place, program.environment, picture)


def start(program: Program) -> str:
    return smoke_window.start_times(program.path, program.folder, program.place, program.environment)


SCREEN = "window.png"
PARTS: dict[str, Callable[[Program], str]] = {
    "version": commands.version,
    "doctor": commands.doctor,
    "segment": commands.segment,
    "everything": commands.everything,
    "text-segment": commands.text_segment,
    "sort": commands.sort,
    "download": commands.download,
    "train": commands.train,
    "window": window,
    "start": start,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dist", type=Path, help="the built folder, dist/Winnow")
    parser.add_argument("--only", choices=PARTS, action="append", help="only this part; repeat")
    parser.add_argument(
        "--with", dest="extra", action="append", default=[], metavar="NAME=VALUE",
        help="a variable of the environment, e.g. OMP_NUM_THREADS=1 on a machine that has much else to do",
    )  # fmt: skip
    parser.add_argument("--keep", type=Path, help="a new folder for what is written, the screenshot too")
    options = parser.parse_args()
    place = options.keep.absolute() if options.keep else Path(tempfile.mkdtemp(prefix="winnow-smoke-"))
    place.mkdir(parents=True, exist_ok=True)
    failed = 0
    try:
        program = Program(options.dist.absolute(), place, dict(text.split("=", 1) for text in options.extra))
        for name in options.only or PARTS:
            begun = time.monotonic()
            try:
                told, mark = PARTS[name](program), "✓"
            except (Failed, Damaged, smoke_window.Unusable, subprocess.TimeoutExpired) as error:
                told, mark, failed = str(error), "✗", failed + 1
            print(f"{mark} {name:<13} {time.monotonic() - begun:5.1f} s  {told}", flush=True)
    finally:
        if not options.keep:
            if (place / SCREEN).is_file():
                seen = shutil.copyfile(place / SCREEN, options.dist.absolute().parent / SCREEN)
                print(f"The window as it was: {seen}")
            shutil.rmtree(place, ignore_errors=True)
    if failed:
        raise SystemExit(f"{failed} of the parts failed.")


if __name__ == "__main__":
    main()
