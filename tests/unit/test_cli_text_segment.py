"""`text-segment` from end to end on small pictures: files, going on, what a person can get wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO

from app.cli import run
from app.cli.text_segment import members_of, parse_range, parse_weights
from app.words.figure import figure
from app.words.outputs import Done, output_folder
from app.words.reports import NOTHING, page, table
from inference.errors import ImageError, UsageError
from inference.masks import Mask
from inference.prompts import Prompts
from inference.text_segment import ENSEMBLE, Parts, Weights, WordMask
from tests.random_classifier import write_classifier
from tests.random_models import picture


def _main(*arguments: str) -> int:
    return run(arguments, lambda *_a, **_k: 0)


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_classifier(tmp_path_factory.mktemp("models") / "one")


@pytest.fixture(scope="module")
def first(classifier: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, dict[str, Any]]:
    """A folder with two good pictures of one name and a broken one, searched with open limits."""
    home = tmp_path_factory.mktemp("batch")
    for name, seed in (("a/one.png", 1), ("b/one.png", 2)):
        (home / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture(120, 90, seed)).save(home / "in" / name)
    (home / "in" / "broken.jpg").write_bytes(b"nothing")
    return home / "in", home / "out", {"classifier": str(classifier)}


def _search(capsys: pytest.CaptureFixture[str], place: tuple[Path, Path, dict[str, Any]], *more: str) -> Any:
    source, out, names = place
    arguments = ["text-segment", str(source), "--text", "a cat; quasar", "--out", str(out), "--json"]
    arguments += ["--clip-model", names["classifier"], "--least-text", "0", "--relative", "1", "--most", "2", *more]
    status = _main(*arguments)
    return status, json.loads(capsys.readouterr().out)


def test_a_folder_is_searched_and_a_later_run_goes_on(
    first: tuple[Path, Path, dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    source, out, _ = first
    status, said = _search(capsys, first)
    assert status == 1 and [Path(f["path"]).name for f in said["failures"]] == ["broken.jpg"]
    assert said["unknown"] == ["quasar"] and said["detector"] == "clip" and "GroundingDINO" in said["notice"]
    assert len(said["images"]) == 2 and not any(row["earlier"] for row in said["images"])
    for row in said["images"]:
        assert row["counts"]["quasar"] == 0 and row["counts"]["a cat"] == len(row["instances"]) > 0
        for kind in ("original", "mask", "figure", "before", "after"):
            with Image.open(out / row["files"][kind]) as opened:
                assert opened.size[0] > 50
        with Image.open(out / row["files"]["mask"]) as opened:
            mask = np.asarray(opened)
        union = np.zeros((90, 120), bool)
        for one in row["instances"]:
            union |= Mask.from_rle(one["segmentation"]).array()
            assert one["score"] == pytest.approx(
                0.6 * one["parts"]["text"] + 0.2 * one["parts"]["compactness"] + 0.1 * one["parts"]["size"]
                + 0.1 * one["parts"]["smoothness"], abs=2e-3
            )  # fmt: skip
        assert np.array_equal(mask > 0, union)
    coco = COCO(str(out / "annotations.json"))
    capsys.readouterr()  # it talks
    assert [c["name"] for c in coco.loadCats(coco.getCatIds())] == ["cat", "quasar"]
    assert len(coco.getAnnIds()) == sum(len(row["instances"]) for row in said["images"])
    told = (out / "index.html").read_text(encoding="utf-8")
    assert "one-after.webp" in told and "broken.jpg" in told
    assert len((out / "instances.csv").read_text(encoding="utf-8-sig").splitlines()) == 1 + len(coco.getAnnIds())

    written = {row["picture"]: (out / row["files"]["mask"]).stat().st_mtime_ns for row in said["images"]}
    Image.fromarray(picture(120, 90, 3)).save(source / "a" / "one.png")
    status, again = _search(capsys, first)
    assert [row["earlier"] for row in again["images"]] == [True, False]
    assert again["ignored"] == again["guessed"] == []
    kept = next(row for row in again["images"] if row["earlier"])
    assert (out / kept["files"]["mask"]).stat().st_mtime_ns == written[kept["picture"]]
    _, other = _search(capsys, first, "--weights", "text=1")
    assert not any(row["earlier"] for row in other["images"])  # other settings, other results


def test_people_are_told_what_is_not_heeded_and_how_many_there_are(
    first: tuple[Path, Path, dict[str, Any]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, _, names = first
    picture_only = [str(source / "b" / "one.png"), "--out", str(tmp_path / "out"), "--clip-model", names["classifier"]]
    asked = ["--text", "a striped cat; a teapot", "--not", ";", "--least-text", "0", "--most", "1"]
    assert _main("text-segment", *picture_only, *asked) == 0
    told = capsys.readouterr()
    assert "has not learned it: “striped”" in told.err and "pictures of “a teapot” and guesses" in told.err
    assert "found in 1 picture." in told.out
    assert _main("text-segment", *picture_only, *asked) == 0
    assert "found in 1 picture, 1 of them searched before." in capsys.readouterr().out


def test_a_folder_of_something_else_is_not_written_to(first: Any, tmp_path: Path) -> None:
    (tmp_path / "masks").mkdir()
    with pytest.raises(UsageError):
        output_folder(tmp_path, [])


@pytest.mark.parametrize(
    "more",
    [["--text", " ; "], ["--weights", "beauty=1"], ["--size-range", "a"], ["--detector", "owl"], ["--most", "0"]],
)
def test_what_makes_no_sense_is_refused_before_anything_is_written(tmp_path: Path, more: list[str]) -> None:
    arguments = ["text-segment", str(tmp_path), "--out", str(tmp_path / "out"), "--text", "a cat", *more]
    assert _main(*arguments) == 2
    assert not (tmp_path / "out").exists()


def test_members_weights_and_ranges_are_read() -> None:
    assert members_of([], "own") == (("own", 1.0),)
    assert members_of(["a=2", "b"], "own") == (("a", 2.0), ("b", 1.0))
    assert members_of(["ensemble"], "own") == ENSEMBLE
    assert max(ENSEMBLE, key=lambda member: member[1])[0] == "vit-h-14-laion2b"
    assert parse_weights("") == Weights() and parse_weights("text=1, size=0").size == 0
    assert parse_range("0.01,1") == (0.01, 1.0)
    for wrong in ("text", "text=x", "colour=1"):
        with pytest.raises(UsageError):
            parse_weights(wrong)
    with pytest.raises(UsageError):
        parse_range("0.1")


def _word(phrase: str, accepted: bool) -> WordMask:
    pixels = np.zeros((60, 80), bool)
    pixels[10:30, 20:50] = True
    logits = np.zeros((8, 8), np.float32)
    parts = Parts(0.9, 0.5, 1, 0.8)
    return WordMask(phrase, Mask.from_array(pixels), 0.8, parts, 0.7, Prompts(), logits, accepted)


def test_the_figure_shows_the_steps_and_the_candidates() -> None:
    rgb = picture(80, 60)
    both = figure(rgb, [_word("cat", True)], [_word("cat", True), _word("cat", False)])
    none = figure(rgb, [], [])
    assert both.shape[0] > 1.8 * none.shape[0] and both.shape[1] == none.shape[1]


def test_names_on_the_page_cannot_break_it() -> None:
    row = {
        "picture": '/x/=<b>"&.png',
        "counts": {"<i>": 1, "dog": 0},
        "instances": [
            {
                "phrase": "<i>", "score": 0.5, "predicted_iou": 0.5, "box": [1, 2, 3, 4], "area": 9,
                "parts": {"text": 0.5, "compactness": 0.5, "size": 1, "smoothness": 1},
            }
        ],
        "files": {"figure": "figures/=.jpg", "before": "thumbnails/b.webp", "after": "thumbnails/a.webp"},
    }  # fmt: skip
    empty = {**row, "counts": {"dog": 0}, "instances": []}
    told = page([Done("x", row), Done("y", empty)], [ImageError("<u>", "z", "")], "<title>")
    assert "<i>1" not in told and '<b>"' not in told and "&lt;i&gt;" in told and "<u>" not in told
    assert NOTHING in told
    assert "'=" not in table([Done("x", row)]).decode("utf-8-sig")  # the path as a whole begins with a slash
