"""Batches of cut-outs with the built-in model: every file in its place, bad ones listed, runs that go on."""

from __future__ import annotations

import csv
import errno
import io
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from app.cli import build
from app.cutouts import run
from app.cutouts.ledger import FOLDER, Ledger
from app.cutouts.places import NONE_OF_THESE, Places
from app.cutouts.reports import scores_csv, write_reports
from app.cutouts.run import BatchRun, Outcome
from app.cutouts.settings import CutoutSettings, encoded, form_of
from app.samples import samples
from inference.errors import ImageError, StorageError, UsageError
from inference.focus import Focus
from inference.jobs.classify import ClassifyRequest
from inference.jobs.cutout import CutoutItem, CutoutRequest, CutoutResult
from inference.looks import Look
from inference.masks import Mask
from inference.prompt_sets import PromptItem, PromptSet
from inference.protocol import Progress
from inference.worker.inline import InlineRunner
from inference.worker.options import WorkerOptions
from tests.random_classifier import write_classifier

PETS = PromptSet("pets", ("a photo of a ",), (PromptItem("cat"), PromptItem("dog"), PromptItem("car")), ("",))


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_classifier(tmp_path_factory.mktemp("clip") / "random"))


@pytest.fixture(scope="module")
def runner() -> Iterator[InlineRunner]:
    made = InlineRunner(options=WorkerOptions(force_device="cpu", clip_device="cpu"))
    yield made
    made.models.release()


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Three photographs small enough for a test."""
    folder = tmp_path / "photos"
    for name in ("one.jpg", "two.png", "sub/one.png"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        source = samples()[len(name) % 3].file
        Image.open(source).convert("RGB").resize((120, 90)).save(folder / name)
    return folder


def _run(
    runner: Any, images: list[Path], out: Path, settings: CutoutSettings, roots: list[Path]
) -> tuple[BatchRun, list[Outcome]]:
    outcomes: list[Outcome] = []
    batch = BatchRun(images, out, settings, outcomes.append, roots)

    def follow(progress: Progress) -> None:
        if isinstance(progress.payload, CutoutItem):
            batch.take(progress.payload)

    try:
        if batch.images:
            runner.run(batch.request, follow)
    finally:
        batch.close()
    return batch, outcomes


def _all(folder: Path) -> list[Path]:
    return sorted(p for p in folder.rglob("*") if p.suffix in (".jpg", ".png", ".tif"))


def _files(out: Path) -> list[str]:
    return sorted(p.relative_to(out).as_posix() for p in out.rglob("*") if p.is_file() and FOLDER not in p.parts)


class Discs:
    """Runs the job by a rule in place of a model: a disc in the middle, or nothing."""

    def __init__(self) -> None:
        self.requests: list[CutoutRequest] = []

    def run(self, request: CutoutRequest, on_progress: Any) -> CutoutResult | None:
        self.requests.append(request)
        for number, path in enumerate(request.images, 1):
            with Image.open(path) as picture:
                width, height = picture.size
            y, x = np.mgrid[:height, :width]
            mask = Mask.from_array(np.hypot(y - height / 2, x - width / 2) < min(width, height) / 3)
            on_progress(Progress(number, len(request.images), path, CutoutItem(path, mask, 0.9)))
        return None


def test_cut_out_and_filed_with_the_real_models(runner: InlineRunner, clip: str, photos: Path, tmp_path: Path) -> None:
    settings = CutoutSettings("starter", look=Look("#ffffff"), classify=ClassifyRequest((), PETS, clip))
    batch, outcomes = _run(runner, _all(photos), tmp_path / "out", settings, [photos])
    assert [o.error for o in outcomes] == [None] * 3
    records = [o.record for o in outcomes if o.record]
    assert all(r.label in PETS.names and abs(sum(r.scores.values()) - 1) < 1e-3 for r in records)
    assert all(r.file.startswith(f"{r.label}/") for r in records)
    assert len({r.file.casefold() for r in records}) == 3  # two pictures are called "one"
    for record in records:
        cut = np.asarray(Image.open(tmp_path / "out" / record.file))
        assert cut.shape == (90, 120, 4) and (cut[..., 3] == 255).all() and (cut[..., :3] == 255).all(2).any()
    assert batch.finished == []


@pytest.mark.parametrize("focus", [Focus("auto"), Focus("text", phrase="a cat"), Focus("point", 0.4, 0.6)])
def test_every_focus_finds_something(
    runner: InlineRunner, clip: str, photos: Path, tmp_path: Path, focus: Focus
) -> None:
    settings = CutoutSettings("starter", focus, words=clip)
    _, (outcome,) = _run(runner, [photos / "one.jpg"], tmp_path / "out", settings, [photos])
    assert outcome.record is not None and outcome.record.file == "one.png"
    assert 0 < np.asarray(Image.open(tmp_path / "out" / "one.png"))[..., 3].mean() < 255


def test_a_mixed_folder_fails_only_where_it_must(runner: InlineRunner, photos: Path, tmp_path: Path) -> None:
    (photos / "zero.jpg").write_bytes(b"")
    (photos / "broken.png").write_bytes((photos / "two.png").read_bytes()[:200])
    (photos / "text.jpg").write_text("no picture")
    Image.new("L", (1, 1), 90).save(photos / "tiny.png")
    huge = bytearray((photos / "two.png").read_bytes())
    huge[16:24] = (60000).to_bytes(4, "big") * 2  # a header of 3,600 megapixels
    (photos / "huge.png").write_bytes(huge)
    (photos / "gone.jpg").symlink_to(photos / "nowhere.jpg")
    (photos / "loop.jpg").symlink_to(photos / "loop.jpg")  # nobody can open it, not even root
    (photos / "folder.jpg").mkdir()
    if hasattr(os, "mkfifo"):
        os.mkfifo(photos / "pipe.jpg")  # reading it would never end
    _, outcomes = _run(runner, _all(photos), tmp_path / "out", CutoutSettings("starter"), [photos])
    failed = {o.source.name: o.error for o in outcomes if o.error}
    expected = {"zero.jpg", "broken.png", "text.jpg", "huge.png", "gone.jpg", "loop.jpg", "folder.jpg"}
    assert set(failed) - {"tiny.png", "pipe.jpg"} == expected
    assert all(error.path for error in failed.values())
    done = {o.source.relative_to(photos).as_posix() for o in outcomes if o.record}
    assert done >= {"one.jpg", "two.png", "sub/one.png"}


def test_vanished_between_model_and_file(photos: Path, tmp_path: Path) -> None:
    class Thief(Discs):
        def run(self, request: CutoutRequest, on_progress: Any) -> None:
            def steal(progress: Progress) -> None:
                if progress.message.endswith("two.png"):
                    Path(progress.message).unlink()
                on_progress(progress)

            super().run(request, steal)

    _, outcomes = _run(Thief(), _all(photos), tmp_path / "out", CutoutSettings("starter"), [photos])
    failed = [o for o in outcomes if o.error]
    assert [o.source.name for o in failed] == ["two.png"] and isinstance(failed[0].error, ImageError)


def test_a_second_run_does_only_what_is_new_or_changed(photos: Path, tmp_path: Path) -> None:
    out, discs, settings = tmp_path / "out", Discs(), CutoutSettings("starter")
    _run(discs, _all(photos), out, settings, [photos])
    before = {name: (out / name).stat().st_mtime_ns for name in _files(out)}
    assert before.keys() == {"one.png", "two.png", "sub/one.png"}
    batch, outcomes = _run(discs, _all(photos), out, settings, [photos])
    assert len(discs.requests) == 1 and not outcomes and len(batch.finished) == 3
    Image.new("RGB", (60, 60), "red").save(photos / "two.png")
    (out / "one.png").unlink()
    _run(discs, _all(photos), out, settings, [photos])
    assert {Path(p).name for p in discs.requests[-1].images} == {"two.png", "one.jpg"}
    assert (out / "sub/one.png").stat().st_mtime_ns == before["sub/one.png"]
    _run(discs, _all(photos), out, CutoutSettings("starter", look=Look("#ffffff")), [photos])
    assert len(discs.requests[-1].images) == 3 and set(_files(out)) == before.keys()


def test_large_pictures_are_finished_one_after_the_other(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "LARGE", 0)
    at_once = most = 0
    render = run.rendered

    def counted(*arguments: Any) -> Any:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        made = render(*arguments)
        at_once -= 1
        return made

    monkeypatch.setattr(run, "rendered", counted)
    settings = CutoutSettings("starter", workers=4)
    _, outcomes = _run(Discs(), _all(photos), tmp_path / "out", settings, [photos])
    assert len(outcomes) == 3 and most == 1


def test_what_is_only_looked_at_is_small(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "OVERLAY", 40)
    settings = CutoutSettings("starter", debug=True)
    _, outcomes = _run(Discs(), _all(photos), tmp_path / "out", settings, [photos])
    files = list((tmp_path / "out" / "debug").rglob("*.jpg"))
    assert len(files) == len(outcomes) == 3 and {_longer_side(file.read_bytes()) for file in files} == {40}
    assert all(_longer_side(outcome.before) <= run.THUMBNAIL for outcome in outcomes)


def _longer_side(data: bytes) -> int:
    with Image.open(io.BytesIO(data)) as picture:
        return max(picture.size)


def test_a_ledger_cut_off_in_a_line_goes_on(photos: Path, tmp_path: Path) -> None:
    out, settings = tmp_path / "out", CutoutSettings("starter")
    _run(Discs(), _all(photos), out, settings, [photos])
    file = out / FOLDER / "ledger.jsonl"
    file.write_bytes(file.read_bytes()[:-30])
    discs = Discs()
    _run(discs, _all(photos), out, settings, [photos])
    assert len(discs.requests[0].images) == 1
    assert len(Ledger(out).records) == 3
    assert _files(out) == ["one.png", "sub/one.png", "two.png"]  # known as the batch's own, and replaced
    forged = json.loads(file.read_text().splitlines()[0]) | {"file": "../../etc/passwd", "source": "x"}
    file.write_text(json.dumps(forged) + "\n[1]\n{}\n")
    assert Ledger(out).records == {}


def test_files_of_others_are_never_replaced(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    for name in ("two.png", "scores.csv"):
        (out / name).write_text("mine")
    settings = CutoutSettings("starter")
    batch, outcomes = _run(Discs(), [photos / "two.png"], out, settings, [photos])
    assert (out / "two.png").read_text() == "mine" and (out / "two-2.png").is_file()
    page = write_reports(batch.ledger, [o.record for o in outcomes if o.record], (), settings, "Mine")
    assert (out / "scores.csv").read_text() == "mine" and 'href="scores-2.csv"' in page.read_text()


def test_output_inside_the_input_and_the_input_itself(photos: Path) -> None:
    from app.subjects.inputs import pictures

    out = photos / "cut"
    files, _ = pictures([photos], without=out)
    _run(Discs(), files, out, CutoutSettings("starter"), [photos])
    again, _ = pictures([photos], without=out)
    assert again == files
    with pytest.raises(UsageError, match="the folder of the pictures"):
        BatchRun(files, photos, CutoutSettings("starter"), lambda _: None, [photos])


def test_a_full_disk_ends_the_run_and_the_next_goes_on(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written, real = [], Path.write_bytes

    def full(self: Path, data: bytes) -> int:
        if self.suffix == ".part":
            written.append(self)
            if len(written) > 1:
                real(self, data[: len(data) // 2])
                raise OSError(errno.ENOSPC, "No space left on device")
        return real(self, data)

    monkeypatch.setattr(Path, "write_bytes", full)
    outcomes: list[Outcome] = []
    settings = CutoutSettings("starter", workers=1)
    batch = BatchRun(_all(photos), tmp_path / "out", settings, outcomes.append, [photos])
    with pytest.raises(StorageError):
        Discs().run(batch.request, lambda progress: (batch.take(progress.payload), batch._pending[-1].result()))
    batch.close()
    assert isinstance(batch.stopped, StorageError) and "full" in batch.stopped.message
    assert not list((tmp_path / "out").rglob("*.part"))
    monkeypatch.undo()
    discs = Discs()
    _run(discs, _all(photos), tmp_path / "out", settings, [photos])
    assert len(discs.requests[0].images) == 2 and len(_files(tmp_path / "out")) == 3


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own that holds 96 KiB."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = shutil.which("mount")
    if mount is None or not hasattr(os, "geteuid") or os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    if subprocess.run([mount, "-t", "tmpfs", "-o", "size=96k", "tmpfs", place], capture_output=True).returncode:
        pytest.skip("this machine mounts no tmpfs")
    yield place
    subprocess.run(["umount", place], check=True)


def test_a_disk_that_is_really_full_keeps_whole_files_and_goes_on(photos: Path, small_disk: Path) -> None:
    rng = np.random.default_rng(0)
    for number in range(6):  # noise takes about 20 KB a picture, small ones included
        Image.fromarray(rng.integers(0, 256, (90, 90, 3), np.uint8)).save(photos / f"noise{number}.png")
    noise = [file for file in _all(photos) if file.name.startswith("noise")]
    out, outcomes = small_disk / "out", list[Outcome]()
    settings = CutoutSettings("starter", look=Look("#ffffff", feather=0, follow=False), workers=1)
    batch = BatchRun(noise, out, settings, outcomes.append, [photos])
    with pytest.raises(StorageError, match="full"):
        Discs().run(batch.request, lambda progress: (batch.take(progress.payload), batch._pending[-1].result()))
    batch.close()
    done = [o.record for o in outcomes if o.record]
    assert 0 < len(done) < len(noise) and isinstance(batch.stopped, StorageError)
    assert not list(out.rglob("*.part"))
    for record in done:
        Image.open(out / record.file).load()
    subprocess.run(["mount", "-o", "remount,size=2m", small_disk], check=True)
    discs = Discs()
    _run(discs, noise, out, settings, [photos])
    assert len(discs.requests[0].images) == len(noise) - len(done)
    assert len(list(out.glob("*.png"))) == len(noise)


def test_the_background_has_to_be_a_picture(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no picture")
    settings = CutoutSettings("starter", look=Look(f"picture:{tmp_path / 'notes.txt'}"))
    with pytest.raises(ImageError):
        BatchRun(_all(photos), tmp_path / "out", settings, lambda _: None, [photos])
    assert not (tmp_path / "out").exists()


def test_whole_pictures_are_made_small_for_each_model_apart(runner: InlineRunner, clip: str, tmp_path: Path) -> None:
    """A model that looks at more pixels than the first gets them, not the first one's small copy enlarged."""
    larger = str(write_classifier(tmp_path / "larger", seed=5, image_size=160))
    photo = samples()[0].file

    def scores(*members: tuple[str, float]) -> list[float]:
        settings = CutoutSettings("", classify=ClassifyRequest((), PETS, members=members))
        _, (outcome,) = _run(runner, [photo], tmp_path / f"out{len(members)}{members[0][0][-6:]}", settings, [])
        assert outcome.record is not None
        return list(outcome.record.scores.values())

    both = scores((clip, 1.0), (larger, 1.0))
    assert both == pytest.approx(np.mean([scores((clip, 1.0)), scores((larger, 1.0))], axis=0).tolist(), abs=2e-3)


