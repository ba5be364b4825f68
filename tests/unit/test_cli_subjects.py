"""What segment and demo are made of: which pictures are meant, the files written, contact sheet, samples."""

from __future__ import annotations

import errno
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO

from app import contact_sheet, doctor
from app.samples import samples
from app.subjects.inputs import pictures
from app.subjects.outputs import OutputFolder, Subject, standing_out
from app.subjects.run import Settings, Task, segment_all
from inference import paths
from inference.errors import ImageError, StorageError, UsageError
from inference.jobs.diagnose import Diagnosis, Finding
from inference.jobs.segment_batch import BatchItem, SegmentBatchRequest, SegmentBatchResult
from inference.masks import Mask
from inference.pictures import read_rgb, read_size
from inference.prompts import Box, Point, Prompts
from inference.protocol import Progress


def _picture(path: Path, size: tuple[int, int] = (60, 40)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, "#804020").save(path)
    return path


def _mask(size: tuple[int, int] = (60, 40)) -> Mask:
    pixels = np.zeros((size[1], size[0]), bool)
    pixels[5:30, 10:40] = True
    pixels[10:15, 20:25] = False
    return Mask.from_array(pixels)


def _subject(path: Path, variant: str = "") -> Subject:
    return Subject(path, _mask(), 0.9, Prompts((Point(20, 20),), Box(9, 4, 41, 31)), 0.1, variant)


class Answers:
    """Runs the batch request by a rule in place of a model."""

    def __init__(self, rule: Callable[[str], BatchItem]) -> None:
        self.rule = rule

    def run(self, request: Any, on_progress: Callable[[Progress], None] | None = None) -> SegmentBatchResult:
        assert isinstance(request, SegmentBatchRequest)
        items = tuple(self.rule(image.path) for image in request.images)
        for number, item in enumerate(items, 1):
            if on_progress:
                on_progress(Progress(number, len(items), item.path, item))
        return SegmentBatchResult(items, "CPU", 0.5)


def test_folders_give_their_pictures_in_natural_order(tmp_path: Path) -> None:
    for name in ("b10.png", "b9.png", "sub/a1.jpg", ".winnow/x.png", "out/y.png", "note.txt"):
        if name.endswith("txt"):
            (tmp_path / name).write_text("no picture")
        else:
            _picture(tmp_path / name)
    files, failures = pictures([tmp_path], without=tmp_path / "out")
    assert [f.name for f in files] == ["b9.png", "b10.png", "a1.jpg"]
    assert failures == []
    flat, _ = pictures([tmp_path], recursive=False)
    assert [f.name for f in flat] == ["b9.png", "b10.png"]


def test_what_an_earlier_run_wrote_is_no_input(tmp_path: Path) -> None:
    picture = _picture(tmp_path / "a.png")
    for out in (tmp_path, tmp_path / "mine" / "before"):  # beside the pictures, and in a folder of its own
        folder = OutputFolder(out, [picture])
        folder.add(_subject(picture), read_rgb(picture))
        folder.finish()
    theirs = _picture(tmp_path / "mine" / "masks" / "b.png")  # only called like ours
    assert pictures([tmp_path], without=tmp_path)[0] == [picture, theirs]
    assert pictures([tmp_path / "cutouts"])[0] == [tmp_path / "cutouts" / "a.png"]  # what is named is meant


def test_a_picture_named_twice_comes_once_and_missing_ones_are_listed(tmp_path: Path) -> None:
    picture = _picture(tmp_path / "a.png")
    (tmp_path / "empty").mkdir()
    files, failures = pictures([picture, tmp_path, tmp_path / "gone.png", tmp_path / "empty"])
    assert files == [picture]
    assert [Path(f.path or "").name for f in failures] == ["gone.png", "empty"]


def test_a_subject_becomes_mask_cutout_overlay_and_coco(tmp_path: Path) -> None:
    picture = _picture(tmp_path / "in" / "a.png")
    folder = OutputFolder(tmp_path / "out", [picture])
    files = folder.add(_subject(picture), read_rgb(picture))
    coco_file = folder.finish()
    mask = np.asarray(Image.open(files["mask"]))
    assert (mask == _mask().array() * 255).all()
    cut = np.asarray(Image.open(files["cutout"]))
    assert cut.shape == (40, 60, 4)
    assert (cut[..., 3] == mask).all()
    assert read_size(Path(files["overlay"])) == (60, 40)
    coco = COCO(str(coco_file))
    (annotation,) = coco.loadAnns(coco.getAnnIds())
    assert (coco.annToMask(annotation) == _mask().array()).all()
    assert annotation["area"] == _mask().area
    assert [p.name for p in (tmp_path / "out").rglob("*.part")] == []


