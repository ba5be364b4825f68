"""What `pip install .` installs: the wheel is built from the sources and used from another folder, on its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ("app", "inference", "widgets", "resources", "checkpoints")
FILES = ("main.py", "setup.py", "pyproject.toml", "MANIFEST.in", "README.md", "LICENSE", "requirements.in")
OPENS = """
from inference import paths
print(paths.resource("icons", "winnow.svg").is_file(), paths.program_dir())
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the wheel holds. Built from a copy: setuptools writes into the sources."""
    folder = tmp_path_factory.mktemp("wheel")
    sources = folder / "sources"
    for name in SOURCES:
        shutil.copytree(ROOT / name, sources / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in FILES:
        shutil.copy(ROOT / name, sources / name)
    words = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "--no-index", "."]
    environment = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    done = subprocess.run([*words, "-w", str(folder)], cwd=sources, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (wheel,) = folder.glob("winnow-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def _run(installed: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    return subprocess.run(
        [sys.executable, *words], cwd=installed.parent, env=environment, capture_output=True, text=True, timeout=100
    )


def _names(folder: Path) -> set[str]:
    return {file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()}


def test_every_file_of_ours_is_in_it(installed: Path) -> None:
    sources = installed.parent / "sources"
    for name in ("resources", "checkpoints"):
        assert _names(sources / name) == _names(installed / "winnow_files" / name)
    for name in ("app", "inference", "widgets"):
        assert _names(sources / name) == _names(installed / name)


def test_it_finds_its_models_and_resources(installed: Path, winnow_home: Path) -> None:
    done = _run(installed, str(installed / "main.py"), "models", "verify", "--json")  # as a child of its window starts
    assert done.returncode == 0, done.stderr
    assert {m["id"] for m in json.loads(done.stdout)["verified"]} >= {"starter", "winnow-clip"}
    opened = _run(installed, "-c", OPENS)
    assert opened.stdout.split() == ["True", str(installed)], opened.stderr


def test_it_asks_for_what_the_program_needs_only(installed: Path) -> None:
    (metadata,) = installed.glob("winnow-*.dist-info/METADATA")
    text = metadata.read_text(encoding="utf-8")
    assert "Requires-Dist: torch\n" in text and "Requires-Dist: pytest" not in text
    (entry,) = installed.glob("winnow-*.dist-info/entry_points.txt")
    assert "winnow = main:main" in entry.read_text(encoding="utf-8")
