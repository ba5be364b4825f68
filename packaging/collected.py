"""What a built program takes along beside the code that PyInstaller finds by itself, and what it leaves out.

Data and small functions over it; nothing of PyInstaller, so that the tests read it without building anything
(`tests/unit/test_packaging.py` holds every file that the program opens by path to it).
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterable
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath

Pair = tuple[Path, str]
"""A file, and the folder of the built program that it goes to ("." is the folder of `inference.paths.program_dir`)."""

ROOT = Path(__file__).resolve().parent.parent

IDENTIFIER = "io.github.winnow_app.Winnow"
"""How macOS and Linux' software centres tell this program from others."""

OWN = ("resources", "checkpoints", "inference", "LICENSE")
"""Files and trees of this repository; of trees, everything that is no code."""

PACKAGE_DATA = {
    "sam2": ("*.yaml", "configs/**/*.yaml"),  # its models are described there
    "open_clip": ("model_configs/*.json", "bpe_simple_vocab_16e6.txt.gz"),
    "timm": ("data/_info/*", "models/_pruned/*"),
    "hydra": ("conf/**/*.yaml",),
    "matplotlib": ("mpl-data/matplotlibrc", "mpl-data/fonts/ttf/*", "mpl-data/stylelib/*"),
    "sklearn": ("utils/_repr_html/*",),
}
"""Files that packages read beside their code, for which their public hooks are missing or could change."""

PACKAGE_LIBRARIES = {
    "torchvision": ("_C*.so", "_C*.pyd", "_C*.dylib"),  # its operators; the public hook knows an older name
}
"""Libraries that packages load by path and for which public hooks fall short."""

HIDDEN = (
    "training.loss_fns",  # the training part of sam2, made from names in its YAML files and ours
    "training.model.sam2",
    "training.utils.data_utils",
    "hf_xet",  # huggingface_hub looks for it by name
    "pillow_heif",
    "tokenizers",
)

PACKAGES = ("app", "inference", "widgets")
"""Ours: all their modules go along, also those that nothing imports at the top."""

EXCLUDED = (
    # Compiles kernels with a C compiler, for torch.compile, which Winnow does not use; a gigabyte. torch does without
    # it on macOS and Windows anyway.
    "triton",
    # Development and packaging.
    "IPython", "PyInstaller", "_pytest", "grimp", "hypothesis", "importlinter", "mypy", "mypyc", "natsort", "pip",
    "pytest", "pytestqt", "ruff", "tkinter", "_tkinter", "uv", "xdist",
    # Training tools of others, and the server side of TensorBoard: the program writes its files only.
    "open_clip_train", "tensorboard_data_server", "grpc",
    # Parts of Qt without which the window does.
    "PySide6.QtDesigner", "PySide6.QtHelp", "PySide6.QtOpenGL", "PySide6.QtOpenGLWidgets", "PySide6.QtPrintSupport",
    "PySide6.QtQml", "PySide6.QtQuick", "PySide6.QtQuickControls2", "PySide6.QtQuickWidgets", "PySide6.QtSql",
    "PySide6.QtTest", "PySide6.QtUiTools", "PySide6.QtXml",
)  # fmt: skip

UNNEEDED = (
    "*.a", "*.h", "*.hpp", "*.cuh", "*.cu", "*.lib", "*.pyi", "*.cmake",
    "torch/bin/protoc*", "torch/include/*", "torch/share/*", "torch/test/*",
    "tensorboard/webfiles.zip", "matplotlib/mpl-data/sample_data/*", "hydra/test_utils/*",
    "sklearn/datasets/data/*", "sklearn/datasets/descr/*", "sklearn/datasets/images/*",
    "PySide6/Qt/qml/*", "PySide6/Qt/plugins/qmltooling/*", "PySide6/Qt/plugins/sqldrivers/*",
    "PySide6/Qt/plugins/designer/*",
    # GTK's look for Qt brings half of GTK along without GTK itself: beside the system's own that would not fit.
    "PySide6/Qt/plugins/platformthemes/libqgtk3*", "PySide6/Qt/plugins/networkinformation/libqglib*",
    "libatk-*", "libblkid.so*", "libcairo*", "libdatrie.so*", "libfribidi.so*", "libgdk_pixbuf-*", "libgio-2*",
    "libgmodule-2*", "libgobject-2*", "libgraphite2.so*", "libharfbuzz.so*", "libmount.so*", "libpango*", "libpixman-*",
    "libthai.so*",
)  # fmt: skip
"""Patterns of files that hooks bring along and nobody reads; torch's and CUDA's libraries are never thinned."""