def test_pictures_of_one_name_do_not_overwrite_each_other(tmp_path: Path) -> None:
    one, two, three = (_picture(tmp_path / n) for n in ("x/a.png", "y/a.png", "x/A.jpg"))
    folder = OutputFolder(tmp_path / "out", [one, two, three])
    written = {folder.add(_subject(p), read_rgb(p))["mask"].casefold() for p in (one, two, three)}
    assert len(written) == 3


def test_an_original_is_never_replaced(tmp_path: Path) -> None:
    original = _picture(tmp_path / "masks" / "a.png")
    before = original.read_bytes()
    with pytest.raises(UsageError, match="there already"):
        OutputFolder(tmp_path, [original])
    original.parent.rename(tmp_path / "away")
    OutputFolder(tmp_path).finish()
    (tmp_path / "away").rename(original.parent)
    folder = OutputFolder(tmp_path, [original])
    with pytest.raises(UsageError, match="replace one of the pictures"):
        folder.add(_subject(original), read_rgb(original))
    assert original.read_bytes() == before


def test_files_from_elsewhere_are_never_replaced_and_those_of_an_earlier_run_are(tmp_path: Path) -> None:
    picture = _picture(tmp_path / "a.png")
    out = tmp_path / "out"
    by_hand = out / "masks" / "a.png"
    by_hand.parent.mkdir(parents=True)
    by_hand.write_bytes(b"drawn for hours")
    for _ in range(2):
        with pytest.raises(UsageError, match="there already"):
            OutputFolder(out, [picture])
    assert by_hand.read_bytes() == b"drawn for hours"
    by_hand.unlink()
    by_hand.parent.rmdir()
    (out / "annotations.json").write_text('{"info": {"description": "years of work"}}')
    with pytest.raises(UsageError, match="there already"):
        OutputFolder(out, [picture])
    (out / "annotations.json").unlink()
    both = [OutputFolder(out, [picture]) for _ in range(2)]  # two runs at once
    assert len({folder.add(_subject(picture), read_rgb(picture))["mask"] for folder in both}) == 1
    for _ in range(2):  # the first run is cut off before its end, the second one knows its files
        written = OutputFolder(out, [picture]).add(_subject(picture), read_rgb(picture))
        assert Path(written["mask"]) == by_hand


def test_names_that_are_too_long_together_and_names_that_are_no_utf8(tmp_path: Path) -> None:
    long = [_picture(tmp_path / folder / f"{'c' * 240}.png") for folder in ("b" * 240, "d" * 240)]
    folder = OutputFolder(tmp_path / "out", long)
    assert len({folder.add(_subject(p, "centre"), read_rgb(p))["mask"] for p in long}) == 2
    odd = tmp_path / "bad\udcff.png"
    folder.add(_subject(odd), read_rgb(long[0]))
    stored = json.loads(folder.finish().read_text(encoding="utf-8"))
    assert stored["images"][2]["file_name"] == str(odd)


@pytest.mark.parametrize("name", ["x" * 300, "~nobody-has-this-name/a.jpg", "missing.jpg"])
def test_names_that_cannot_be_are_not_there(name: str, tmp_path: Path) -> None:
    assert pictures([Path(name)])[0] == []
    assert "no such file" in pictures([Path(name)])[1][0].message


def test_a_place_that_cannot_be_written_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(StorageError, match="cannot be written"):
        OutputFolder(tmp_path / "out")


