"""Perturbations against closed forms, and a test of robustness that stops, goes on, and takes further models in."""

from __future__ import annotations

import json
from math import comb
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from inference.engines.architecture import build_model, save_checkpoint
from inference.errors import Cancelled, UsageError
from inference.evaluation import perturbations
from inference.evaluation.perturbations import REGISTRY, clamped, perturbation
from inference.evaluation.robustness import ANSWERS
from inference.jobs.robustness import RobustnessRequest, run
from inference.pictures import read_rgb
from tests.unit.training_scene import TINY, write_scene

EIGHT = (
    "gaussian-noise",
    "blur",
    "contrast-up",
    "contrast-down",
    "brightness-up",
    "brightness-down",
    "occlusion",
    "salt-and-pepper",
)


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (120, 160, 3)).astype(np.uint8)


@pytest.fixture(scope="module")
def grey() -> np.ndarray:
    return np.full((400, 500, 3), 128, np.uint8)


def test_there_are_eight_with_ten_levels() -> None:
    assert tuple(REGISTRY) == EIGHT
    assert all(len(one.levels) == 10 for one in REGISTRY.values())
    assert REGISTRY["gaussian-noise"].levels == (0, 2, 4, 6, 8, 10, 12, 14, 16, 18)
    assert REGISTRY["blur"].levels == (0, 1, 2, 3, 4, 5, 6, 7, 8, 9)
    assert REGISTRY["contrast-up"].levels == (1.0, 1.01, 1.02, 1.03, 1.04, 1.05, 1.1, 1.15, 1.20, 1.25)
    assert REGISTRY["contrast-down"].levels == (1.0, 0.95, 0.90, 0.85, 0.80, 0.60, 0.40, 0.30, 0.20, 0.10)
    for name in ("brightness-up", "brightness-down", "occlusion"):
        assert REGISTRY[name].levels == (0, 5, 10, 15, 20, 25, 30, 35, 40, 45)
    shares = REGISTRY["salt-and-pepper"].levels
    assert shares == pytest.approx((0, 0.02, 0.04, 0.06, 0.08, 0.10, 0.12, 0.14, 0.16, 0.18))


@pytest.mark.parametrize("name", EIGHT)
def test_level_0_is_the_picture_and_no_level_changes_what_it_is_given(name: str, photo: np.ndarray) -> None:
    one, before = REGISTRY[name], photo.copy()
    for step in range(10):
        worse = one.apply(photo, step, 7, "a.jpg")
        assert worse.dtype == np.uint8 and worse.shape == photo.shape
        assert (worse == photo).all() == (step == 0)
        assert (one.apply(photo, step, 7, "a.jpg") == worse).all()
    assert (photo == before).all()


@pytest.mark.parametrize("name", ["gaussian-noise", "occlusion", "salt-and-pepper"])
def test_what_is_random_follows_seed_and_picture(name: str, photo: np.ndarray) -> None:
    one = REGISTRY[name]
    first = one.apply(photo, 5, 7, "a.jpg")
    assert (first != one.apply(photo, 5, 8, "a.jpg")).any()
    assert (first != one.apply(photo, 5, 7, "b.jpg")).any()


def test_noise_has_its_standard_deviation_and_is_clamped(grey: np.ndarray) -> None:
    for step, level in enumerate(REGISTRY["gaussian-noise"].levels):
        errors = REGISTRY["gaussian-noise"].apply(grey, step).astype(float) - 128
        # whole numbers add the variance of rounding, 1/12
        assert errors.std() == pytest.approx(np.sqrt(level**2 + 1 / 12) if level else 0, rel=0.01)
        assert abs(errors.mean()) < 0.1
    white = REGISTRY["gaussian-noise"].apply(np.full((50, 50, 3), 255, np.uint8), 9)
    assert white.max() == 255 and 0.4 < (white == 255).mean() < 0.6  # nothing wraps around


