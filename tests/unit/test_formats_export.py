"""The way every export goes: choice, names, pictures, writing beside, failures, cancelling."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms

from app.formats import FORMATS, ExportOptions, MemorySource, SourceImage, export, format_of
from app.formats.names import distinct, safe, stems
from app.formats.options import Option, format_values, parse_split
from app.formats.select import assign, digest, select, tally, totals
from app.formats.source import natural, picture_files
from app.formats.staging import MARKER, Staging
from app.library.scan import Scan
from inference.errors import Cancelled, ImageError, StorageError, UsageError
from tests.formats_samples import CLASSES, disc, instance, many, picture, source, turned_picture


def _tree(folder: Path) -> set[str]:
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}


# What is chosen


@pytest.mark.parametrize(
    ("options", "images", "instances"),
    [
        (ExportOptions(), ["a.jpg", "sub/b 1.png"], 3),
        (ExportOptions(which="done"), ["a.jpg", "c.jpg"], 2),
        (ExportOptions(which="done", include_empty=False), ["a.jpg"], 2),
        (ExportOptions(which="all"), ["a.jpg", "c.jpg", "d.jpg", "sub/b 1.png"], 3),
        (ExportOptions(classes=("dog",), unlabelled=False), ["a.jpg"], 1),
        (ExportOptions(classes=("dog",), unlabelled=False, include_empty=True), ["a.jpg", "sub/b 1.png"], 1),
    ],
)
def test_choice_of_pictures(tmp_path: Path, options: ExportOptions, images: list[str], instances: int) -> None:
    data = source(tmp_path)
    selection = select(digest(data), data.classes(), options)
    assert sorted(selection.images) == images and selection.instances == instances
    assert totals(tally(digest(data)), data.classes(), options) == (len(images), instances)


def test_classes_are_numbered_in_the_persons_order(tmp_path: Path) -> None:
    data = source(tmp_path)
    numbered = select(digest(data), CLASSES, ExportOptions()).categories
    assert [(c.number, c.name, c.class_id) for c in numbered] == [
        (1, "dog", 7),
        (2, "red ball", 3),
        (3, "object", None),
    ]
    with pytest.raises(UsageError, match="no class called 'cow'"):
        select(digest(data), CLASSES, ExportOptions(classes=("cow",)))


@given(st.sets(st.text("abc123/", min_size=1, max_size=8), max_size=40), st.integers(0, 99))
def test_split_is_exact_and_forgets_the_order(ids: set[str], seed: int) -> None:
    ordered = sorted(ids)
    there, back = assign(ordered, (0.7, 0.2, 0.1), seed), assign(ordered[::-1], (0.7, 0.2, 0.1), seed)
    assert there == back and set(there) == ids
    assert list(there.values()).count("train") == round(0.7 * len(ids))


def test_split_changes_with_the_seed_and_little_with_new_pictures() -> None:
    ids = [f"{i}.jpg" for i in range(200)]
    before, after = assign(ids, (0.8, 0.2), 0), assign([*ids, "new.jpg"], (0.8, 0.2), 0)
    assert sum(before[i] != after[i] for i in ids) <= 1
    assert assign(ids, (0.8, 0.2), 1) != before


@pytest.mark.parametrize(("text", "shares"), [("0.8,0.2", (0.8, 0.2)), ("80/10/10", (0.8, 0.1, 0.1)), ("1,0", (1, 0))])
def test_split_is_read(text: str, shares: tuple[float, ...]) -> None:
    assert parse_split(text) == pytest.approx(shares)


@pytest.mark.parametrize("text", ["", "x", "0.5", "0.5,0.2", "-1,2", "0,0", "1,1,1,1", "nan,1", "inf,1", "0.8,0.8"])
def test_wrong_splits_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="split"):
        parse_split(text)


def test_options_are_checked_against_their_table() -> None:
    table = (Option("crop", "bool", True, "", ""), Option("margin", "int", 0, "", "", high=9))
    assert format_values(table, {"crop": "no", "margin": "4"}) == {"crop": False, "margin": 4}
    for wrong in ({"crop": "maybe"}, {"margin": "10"}, {"margin": "x"}, {"colour": "red"}):
        with pytest.raises(UsageError):
            format_values(table, wrong)


@pytest.mark.parametrize("form", FORMATS, ids=lambda f: f.id)
def test_every_table_holds_its_own_defaults(form) -> None:
    values = format_values(form.options, {})
    assert values == {o.key: o.default for o in form.options}
    assert all(o.label and o.help for o in form.options) and form.description.endswith(".")


# Names


@given(st.text(max_size=300))
def test_safe_names_are_safe(text: str) -> None:
    name = safe(text)
    assert name and name not in (".", "..") and not set(name) & set('<>:"/\\|?*') and not name.endswith((" ", "."))
    assert len(name.encode()) <= 160
    assert safe(name) == name


@pytest.mark.parametrize(
    ("name", "expected"),
    [("CON", "_CON"), ("nul.txt", "_nul.txt"), ("a:b", "a_b"), ("..", "_"), ("x. ", "x"), ("Übung", "Übung")],
)
def test_reserved_names(name: str, expected: str) -> None:
    assert safe(name) == expected


def test_stems_never_collide() -> None:
    ids = ["a/b.jpg", "a_b.jpg", "a_b.png", "A_B.jpg", "../x.jpg", "x.jpg"]
    for flat in (True, False):
        result = stems(ids, flat=flat)
        assert len({n.casefold() for n in result.values()}) == len(ids)
        assert result == stems(reversed(ids), flat=flat)
        assert not any(".." in n.split("/") for n in result.values())
    assert distinct(["a", "A", "b"]) == ["a", "A-2", "b"]


# Pictures


def test_pictures_are_copied_unchanged_or_turned_upright(tmp_path: Path) -> None:
    path = turned_picture(tmp_path / "in/t.jpg")
    plain = picture(tmp_path / "in/p.jpg")
    masks = (instance(disc(80, 60, 30, 30, 9)),)
    data = MemorySource(
        (SourceImage("t.jpg", path, 80, 60, masks), SourceImage("p.jpg", plain, 80, 60, masks)), CLASSES
    )
    summary = export(data, "coco", tmp_path / "out", ExportOptions())
    assert (tmp_path / "out/images/p.jpg").read_bytes() == plain.read_bytes()
    with Image.open(tmp_path / "out/images/t.jpg") as opened:
        assert opened.size == (80, 60) and 0x0112 not in opened.getexif()
        upright = np.asarray(opened).astype(int)
    with Image.open(plain) as opened:
        assert np.abs(upright - np.asarray(opened).astype(int)).mean() < 4
    assert [(n.image_id, "upright" in n.message) for n in summary.notes] == [("t.jpg", True)]


def test_a_picture_written_anew_keeps_its_colours_or_says_what_it_lost(tmp_path: Path) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    phone, deep = tmp_path / "in/phone.jpg", tmp_path / "in/deep.png"
    phone.parent.mkdir()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (60, 80), "teal").save(phone, exif=exif, icc_profile=profile)
    Image.fromarray(np.arange(4800, dtype=np.uint16).reshape(60, 80) * 13).save(deep)
    masks = (instance(disc(80, 60, 30, 30, 9)),)
    items = (SourceImage("phone.jpg", phone, 80, 60, masks), SourceImage("deep.png", deep, 80, 60, masks))
    summary = export(MemorySource(items, CLASSES), "voc", tmp_path / "out", ExportOptions())
    with Image.open(tmp_path / "out/JPEGImages/phone.jpg") as opened:
        assert opened.size == (80, 60) and opened.info["icc_profile"] == profile
    assert [(n.image_id, n.message) for n in summary.losses] == [("deep.png", "Its 16 bits a channel became 8.")]


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="file names are always Unicode here")
@pytest.mark.parametrize("form", [f.id for f in FORMATS])
def test_names_that_are_no_utf_8_are_exported(tmp_path: Path, form: str) -> None:
    name = os.fsdecode(b"caf\xe9.jpg")
    path = picture(tmp_path / "in" / name)
    data = MemorySource((SourceImage(name, path, 80, 60, (instance(disc(80, 60, 30, 30, 9)),)),), CLASSES)
    split = (0.5, 0.5) if format_of(form).split else ()
    summary = export(data, form, tmp_path / "out", ExportOptions(pictures="none", split=split))
    assert summary.images == 1
    assert all(n == n.encode("utf-8", "replace").decode() and "?" not in n for n in _tree(tmp_path / "out"))
    if form == "coco":
        rows = [json.loads(p.read_text("utf-8"))["images"] for p in (tmp_path / "out/annotations").iterdir()]
        assert [r["file_name"] for row in rows for r in row] == [name]
    if form == "voc":
        assert ElementTree.parse(next((tmp_path / "out/Annotations").iterdir())).findtext("filename") == "caf.jpg"


def test_pictures_can_be_linked_or_left_out(tmp_path: Path) -> None:
    data = source(tmp_path / "in")
    export(data, "coco", tmp_path / "linked", ExportOptions(pictures="link"))
    assert (tmp_path / "linked/images/a.jpg").stat().st_ino == (tmp_path / "in/a.jpg").stat().st_ino
    export(data, "coco", tmp_path / "none", ExportOptions(pictures="none"))
    assert not (tmp_path / "none/images").exists()
    rows = json.loads((tmp_path / "none/annotations/instances.json").read_text())["images"]
    assert [r["file_name"] for r in rows] == ["a.jpg", "sub/b 1.png"]


def test_linking_falls_back_to_copying(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EXDEV, "other disk")

    monkeypatch.setattr(os, "link", refuse)
    export(source(tmp_path / "in"), "coco", tmp_path / "out", ExportOptions(pictures="link"))
    assert (tmp_path / "out/images/a.jpg").read_bytes() == (tmp_path / "in/a.jpg").read_bytes()


# Failures


def test_bad_pictures_are_listed_and_the_rest_is_written(tmp_path: Path) -> None:
    data = source(tmp_path / "in")
    picture(tmp_path / "in/cut.jpg", 400, 300)
    cut = tmp_path / "in/cut.jpg"
    cut.write_bytes(cut.read_bytes()[:3000])
    wrong = picture(tmp_path / "in/wrong.png", 33, 22)
    more = (
        SourceImage("gone.jpg", tmp_path / "in/gone.jpg", 80, 60, (instance(disc(80, 60, 9, 9, 5)),)),
        SourceImage("cut.jpg", cut, 400, 300, (instance(disc(400, 300, 9, 9, 5)),)),
        SourceImage("wrong.png", wrong, 80, 60, (instance(disc(80, 60, 9, 9, 5)),)),
    )
    mixed = MemorySource(data.items + more, CLASSES, folder=tmp_path / "in")
    for form in FORMATS:
        summary = export(mixed, form.id, tmp_path / form.id, ExportOptions())
        failed = {n.image_id: n.message for n in summary.failed}
        read = form.id in ("cutouts",) or form.pictures == "copy"
        assert set(failed) == {"gone.jpg", "wrong.png"} | ({"cut.jpg"} if read else set()), form.id
        assert "33 × 22" in failed["wrong.png"] and not summary.ok
        assert not any("gone" in name or "wrong" in name for name in _tree(tmp_path / form.id))
        assert summary.images == (2 if read else 3)


def test_an_export_of_nothing_leaves_nothing(tmp_path: Path) -> None:
    gone = SourceImage("gone.jpg", tmp_path / "gone.jpg", 8, 6, (instance(disc(8, 6, 3, 3, 2)),))
    with pytest.raises(ImageError, match="None of the pictures"):
        export(MemorySource((gone,), CLASSES), "coco", tmp_path / "out", ExportOptions())
    with pytest.raises(UsageError, match="nothing to export"):
        export(MemorySource((), CLASSES), "coco", tmp_path / "out", ExportOptions())
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = many(tmp_path / "in", 3)
    written = []

    def full(self: Path, content: bytes) -> int:
        written.append(self)
        if len(written) == 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        with self.open("wb") as sink:
            return sink.write(content)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(StorageError, match="disk is full"):
        export(data, "yolo-seg", tmp_path / "out", ExportOptions())
    assert {p.name for p in tmp_path.iterdir()} == {"in"}


def test_cancelling_leaves_nothing(tmp_path: Path) -> None:
    def stop(done: int, total: int, message: str) -> None:
        if done == 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        export(many(tmp_path / "in", 5), "coco", tmp_path / "out", ExportOptions(), stop)
    assert {p.name for p in tmp_path.iterdir()} == {"in"}


def test_progress_counts_pictures(tmp_path: Path) -> None:
    seen = []
    export(many(tmp_path / "in", 4), "masks", tmp_path / "o", ExportOptions(), lambda *said: seen.append(said))
    assert [s[:2] for s in seen if s[1]] == [(0, 4), (1, 4), (2, 4), (3, 4), (4, 4)]


# The output folder


def test_filled_folders_are_refused_unless_allowed(tmp_path: Path) -> None:
    data, out = many(tmp_path / "in", 2), tmp_path / "out"
    out.mkdir()
    (out / "mine.txt").write_text("keep me")
    with pytest.raises(UsageError, match="not empty"):
        export(data, "masks", out, ExportOptions())
    export(data, "masks", out, ExportOptions(overwrite=True))
    assert (out / "mine.txt").read_text() == "keep me"
    with pytest.raises(UsageError, match="earlier export"):
        export(data, "masks", out, ExportOptions())
    fewer = MemorySource(data.items[:1], CLASSES)
    export(fewer, "masks", out, ExportOptions(overwrite=True))
    assert _tree(out) == {"mine.txt", MARKER, "masks/p0_01_dog.png"}


def test_a_forged_marker_removes_nothing_elsewhere(tmp_path: Path) -> None:
    out, outside = tmp_path / "out", tmp_path / "outside.txt"
    out.mkdir()
    outside.write_text("mine")
    names = ["../outside.txt", str(outside), "x/../../outside.txt", 5, ""]
    (out / MARKER).write_text(json.dumps({"files": names}))
    export(many(tmp_path / "in", 1), "masks", out, ExportOptions(overwrite=True))
    assert outside.read_text() == "mine"


def test_originals_are_never_replaced(tmp_path: Path) -> None:
    data = many(tmp_path / "set/images", 2)
    before = {p: p.read_bytes() for p in (tmp_path / "set/images").iterdir()}
    with pytest.raises(UsageError, match="original picture"):
        export(data, "yolo-seg", tmp_path / "set", ExportOptions(overwrite=True))
    with pytest.raises(UsageError, match="folder of the pictures"):
        export(data, "coco", tmp_path / "set/images", ExportOptions(overwrite=True))
    assert {p: p.read_bytes() for p in (tmp_path / "set").rglob("*") if p.is_file()} == before


def test_a_folder_with_pictures_of_the_project_does_not_become_an_export(tmp_path: Path) -> None:
    data = source(tmp_path)
    with pytest.raises(UsageError, match="pictures of the project in the output"):
        export(data, "masks", tmp_path / "sub", ExportOptions(overwrite=True))
    assert "sub/b 1.png" in set(picture_files(tmp_path))


def test_what_a_killed_export_left_goes_with_the_next_one(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from app.formats.staging import Staging\n"
        "s = Staging(Path(sys.argv[1])); s.write_text('a/b.txt', 'half'); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "out")], check=False)
    mine = tmp_path / ".winnow-export-mine"
    mine.mkdir()
    assert len(list(tmp_path.glob(".winnow-export-*"))) == 3  # the folder, its lock, and mine
    living = Staging(tmp_path / "other")
    living.write_text("c.txt", "still being written")
    export(many(tmp_path / "in", 1), "masks", tmp_path / "out", ExportOptions())
    assert (living.folder / "c.txt").exists()
    living.discard()
    assert list(tmp_path.glob(".winnow-export-*")) == [mine]


def test_an_output_inside_the_input_is_not_read_again(tmp_path: Path) -> None:
    data = many(tmp_path / "in", 2)
    export(data, "coco", tmp_path / "in/exports/coco", ExportOptions())
    assert list(picture_files(tmp_path / "in")) == ["p0.png", "p1.png"]
    again = export(data, "coco", tmp_path / "in/exports/coco", ExportOptions(overwrite=True))
    assert again.images == 2


def test_a_file_or_folder_in_the_way_stops_before_anything_moves(tmp_path: Path) -> None:
    data, out = many(tmp_path / "in", 2), tmp_path / "out"
    (out / "masks/p1_01_dog.png").mkdir(parents=True)
    with pytest.raises(UsageError, match="same name"):
        export(data, "masks", out, ExportOptions(overwrite=True))
    assert _tree(out) == set()
    with pytest.raises(UsageError, match="a file"):
        export(data, "masks", tmp_path / "in/p0.png", ExportOptions())


def test_the_same_export_is_the_same_bytes(tmp_path: Path) -> None:
    data = source(tmp_path / "in")
    for form in FORMATS:
        options = ExportOptions(which="all", split=(0.5, 0.5), seed=3)
        for name in ("one", "two"):
            export(data, form.id, tmp_path / name / form.id, options)
    one, two = tmp_path / "one", tmp_path / "two"
    assert _tree(one) == _tree(two)
    assert all((one / f).read_bytes() == (two / f).read_bytes() for f in _tree(one))


def test_staging_stays_inside(tmp_path: Path) -> None:
    staging = Staging(tmp_path / "out")
    for name in ("../x", "a/../../x"):
        with pytest.raises(ValueError, match="leaves"):
            staging.place(name)
    staging.discard()


def test_natural_order() -> None:
    assert natural(["p10.png", "P2.png", "p1.png"]) == ["p1.png", "P2.png", "p10.png"]


def test_exports_are_no_pictures_of_the_project_while_it_is_open(tmp_path: Path) -> None:
    data = many(tmp_path / "in", 2)
    scan = Scan(tmp_path / "in")
    assert [e.image_id for entries in scan.walk() for e in entries] == ["p0.png", "p1.png"]
    export(data, "yolo-seg", tmp_path / "in/out", ExportOptions())
    assert scan.again({""}).added == []
