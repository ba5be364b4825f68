"""A built program in bare surroundings, and what it answers there. For smoke.py."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
LIMIT_S = 900


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

    def run(self, *words: str, may_be: tuple[int, ...] = (0,), **more: str) -> str:
        """Standard output of a command line, which has to end with one of these; `more` are further variables."""
        done = self._end([str(self.path), *words], self.environment(**more))
        if done.returncode not in may_be:
            said = f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
            raise Failed(f"{' '.join(words)} ended with {done.returncode}:\n{said}")
        return done.stdout

    def json(self, *words: str, may_be: tuple[int, ...] = (0,), **more: str) -> Any:
        """The document that a command with `--json` prints."""
        document = json.loads(self.run(*words, "--json", may_be=may_be, **more))
        if "error" in document:
            raise Failed(f"{' '.join(words)}: {document['error']}")
        return document

    def as_child(self, *words: str) -> tuple[list[Any], Any]:
        """Runs a command as the window runs its children: what it reported on its way, and its result."""
        command = [str(self.path), *words]
        process = subprocess.Popen(
            command, cwd=self.place, env=self.environment(WINNOW_SUPERVISED="1"), encoding="utf-8", errors="replace",
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        assert process.stdin is not None and process.stdout is not None and process.stderr is not None
        try:
            lines = [json.loads(line) for line in process.stdout if line.startswith("{")]
            said = process.stderr.read()
            status = process.wait(LIMIT_S)
        finally:
            process.kill()
            process.stdin.close()  # only now: its end means that the window is gone
        result = next((line["result"] for line in lines if "result" in line), None)
        if status not in (0, 1) or result is None:
            raise Failed(f"{' '.join(words)} ended with {status} as a child:\n{lines[-1:]}\n{said[-3000:]}")
        return [line["progress"] for line in lines if "progress" in line], result

    def same_as_source(self, name: str, *words: str) -> list[dict[str, Any]]:
        """Runs a command that writes `annotations.json` here and from source; the annotations, equal bit for bit.

        The same libraries, machine and threads have to give the same masks.
        """
        home = {"WINNOW_HOME": str(self.place / "source-home")}
        inherited = {key: value for key, value in os.environ.items() if not key.startswith(("OMP_", "WINNOW_"))}
        common = [*words, "--force-device", "cpu", "--json", "--out"]
        self.run(*common, str(self.place / f"{name}-built"))
        source = [sys.executable, str(ROOT / "main.py"), *common, str(self.place / f"{name}-source")]
        done = self._end(source, {**inherited, **self.extra, **home})
        if done.returncode:
            raise Failed(f"the sources do not run: {done.stderr[-3000:]}")
        built, own = (self._annotations(f"{name}-{which}") for which in ("built", "source"))
        told = [[(one["segmentation"], one["area"], one.get("score")) for one in some] for some in (built, own)]
        if not built or told[0] != told[1]:
            raise Failed(f"the masks are not those that the sources give: {len(built)} and {len(own)}")
        return built

    def _annotations(self, name: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads((self.place / name / "annotations.json").read_text("utf-8"))[
            "annotations"
        ]
        return found

    def _end(self, command: Sequence[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, cwd=self.place, env=environment, capture_output=True, encoding="utf-8", errors="replace",
            timeout=LIMIT_S, check=False,
        )  # fmt: skip