@pytest.mark.parametrize("times", range(10))
def test_blur_of_a_point_is_binomial(times: int) -> None:
    """A line of 255 spreads by the coefficients of (1 + x)^(2n) / 4^n; rounding costs at most half a step each time."""
    picture = np.zeros((41, 41, 3), np.uint8)
    picture[:, 20] = 255
    row = REGISTRY["blur"].apply(picture, times)[20, :, 0].astype(float)
    expected = np.zeros(41)
    for k in range(2 * times + 1):
        expected[20 - times + k] = 255 * comb(2 * times, k) / 4**times
    assert np.abs(row - expected).max() <= 0.5 * times


def test_one_blur_is_the_mask_of_sixteenths() -> None:
    picture = np.zeros((9, 9, 3), np.uint8)
    picture[4, 4] = 160
    blurred = REGISTRY["blur"].apply(picture, 1)[3:6, 3:6, 0]
    assert blurred.tolist() == [[10, 20, 10], [20, 40, 20], [10, 20, 10]]


@pytest.mark.parametrize("name", ["contrast-up", "contrast-down", "brightness-up", "brightness-down"])
def test_contrast_and_brightness_by_value(name: str) -> None:
    every = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)
    for step, level in enumerate(REGISTRY[name].levels):
        sign = -1 if name == "brightness-down" else 1
        exact = every * level if name.startswith("contrast") else every.astype(float) + sign * level
        got = REGISTRY[name].apply(every, step)
        assert np.abs(got - np.clip(exact, 0, 255)).max() <= 0.5
    assert clamped(np.array([-3.0, 0.4, 254.6, 300.0])).tolist() == [0, 0, 255, 255]


def test_the_square_is_black_inside_and_moves(grey: np.ndarray) -> None:
    places = set()
    for step, edge in enumerate(REGISTRY["occlusion"].levels):
        black = (REGISTRY["occlusion"].apply(grey, step) == 0).all(2)
        assert black.sum() == edge**2
        if edge:
            y, x = (int(v) for v in np.argwhere(black)[0])
            assert black[y : y + int(edge), x : x + int(edge)].all()
            places.add((y, x))
    assert len(places) > 5
    tiny = np.full((20, 20, 3), 9, np.uint8)
    assert (REGISTRY["occlusion"].apply(tiny, 9) == 0).all()


def test_salt_and_pepper_by_share(grey: np.ndarray) -> None:
    for step, share in enumerate(REGISTRY["salt-and-pepper"].levels):
        worse = REGISTRY["salt-and-pepper"].apply(grey, step)
        salt, pepper = (worse == 255).all(2).mean(), (worse == 0).all(2).mean()
        assert salt == pytest.approx(share / 2, abs=0.003) and pepper == pytest.approx(share / 2, abs=0.003)
        assert ((worse == 128).all(2).mean()) == pytest.approx(1 - share, abs=0.005)


class Listener:
    """Follows a job; asks it to stop after so many reports."""

    models = None

    def __init__(self, stop_after: int = 10**9) -> None:
        self.calls: list[tuple[int, int]] = []
        self.stop_after = stop_after

    def progress(self, done: int, total: int, message: str = "", payload: Any = None) -> None:
        self.calls.append((done, total))
        if len(self.calls) > self.stop_after:
            raise Cancelled


def _request(tmp_path: Path, out: str, models: tuple[str, ...], **changes: Any) -> RobustnessRequest:
    names = ("blur", "salt-and-pepper")
    return RobustnessRequest(models, str(tmp_path / "train.json"), str(tmp_path / out), names, **changes)


