"""labelme files, open projects and Oxford pets as data sets; splits that leak nothing; a look at the data."""

from __future__ import annotations

import base64
import io
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pytestqt.qtbot import QtBot

from app import cli
from app.formats import ExportOptions, export
from app.instance import Instance, new_id
from app.project import Project
from inference.data_sets.labelme import is_labelme, read_labelme
from inference.data_sets.look import contact_sheet, look_at
from inference.data_sets.oxford_pets import convert_pets, list_pets
from inference.data_sets.project import read_project
from inference.data_sets.split import split_by_content, without_content_of
from inference.errors import AppError, FormatError, StorageError, UsageError
from inference.jobs.look_at_data import LookAtDataRequest
from inference.jobs.prepare_data import PreparePetsRequest
from inference.masks import Mask
from inference.training.data import find_data, kind_of, thing_mask
from tests.formats_samples import disc, picture, source
from tests.unit.training_scene import write_scene


def _labelme(folder: Path, shapes: list[dict[str, Any]], **more: Any) -> Path:
    picture(folder / "a.png")
    file = folder / "a.json"
    data = {"shapes": shapes, "imagePath": "a.png", "imageWidth": 80, "imageHeight": 60, "imageData": None} | more
    file.write_text(json.dumps(data), "utf-8")
    return file


def test_exported_labelme_comes_back(tmp_path: Path) -> None:
    data = source(tmp_path / "in")
    export(data, "labelme", tmp_path / "out", ExportOptions(values={"shapes": "mask"}))
    records = find_data(tmp_path / "out")
    assert sorted(len(r.things) for r in records) == [1, 2]
    masks = {thing.mask for record in records for thing in record.things}
    assert masks == {i.mask for item in data.items[:2] for i in item.instances}
    assert {"dog", "red ball"} <= {thing.category for record in records for thing in record.things}


def test_labelme_shapes(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Image.fromarray(np.full((5, 4), 255, np.uint8)).save(buffer, "PNG")
    code = base64.b64encode(buffer.getvalue()).decode()
    file = _labelme(
        tmp_path,
        [
            {"label": "box", "shape_type": "rectangle", "points": [[10, 10], [19, 14]]},
            {"label": "ring", "shape_type": "circle", "points": [[40, 30], [50, 30]]},
            {"label": "patch", "shape_type": "mask", "points": [[70, 50], [73, 54]], "mask": code},
            {"label": "two", "points": [[0, 0], [4, 0], [4, 4], [0, 4]], "group_id": 1},
            {"label": "two", "points": [[20, 40], [24, 40], [24, 44], [20, 44]], "group_id": 1},
            {"label": "dot", "shape_type": "point", "points": [[3, 3]]},
            {"label": "bad", "shape_type": "polygon", "points": [[3, 3]]},
            {"label": "far", "shape_type": "mask", "points": [[78, 50], [81, 54]], "mask": code},
        ],
    )
    read = read_labelme([file], tmp_path)
    areas = {o.label: o.mask.area for o in read.samples[0].objects}
    assert set(areas) == {"box", "ring", "patch", "two"} and areas["patch"] == 20 and areas["two"] == 50
    assert areas["box"] == 50 and areas["ring"] == pytest.approx(np.pi * 100, rel=0.15)
    assert [("Shape 7" in str(p), "Shape 8" in str(p)) for p in read.problems] == [(True, False), (False, True)]


@pytest.mark.parametrize("name", ["../b.png", "/etc/passwd", "nothing.png", 5])
def test_labelme_pictures_stay_inside(tmp_path: Path, name: Any) -> None:
    picture(tmp_path / "b.png")
    file = _labelme(tmp_path / "set", [{"label": "x", "points": [[0, 0], [9, 0], [9, 9]]}], imagePath=name)
    assert is_labelme(file)
    read = read_labelme([file], tmp_path / "set")
    assert not read.samples and len(read.problems) == 1


def test_an_open_project_is_a_data_set(tmp_path: Path, qtbot: QtBot) -> None:
    picture(tmp_path / "sub" / "a.png")
    picture(tmp_path / "b.png")
    project = Project.open(tmp_path)
    try:
        dog = project.classes.add("dog")
        masks = [Mask.from_array(disc(80, 60, x, 30, 9)) for x in (20, 50)]
        project.document("sub/a.png").add([Instance(new_id(), masks[0], class_id=dog.id), Instance(new_id(), masks[1])])
        project.document("b.png").add([Instance(new_id(), masks[0])])
        picture(tmp_path / "b.png", 90)  # changed behind its back
        problems: list[AppError] = []
        (record,) = find_data(tmp_path, "train", problems)
    finally:
        project.close()
    assert [(t.mask, t.category) for t in record.things] == [(masks[0], "dog"), (masks[1], "")]
    assert record.path == tmp_path / "sub" / "a.png" and "b.png" in problems[0].message


def test_a_project_kept_away_from_its_pictures_is_found(tmp_path: Path, winnow_home: Path, qtbot: QtBot) -> None:
    folder = tmp_path / "pictures"
    picture(folder / "a.png")
    (folder / ".winnow").write_bytes(b"")  # so that nothing can be kept there
    project = Project.open(folder)
    try:
        mask = Mask.from_array(disc(80, 60, 20, 30, 9))
        project.document("a.png").add([Instance(new_id(), mask)])
    finally:
        project.close()
    assert next((winnow_home / "data" / "projects").rglob("project.db"))
    (record,) = find_data(folder)
    assert [thing.mask for thing in record.things] == [mask] and record.path == folder / "a.png"


def test_a_foreign_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".winnow").mkdir()
    (tmp_path / ".winnow" / "project.db").write_bytes(b"no database at all, but long enough to look at" * 9)
    with pytest.raises(FormatError, match=r"project\.db"):
        read_project(tmp_path)


