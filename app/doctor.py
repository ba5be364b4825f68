"""The health report: what is here, what runs where and why, what is wrong. Text for bug reports; no widgets, no torch.

The window and `main.py doctor` show the same report: `examine` with what `inference.jobs.diagnose` found.
"""

from __future__ import annotations

import ctypes
import os
import platform
import shutil
import sys
import tempfile
from dataclasses import asdict, dataclass
from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from app import logs
from app.samples import samples
from app.version import build, version
from inference import paths
from inference.jobs.diagnose import Diagnosis, Finding, SelfTest

PACKAGES = (
    "torch",
    "torchvision",
    "sam2",
    "timm",
    "open_clip_torch",
    "huggingface_hub",
    "numpy",
    "opencv-python",
    "pillow",
    "PySide6-Essentials",
)
VARIABLES = (
    "WINNOW_HOME", "WINNOW_MODELS_DIR", "HF_ENDPOINT", "HF_HUB_OFFLINE", "CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS",
    "WINNOW_MAX_MEGAPIXELS", "PYTORCH_ENABLE_MPS_FALLBACK", "QT_QPA_PLATFORM", "QT_SCALE_FACTOR", "DISPLAY",
    "WAYLAND_DISPLAY",
)  # fmt: skip
# What Qt's window system plug-in for X11 needs and fresh machines lack.
LINUX_LIBRARIES = ("libxcb-cursor.so.0", "libxkbcommon-x11.so.0", "libEGL.so.1", "libGL.so.1", "libfontconfig.so.1")
_LOW_DISK = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Section:
    """A titled part of the report."""

    title: str
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """The whole report."""

    sections: tuple[Section, ...]

    @property
    def problems(self) -> list[Finding]:
        """What is wrong."""
        return [f for section in self.sections for f in section.findings if f.ok is False]

    def text(self) -> str:
        """Plain text, to be pasted into a bug report."""
        lines = []
        for section in self.sections:
            lines.append(section.title)
            width = max((len(f.label) for f in section.findings), default=0)
            lines += [f"  {_mark(f.ok)} {f.label:<{width}}  {f.value}".rstrip() for f in section.findings]
        return "\n".join(lines) + "\n"

    def as_json(self) -> dict[str, Any]:
        """For machines: {"ok": bool, "sections": {title: [{label, value, ok}]}}."""
        return {
            "ok": not self.problems,
            "sections": {s.title: [asdict(f) for f in s.findings] for s in self.sections},
        }


def self_test() -> SelfTest:
    """The sample photograph that the self-test segments."""
    flower = next(s for s in samples() if s.file.stem == "flower")
    return SelfTest(str(flower.file), flower.box)


def examine(diagnosis: Diagnosis | None = None, models_dir: str | Path | None = None) -> Report:
    """Looks at everything that costs little, and joins what the diagnose job found (left out when None)."""
    sections = [Section("Winnow", _program()), Section("Packages", _packages())]
    if diagnosis is not None:
        sections += [Section("Device", diagnosis.device), Section("Models", diagnosis.models)]
    sections += [
        Section("Window system", _window_system()),
        Section("Folders", _folders(models_dir)),
        Section("Caches", _caches()),
        Section("Variables", _variables()),
    ]
    if diagnosis is not None and diagnosis.self_test:
        sections.append(Section("Self-test", diagnosis.self_test))
    return Report(tuple(sections))


def _program() -> tuple[Finding, ...]:
    how = build() or f"from {paths.program_dir()}"
    return (
        Finding("version", f"{version()} ({how})"),
        Finding("Python", f"{platform.python_version()} ({platform.python_implementation()})"),
        Finding("system", platform.platform()),
        Finding("log", str(logs.log_file())),
        Finding("last crash", _last_crash()),
    )


def _last_crash() -> str:
    """Of the program itself, below Python; what Python can catch stands in the log."""
    file = logs.crash_file()
    try:
        status = file.stat()
    except OSError:
        return "none"
    when = datetime.fromtimestamp(status.st_mtime).strftime("%Y-%m-%d %H:%M")
    return f"{when}, told in {file}" if status.st_size else "none"


def _packages() -> tuple[Finding, ...]:
    found = []
    for name in PACKAGES:
        try:
            found.append(Finding(name, metadata.version(name)))
        except metadata.PackageNotFoundError:
            # A built program carries the code without the package's metadata.
            missing = not getattr(sys, "frozen", False)
            found.append(Finding(name, "not installed" if missing else "built in", False if missing else None))
    return tuple(found)


def _window_system() -> tuple[Finding, ...]:
    try:
        from PySide6 import QtCore, QtGui
    except ImportError as error:
        return (Finding("Qt", f"cannot be loaded: {error}", False),)
    running = QtGui.QGuiApplication.instance()
    name = running.platformName() if isinstance(running, QtGui.QGuiApplication) else None
    wish = os.environ.get("QT_QPA_PLATFORM")
    findings = [Finding("Qt", QtCore.qVersion()), Finding("platform", name or wish or _expected_platform())]
    if sys.platform.startswith("linux"):
        missing = [library for library in LINUX_LIBRARIES if not _loads(library)]
        value = f"missing: {', '.join(missing)} (see docs/install.md)" if missing else "all here"
        findings.append(Finding("libraries", value, not missing))
    return tuple(findings)


def _expected_platform() -> str:
    if sys.platform.startswith("linux"):
        if os.environ.get("WAYLAND_DISPLAY"):
            return "wayland or xcb"
        return "xcb" if os.environ.get("DISPLAY") else "none: no display, so only the command line works here"
    return "cocoa" if sys.platform == "darwin" else "windows"


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def _folders(models_dir: str | Path | None) -> tuple[Finding, ...]:
    named = {
        "data": paths.data_dir(),
        "models": paths.models_dir(models_dir),
        "cache": paths.cache_dir(),
        "settings": paths.config_dir(),
        "logs": paths.log_dir(),
    }
    return tuple(_folder(label, folder) for label, folder in named.items())


def _folder(label: str, folder: Path) -> Finding:
    """Can it be written, and how much room is there? A folder that is not there yet is judged by its parent."""
    there = next((p for p in (folder, *folder.parents) if p.is_dir()), folder)
    try:
        with tempfile.TemporaryFile(dir=there):
            free = shutil.disk_usage(there).free
    except OSError as error:
        return Finding(label, f"{folder}: cannot be written ({error.strerror or error})", False)
    new = "" if folder.is_dir() else ", made when needed"
    return Finding(label, f"{folder}: writable, {_size(free)} free{new}", free > _LOW_DISK)


def _caches() -> tuple[Finding, ...]:
    cache = paths.cache_dir()
    parts = sorted(p for p in cache.iterdir() if p.is_dir()) if cache.is_dir() else []
    return tuple(Finding(p.name, _size(_weight(p))) for p in parts) or (Finding("all", "empty"),)


def _weight(folder: Path) -> int:
    """Bytes in a folder; files that vanish meanwhile count nothing."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                total += (Path(place) / name).stat().st_size
            except FileNotFoundError:
                continue
    return total


def _variables() -> tuple[Finding, ...]:
    found = tuple(Finding(name, os.environ[name]) for name in VARIABLES if name in os.environ)
    return found or (Finding("none", "set"),)


def _size(count: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:,.0f} {unit}" if unit in ("B", "kB") else f"{count:,.1f} {unit}"
        count /= 1000
    return f"{count:,.1f} TB"


def _mark(ok: bool | None) -> str:
    return {True: "✓", False: "✗", None: " "}[ok]