def test_a_stopped_test_goes_on_and_models_join(tmp_path: Path) -> None:
    write_scene(tmp_path, pictures=2)
    models = []
    for seed, name in enumerate(("one", "two")):
        torch.manual_seed(seed)
        models.append(str(save_checkpoint(build_model(TINY), TINY, tmp_path / f"{name}.safetensors")))
    whole = run(_request(tmp_path, "whole", (models[0],), device="cpu"), whole_listener := Listener())
    assert whole_listener.calls[-1] == (40, 40)
    assert set(whole.figures) == {"one"} and set(whole.figures["one"]) == {"blur", "salt-and-pepper"}
    blur = whole.figures["one"]["blur"]
    assert len(blur["dice"]) == len(blur["iou"]) == 10 and blur["objects"] == 2
    assert blur["dice"][0] == whole.figures["one"]["salt-and-pepper"]["dice"][0]
    assert blur["drop"] == pytest.approx(blur["dice"][0] - blur["dice"][-1], abs=2e-4)

    with pytest.raises(Cancelled):
        run(_request(tmp_path, "cut", (models[0],), device="cpu"), Listener(stop_after=25))
    answers = tmp_path / "cut" / ANSWERS
    assert len(answers.read_text("utf-8").splitlines()) == 2
    answers.write_text(answers.read_text("utf-8") + '[{"model": "one", "pertur', "utf-8")  # killed while writing
    rest = Listener()
    result = run(_request(tmp_path, "cut", (models[0],), device="cpu"), rest)
    assert result.figures == whole.figures
    assert len(rest.calls) < len(whole_listener.calls) and rest.calls[-1] == (40, 40)

    both = run(_request(tmp_path, "cut", tuple(models), device="cpu"), Listener())
    assert set(both.figures) == {"one", "two"} and both.figures["one"] == whole.figures["one"]
    out = tmp_path / "cut"
    for name in ("blur.png", "salt-and-pepper.png", "all.png", "examples-one.png", "examples-two.png"):
        assert read_rgb(out / name).shape[0] > 100
    page = (out / "report.html").read_text("utf-8")
    assert page.count("data:image/") == 5 and 'src="http' not in page and '.png"' not in page
    assert json.loads((out / "robustness.json").read_text("utf-8"))["models"] == both.figures
    assert len((out / "robustness.csv").read_text("utf-8").splitlines()) == 1 + 2 * 2 * 10

    with pytest.raises(UsageError):  # other settings
        run(_request(tmp_path, "cut", (models[0],), device="cpu", seed=5), Listener())
    Path(models[0]).write_bytes(Path(models[1]).read_bytes())
    with pytest.raises(UsageError):  # other weights under the same name
        run(_request(tmp_path, "cut", (models[0],), device="cpu"), Listener())