def test_copies_stay_on_one_side(tmp_path: Path) -> None:
    paths = [picture(tmp_path / f"{n}.png", 80 + n) for n in range(10)]
    copies = [Path(shutil.copy(path, tmp_path / f"copy of {path.name}")) for path in paths]
    both = paths + copies
    rest, val = split_by_content(both, lambda p: p, lambda p: "cat" if int(p.stem[-1]) < 5 else "dog", 0.2, 0)
    assert len(val) == 4 and len(rest) == 16
    assert not {p.read_bytes() for p in rest} & {p.read_bytes() for p in val}
    assert sorted(int(p.stem[-1]) < 5 for p in val) == [False, False, True, True]  # both kinds
    assert split_by_content(both[::-1], lambda p: p, lambda _p: "", 0.2, 0)[1] != []
    kept, twice = without_content_of(both, val, lambda p: p)
    assert twice == 4 and not set(kept) & set(val)
    with pytest.raises(FormatError, match="two different pictures"):
        split_by_content([paths[0], copies[0]], lambda p: p, lambda _p: "", 0.2, 0)


@pytest.mark.parametrize("kinds", [["a", "b", "c", "d"], ["a"] * 4])
def test_a_split_of_few_has_two_sides(tmp_path: Path, kinds: list[str]) -> None:
    paths = [picture(tmp_path / f"{n}.png", 80 + n) for n in range(4)]
    rest, val = split_by_content(paths, lambda p: p, lambda p: kinds[int(p.stem)], 0.2, 1)
    assert rest and val and len(rest) + len(val) == 4


@pytest.fixture
def pets(tmp_path: Path, shared_data: Path) -> Path:
    """Four pictures of each breed of the true sample, with its lists."""
    sample, folder = shared_data / "oxford_pets_sample", tmp_path / "pets"
    (folder / "images").mkdir(parents=True)
    (folder / "annotations" / "trimaps").mkdir(parents=True)
    for part in ("trainval", "test"):
        by_breed: dict[str, list[str]] = {}
        for line in (sample / "annotations" / f"{part}.txt").read_text().splitlines():
            by_breed.setdefault(line.rpartition("_")[0], []).append(line)
        lines = [line for members in by_breed.values() for line in members[: 5 if part == "trainval" else 2]]
        (folder / "annotations" / f"{part}.txt").write_text("\n".join(lines) + "\n")
        for name in (line.split()[0] for line in lines):
            for path in (Path("images") / f"{name}.jpg", Path("annotations/trimaps") / f"{name}.png"):
                if (sample / path).is_file():
                    shutil.copy(sample / path, folder / path)
    return folder


def test_pets_become_the_sam2_layout(tmp_path: Path, pets: Path) -> None:
    out = tmp_path / "out"
    done = convert_pets(pets, out)
    good = {p.name for part in ("trainval", "test") for p in list_pets(pets, part) if p.trimap.is_file()}
    assert {*done.train, *done.val} == good and not {*done.train} & {*done.val} and not done.problems
    assert {n.rpartition("_")[0] for n in done.val} == {"Abyssinian", "Bengal", "american_bulldog"}
    name = done.train[0]
    trimap = np.asarray(Image.open(pets / "annotations" / "trimaps" / f"{name}.png"))
    mask = np.asarray(Image.open(out / "Annotations" / name / "00000.png"))
    assert ((mask == 1) == np.isin(trimap, (1, 3))).all() and set(np.unique(mask)) == {0, 1}
    assert (out / "JPEGImages" / name / "00000.jpg").read_bytes() == (pets / "images" / f"{name}.jpg").read_bytes()
    lists = {p.stem: p.read_text().split() for p in out.glob("*.txt")}
    assert set(lists) == {"train_list", "val_list", "train_list_tiny", "val_list_tiny"}
    assert lists["train_list"] == list(done.train) and set(lists["train_list_tiny"]) <= set(done.train)
    records = find_data(out, "train")
    assert [r.path.parent.name for r in records] == list(done.train)
    assert {t.category for r in records for t in r.things} == {"Abyssinian", "Bengal", "american_bulldog"}
    with pytest.raises(StorageError, match="not empty"):
        convert_pets(pets, out)


