"""The command line in this process: which command is meant, exit statuses, JSON, protocol lines, failures."""

from __future__ import annotations

import json
import logging
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

import main
from app import cli, logs
from app.cli import output as voices
from app.cli.output import Output, Session
from app.cli.segment import parse_box, parse_point
from app.version import build, version
from inference.engines.architecture import save_checkpoint
from inference.errors import Cancelled, ImageError, ModelError, UsageError
from inference.prompts import Box, Point
from tests.random_models import SMALL, random_model

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = frozenset({"gui", "segment", "models"})


class Window:
    """Stands where the window opens and remembers what it was asked."""

    def __init__(self, status: int = 0) -> None:
        self.calls: list[tuple[list[str], dict[str, Any]]] = []
        self.status = status

    def __call__(self, paths: list[str], **options: Any) -> int:
        self.calls.append((paths, options))
        return self.status


@pytest.fixture(autouse=True)
def closed_log() -> Iterator[None]:
    yield
    logs.shut_down()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], ["gui"]),
        (["photos"], ["gui", "photos"]),
        (["--model", "m", "a.jpg"], ["gui", "--model", "m", "a.jpg"]),
        (["-v", "photos"], ["-v", "gui", "photos"]),
        (["segment", "a.jpg"], ["segment", "a.jpg"]),
        (["--verbose", "segment"], ["--verbose", "segment"]),
        (["--help"], ["--help"]),
        (["--version"], ["--version"]),
    ],
)
def test_what_names_no_command_is_for_the_window(words: list[str], expected: list[str]) -> None:
    assert cli.with_command(words, COMMANDS) == expected


def test_every_command_of_the_plan_is_there() -> None:
    names = cli.command_names(cli.build(Window()))
    assert names >= {"gui", "segment", "demo", "models", "doctor", "export", "train", "evaluate"}


def test_the_window_is_opened_with_absolute_paths_and_its_status_returned(tmp_path: Path) -> None:
    window = Window(status=7)
    assert cli.run([str(tmp_path), "--model", "sam2-tiny"], window) == 7
    assert window.calls == [([str(tmp_path)], {"model": "sam2-tiny", "models_dir": None, "force_device": None})]


def test_no_arguments_open_the_window() -> None:
    window = Window()
    assert cli.run([], window) == 0
    assert window.calls[0][0] == []