def test_a_broken_picture_is_listed_and_the_rest_goes_on(tmp_path: Path) -> None:
    write_scene(tmp_path, pictures=2)
    data = (tmp_path / "images" / "train_0.png").read_bytes()
    (tmp_path / "images" / "train_0.png").write_bytes(data[: len(data) // 2])
    model = save_checkpoint(build_model(TINY), TINY, tmp_path / "m.safetensors")
    result = run(_request(tmp_path, "out", (str(model),)), Listener())
    assert result.figures["m"]["blur"]["objects"] == 1
    assert [Path(f.path or "").name for f in result.failures] == ["train_0.png"]


@pytest.mark.parametrize(
    "changes", [{"perturbations": ("fog",)}, {"border": "mine"}, {"models": ()}, {"min_area": 0.9}]
)
def test_senseless_requests_are_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    scene = write_scene(tmp_path, pictures=1)
    model = save_checkpoint(build_model(TINY), TINY, tmp_path / "m.safetensors")
    given: dict[str, Any] = {"models": (str(model),), "data": str(scene), "out": str(tmp_path / "out")} | changes
    with pytest.raises(UsageError):
        run(RobustnessRequest(**given), Listener())


def test_another_perturbation_is_one_more_function(monkeypatch: pytest.MonkeyPatch, photo: np.ndarray) -> None:
    monkeypatch.setattr(perturbations, "REGISTRY", dict(REGISTRY))

    @perturbation("fog", "Fog", "share of white", (0.0, 0.5))
    def fog(rgb: np.ndarray, level: float, rng: np.random.Generator) -> np.ndarray:
        return clamped(rgb * (1 - level) + 255 * level)

    one = perturbations.REGISTRY["fog"]
    assert (one.apply(photo, 0) == photo).all() and one.apply(photo, 1).mean() > photo.mean()
    with pytest.raises(ValueError, match="fog"):
        perturbation("fog", "Fog", "", ())(fog)


def test_the_command_line_says_the_same(tmp_path: Path) -> None:
    request = _request(tmp_path, "out", ("starter", "b.pt"), device="cpu", models_dir="m")
    words = request.argv()
    assert words[:3] == ["robustness", "starter", "b.pt"] and words.count("--only") == 2
    answer = {"models": {"a": {}}, "report": "r.html", "failures": [{"message": "M", "path": None, "remedy": None}]}
    parsed = RobustnessRequest.parse(answer)
    assert parsed.figures == {"a": {}} and parsed.failures[0].message == "M"


FOG = """
from inference.evaluation.perturbations import clamped, perturbation

@perturbation("fog", "Fog", "share of white", (0.0, 0.5))
def fog(rgb, level, rng):
    return clamped(rgb * (1 - level) + 255 * level)
"""


@pytest.fixture
def _own_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test registers is gone after it."""
    monkeypatch.setattr(perturbations, "_LOADED", set())
    before = dict(REGISTRY)
    yield
    REGISTRY.clear()
    REGISTRY.update(before)


@pytest.mark.usefixtures("_own_registry")
def test_a_function_is_registered_and_tested(tmp_path: Path) -> None:
    made = perturbations.register("darker", "Darker", "taken away", [0, 50], lambda rgb, level, rng: rgb - int(level))
    assert REGISTRY["darker"] is made and made.levels == (0, 50)
    for name, levels in (("darker", (0, 1)), ("Not a name", (0, 1)), ("short", (0,))):
        with pytest.raises(ValueError):
            perturbations.register(name, "t", "u", levels, lambda rgb, level, rng: rgb)


@pytest.mark.usefixtures("_own_registry")
def test_files_of_ones_own_take_part_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from app import cli

    file = tmp_path / "fog.py"
    file.write_text(FOG)
    assert cli.run(["robustness", "--list", "--with", str(file), "--json"], lambda *_, **__: 0) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [one["name"] for one in listed] == [*EIGHT, "fog"] and listed[-1]["levels"] == [0.0, 0.5]
    model = save_checkpoint(build_model(TINY), TINY, tmp_path / "tiny.safetensors")
    words = ["robustness", str(model), "--data", str(write_scene(tmp_path, 1)), "--out", str(tmp_path / "out"),
             "--only", "fog", "--with", str(file), "--json"]  # fmt: skip
    assert cli.run(words, lambda *_, **__: 0) == 0
    figures = json.loads(capsys.readouterr().out)
    assert list(figures["models"]["tiny"]) == ["fog"] and "Fog" in Path(figures["report"]).read_text("utf-8")
    request = RobustnessRequest(("m",), "d", "o", ("fog",), plugins=(str(file),))
    assert request.argv()[-4:] == ["--only", "fog", "--with", str(file)]
    file.write_text(FOG + "\n# another version\n")
    assert cli.run(words, lambda *_, **__: 0) == 2
    assert "other pictures, settings" in capsys.readouterr().err


@pytest.mark.usefixtures("_own_registry")
@pytest.mark.parametrize(
    ("text", "words"), [(None, "no such Python file"), ("1/0", "ZeroDivisionError"), ("", "nothing")]
)
def test_files_that_register_nothing_are_refused(tmp_path: Path, text: str | None, words: str) -> None:
    file = tmp_path / "own.py"
    if text is not None:
        file.write_text(text)
    with pytest.raises(UsageError, match=words.replace("nothing", "registers no perturbation")):
        perturbations.load([file])


def test_the_command_says_what_it_needs(capsys: pytest.CaptureFixture[str]) -> None:
    from app import cli

    assert cli.run(["robustness", "starter"], lambda *_, **__: 0) == 2
    assert "--data and --out are needed" in capsys.readouterr().err
