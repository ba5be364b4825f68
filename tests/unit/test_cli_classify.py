"""`classify` and `prompts` from the command line: files, exit status, several models, what is refused."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from app import cli
from inference.paths import resource
from tests.random_classifier import write_classifier

SAMPLES = resource("samples")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_classifier(tmp_path_factory.mktemp("models") / "one"))


def _run(*words: object) -> int:
    return cli.run([str(word) for word in words], lambda *_args, **_more: 0)


def _answer(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    return dict(json.loads(capsys.readouterr().out))


def test_a_folder_with_a_bad_picture(model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for name in ("cat.jpg", "rocket.jpg"):
        (photos / name).write_bytes((SAMPLES / name).read_bytes())
    (photos / "broken.jpg").write_bytes(b"\xff\xd8\xff nothing")
    out = photos / "scores"
    assert _run("classify", photos, "-p", "pets", "-m", model, "-o", out, "--json") == 1
    answer = _answer(capsys)
    assert [Path(failure["path"]).name for failure in answer["failures"]] == ["broken.jpg"]
    document = json.loads((out / "scores.json").read_text(encoding="utf-8"))
    assert document["complete"] is True
    assert document["images"] == answer["images"]
    with (out / "scores.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [Path(row["image"]).name for row in rows] == ["broken.jpg", "cat.jpg", "rocket.jpg"]
    assert rows[0]["error"]
    assert sum(float(rows[1][name]) for name in document["images"][1]["scores"]) == pytest.approx(1, abs=1e-4)
    assert rows[1]["label"] == (document["images"][1]["label"] or "")


def test_a_second_run_replaces_and_foreign_files_stay(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("classify", SAMPLES / "cat.jpg", "-p", "pets", "-m", model, "-o", tmp_path)
    assert _run(*words) == 0
    assert _run(*words, "--aggregate", "max") == 0
    assert json.loads((tmp_path / "scores.json").read_text())["prompt_set"]["aggregate"] == "max"
    assert "cat.jpg" in capsys.readouterr().out
    (tmp_path / "scores.json").write_text("{}")
    assert _run(*words) == 2
    assert (tmp_path / "scores.json").read_text() == "{}"


def test_several_models_vote_and_missing_ones_are_named(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("classify", SAMPLES / "cat.jpg", "-p", "pets", "-o", tmp_path, "--json")
    assert _run(*words, "-m", f"{model}=2", "-m", "vit-b-32-openai") == 0
    answer = _answer(capsys)
    assert [entry["weight"] for entry in answer["models"]] == [2.0]
    assert "vit-b-32-openai" in answer["left_out"]
    assert _run(*words, "-m", f"{model}=much") == 2
    assert _run(*words, "-m", "vit-b-32-openai") == 1
    assert _run(*words, "-m", model, "--aggregate", "sum") == 2


def test_prompts_check_tells_words_tokens_and_what_was_not_learned(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "config.json"
    file.write_text(
        json.dumps({"prefixes": ["a photo of a", "word " * 40], "items": ["cat", "quasar"], "postfixes": [""]})
    )
    assert _run("prompts", "check", file, "-m", model, "--json") == 1
    answer = _answer(capsys)
    text = " ".join(problem["message"] for problem in answer["problems"])
    assert "a space is missing" in text
    assert "longer than the 24 tokens" in text
    assert "the same tokens" in text
    assert answer["unknown"] == ["quasar"]
    assert _run("prompts", "check", file, "--words-only") == 0
    file.write_text('{"items": []}')
    assert _run("prompts", "check", file) == 1
    file.write_text("nonsense")
    assert _run("prompts", "check", file) == 1
    assert _run("prompts", "check", tmp_path / "none.json") == 1


def test_prompts_list_names_those_that_ship(capsys: pytest.CaptureFixture[str]) -> None:
    assert _run("prompts", "list", "--json") == 0
    assert {entry["name"] for entry in _answer(capsys)["prompt_sets"]} >= {"cars", "cifar-10"}
