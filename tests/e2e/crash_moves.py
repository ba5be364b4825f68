"""Sorting that goes on until it is killed. `test_crash_moves.py` makes the folders, runs and kills it.

crash_moves.py run FOLDER OTHER SEED       operations at random, until killed
crash_moves.py line FOLDERS N...           for each N: in a child that is killed at its N-th line of app/sorting
"""

from __future__ import annotations

import os
import random
import signal
import sys
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

from app.project import Project
from app.sorting import orders
from app.sorting.folders import ClassFolders
from app.sorting.journal import Mode
from app.sorting.moves import Mover, Outcome

CLASSES = ("cat", "dog/small", "Vögel")
WATCHED = ("steps.py", "files.py", "moves.py", "journal.py")


def order(project: Project, mover: Mover, root: Path, what: orders.Order) -> Outcome:
    """Carries out one order in a sort root."""
    desk = orders.Desk(project, mover.places, mover.planner(), ClassFolders(root))
    ordered = what(desk)
    return mover.run(ordered.kind, ordered.label, ordered.plans)


def pictures(folder: Path) -> list[str]:
    """Ids of the pictures that are in the project's folder now."""
    found = (path.relative_to(folder) for path in sorted(folder.rglob("*.jpg")))
    return [path.as_posix() for path in found if path.parts[0] != ".winnow"]


def something(project: Project, mover: Mover, other: Path, rng: random.Random) -> None:
    """One operation at random."""
    ids = pictures(project.folder)
    some = rng.sample(ids, min(len(ids), rng.randint(1, 120)))
    name = rng.choice(CLASSES)
    choice = rng.random()
    if choice < 0.3:
        order(project, mover, project.folder, partial(orders.file, some, name, Mode.MOVE))
    elif choice < 0.55:
        order(project, mover, other, partial(orders.file, some[:40], name, Mode.MOVE))
    elif choice < 0.65:
        order(project, mover, project.folder, partial(orders.trash, some[:30]))
    elif choice < 0.7 and all((project.folder / c).is_dir() for c in CLASSES[:2]):
        order(project, mover, project.folder, partial(orders.merge, [CLASSES[0]], CLASSES[1]))
    elif choice < 0.75 and (project.folder / "dog").is_dir():
        order(project, mover, project.folder, partial(orders.rename, "dog", f"dogs {rng.random()}"))
    elif choice < 0.92:
        mover.undo()
    else:
        mover.redo()


def run(folder: Path, other: Path, seed: int) -> None:
    project = Project.open(folder)
    mover = Mover(project)
    rng = random.Random(seed)
    print("ready", flush=True)
    while True:
        something(project, mover, other, rng)


def die_at_line(folder: Path, other: Path, number: int) -> None:
    """Files pictures within the disk, across disks and undoes it; killed at a line of the code that does it."""
    project = Project.open(folder)
    mover = Mover(project)
    left = number

    def local(frame: FrameType, event: str, _argument: Any) -> Any:
        nonlocal left
        if event == "line":
            left -= 1
            if left < 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return local

    def trace(frame: FrameType, _event: str, _argument: Any) -> Any:
        return local if frame.f_code.co_filename.endswith(WATCHED) else None

    sys.settrace(trace)
    ids = pictures(folder)
    order(project, mover, folder, partial(orders.file, ids[:2], "cat", Mode.MOVE))
    order(project, mover, other, partial(orders.file, ids[2:4], "cat", Mode.MOVE))
    mover.undo()
    mover.redo()
    sys.settrace(None)
    project.close()
    os._exit(0)


def each_line(folders: Path, numbers: list[int]) -> None:
    """Tells for each number whether the child was killed."""
    for number in numbers:
        child = os.fork()
        if not child:
            die_at_line(folders / str(number) / "here", Path((folders / str(number) / "other").read_text()), number)
        _, status = os.waitpid(child, 0)
        print(number, "killed" if os.WIFSIGNALED(status) else f"ended {status}", flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "run":
        run(Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]))
    else:
        each_line(Path(sys.argv[2]), list(map(int, sys.argv[3:])))