def test_the_official_split_and_the_seed(tmp_path: Path, pets: Path) -> None:
    official = convert_pets(pets, tmp_path / "official", "official")
    assert {*official.val} == {p.name for p in list_pets(pets, "test")}
    one, other = (convert_pets(pets, tmp_path / f"seed {n}", seed=n).val for n in (1, 2))
    assert one != other and one == convert_pets(pets, tmp_path / "again", seed=1).val
    with pytest.raises(UsageError, match="split"):
        convert_pets(pets, tmp_path / "x", "mine")


def test_broken_pairs_are_listed_and_the_rest_goes_on(tmp_path: Path, pets: Path) -> None:
    first, second, third, fourth = list_pets(pets, "trainval")[:4]
    first.image.unlink()
    second.image.write_bytes(second.image.read_bytes()[:2000])
    Image.new("L", (5, 5), 1).save(third.trimap)
    with Image.open(fourth.image) as opened:
        opened.save(fourth.image.with_suffix(".png"))
    fourth.image.with_suffix(".png").replace(fourth.image)  # as some of the original set: no JPEG but in name
    done = convert_pets(pets, tmp_path / "out")
    listed = " ".join(str(problem) for problem in done.problems)
    assert len(done.problems) == 3 and all(p.name in listed for p in (first, second, third))
    assert fourth.name in {*done.train, *done.val}
    with Image.open(tmp_path / "out" / "JPEGImages" / fourth.name / "00000.jpg") as opened:
        assert opened.format == "JPEG"
    assert not (tmp_path / "out" / "JPEGImages" / second.name).exists()


def test_pets_know_their_kind_and_breed(pets: Path) -> None:
    records = find_data(pets, "train")
    assert {(r.things[0].category, kind_of(r)) for r in records} == {
        ("cat", "Abyssinian"), ("cat", "Bengal"), ("dog", "american_bulldog"),
    }  # fmt: skip
    assert set(np.unique(thing_mask(records[0], 0))) == {0, 128, 255}


def test_pet_lists_lead_nowhere_else(tmp_path: Path) -> None:
    (tmp_path / "annotations" / "trimaps").mkdir(parents=True)
    (tmp_path / "annotations" / "trainval.txt").write_text("../../secret 1 1 1\n")
    with pytest.raises(FormatError, match="leads out"):
        list_pets(tmp_path, "trainval")


def test_a_look_counts_and_draws(tmp_path: Path) -> None:
    scene = write_scene(tmp_path)
    shutil.copy(tmp_path / "images" / "train_0.png", tmp_path / "images" / "train_3.png")
    (tmp_path / "images" / "train_2.png").write_bytes(b"broken")
    problems: list[AppError] = []
    records = find_data(scene, "train", problems)
    look = look_at(records, problems)
    assert (look.pictures, look.objects, look.copies) == (3, 6, 1)
    assert look.classes == {"blob": 3, "region": 3} and look.sizes == {"96 × 96": 3}
    assert len(look.problems) == 1 and "train_2.png" in next(iter(look.problems))
    assert 0.02 < look.areas[1] < 0.2 and look.small == 0
    assert contact_sheet(records, tmp_path / "out" / "sheet.png") == {}
    sheet = np.asarray(Image.open(tmp_path / "out" / "sheet.png"))
    assert sheet.shape[1] > 6 * 200 and (sheet != 32).any()


@pytest.mark.parametrize("objects", ["none", "no masks"])
def test_data_without_masks_is_refused(tmp_path: Path, objects: str) -> None:
    scene = write_scene(tmp_path)
    data = json.loads(scene.read_text())
    if objects == "none":
        data["annotations"] = []
    else:
        for annotation in data["annotations"]:
            del annotation["segmentation"]
    scene.write_text(json.dumps(data))
    with pytest.raises(FormatError, match="Nothing in the data set can be used"):
        find_data(scene)


def test_the_commands_look_and_convert(tmp_path: Path, pets: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (pets / "images" / f"{list_pets(pets, 'trainval')[0].name}.jpg").unlink()
    words = ["data", "oxford-pets", "--source", str(pets), "--out", str(tmp_path / "out"), "--json"]
    assert cli.run(words, lambda *_, **__: 0) == 1  # one pair is broken, and listed
    told = json.loads(capsys.readouterr().out)
    assert PreparePetsRequest.parse(told).train == told["train"] > told["val"] > 0 and len(told["failures"]) == 1
    words = ["data", "look", str(tmp_path / "out"), "--out", str(tmp_path / "look"), "--json"]
    assert cli.run(words, lambda *_, **__: 0) == 0
    result = LookAtDataRequest.parse(json.loads(capsys.readouterr().out))
    assert result.figures["pictures"] == told["train"] and set(result.figures["classes"]) <= {
        "Abyssinian", "Bengal", "american_bulldog",
    }  # fmt: skip
    assert result.sheet and Path(result.sheet).is_file() and (tmp_path / "look" / "look.json").is_file()
    assert LookAtDataRequest(("a",), "b").argv()[:3] == ["data", "look", "a"]
