"""What a built program takes along, without building one: lists, licences, sizes, desktop files, installing."""

from __future__ import annotations

import json
import mimetypes
import os
import re
import struct
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from xml.etree import ElementTree

import pytest
from PIL import Image

from app.version import VERSION
from inference.pictures import EXTENSIONS

ROOT = Path(__file__).resolve().parents[2]
PACKAGING = ROOT / "packaging"
sys.path.append(str(PACKAGING))

import collected  # noqa: E402
import icons  # noqa: E402
import licences  # noqa: E402
import sizes  # noqa: E402
import smoke_masks  # noqa: E402
import smoke_window  # noqa: E402

# Imports all of ours, runs what reads files by path, and tells which files were opened.
READERS = """
import importlib, json, os, sys, tempfile
from pathlib import Path
opened = set()
def heard(event, arguments):
    if event == "open" and isinstance(arguments[0], (str, bytes, os.PathLike)):
        opened.add(os.path.abspath(os.fsdecode(arguments[0])))
sys.addaudithook(heard)

sys.path.append("packaging")
import collected
for name in collected.own_modules():
    importlib.import_module(name)

from inference import catalogue, open_clip_names, prompt_sets, paths
from app.doctor import self_test
from app.samples import samples, copy_samples
from inference.jobs.diagnose import DiagnoseRequest
from inference.jobs.embed_text import EmbedTextRequest
from inference.worker.inline import InlineRunner

runner = InlineRunner()
found = runner.run(DiagnoseRequest(None, self_test()))
assert found.self_test[0].ok, found
runner.run(EmbedTextRequest(("a photo of a cat",), catalogue.default_classifier(None).id))
copy_samples()
[prompt_sets.load(file) for file in prompt_sets.bundled().values()]
open_clip_names.find("ViT-B-32/openai")

import numpy as np
from PIL import Image
from inference.everything import EverythingOptions
from inference.jobs.everything import EverythingRequest
from inference.jobs.text_segment import TextSegmentRequest
from inference.protocol import ImageRef
from inference.text_segment import TextOptions
place = Path(tempfile.mkdtemp(dir=os.environ["WINNOW_HOME"]))
small = place / "small.png"
Image.open(paths.resource("samples", "cat.jpg")).resize((96, 64)).save(small)
runner.run(EverythingRequest(ImageRef(str(small)), catalogue.STARTER, EverythingOptions(points_per_side=1)))
members, options = ((catalogue.default_classifier(None).id, 1.0),), TextOptions(detector="clip")
runner.run(TextSegmentRequest((ImageRef(str(small)),), ("a cat",), catalogue.STARTER, members, (), options))
from inference.evaluation.perturbations import REGISTRY
assert len([made.apply(np.asarray(Image.open(small)), 0) for made in REGISTRY.values()]) >= 8

from matplotlib.figure import Figure
from inference.evaluation import plots
figure = Figure()
plots.frame(figure.subplots(), "x", "y", "title")
plots.save(figure, place / "plot.png")
import sklearn.linear_model, sklearn.metrics
from inference.training.run_log import RunLog
with RunLog(place / "run", 0) as written:
    written.add({"step": 1})

from inference.engines.architecture import OFFICIAL_YAML, configs, official_node
[official_node(config) for name, config in configs.items() if name in OFFICIAL_YAML]
import open_clip
[open_clip.get_model_config(name) for name in open_clip.list_models()]
open_clip.get_tokenizer("ViT-B-32")
from inference.training.config import make_config
[make_config(file) for file in paths.resource("presets").glob("*.yaml")]
from inference.training.clip_words import TABLE
TABLE.read_bytes()
import timm
timm.create_model("mobilenetv2_100", pretrained=False)

import qasync
from app.settings import Settings
from tests.widgets.window_kit import EquationRunner  # no model is asked here
from widgets.application import make_application
from widgets.icons import app_icon
from widgets.main_window import MainWindow
from widgets.services import Services
from widgets.theme import Theme
application = make_application()
theme = Theme(application, "dark")
services = Services.make(Settings(), EquationRunner(), qasync.QEventLoop(application))
window = MainWindow(services)
window.show()
window.open_paths([str(small)])
for workspace in ("annotate", "sort", "models"):
    window.show_workspace(workspace)
    window.grab()
app_icon().pixmap(16), app_icon().pixmap(64)
maps = "/proc/self/maps"
loaded = {line.split(maxsplit=5)[-1].strip() for line in open(maps) if "/" in line} if os.path.exists(maps) else set()
print("OPENED" + json.dumps([sorted(opened), sorted(loaded)]), flush=True)
os._exit(0)  # a window does not go away in an orderly manner without its event loop
"""