def test_a_full_disk_is_said_and_leaves_no_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = OutputFolder(tmp_path)

    def full(self: Path, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(StorageError, match="disk is full"):
        folder.save("x.bin", b"1")
    assert list(tmp_path.iterdir()) == []


def test_bad_pictures_are_listed_and_the_rest_is_done(tmp_path: Path) -> None:
    good, bad = _picture(tmp_path / "good.png"), tmp_path / "bad.png"

    def rule(path: str) -> BatchItem:
        if path == str(bad):
            return BatchItem(path, error=ImageError("Broken.", None, "Mend it."))
        return BatchItem(path, Prompts((Point(1, 1),)), _mask(), 0.8, 60, 40, 0.1)

    found: list[Subject] = []
    told: list[tuple[int, str]] = []
    report = segment_all(
        Answers(rule),
        [Task(bad), Task(good, variant="box")],
        Settings("starter"),
        lambda subject, rgb: found.append(subject),
        lambda done, name: told.append((done, name)),
    )
    assert [(s.path, s.variant) for s in found] == [(good, "box")]
    assert [f.path for f in report.failures] == [str(bad)]
    assert told == [(1, "bad.png"), (2, "good.png")]


def test_a_full_disk_ends_the_run(tmp_path: Path) -> None:
    good = _picture(tmp_path / "good.png")

    def full(subject: Subject, rgb: Any) -> None:
        raise StorageError("The disk is full.")

    answers = Answers(lambda path: BatchItem(path, Prompts(), _mask(), 0.8, 60, 40, 0.1))
    with pytest.raises(StorageError):
        segment_all(answers, [Task(good)], Settings("starter"), full, lambda done, name: None)


def test_the_colour_stands_out_from_the_subject() -> None:
    mask = _mask()
    lime = np.full((40, 60, 3), (163, 230, 53), np.uint8)
    assert standing_out(lime, mask) != "#a3e635"
    assert standing_out(lime, Mask.empty(40, 60)) != "#a3e635"


def test_the_contact_sheet_shows_every_card_and_its_links_lead_somewhere(tmp_path: Path) -> None:
    picture = _picture(tmp_path / "in" / "ä b.png")
    folder = OutputFolder(tmp_path / "out", [picture])
    rgb = read_rgb(picture)
    views = []
    for variant in ("box", "centre"):
        subject = _subject(picture, variant)
        files = {kind: Path(p) for kind, p in folder.add(subject, rgb).items()}
        views.append(contact_sheet.View(variant, rgb, subject.prompts, "#22d3ee", subject.mask, 0.9, files))
    photo = folder.save("photos/ä b.png", picture.read_bytes())
    cards = [contact_sheet.Card("A <b>", rgb, "Somebody", "https://example.org", photo, tuple(views))] * 4
    folder.save("index.png", contact_sheet.png(cards, "Title", "below"))
    page = contact_sheet.page(cards, "Title & more", "below", folder.folder)
    folder.finish()
    assert page.count("<article>") == 4
    assert "A &lt;b&gt;" in page
    assert "Title &amp; more" in page
    links = set(re.findall(r'(?:href|src)="([^"]+)"', page)) - {"https://example.org"}
    assert all((folder.folder / unquote(link)).is_file() for link in links)
    assert "$" not in page
    sheet = Image.open(io.BytesIO((folder.folder / "index.png").read_bytes()))
    assert sheet.width > 1500


def test_an_empty_mask_still_makes_a_card(tmp_path: Path) -> None:
    picture = _picture(tmp_path / "a.png")
    rgb = read_rgb(picture)
    view = contact_sheet.View("box", rgb, Prompts(), "#22d3ee", Mask.empty(40, 60), 0.1, {})
    card = contact_sheet.Card("Nothing", rgb, "", "", picture, (view,))
    assert contact_sheet.png([card], "", "").startswith(b"\x89PNG")


def test_the_samples_are_credited_and_their_subjects_lie_inside() -> None:
    shipped = samples()
    credit = (paths.resource("samples") / "CREDITS.md").read_text(encoding="utf-8")
    assert len(shipped) >= 8
    assert sum(s.file.stat().st_size for s in shipped) < 4_000_000
    assert {s.file.name for s in shipped} == {p.name for p in paths.resource("samples").glob("*.jpg")}
    for sample in shipped:
        width, height = read_size(sample.file)
        assert max(width, height) <= 1280
        assert sample.box == sample.box.clipped(width, height)
        assert sample.box.x0 < sample.point.x < sample.box.x1
        assert sample.box.y0 < sample.point.y < sample.box.y1
        for word in (sample.file.name, sample.author, sample.licence, sample.source):
            assert word in credit


def test_the_health_report_marks_what_is_wrong() -> None:
    diagnosis = Diagnosis(
        (Finding("device", "CPU"),), (Finding("starter", "verified", True), Finding("mine", "changed", False)), ()
    )
    report = doctor.examine(diagnosis)
    assert [f.label for f in report.problems if f.value == "changed"] == ["mine"]
    assert "✓ starter" in report.text()
    assert "✗ mine" in report.text()
    assert "CPU" in report.text()
    assert json.loads(json.dumps(report.as_json()))["ok"] is False


def test_the_health_report_knows_folders_that_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = doctor.examine()
    folders = next(s for s in report.sections if s.title == "Folders")
    assert {f.label for f in folders.findings} == {"data", "models", "cache", "settings", "logs"}

    def refuse(*args: Any, **options: Any) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(doctor.tempfile, "TemporaryFile", refuse)
    problems = [f for f in doctor.examine().problems if "cannot be written" in f.value]
    assert len(problems) == 5


def test_caches_are_weighed(winnow_home: Path) -> None:
    (winnow_home / "cache" / "thumbnails" / "ab").mkdir(parents=True)
    (winnow_home / "cache" / "thumbnails" / "ab" / "x.jpg").write_bytes(b"1" * 1_500_000)
    assert "thumbnails  1.5 MB" in doctor.examine().text()
