"""`make package`: builds the program for the system it runs on, with the torch that is installed, into `dist/Winnow`.

    python packaging/build.py [--out dist] [--work build]

Icons, build.json, PyInstaller (`winnow.spec`), what the desktop needs, and a report of sizes with a ceiling.
"""

from __future__ import annotations

import argparse
import json
import platform
import shutil
import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path.append(str(ROOT))

import icons  # noqa: E402
import sizes  # noqa: E402

from app.version import BUILD_FILE, VERSION, Build  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "dist", help="gets Winnow/ (and Winnow.app on macOS)")
    parser.add_argument("--work", type=Path, default=ROOT / "build", help="intermediate files; may be deleted")
    options = parser.parse_args()
    begun = time.monotonic()
    work, out = options.work.absolute(), options.out.absolute()
    work.mkdir(parents=True, exist_ok=True)
    made = icons.make(work / "icons")
    build = describe()
    (work / BUILD_FILE).write_text(json.dumps({f: getattr(build, f) for f in Build.__dataclass_fields__}, indent=1))
    print(f"Building Winnow {VERSION} ({build}) with torch {build.torch}", flush=True)
    run_pyinstaller(out, work)
    folder = out / "Winnow"
    finish(folder, work, made)
    text, fits = sizes.report(folder, build.variant)
    print(f"{folder} in {(time.monotonic() - begun) / 60:.1f} minutes\n{text}", flush=True)
    if not fits:
        raise SystemExit("The program is larger than its ceiling (packaging/sizes.py).")


def describe() -> Build:
    """What is built here, from which commit, for which torch."""
    variant, torch = variant_of(metadata.version("torch"))
    return Build(commit(), time.strftime("%Y-%m-%d", time.gmtime()), variant, torch, system())


def variant_of(installed: str) -> tuple[str, str]:
    """What the installed torch runs on ("CUDA 13.2", "ROCm 6.4", "MPS", "CPU"), and its version. Imports torch."""
    asked = "import torch; v = torch.version; print(torch.__version__, v.cuda or '-', getattr(v, 'hip', None) or '-')"
    told = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True).stdout.split()
    version, cuda, hip = told if len(told) == 3 else (installed, "-", "-")
    if cuda != "-":
        return f"CUDA {cuda}", version
    if hip != "-":
        return f"ROCm {hip}", version
    return ("MPS" if sys.platform == "darwin" else "CPU"), version


def commit() -> str:
    """The short hash of the sources, with a plus sign when files differ from it; "unknown" outside of git."""
    try:
        told = subprocess.run(
            ["git", "describe", "--always", "--abbrev=7", "--dirty=+", "--exclude=*"],
            cwd=ROOT, capture_output=True, text=True, check=True,
        )  # fmt: skip
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return told.stdout.strip()


def system() -> str:
    """E.g. "Linux x86_64"; on Linux with the C library that the program needs at least."""
    words = [platform.system(), platform.machine()]
    if sys.platform.startswith("linux"):
        words.append(" ".join(platform.libc_ver()))
    return " ".join(words)


def run_pyinstaller(out: Path, work: Path) -> None:
    """In a process of its own, for it changes the interpreter it runs in."""
    command = [sys.executable, "-m", "PyInstaller", "--noconfirm", "--log-level", "WARN"]
    command += ["--distpath", str(out), "--workpath", str(work), str(HERE / "winnow.spec")]
    subprocess.run(command, cwd=ROOT, check=True)


def finish(folder: Path, work: Path, made: dict[str, Path]) -> None:
    """Puts beside the program what a person looks for there, and on Linux what the desktop needs."""
    shutil.copyfile(work / "LICENCES.txt", folder / "LICENCES.txt")
    if sys.platform.startswith("linux"):
        desktop = folder / "desktop"
        shutil.rmtree(desktop, ignore_errors=True)
        shutil.copytree(HERE / "linux", desktop, ignore=shutil.ignore_patterns("*install.sh"))
        for name in ("install.sh", "uninstall.sh"):
            shutil.copy(HERE / "linux" / name, folder / name)
        for side in (16, 24, 32, 48, 128, 256, 512):
            shutil.copyfile(made[f"png-{side}"], desktop / f"winnow-{side}.png")
        shutil.copyfile(icons.DRAWING, desktop / "winnow.svg")


if __name__ == "__main__":
    main()
