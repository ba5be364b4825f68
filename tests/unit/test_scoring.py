"""Scores: softmax and sigmoid, the three ways of putting prompts together, none of these, thresholds, ensembles."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from inference.prompt_items import PromptItem, PromptSet
from inference.scoring import Scores, combine, decide, score

ITEMS = (PromptItem("cat"), PromptItem("dog"), PromptItem("nothing", negative=True))
SET = PromptSet("pets", ("a ", "the "), ITEMS, ("",))


def _unit(*rows: tuple[float, ...]) -> np.ndarray:
    found = np.asarray(rows, np.float32)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


CAT, DOG, NONE = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)
TEXTS = [_unit(CAT, CAT), _unit(DOG, DOG), _unit(NONE, NONE)]


def test_softmax_shares_one_among_the_items_at_the_models_temperature() -> None:
    image = _unit((0.9, 0.3, 0.1), (0.1, 0.2, 0.9))
    cat, none = score(image, TEXTS, SET, scale=10)
    expected = np.exp(10 * image[0]) / np.exp(10 * image[0]).sum()
    assert np.allclose(cat.values, expected, atol=1e-6)
    assert cat.values.dtype == np.float32
    assert (cat.best, cat.label, cat.prompt) == (0, "cat", "a cat")
    assert cat.confidence == pytest.approx(expected.max())
    assert (none.best, none.label, none.top, none.prompt) == (None, None, 2, "a nothing")


def test_sigmoid_judges_each_item_by_itself() -> None:
    image = _unit((1.0, 1.0, 0.0))
    (found,) = score(image, TEXTS, SET, scale=10, bias=-5.0, sigmoid=True)
    logits = 10 * image[0] - 5
    assert np.allclose(found.values, 1 / (1 + np.exp(-logits)), atol=1e-6)
    assert found.values.sum() > 1.5
    (far,) = score(-image, TEXTS, SET, scale=1e4, bias=0.0, sigmoid=True)
    assert np.isfinite(far.values).all()


def test_a_threshold_leaves_a_picture_unsorted() -> None:
    items = (PromptItem("cat", threshold=0.9), PromptItem("dog"))
    strict = PromptSet("pets", (), items, ())
    unsure, sure = score(_unit((1.0, 0.8, 0.0), (1.0, 0.0, 0.0)), [_unit(CAT), _unit(DOG)], strict, scale=3)
    assert unsure.best is None
    assert sure.label == "cat"
    assert decide(np.zeros(0, np.float32), strict) is None


# Two wordings. "the" suits this picture best, through the cat; the dog's best prompt is in the other one.
WORDED = [_unit((0.5, 0.0, 0.9), (0.9, 0.0, 0.4)), _unit((0.8, 0.5, 0.0), (0.0, 1.0, 0.0))]
PICTURE = _unit((1.0, 0.0, 0.0))


def test_mean_max_and_best_wording_differ_as_they_say() -> None:
    two = replace(SET, items=ITEMS[:2])
    cosines = [rows @ PICTURE[0] for rows in WORDED]

    def logits(aggregate: str) -> np.ndarray:
        (found,) = score(PICTURE, WORDED, replace(two, aggregate=aggregate), scale=1)
        return np.log(found.values)

    means = [(m := rows.mean(axis=0)) / np.linalg.norm(m) for rows in WORDED]
    assert np.diff(logits("mean")) == pytest.approx(float((means[1] - means[0]) @ PICTURE[0]), abs=1e-5)
    assert np.diff(logits("max")) == pytest.approx(cosines[1].max() - cosines[0].max(), abs=1e-5)
    assert np.diff(logits("best")) == pytest.approx(cosines[1][1] - cosines[0][1], abs=1e-5)


def test_items_with_their_own_templates_keep_their_best_prompt_in_any_wording() -> None:
    items = (ITEMS[0], PromptItem("dog", templates=("my {}", "your {}")))
    mixed = replace(SET, items=items, aggregate="best")
    (found,) = score(PICTURE, WORDED, mixed, scale=1)
    cosines = [rows @ PICTURE[0] for rows in WORDED]
    assert np.diff(np.log(found.values)) == pytest.approx(cosines[1].max() - cosines[0].max(), abs=1e-5)
    own = replace(mixed, items=(PromptItem("cat", templates=("my {}", "your {}")), items[1]))
    assert score(PICTURE, WORDED, own, scale=1)[0].values.sum() == pytest.approx(1)


def test_many_pictures_go_in_parts_and_come_out_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    image = _unit(*np.random.default_rng(0).normal(size=(50, 3)))
    whole = score(image, TEXTS, SET, 20)
    monkeypatch.setattr("inference.scoring._CELLS", 40)
    parts = score(image, TEXTS, SET, 20)
    assert all(np.array_equal(a.values, b.values) and a.prompt == b.prompt for a, b in zip(whole, parts, strict=True))


def test_nothing_to_score() -> None:
    assert score(np.zeros((0, 3), np.float32), TEXTS, SET, 10) == []
    (found,) = score(PICTURE, [], replace(SET, items=()), 10)
    assert (found.best, found.label) == (None, None)


def test_an_ensemble_is_a_weighted_mean_decided_anew() -> None:
    one = Scores(SET.names, np.array([0.6, 0.3, 0.1], np.float32), 0, "a cat")
    other = Scores(SET.names, np.array([0.1, 0.8, 0.1], np.float32), 1, "the dog")
    both = combine([one, other], [1, 1], SET)
    assert np.allclose(both.values, [0.35, 0.55, 0.1])
    assert (both.label, both.prompt) == ("dog", "the dog")
    heavy = combine([one, other], [9, 1], SET)
    assert (heavy.label, heavy.prompt) == ("cat", "a cat")
    third = Scores(SET.names, np.array([0.1, 0.3, 0.6], np.float32), None, "a nothing")
    odd = replace(one, values=np.array([0.6, 0.4, 0.0], np.float32))
    split = combine([odd, third], [1, 1], SET)
    assert split.top == 0