@pytest.mark.timeout(600)  # it imports everything, on machines with much to do too
def test_every_file_that_the_program_opens_is_collected(winnow_home: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", READERS], cwd=ROOT, capture_output=True, text=True, timeout=580,
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen", "OMP_NUM_THREADS": "1"}, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    opened, loaded = ([Path(p) for p in paths] for paths in json.loads(done.stdout.partition("OPENED")[2]))
    site = collected.folder_of("numpy").parent
    ours = [p for p in opened if p.is_relative_to(ROOT) and not p.is_relative_to(ROOT / ".venv")]
    theirs = [p for p in opened if p.is_relative_to(site) and p.suffix not in (".so", ".pth", ".dll", ".pyd")]
    data = {p for p in (*ours, *theirs) if p.suffix not in (".py", ".pyc") and p.is_file()}
    data = {p for p in data if p.parent.suffix != ".dist-info"}  # the recipe takes that of everything shipped
    expected = ("models.json", "winnow.qss", "flower.jpg", "bpe.txt.gz", "sam2.1_hiera_b+.yaml", "ViT-B-32.json")
    expected += ("matplotlibrc", "estimator.css", "winnow-small.svg")
    assert {p.name for p in data} >= set(expected)
    assert data <= {file for file, _ in collected.everything()}

    # Libraries that are neither modules nor what PyInstaller finds because a module is linked to it.
    known = ("torch/lib/", "nvidia/", "PySide6/", "shiboken6/")  # public hooks, and ours for nvidia's newer packages
    libraries = {p for p in loaded if p.is_relative_to(site) and ".libs/" not in str(p)}
    libraries = {p for p in libraries if not p.relative_to(site).as_posix().startswith(known)}
    libraries = {p for p in libraries if p.relative_to(site).parts[0] not in collected.EXCLUDED}
    libraries = {p for p in libraries if not p.name.startswith("image_stable")}  # torchvision reads no pictures here
    by_path = {p for p in libraries if not re.search(r"\.(cpython-|abi3)[^/]*\.so$", p.name)}
    assert by_path <= {file for file, _ in collected.package_libraries()}
    assert by_path or not loaded


def test_files_lie_where_the_program_looks() -> None:
    places = {f"{folder}/{file.name}" for file, folder in collected.everything()}
    assert "resources/prompt_sets/pets.json" in places and "checkpoints/winnow-clip/vocabulary.json" in places
    assert "sam2/configs/sam2.1/sam2.1_hiera_l.yaml" in places
    assert "open_clip/bpe_simple_vocab_16e6.txt.gz" in places
    assert {"./LICENSE", "checkpoints/winnow-starter.safetensors"} <= places


def test_nothing_of_ours_is_forgotten() -> None:
    """Files beside the code that a person could come to open by path have to be in a collected tree."""
    told = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if told.returncode:
        pytest.skip("not in a git checkout")
    taken = {file for file, _ in collected.own_files()}
    trees = ("app", "checkpoints", "inference", "resources", "widgets")
    files = [ROOT / line for line in told.stdout.splitlines() if line.partition("/")[0] in trees]
    assert [f for f in files if f.suffix != ".py" and f.is_file() and f not in taken] == []
    assert "inference.worker.host" in collected.own_modules() and "app.cli" in collected.own_modules()


def test_what_is_left_out_is_not_needed() -> None:
    kept = [f"{folder}/{file.name}" for file, folder in collected.everything()]
    kept += ["torch/lib/libtorch_cuda.so", "nvidia/cu13/lib/libcublas.so.13", "torch/bin/torch_shm_manager"]
    kept += ["libglib-2.0.so.0", "pillow.libs/libharfbuzz-1.so.0", "libfontconfig.so.1"]
    kept += ["PySide6/Qt/plugins/platforms/libqxcb.so", "PySide6/Qt/plugins/imageformats/libqsvg.so"]
    assert [path for path in kept if not collected.is_needed(path)] == []
    gone = ("nvidia/cu13/lib/libcudart_static.a", "torch/include/torch/x.h", "PySide6\\Qt\\qml\\QtQml\\a.dll")
    assert [path for path in gone if collected.is_needed(path)] == []
    assert collected.needed([("a.h", "/a.h", "DATA"), ("b.so", "/b.so", "BINARY")]) == [("b.so", "/b.so", "BINARY")]
    cuda = ("nvidia/cu13/lib/libcudart.so.13", "/venv/libcudart.so.13", "BINARY")
    assert collected.needed([("libcudart.so.13", "/usr/local/cuda/libcudart.so.13", "BINARY"), cuda]) == [cuda]
    ours = {name.partition(".")[0] for name in collected.own_modules()}
    assert ours.isdisjoint(collected.EXCLUDED) and set(collected.HIDDEN).isdisjoint(collected.EXCLUDED)


@pytest.mark.parametrize(
    ("system", "programs"),
    [
        ("linux", [("winnow", True)]),
        ("darwin", [("winnow", False)]),  # a console there means LSBackgroundOnly: no window
        ("win32", [("Winnow", False), ("winnow-cli", True)]),
    ],
)
def test_each_system_gets_its_programs(
    monkeypatch: pytest.MonkeyPatch, system: str, programs: list[tuple[str, bool]]
) -> None:
    monkeypatch.setattr(sys, "platform", system)
    assert collected.executables() == programs


def test_every_shipped_distribution_has_its_licence() -> None:
    packages = ("torch", "PySide6", "pycocotools", "sam2", "numpy", "cv2", "tokenizers", "omegaconf", "antlr4", "timm")
    files = [next(collected.folder_of(package).glob("*.py*")) for package in packages]
    shipped = licences.owners([*files, ROOT / "main.py", os.__file__, "/usr/lib/libnothing.so"])
    assert {"torch", "pyside6-essentials", "opencv-python", "sam2"} <= set(shipped.distributions)
    assert licences.without_text(shipped) == []
    assert shipped.python and shipped.system == [Path("/usr/lib/libnothing.so")]
    text = licences.gathered(shipped)
    assert "GNU LESSER GENERAL PUBLIC LICENSE" in text and "Piotr Dollar" in text
    assert "PYTHON SOFTWARE FOUNDATION LICENSE" in text
    wanted = re.findall(r"^([A-Za-z0-9_.-]+)", (ROOT / "requirements.in").read_text().partition("# packaging")[0], re.M)
    assert len(wanted) > 25
    assert [n for n in wanted if not licences.texts_of(metadata.distribution(n))] == []


def test_sizes_are_told_by_part_and_held_to_a_ceiling(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, size in (("_internal/torch/lib/a.so", 3000), ("_internal/nvidia/cu13/lib/b.so", 5000), ("winnow", 10)):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(bytes(size))
    (tmp_path / "_internal" / "link.so").symlink_to("torch/lib/a.so")
    assert sizes.by_part(tmp_path) == {"CUDA libraries": 5000, "torch": 3000, sizes.REST: 10}
    text, fits = sizes.report(tmp_path, "CUDA 13.2")
    assert fits and "CUDA libraries" in text and "of at most 6,000 MB" in text
    monkeypatch.setitem(sizes.CEILINGS, "CPU", 8009.0)
    assert not sizes.report(tmp_path, "CPU")[1]


@pytest.mark.usefixtures("qapp")  # or it makes an application of its own, which later tests would find
def test_icons_for_three_systems(tmp_path: Path) -> None:
    made = icons.make(tmp_path)
    with Image.open(made["ico"]) as ico, Image.open(made["icns"]) as icns, Image.open(made["png-48"]) as png:
        assert {(side, side) for side in icons.ICO_SIDES} == ico.info["sizes"]
        assert (512, 512, 2) in icns.info["sizes"] and png.size == (48, 48)
        assert png.getpixel((0, 0))[3] == 0 and png.getpixel((24, 4))[3] == 255  # round corners, then blue


def test_the_recipe_and_the_systems_files_agree() -> None:
    compile((PACKAGING / "winnow.spec").read_text(), "winnow.spec", "exec")
    info = ElementTree.parse(next((PACKAGING / "linux").glob("*.metainfo.xml"))).getroot()
    assert info.findtext("id") == collected.IDENTIFIER
    assert next(r.get("version") for r in info.iter("release")) == VERSION
    assert info.findtext("launchable") == "winnow.desktop"
    setup = (PACKAGING / "windows" / "winnow.iss").read_text()
    assert f'#define Version "{VERSION}"' in setup
    entry = (PACKAGING / "linux" / "winnow.desktop").read_text()
    kinds = set(re.search(r"^MimeType=(.*);$", entry, re.M).group(1).split(";"))  # type: ignore[union-attr]
    known = {
        ".heic": "image/heif",
        ".hif": "image/heif",
        ".mpo": "image/jpeg",
        ".dib": "image/bmp",
        ".jfif": "image/jpeg",
    }
    known |= {".avif": "image/avif", ".webp": "image/webp", ".heif": "image/heif"}
    wanted = {known.get(e) or mimetypes.guess_type(f"a{e}")[0] for e in EXTENSIONS}
    assert {k.replace("image/x-ms-bmp", "image/bmp") for k in wanted if k} | {"inode/directory"} == kinds


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the script is for Linux")
def test_the_install_script_installs_updates_and_takes_away(tmp_path: Path) -> None:
    home, dist = tmp_path / "a home", tmp_path / "dist" / "Winnow"
    home.mkdir()
    desktop = dist / "desktop"
    desktop.mkdir(parents=True)
    for file in (PACKAGING / "linux").iterdir():
        (dist if file.suffix == ".sh" else desktop).joinpath(file.name).write_bytes(file.read_bytes())
    for name in ("winnow.svg", *(f"winnow-{side}.png" for side in (16, 24, 32, 48, 128, 256, 512))):
        (desktop / name).write_bytes(b"drawn")
    program = dist / "winnow"
    (home / ".local/share/Winnow").mkdir(parents=True)
    (home / ".local/share/Winnow/model").touch()

    def run(script: Path, *words: str) -> str:
        done = subprocess.run(
            ["sh", str(script), *words], env={"HOME": str(home), "PATH": os.environ["PATH"]}, capture_output=True,
            text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    for version in ("1", "2"):
        program.write_text(f"#!/bin/sh\necho {version} $1\n")
        program.chmod(0o755)
        run(dist / "install.sh")
        start = home / ".local/bin/winnow"
        assert subprocess.run([start, "x"], capture_output=True, text=True, check=True).stdout == f"{version} x\n"
    entry = (home / ".local/share/applications/winnow.desktop").read_text()
    assert f'Exec="{home}/.local/opt/winnow/winnow" %F' in entry and "TryExec" not in entry
    assert (home / ".local/share/icons/hicolor/256x256/apps/winnow.png").is_file()

    installed = home / ".local/opt/winnow"
    told = run(installed / "uninstall.sh")
    assert str(home / ".local/share/Winnow") in told
    left = {p.relative_to(home).as_posix() for p in home.rglob("*") if not p.is_dir()}
    assert left - {".local/share/applications/mimeinfo.cache"} == {".local/share/Winnow/model"}
    run(dist / "install.sh")
    run(installed / "uninstall.sh", "--with-data")
    assert not (home / ".local/share/Winnow").exists() and not installed.exists()


def test_the_smoke_test_reads_masks_and_screens(tmp_path: Path) -> None:
    import numpy as np
    from pycocotools import mask as coco

    drawn = np.zeros((400, 600), np.uint8, order="F")
    drawn[50:250, 100:400] = 1
    drawn[10, 10] = 1
    counts = coco.encode(drawn)["counts"].decode()
    assert smoke_masks.area(400, 600, counts) == int(drawn.sum())
    assert smoke_masks.inside({"size": [400, 600], "counts": counts}, (0, 0, 200, 100)) == 100 * 50 + 1
    with pytest.raises(smoke_masks.Damaged):
        smoke_masks.area(400, 601, counts)
    header = [0] * 25
    header[0], header[4], header[5], header[12] = 100, 2, 1, 8
    (tmp_path / "screen").write_bytes(struct.pack(">25I", *header) + bytes([1, 2, 3, 0, 4, 5, 6, 0]))
    smoke_window._screenshot(tmp_path / "screen", tmp_path / "screen.png")
    with Image.open(tmp_path / "screen.png") as picture:
        assert [picture.getpixel((x, 0)) for x in (0, 1)] == [(3, 2, 1), (6, 5, 4)]