def test_item_folders_are_safe_and_apart(tmp_path: Path) -> None:
    items = ("../up", "a/b", "A/B", "con", NONE_OF_THESE, "debug")
    image = tmp_path / "x.jpg"
    places = Places([image], Ledger(tmp_path), ".png", items)
    found = [places.of(image, item) for item in (*items, None)]
    folders = [name.split("/")[0].casefold() for name in found]
    assert len(set(folders)) == len(folders) and all(".." not in Path(name).parts for name in found)
    assert found[-1] == f"{NONE_OF_THESE}/x.png"


def test_formats_hold_what_they_can(tmp_path: Path) -> None:
    rgba = np.zeros((10, 20, 4), np.uint8)
    for form, mode in (("png", "RGBA"), ("webp", "RGBA"), ("jpeg", "RGB")):
        assert Image.open(io.BytesIO(encoded(rgba, form_of(form)))).mode == mode
    with pytest.raises(ImageError, match="16383"):
        encoded(np.zeros((1, 16384, 4), np.uint8), "webp")
    with pytest.raises(UsageError, match="transparency"):
        CutoutSettings("starter", form="jpeg").check()
    with pytest.raises(UsageError):
        form_of("gif")


def test_scores_as_a_table_that_spreadsheets_do_not_run() -> None:
    from app.cutouts.ledger import Record

    record = Record("=cmd()", 1, 1, "cat/a.png", "f", "cat", {"cat": 0.75, "dog": 0.25}, "a cat", 0.9)
    rows = list(csv.reader(io.StringIO(scores_csv([record], ("cat", "dog")).decode("utf-8-sig"))))
    assert rows[0][:6] == ["picture", "cutout", "mask_score", "label", "confidence", "prompt"]
    assert rows[1] == ["'=cmd()", "cat/a.png", "0.9000", "cat", "0.7500", "a cat", "0.7500", "0.2500"]


