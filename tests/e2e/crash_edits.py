"""200 edits of a project, each told on standard output once its signal has come. `test_crash.py` runs and kills it."""

from __future__ import annotations

import hashlib
import random
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from app.document import Document
from app.instance import ImageState, Instance
from app.project import Project
from inference.masks import Mask

IMAGES = ("a.png", "b.png", "c.png")
SIDE = 48
EDITS = 200


def state_of(project: Project) -> str:
    """A digest of everything on the disk, read anew."""
    pictures = {p.image_id: tuple(p) for p in project.annotated()}
    classes = [(c.id, c.name, c.hotkey, c.position) for c in project.classes.all()]
    rows = [repr(pictures.get(i, (i, ImageState.TODO, "", SIDE, SIDE, ()))) for i in IMAGES]
    return hashlib.sha256(repr((rows, classes)).encode()).hexdigest()


def shown_state(project: Project) -> str:
    """The same digest of what views show."""
    rows = []
    for image_id in IMAGES:
        d = project.document(image_id)
        rows.append(repr((image_id, d.state, d.note, d.width, d.height, d.instances)))
    classes = [(c.id, c.name, c.hotkey, c.position) for c in project.classes.all()]
    return hashlib.sha256(repr((rows, classes)).encode()).hexdigest()


def edit(project: Project, seed: int, number: int) -> None:
    """The edit of this number; the same in every run."""
    rng = random.Random(seed * 1000 + number)
    document = project.document(rng.choice(IMAGES))
    ids = [i.id for i in document.instances]
    kinds: list[Callable[[], None]] = [lambda: _add(document, rng)]
    if ids:
        some = rng.sample(ids, rng.randint(1, len(ids)))
        top = document.instances[-1]
        kinds += [
            lambda: document.remove(some[:2]),
            lambda: document.swap(some[:2], [_instance(rng)], "Union"),
            lambda: document.replace([replace(top, mask=_instance(rng).mask)]),
            lambda: document.set_class(some, rng.choice([None, *(c.id for c in project.classes.all())])),
            lambda: document.reorder(rng.sample(ids, len(ids))),
        ]
    kinds += [
        lambda: document.set_note(f"note {number}"),
        lambda: document.set_state(rng.choice(list(ImageState))),
        document.undo_stack.undo,
        document.undo_stack.redo,
        lambda: _edit_classes(project, rng, number),
    ]
    rng.choice(kinds)()


def _edit_classes(project: Project, rng: random.Random, number: int) -> None:
    known = [c.id for c in project.classes.all()]
    if len(known) < 3 or rng.random() < 0.4:
        project.classes.add(f"class {number}")
    elif rng.random() < 0.5:
        project.classes.merge(known[:2], known[2])
    else:
        project.stack.undo()


def _add(document: Document, rng: random.Random) -> None:
    document.add([_instance(rng) for _ in range(rng.randint(1, 3))])


def _instance(rng: random.Random) -> Instance:
    pixels = np.frombuffer(rng.randbytes(SIDE * SIDE), np.uint8).reshape(SIDE, SIDE) > 128
    return Instance(f"{rng.getrandbits(128):032x}", Mask.from_array(pixels), score=rng.random())


def main(folder: str, seed: int) -> None:
    project = Project.open(folder)
    print("ready", shown_state(project), flush=True)
    for number in range(EDITS):
        edit(project, seed, number)
        print(number, shown_state(project), flush=True)
    print("done", flush=True)
    sys.stdin.read()  # to be killed while idle, too


if __name__ == "__main__":
    main(str(Path(sys.argv[1])), int(sys.argv[2]))