def test_places_alone_go_straight_to_the_window(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    window = Window(status=3)
    monkeypatch.setattr(main, "open_window", window)
    monkeypatch.setattr(cli, "run", lambda *words, **more: pytest.fail("the command line is not needed"))
    assert main.main([]) == 3
    assert main.main([str(tmp_path)]) == 3
    assert [paths for paths, _ in window.calls] == [[], [str(tmp_path)]]


def test_a_failure_of_the_window_is_told_as_any_other(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(paths: list[str], **options: Any) -> int:
        raise UsageError("It will not open.", None, "Do not try.")

    monkeypatch.setattr(main, "open_window", refuse)
    assert main.main([]) == 2
    assert "It will not open. Do not try." in capsys.readouterr().err


def test_a_misspelt_command_is_a_usage_failure(capsys: pytest.CaptureFixture[str]) -> None:
    window = Window()
    assert cli.run(["segmnt"], window) == 2
    assert window.calls == []
    assert "“segmnt”" in capsys.readouterr().err


@pytest.mark.parametrize("path", ["x" * 300, "~nobody-has-this-name/a"])
@pytest.mark.parametrize(
    "words",
    [
        ["gui", "PATH"],
        ["segment", "PATH", "--out", "OUT"],
        ["segment", "OUT", "--out", "OUT", "--model", "PATH"],
        ["models", "import", "PATH"],
        ["models", "download", "nothing", "--models-dir", "PATH"],
    ],
)
def test_names_that_cannot_be_are_failures_and_not_bugs(
    words: list[str], path: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run([w.replace("PATH", path).replace("OUT", str(tmp_path / "out")) for w in words], Window()) in (1, 2)
    assert "unexpectedly" not in capsys.readouterr().err
    assert cli.run(["models", "list", "--models-dir", path], Window()) == 0


@pytest.mark.parametrize("words", [["models", "list"], ["models", "verify"], ["gui"], ["doctor"]])
def test_a_file_is_no_models_folder(words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    (tmp_path / "file").write_text("")
    window = Window()
    assert cli.run([*words, "--models-dir", str(tmp_path / "file")], window) == 2
    monkeypatch.setenv("WINNOW_MODELS_DIR", str(tmp_path / "file"))
    assert cli.run(words, window) == 2
    assert capsys.readouterr().err.count("The models folder is a file") == 2 and window.calls == []


@pytest.mark.parametrize("words", [["models", "fish"], ["segment"], ["--nonsense"], ["segment", "a", "--out"]])
def test_wrong_usage_is_status_2(words: list[str]) -> None:
    assert cli.run(words, Window()) == 2


def test_wrong_usage_is_told_to_machines_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["segment", "--json"], Window()) == 2
    told = capsys.readouterr()
    assert json.loads(told.out)["error"]["type"] == "UsageError"
    assert "Missing" in told.err


def test_the_version_is_the_projects(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["--version"], Window()) == 0
    assert capsys.readouterr().out == f"Winnow {version()}\n"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project.get("version", version()) == version()


def test_a_built_program_says_how_it_was_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said = {"commit": "abc1234", "date": "2026-11-21", "variant": "CPU", "torch": "2.15.0", "system": "Linux x86_64"}
    (tmp_path / "build.json").write_text(json.dumps(said))
    monkeypatch.setattr(sys, "_MEIPASS", str(tmp_path), raising=False)
    build.cache_clear()
    try:
        assert cli.run(["--version"], Window()) == 0
    finally:
        build.cache_clear()
    told = capsys.readouterr().out
    assert told == f"Winnow {version()}\nbuilt 2026-11-21 from abc1234, Linux x86_64, CPU\n"


def test_models_are_listed_for_people_and_machines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["models", "list", "--models-dir", str(tmp_path)], Window()) == 0
    assert "sam2.1-tiny" in capsys.readouterr().out
    assert cli.run(["models", "list", "--models-dir", str(tmp_path), "--json"], Window()) == 0
    data = json.loads(capsys.readouterr().out)
    assert {m["id"]: m["state"] for m in data["models"]}["sam2-large"] == "to download"
    assert data["failures"] == []


def test_an_unknown_model_is_one_red_line_and_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["models", "download", "sam9", "--json"], Window()) == 2
    told = capsys.readouterr()
    assert json.loads(told.out)["error"]["type"] == "UnknownModelError"
    assert told.err.count("\n") == 1
    assert "Traceback" not in told.err


def test_removing_what_is_not_there_is_a_usage_failure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["models", "remove", "sam2-tiny", "--models-dir", str(tmp_path)], Window()) == 2
    assert "not installed" in capsys.readouterr().err


def test_removing_goes_on_after_one_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine = save_checkpoint(random_model(), SMALL, tmp_path / "mine.safetensors")
    models = ["--models-dir", str(tmp_path / "models")]
    assert cli.run(["models", "import", str(mine), "--name", "mine", *models, "--json"], Window()) == 0
    spec = json.loads(capsys.readouterr().out)["id"]
    assert cli.run(["models", "remove", "sam2-tiny", spec, *models, "--json"], Window()) == 1
    told = json.loads(capsys.readouterr().out)
    assert [r["id"] for r in told["removed"]] == [spec]
    assert [f["type"] for f in told["failures"]] == ["UsageError"]


def _run(action: Any, *, supervised: bool = False, words: tuple[str, ...] = ()) -> int:
    """`cli.run` with a window that does `action`."""

    def window(paths: list[str], **options: Any) -> int:
        action()
        return 0

    return cli.run(list(words), window, supervised=supervised)


def test_a_bug_goes_into_the_log_and_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(lambda: 1 / 0) == 1
    assert "ZeroDivisionError" in capsys.readouterr().err
    assert "Traceback" in logs.log_file().read_text()