# The command line ---------------------------------------------------------------------------------------------------


def _cli(*words: str) -> tuple[int, dict[str, Any]]:
    result = CliRunner().invoke(build(lambda *a, **k: 0), [*words, "--json"])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, json.loads(result.stdout)


def test_sort_takes_the_reference_tool_s_flags(clip: str, photos: Path, tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"prefixes": ["a "], "items": ["cat", "dog"], "postfixes": [""]}))
    (photos / "zero.png").write_bytes(b"")
    out = tmp_path / "out"
    words = ["sort", "--dataset-dir", str(photos), "--output-dir", str(out), "--config", str(config), "-c", clip]
    code, said = _cli(*words, "-d", "--force-device", "cpu", "--sam-model", "starter", "--sam-device", "cpu",
                      "--clip-device", "cpu", "--max-tokens", "40")  # fmt: skip
    assert code == 1 and [Path(f["path"]).name for f in said["failures"]] == ["zero.png"]
    assert len(said["images"]) == 3 and all(Path(image["cutout"]).is_file() for image in said["images"])
    assert len(list((out / "debug").rglob("*.jpg"))) == 3
    log = next(out.glob("sort-*.log")).read_text()
    assert "2 prompts for 2 items" in log and "zero.png" in log
    page = (out / "index.html").read_text()
    assert page.count('class="card"') == 3 and "data:image/webp;base64," in page and "Not done" in page
    results = json.loads((out / "results.json").read_text())
    assert len(results["pictures"]) == 3 and results["settings"]["classify"]["prompts"]["items"] == ["cat", "dog"]
    shutil.rmtree(out / "debug")
    code, said = _cli(*words, "-d", "--no-log", "--max-tokens", "40")
    assert said["skipped"] == 3 and len(said["images"]) == 3 and len(list(out.glob("sort-*.log"))) == 1
    code, said = _cli(*words, "-x", "--no-log")
    assert {Path(i["cutout"]).parent.name for i in said["images"]} <= {"cat", "dog"}
    whole = np.asarray(Image.open(said["images"][0]["cutout"]))
    assert whole.shape[2] == 4 and said["sam_model"] is None


