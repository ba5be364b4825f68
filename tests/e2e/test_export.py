"""`main.py export` on a project that was made through the store: layouts, JSON, exit status."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from app import cli
from app.formats import FORMATS
from app.project import Project
from tests.formats_samples import disc, instance, picture

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def folder(tmp_path: Path, qapp: object) -> Path:
    """Three pictures, two annotated, one class named."""
    folder = tmp_path / "Bilder für Übung"
    for name in ("a.jpg", "sub/b.png", "c.jpg"):
        picture(folder / name)
    project = Project.open(folder)
    dog = project.classes.add("dog")
    project.document("a.jpg").add([instance(disc(80, 60, 30, 30, 20, hole=8), dog.id, 1)])
    project.document("sub/b.png").add([instance(disc(80, 60, 40, 30, 9), None, 2)])
    project.close()
    return folder


def _run(*words: object) -> int:
    return cli.run([str(w) for w in words], lambda *_a, **_k: 0)


def test_export_through_the_program(folder: Path, tmp_path: Path) -> None:
    words = ["export", str(folder), "--format", "coco", "--out", str(tmp_path / "out"), "--json"]
    done = subprocess.run(
        [sys.executable, "main.py", *words], cwd=ROOT, capture_output=True, text=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["images"] == 2 and told["instances"] == 2 and told["failures"] == []
    assert (tmp_path / "out/annotations/instances.json").is_file()


@pytest.mark.parametrize("form", FORMATS, ids=lambda f: f.id)
def test_every_format(folder: Path, tmp_path: Path, form, capsys) -> None:
    split = ["--split", "0.5,0.5", "--seed", "3"]
    assert _run("export", folder, "--format", form.id, "--out", tmp_path / "out", *split, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["splits"] == {"train": 1, "val": 1} and told["format"] == form.id


def test_a_missing_picture_is_listed_with_status_1(folder: Path, tmp_path: Path, capsys) -> None:
    (folder / "a.jpg").unlink()
    assert _run("export", folder, "--format", "voc", "--out", tmp_path / "out") == 1
    said = capsys.readouterr()
    assert "a.jpg" in said.err and (tmp_path / "out/Annotations/sub_b.xml").is_file()


def test_losses_are_told_to_people(folder: Path, tmp_path: Path, capsys) -> None:
    words = ["--set", "holes=fill", "--class", "dog", "--no-unlabelled"]
    assert _run("export", folder, "--format", "yolo-seg", "--out", tmp_path / "out", *words) == 0
    said = capsys.readouterr().out
    assert "1 hole in 1 instance filled" in said and "a.jpg" in said
    assert not (tmp_path / "out/labels/sub_b.txt").exists()


@pytest.mark.parametrize(
    "words",
    [
        ["--format", "gif"],
        ["--format", "coco", "--split", "0.9"],
        ["--format", "coco", "--set", "tolerance"],
        ["--format", "coco", "--set", "tolerance=lots"],
        ["--format", "coco", "--set", "colour=red"],
        ["--format", "coco", "--class", "cow"],
        ["--format", "coco", "--which", "some"],
        ["--format", "cutouts", "--pictures", "copy"],
    ],
    ids=lambda w: " ".join(w),
)
def test_wrong_words_are_status_2_and_write_nothing(folder: Path, tmp_path: Path, words: list[str], capsys) -> None:
    assert _run("export", folder, "--out", tmp_path / "out", *words) == 2
    assert "Error" in capsys.readouterr().err and not (tmp_path / "out").exists()


def test_missing_folder_and_filled_output(folder: Path, tmp_path: Path, capsys) -> None:
    assert _run("export", tmp_path / "nowhere", "--format", "coco", "--out", tmp_path / "out") == 2
    assert "nowhere" in capsys.readouterr().err
    (tmp_path / "out").mkdir()
    (tmp_path / "out/mine.txt").write_text("x")
    assert _run("export", folder, "--format", "coco", "--out", tmp_path / "out") == 2
    assert "--overwrite" in capsys.readouterr().err
    assert _run("export", folder, "--format", "coco", "--out", tmp_path / "out", "--overwrite") == 0


def test_labels_beside_the_originals(folder: Path) -> None:
    assert _run("export", folder, "--format", "labelme", "--out", folder, "--pictures", "none") == 0
    assert json.loads((folder / "a.json").read_text(encoding="utf-8"))["imagePath"] == "a.jpg"


def test_help_names_every_format(capsys) -> None:
    assert _run("export", "--formats") == 0
    said = capsys.readouterr().out
    assert all(form.id in said for form in FORMATS) and "tolerance=1.0" in said
    assert _run("export", "--help") == 0
    helped = capsys.readouterr().out
    assert all(form.id in helped for form in FORMATS)