def test_a_failure_under_a_window_is_a_line_of_the_protocol(capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        raise ModelError("It is broken.", "m.pt", "Mend it.")

    assert _run(fail, supervised=True) == 1
    told = json.loads(capsys.readouterr().out)["error"]
    assert (told["type"], told["path"], told["remedy"]) == ("ModelError", "m.pt", "Mend it.")


def test_interrupting_is_status_130() -> None:
    def stop() -> None:
        raise Cancelled

    def interrupt() -> None:
        raise KeyboardInterrupt

    assert _run(stop) == 130
    assert _run(interrupt) == 130


def test_answers_for_a_machine_are_one_document(capsys: pytest.CaptureFixture[str]) -> None:
    voice = Output(json=True)
    with voice.progress("Working") as meter:
        meter.update(1, 2)
    voice.say("not for machines")
    voice.table("", ("a",), [(1,)])
    with pytest.raises(typer.Exit) as end:
        voice.finish({"done": 2}, [ImageError("Broken.", "a.jpg", "Mend it.")])
    assert end.value.exit_code == 1
    told = capsys.readouterr()
    assert json.loads(told.out)["failures"][0]["path"] == "a.jpg"
    assert "a.jpg: Broken. Mend it." in told.err


def test_progress_under_a_window_is_lines(capsys: pytest.CaptureFixture[str]) -> None:
    voice = Output(supervised=True)
    with voice.progress("Working") as meter:
        meter.update(1, 3, "one")
        meter.update(2, 3, "swallowed: less than a tenth of a second later")
        meter.update(3, 3, "last")
    voice.result({"x": 1})
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["progress"]["done"] for line in lines[:-1]] == [1, 3]
    assert lines[-1] == {"result": {"x": 1}}


def test_people_get_a_table_with_figures_to_the_right(capsys: pytest.CaptureFixture[str]) -> None:
    voice = Output()
    voice.table("Title", ("name", "figure"), [("[bold]a[/]", "1.0"), ("b", "10.0")])
    printed = capsys.readouterr().out
    assert "[bold]a[/]" in printed
    assert "│    1.0 │" in printed


def test_a_session_travels_in_the_context() -> None:
    app = typer.Typer()
    seen: list[bool] = []

    @app.callback()
    def root(ctx: typer.Context) -> None:
        ctx.obj = Session(supervised=True)

    @app.command()
    def probe(ctx: typer.Context) -> None:
        seen.append(voices.output(ctx).machine)

    app(["probe"], standalone_mode=False)
    assert seen == [True]


def test_points_and_boxes_are_parsed() -> None:
    assert parse_point("3,4") == Point(3, 4)
    assert parse_point(" 3 , 4.5 , 0") == Point(3, 4.5, False)
    assert parse_box("30,40,10,20") == Box(10, 20, 30, 40)


@pytest.mark.parametrize("text", ["", "3", "3,4,5", "a,b", "nan,2", "1,2,3,4"])
def test_what_is_no_point_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="no point"):
        parse_point(text)


@pytest.mark.parametrize("text", ["", "1,2,3", "1,2,1,9", "a,b,c,d", "0,0,inf,5"])
def test_what_is_no_box_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="box"):
        parse_box(text)


def test_the_log_goes_to_standard_error_when_its_folder_cannot_be_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "log").write_text("in the way")
    monkeypatch.setenv("WINNOW_HOME", str(tmp_path))
    assert logs.set_up() is None
    assert "cannot be written" in capsys.readouterr().err


def test_the_log_holds_names_that_are_no_utf8_and_survives_a_rotation_that_is_refused(
    winnow_home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(_self: object, _source: str, _target: str) -> None:
        raise PermissionError("another program has the file open")

    file = logs.set_up()
    assert file is not None
    monkeypatch.setattr(logs.RotatingFileHandler, "rotate", refused)
    monkeypatch.setattr(logging.getLogger().handlers[-1], "maxBytes", 1)
    logging.getLogger("probe").warning("first %s", "bad\udcff.jpg")
    logging.getLogger("probe").warning("second")
    logs.shut_down()
    text = file.read_text(encoding="utf-8")
    assert "first bad\\udcff.jpg" in text
    assert "second" in text
    assert "Logging error" not in capsys.readouterr().err
