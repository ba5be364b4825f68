"""Which distributions a built program ships, and the licences of all of it in one text."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

HERE = Path(__file__).resolve().parent
TEXTS = HERE / "licences"

MISSING = {
    # Distributions that name a licence and do not contain its text.
    "antlr4-python3-runtime": (TEXTS / "antlr4-python3-runtime.txt",),
    "pycocotools": (TEXTS / "pycocotools.txt",),
    "pyside6-essentials": (TEXTS / "LGPL-3.0.txt", TEXTS / "GPL-3.0.txt"),
    "shiboken6": (TEXTS / "LGPL-3.0.txt", TEXTS / "GPL-3.0.txt"),
    "tokenizers": (HERE.parent / "LICENSE",),
}
_IS_LICENCE = re.compile(r"(licen[cs]e|copying|notice|eula)", re.IGNORECASE)
_NO_TEXT = {".py", ".pyc", ".pyi", ".so", ".html", ".json"}
_LINE = "=" * 100


@dataclass
class Shipped:
    """What the files of a program belong to."""

    distributions: dict[str, metadata.Distribution] = field(default_factory=dict)  # by normal name, in order
    python: bool = False
    system: list[Path] = field(default_factory=list)  # libraries of the machine that built it


def owners(sources: Iterable[str | Path]) -> Shipped:
    """Sorts files by the distributions that installed them; the rest is Python's, ours, or the system's."""
    known = _installed()
    found = Shipped()
    names: dict[str, metadata.Distribution] = {}
    root, base = str(HERE.parent) + os.sep, str(Path(sys.base_prefix).resolve()) + os.sep
    site = os.sep + "site-packages" + os.sep
    for source in sources:
        path = os.path.normpath(source)
        dist = known.get(path)
        if dist is not None:
            names[normal(dist.metadata["Name"])] = dist
        elif os.path.realpath(path).startswith(base):
            found.python = True
        elif not path.startswith(root) and site not in path and Path(path).is_absolute():
            found.system.append(Path(path))
    found.distributions = dict(sorted(names.items()))
    return found


def normal(name: str) -> str:
    """A distribution's name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def texts_of(dist: metadata.Distribution) -> list[Path]:
    """The licence files of a distribution; of `MISSING` when it has none. Empty when nobody knows."""
    files = [Path(str(dist.locate_file(f))) for f in dist.files or () if _IS_LICENCE.search(f.name)]
    files += [
        Path(str(dist.locate_file(f))) for f in dist.files or () if "licenses" in f.parts and ".dist-info" in str(f)
    ]
    texts = sorted({f for f in files if f.suffix not in _NO_TEXT and f.is_file()})
    return texts or [f for f in MISSING.get(normal(dist.metadata["Name"]), ()) if f.is_file()]


def gathered(shipped: Shipped) -> str:
    """One text: Winnow's own licence, each distribution's, Python's, and those of the system's libraries."""
    parts = [_part("Winnow", "Apache-2.0", [HERE.parent / "LICENSE", HERE.parent / "resources/samples/CREDITS.md"])]
    for dist in shipped.distributions.values():
        parts.append(_part(f"{dist.metadata['Name']} {dist.version}", _named(dist), texts_of(dist)))
    if shipped.python:
        base = Path(sys.base_prefix)
        text = [*base.glob("lib/python3*/LICENSE.txt"), *base.glob("LICENSE.txt")]
        parts.append(_part(f"Python {platform.python_version()}", "PSF-2.0", text[:1]))
    parts += [_part(f"System library: {name}", "", [file]) for name, file in _system(shipped.system)]
    return "\n".join(parts)


def without_text(shipped: Shipped) -> list[str]:
    """Distributions whose licence text is not there: add it to `MISSING`."""
    return [name for name, dist in shipped.distributions.items() if not texts_of(dist)]


def _named(dist: metadata.Distribution) -> str:
    """The licence's name as the distribution gives it; "" when it does not, or gives the whole text."""
    fields = [dist.metadata[key] for key in ("License-Expression", "License") if key in dist.metadata]
    return next((text for text in fields if text and "\n" not in text), "")


def _part(title: str, licence: str, files: Iterable[Path]) -> str:
    lines = [_LINE, f"{title}   {licence}".rstrip(), _LINE, ""]
    seen: set[str] = set()
    for file in files:
        text = file.read_text(encoding="utf-8", errors="replace").strip()
        if text not in seen:
            seen.add(text)
            lines += [text, ""]
    return "\n".join(lines)


def _installed() -> dict[str, metadata.Distribution]:
    """Every installed file with its distribution."""
    found: dict[str, metadata.Distribution] = {}
    for dist in metadata.distributions():
        base = str(dist.locate_file(""))
        found |= {os.path.normpath(os.path.join(base, str(f))): dist for f in dist.files or ()}  # noqa: PTH118  many
    return found


def _system(libraries: Iterable[Path]) -> list[tuple[str, Path]]:
    """Debian packages of libraries with their copyright files; nothing where there is no dpkg."""
    found: dict[str, Path] = {}
    for library in {p.resolve() for p in libraries}:
        for name in (library, *([Path(*library.parts[2:])] if library.parts[1:2] == ("usr",) else [])):
            try:
                told = subprocess.run(["dpkg", "-S", str(name)], capture_output=True, text=True, check=False)
            except FileNotFoundError:
                return []
            if told.returncode == 0:
                package = told.stdout.partition(":")[0].split(",")[0]
                file = Path("/usr/share/doc") / package / "copyright"
                if file.is_file():
                    found[package] = file
                break
    return sorted(found.items())