@pytest.mark.parametrize(
    "content",
    ["", "[1]", "{}", '{"items": [], "prefixes": [""], "postfixes": [""]}', '{"items": "cat"}', "{" * 100_000],
)
def test_unsound_prompt_sets_are_refused_before_anything_is_written(
    clip: str, photos: Path, tmp_path: Path, content: str
) -> None:
    from inference.errors import AppError

    config, out = tmp_path / "config.json", tmp_path / "out"
    config.write_text(content)
    with pytest.raises(AppError) as caught:
        _cli("sort", "--dataset-dir", str(photos), "--output-dir", str(out), "--config", str(config), "-c", clip)
    assert caught.value.remedy and not out.exists()


def test_five_thousand_prompts_and_a_hundred_tokens(
    runner: InlineRunner, clip: str, photos: Path, tmp_path: Path
) -> None:
    many = PromptSet("many", tuple(f"look {n}, a " for n in range(1250)), (*PETS.items, PromptItem("bird")), ("",))
    long = PromptSet("long", ("a " + "very " * 100,), PETS.items, (" on grass",))
    settings = CutoutSettings("", classify=ClassifyRequest((), many, clip))
    _, outcomes = _run(runner, [photos / "one.jpg"], tmp_path / "many", settings, [photos])
    assert outcomes[0].record is not None and len(outcomes[0].record.scores) == 4
    for most in (None, 10, 300):
        settings = CutoutSettings("", classify=ClassifyRequest((), long, clip), max_tokens=most)
        _, outcomes = _run(runner, [photos / "one.jpg"], tmp_path / f"long{most}", settings, [photos])
        scores = list(outcomes[0].record.scores.values()) if outcomes[0].record else []
        apart = max(scores) - min(scores) > 1e-4
        assert apart == (most == 300)  # cut at the context, all items are the same prompt


def test_unsound_wishes_of_sort_are_said(clip: str, photos: Path, tmp_path: Path) -> None:
    from app.cli.classify import parse_member
    from app.cli.sort import segmentation_model

    assert (parse_member("ViT-L/14@336px"), parse_member("b=0.3")) == (("ViT-L/14@336px", 1.0), ("b", 0.3))
    assert segmentation_model(None, "configs/sam2.1/sam2.1_hiera_b+.yaml") == "sam2.1-base-plus"
    for wish in ("a=0", "a=x", "=1"):
        with pytest.raises(UsageError):
            parse_member(wish)
    for model, config in ((None, "sam3.yaml"), ("sam2-tiny", "sam2_hiera_l.yaml")):
        with pytest.raises(UsageError):
            segmentation_model(model, config)


@pytest.mark.skipif(os.name == "nt" or (hasattr(os, "geteuid") and os.geteuid() == 0), reason="root may read anything")
def test_an_unreadable_picture_is_listed(photos: Path, tmp_path: Path) -> None:
    (photos / "one.jpg").chmod(0)
    code, said = _cli("cutout", str(photos), "-o", str(tmp_path / "out"))
    assert code == 1 and [Path(f["path"]).name for f in said["failures"]] == ["one.jpg"]