_CODE = {".py", ".pyc", ".pyo"}


def own_files(root: Path = ROOT) -> list[Pair]:
    """Our own files that are no code, at the same places as in the repository."""
    found: list[Pair] = []
    for name in OWN:
        top = root / name
        files = [top] if top.is_file() else sorted(f for f in top.rglob("*") if f.is_file())
        found += [(f, f.parent.relative_to(root).as_posix()) for f in files if f.suffix not in _CODE]
    return found


def package_files() -> list[Pair]:
    """The files of `PACKAGE_DATA`, at the same places as beside their packages. Imports none of them."""
    found: list[Pair] = []
    for name, patterns in PACKAGE_DATA.items():
        folder = folder_of(name)
        files = sorted({f for pattern in patterns for f in folder.glob(pattern) if f.is_file()})
        found += [(f, f.parent.relative_to(folder.parent).as_posix()) for f in files if f.suffix not in _CODE]
    return found


def package_libraries() -> list[Pair]:
    """The files of `PACKAGE_LIBRARIES`, at the same places as beside their packages."""
    return [
        (file, name)
        for name, patterns in PACKAGE_LIBRARIES.items()
        for pattern in patterns
        for file in sorted(folder_of(name).glob(pattern))
    ]


def everything() -> list[Pair]:
    """All files that go along by this list."""
    return [*own_files(), *package_files()]


def own_modules(root: Path = ROOT) -> list[str]:
    """The names of all modules of `PACKAGES`, e.g. "app.cli.sort"."""
    files = [f for package in PACKAGES for f in sorted((root / package).rglob("*.py"))]
    return [".".join(f.relative_to(root).with_suffix("").parts).removesuffix(".__init__") for f in files]


def folder_of(package: str) -> Path:
    """Where an installed package lies; it is not imported."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit(f"{package} is not installed: run packaging/setup.sh first")
    return Path(next(iter(spec.submodule_search_locations)))


def cuda_packages() -> list[str]:
    """NVIDIA's packages of libraries, e.g. "nvidia.cudnn", which torch loads by path; none with torch for the CPU,
    where packages of an earlier torch may still lie around."""
    if not any((folder_of("torch") / "lib").glob("*torch_cuda*")):
        return []
    spec = importlib.util.find_spec("nvidia")
    places = list(spec.submodule_search_locations or ()) if spec else []
    return sorted(f"nvidia.{f.parent.name}" for place in places for f in Path(place).glob("*/lib"))


def is_needed(destination: str) -> bool:
    """Whether a file that hooks collected stays; `destination` is its path in the built program."""
    path = PurePosixPath(destination.replace("\\", "/"))
    return not any(fnmatch(str(path), pattern) for pattern in UNNEEDED)


def needed(entries: Iterable[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
    """The entries (destination, source, kind) of a table of contents that stay.

    Of a CUDA library that is there twice, the one that torch brought: the other is of a toolkit on this machine.
    """
    stay = [entry for entry in entries if is_needed(entry[0])]
    cuda = {PurePosixPath(name).name for name, _, _ in stay if name.startswith("nvidia/")}
    return [entry for entry in stay if entry[0] not in cuda]


def executables() -> list[tuple[str, bool]]:
    """The programs in the folder: name, and whether it has a console. On Windows one of each kind, elsewhere one.

    On macOS one "with a console" would have no window and no place in the Dock; its output is there anyway.
    """
    if sys.platform == "win32":
        return [("Winnow", False), ("winnow-cli", True)]
    return [("winnow", sys.platform != "darwin")]
