"""The version of the program, in one place that a built program has too (a test holds pyproject.toml to it)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache

from inference import paths

VERSION = "0.1.0"
BUILD_FILE = "build.json"


@dataclass(frozen=True, slots=True)
class Build:
    """How a built program was made; `packaging/build.py` writes it.

    Attributes:
        commit: of the sources, short; with a plus sign when they had changes of their own.
        date: e.g. "2026-11-21".
        variant: what torch runs on, e.g. "CPU", "CUDA 13.0".
        torch: its version.
        system: e.g. "Linux x86_64".
    """

    commit: str
    date: str
    variant: str
    torch: str
    system: str

    def __str__(self) -> str:
        return f"built {self.date} from {self.commit}, {self.system}, {self.variant}"


def version() -> str:
    """The version, e.g. "0.1.0"."""
    return VERSION


@lru_cache(maxsize=1)
def build() -> Build | None:
    """How this program was built; None when it runs from source."""
    try:
        return Build(**json.loads((paths.program_dir() / BUILD_FILE).read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
