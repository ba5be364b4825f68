"""The settings of a training: presets, YAML files, overrides, and errors that name what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from inference.errors import UsageError
from inference.training.config import TrainConfig, make_config, presets


def test_the_presets_are_what_they_promise() -> None:
    assert set(presets()) == {"pets-cpu-256", "one-class-256", "finetune-sam2.1", "from-scratch", "starter"}
    made = {name: make_config(name) for name in presets()}
    pets, scratch = made["pets-cpu-256"], made["from-scratch"]
    assert (pets.image_size, pets.epochs, pets.trunk_learning_rate) == (256, 40, 5e-6)
    assert pets.pictures in (1, 2) and pets.rounds == (0, 0, 0, 1) and pets.box_share == pets.mask_share == 0
    assert (scratch.image_size, scratch.scratch, scratch.drop_path) == (256, "sam2.1-base-plus", 0.1)
    one_class = made["one-class-256"]
    changed = {"point_share": 0.7, "box_share": 0.3, "whole_box_share": 1.0}
    assert one_class == pets.model_copy(update=changed)
    assert made["finetune-sam2.1"].layer_decay < 1


def test_a_yaml_file_and_overrides(tmp_path: Path) -> None:
    first = make_config("pets-cpu-256", {"epochs": 3, "pictures": 1, "frozen": ["trunk", "prompt_encoder"]})
    file = tmp_path / "mine.yaml"
    file.write_text(first.as_yaml(), "utf-8")
    assert make_config(file) == first and first.frozen == ("trunk", "prompt_encoder")
    assert make_config(file, {"epochs": 4}).epochs == 4


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"colour": 1}, "there is no setting colour"),
        ({"pictures": "many"}, "pictures is 'many'"),
        ({"image_size": 100}, "image_size is 100"),
        ({"learning_rate": -1}, "learning_rate is -1"),
        ({"precision": "int8"}, "precision is 'int8'"),
        ({"frozen": ["head"]}, "frozen.0 is 'head'"),
        ({"frozen": ["trunk", "neck", "prompt_encoder", "mask_decoder"]}, "nothing to train"),
        ({"rounds": [0, 0]}, "rounds are shares"),
        ({"minutes": 0, "epochs": 0}, "minutes, epochs and max_steps"),
        ({"point_share": 0, "box_share": 0}, "point_share, box_share and mask_share"),
    ],
)
def test_bad_settings_are_named(settings: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        make_config(None, settings)


def test_the_file_is_named_only_when_the_fault_is_in_it(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("colour: 1\n", "utf-8")
    for source, settings, place in (
        ("pets-cpu-256", {"epochs": -3}, None),
        ("pets-cpu-256", {"rounds": [0, 0]}, None),
        (file, {}, str(file)),
        (file, {"epochs": -3}, str(file)),
    ):
        with pytest.raises(UsageError) as caught:
            make_config(source, settings)
        assert caught.value.path == place


@pytest.mark.parametrize("text", ["- 1\n- 2\n", "a: [1\n", "3: x\n"])
def test_files_that_hold_no_settings(tmp_path: Path, text: str) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(text, "utf-8")
    with pytest.raises(UsageError, match=r"mine\.yaml"):
        make_config(file)


def test_unknown_presets_are_told_the_known_ones() -> None:
    with pytest.raises(UsageError, match="pets-cpu-256"):
        make_config("petz")


def test_steps_follow_from_epochs_and_processes() -> None:
    config = TrainConfig(minutes=0, epochs=4, pictures=2, accumulate=3)
    assert config.step_size() == 6 and config.step_size(2) == 12
    assert config.last_step(60) == 40 and config.last_step(60, 2) == 20
    assert TrainConfig(minutes=0, epochs=4, max_steps=7, pictures=2).last_step(60) == 7
    assert TrainConfig(minutes=5).last_step(60) == float("inf")
    assert make_config(None, {"max_steps": 3}).minutes == 0  # the default hour would end what was asked for
