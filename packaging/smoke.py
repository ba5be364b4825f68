"""Tests a built program where nothing else helps it; `make package` ends with it.

    python packaging/smoke.py dist/Winnow [--only PART] [--keep FOLDER]

The program runs in a folder without the sources, with an empty home, an environment of nothing but that, and no Python
on PATH. It has to tell its version, find itself healthy, give the same mask as the sources do, sort, train, and show a
window in which a click gives a mask. Only Python's own library is needed here, and the sources for the comparison.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import smoke_window

ROOT = Path(__file__).resolve().parent.parent
LIMIT_S = 600
PICTURE, POINT = "coffee.jpg", "290,210"


class Failed(Exception):  # noqa: N818  what a person reads is the message
    """A part of the program does not do what it has to."""


class Program:
    """The built program in its bare surroundings.

    Attributes:
        place: a folder of its own with `home` and `pictures`; what it writes goes there.
        extra: variables that it gets nevertheless.
        samples: the photographs it ships.
    """

    def __init__(self, folder: Path, place: Path, extra: dict[str, str]) -> None:
        names = ("winnow-cli.exe", "winnow", "Winnow.app/Contents/MacOS/winnow")
        found = [folder / name for name in names if (folder / name).is_file()]
        if not found:
            raise SystemExit(f"There is no program in {folder}.")
        self.path = found[0]
        self.folder, self.place, self.extra = folder, place, extra
        self.samples = next(folder.rglob("resources/samples"))
        for name in ("home", "pictures"):
            (place / name).mkdir()

    def environment(self, **more: str) -> dict[str, str]:
        """Nothing but a home, and what Windows does not start a program without."""
        home = str(self.place / "home")
        if sys.platform != "win32":
            return {"HOME": home, "PATH": "/nonexistent", **self.extra, **more}
        system = {name: os.environ[name] for name in ("SYSTEMROOT", "TEMP", "WINDIR") if name in os.environ}
        system |= {"USERPROFILE": home, "LOCALAPPDATA": home, "APPDATA": home, "PATH": ""}
        return {**system, **self.extra, **more}

    def run(self, *words: str, may_be: tuple[int, ...] = (0,)) -> str:
        """Standard output of a command line, which has to end with one of these."""
        done = subprocess.run(
            [str(self.path), *words], cwd=self.place, env=self.environment(), capture_output=True, encoding="utf-8",
            errors="replace", timeout=LIMIT_S, check=False,
        )  # fmt: skip
        if done.returncode not in may_be:
            said = f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
            raise Failed(f"{' '.join(words)} ended with {done.returncode}:\n{said}")
        return done.stdout

    def json(self, *words: str, may_be: tuple[int, ...] = (0,)) -> Any:
        """The document that a command with `--json` prints."""
        document = json.loads(self.run(*words, "--json", may_be=may_be))
        if "error" in document:
            raise Failed(f"{' '.join(words)}: {document['error']}")
        return document


def version(program: Program) -> str:
    told = program.run("--version").splitlines()
    if not told[0].startswith("Winnow ") or not told[1].startswith("built "):
        raise Failed(f"--version says {told}")
    return "; ".join(told)


def doctor(program: Program) -> str:
    report = program.json("doctor", may_be=(0, 1))
    sections = report["sections"]
    wrong = [f"{f['label']}: {f['value']}" for s in sections.values() for f in s if f["ok"] is False]
    if wrong:
        raise Failed("\n".join(wrong))
    missing = {"Winnow", "Packages", "Device", "Models", "Window system", "Folders", "Caches", "Self-test"}
    missing -= {title for title, findings in sections.items() if findings}
    if missing:
        raise Failed(f"the report lacks {missing}")
    bare = [f["label"] for f in sections["Packages"] if f["value"] == "built in"]
    if bare:
        raise Failed(f"versions are not told: {bare}")
    return str(sections["Self-test"][0]["value"])


def segment(program: Program) -> str:
    """The mask has to be the one that the sources give, bit for bit: the same libraries, machine and threads."""
    home = {"WINNOW_HOME": str(program.place / "source-home")}
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("OMP_", "WINNOW_"))}
    picture = str(program.samples / PICTURE)
    words = ["segment", picture, "--point", POINT, "--force-device", "cpu", "--json", "--out"]
    program.run(*words, str(program.place / "built"))
    source = subprocess.run(
        [sys.executable, str(ROOT / "main.py"), *words, str(program.place / "source")],
        env={**inherited, **program.extra, **home}, cwd=program.place, capture_output=True, text=True,
        timeout=LIMIT_S, check=False,
    )  # fmt: skip
    if source.returncode:
        raise Failed(f"the sources do not run: {source.stderr[-3000:]}")
    built, own = (_masks(program.place / name / "annotations.json") for name in ("built", "source"))
    if not built or built != own:
        raise Failed("the mask is not the one that the sources give")
    return f"the same mask as from source, {built[0][1]:,.0f} pixels"


def _masks(file: Path) -> list[tuple[str, float]]:
    data = json.loads(file.read_text(encoding="utf-8"))
    return [(json.dumps(a["segmentation"], sort_keys=True), a["area"]) for a in data["annotations"]]


def sort(program: Program) -> str:
    pictures = program.place / "messy"
    pictures.mkdir()
    for name in ("cat.jpg", "coffee.jpg", "flower.jpg"):
        shutil.copy(program.samples / name, pictures)
    out = program.place / "sorted"
    program.run("sort", "--dataset-dir", str(pictures), "--output-dir", str(out), "--config", "pets", "--json")
    filed = [f for f in out.glob("*/*.png") if f.stem in ("cat", "coffee", "flower")]
    if len(filed) != 3:
        raise Failed(f"{len(filed)} of 3 pictures were filed")
    return ", ".join(sorted(f"{f.stem} as {f.parent.name}" for f in filed))


def text_segment(program: Program) -> str:
    if "text-segment" not in program.run("--help"):
        return "not in this version"
    out = program.place / "words"
    program.run("text-segment", str(program.samples / "cat.jpg"), "--text", "cat", "--out", str(out), may_be=(0, 1))
    files = [f for f in out.rglob("*") if f.is_file()]
    if not files:
        raise Failed("nothing was written")
    return f"{len(files)} files"


def train(program: Program) -> str:
    """A few steps of both trainings, on what the program itself made of its photographs."""
    run, data = program.place / "run", _data_set(program)
    steps = ("max_steps=3", "validate_objects=3", "log_steps=1", "threads=1", "precision=float32", "image_size=128")
    settings = [word for text in steps for word in ("--set", text)]
    trained = program.json(
        "train", "sam2", "--data", str(data), "--out", str(run), "--preset", "pets-cpu-256",
        *settings, may_be=(0, 1),
    )  # fmt: skip
    if trained["steps"] != 3 or not Path(trained["checkpoint"]).is_file():
        raise Failed(f"the segmentation model was not trained: {trained}")
    classes = program.place / "classes"
    for name in ("cat", "coffee"):
        (classes / name).mkdir(parents=True)
        for copy in range(8):  # a byte more makes each a file of its own
            photograph = (program.samples / f"{name}.jpg").read_bytes()
            (classes / name / f"{copy}.jpg").write_bytes(photograph + bytes([copy]))
    program.json(
        "train", "classifier", "--data", str(classes), "--out", str(program.place / "run2"), "--model", "small-vit",
        "--image-size", "32", "--epochs", "1", "--batch", "4", may_be=(0, 1),
    )  # fmt: skip
    return f"3 steps of SAM 2 in {trained['seconds']:.0f} s, a classifier of two classes"


def _data_set(program: Program) -> Path:
    """The masks that the demo gives, as a COCO file beside copies of the photographs."""
    program.run("demo", "--out", str(program.place / "shots"), "--json")
    coco = json.loads((program.place / "shots" / "annotations.json").read_text(encoding="utf-8"))
    folder = program.place / "data"
    folder.mkdir()
    for image in coco["images"]:
        image["file_name"] = Path(shutil.copy(program.samples / Path(image["file_name"]).name, folder)).name
    target = folder / "train.json"
    target.write_text(json.dumps(coco), encoding="utf-8")
    return target


def window(program: Program) -> str:
    picture = program.samples / PICTURE
    return smoke_window.first_mask(program.path, program.folder, program.place, program.environment, picture)


def start(program: Program) -> str:
    return smoke_window.start_times(program.path, program.folder, program.place, program.environment)


PARTS: dict[str, Callable[[Program], str]] = {
    "version": version,
    "doctor": doctor,
    "segment": segment,
    "sort": sort,
    "text-segment": text_segment,
    "train": train,
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
            except (Failed, smoke_window.Unusable, subprocess.TimeoutExpired) as error:
                told, mark, failed = str(error), "✗", failed + 1
            print(f"{mark} {name:<13} {time.monotonic() - begun:5.1f} s  {told}", flush=True)
    finally:
        if not options.keep:
            shutil.rmtree(place, ignore_errors=True)
    if failed:
        raise SystemExit(f"{failed} of the parts failed.")


if __name__ == "__main__":
    main()
