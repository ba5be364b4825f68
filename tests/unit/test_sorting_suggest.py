"""The linear probe and the suggestions: calibrated, rejected, judged; search and near-duplicates."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageFilter

from app.session.finding import Everyday
from app.sorting.duplicates import Look, Stack, look, stacks
from app.sorting.probe import LinearProbe, softmax
from app.sorting.search import Term, rank
from app.sorting.suggest import Learned, Suggestions, learn
from inference.errors import ImageError, UsageError
from inference.paths import resource

SAMPLES = sorted(resource("samples").glob("*.jpg"))


def scene(
    classes: int, each: int, spread: float, seed: int = 0, d: int = 64
) -> tuple[npt.NDArray[np.float16], list[str]]:
    """Unit vectors around a direction of each class: (n, d) and their labels."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(99).normal(size=(classes, d))
    rows = np.repeat(centres, each, axis=0) + rng.normal(size=(classes * each, d)) * spread
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows.astype(np.float16), [f"class {n:02d}" for n in range(classes) for _ in range(each)]


# The probe ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("classes", "each"), [(2, 3), (2, 1), (5, 2), (10, 20), (3, 500)])
def test_it_learns_from_few_and_from_many(classes: int, each: int) -> None:
    rows, labels = scene(classes, each, 0.4)
    probe = LinearProbe().fit(rows, labels)
    more, wanted = scene(classes, 40, 0.4, seed=1)
    found = probe.probabilities(more)
    assert found.shape == (len(more), classes)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)
    assert (np.array(probe.classes)[found.argmax(axis=1)] == np.array(wanted)).mean() > 0.95
    assert (probe.accuracy is None) == (each == 1)


def test_confidence_means_what_it_says() -> None:
    rows, labels = scene(8, 40, 2.6)
    probe = LinearProbe().fit(rows, labels)
    more, wanted = scene(8, 500, 2.6, seed=1)
    found = probe.probabilities(more)
    right = np.array(probe.classes)[found.argmax(axis=1)] == np.array(wanted)
    assert 0.4 < right.mean() < 0.95  # neither easy nor hopeless
    assert probe.accuracy == pytest.approx(right.mean(), abs=0.08)
    assert found.max(axis=1).mean() == pytest.approx(right.mean(), abs=0.08)


def test_examples_without_meaning_give_no_confidence() -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(90, 64)).astype(np.float32)
    probe = LinearProbe().fit(rows, [f"{n % 3}" for n in range(90)])
    assert probe.probabilities(rng.normal(size=(50, 64)).astype(np.float32)).max() < 0.7


def test_many_examples_of_a_common_class_do_not_drown_the_rare_one() -> None:
    rows, labels = scene(2, 400, 0.6)
    rows, labels = rows[:405], labels[:405]  # 400 of one, 5 of the other
    more, wanted = scene(2, 50, 0.6, seed=1)
    probe = LinearProbe().fit(rows, labels)
    found = np.array(probe.classes)[probe.probabilities(more).argmax(axis=1)]
    assert (found == np.array(wanted)).mean() > 0.9


def test_very_many_examples_are_thinned() -> None:
    rows, labels = scene(3, 2500, 0.5, d=8)
    assert LinearProbe().fit(rows, labels).accuracy == pytest.approx(1, abs=0.2)


def test_one_class_is_not_enough() -> None:
    with pytest.raises(UsageError, match="Two classes"):
        LinearProbe().fit(np.ones((3, 4), np.float32), ["cat"] * 3)


def test_equal_embeddings_break_nothing() -> None:
    found = LinearProbe().fit(np.ones((6, 4), np.float32), ["a", "b"] * 3).probabilities(np.ones((1, 4), np.float32))
    assert found[0].tolist() == pytest.approx([0.5, 0.5], abs=0.01)


def test_softmax_of_large_logits() -> None:
    np.testing.assert_allclose(softmax(np.array([[1e4, 0, -1e4]], np.float32)), [[1, 0, 0]])


def test_on_the_shared_text_embeddings(shared_data: Path) -> None:
    """CLIP's own space: what is near "dog" is told from what is near "car" after three examples of each."""
    with np.load(shared_data / "clip_text" / "vit_b32_object_names.npz") as data:
        names, rows = [str(n) for n in data["names"]], data["embeddings"]
    at = {name: n for n, name in enumerate(names)}
    animals, things = ["dog", "cat", "horse"], ["car", "bus", "truck"]
    probe = LinearProbe().fit(rows[[at[n] for n in animals + things]], ["animal"] * 3 + ["vehicle"] * 3)
    found = probe.probabilities(rows[[at[n] for n in ("cow", "sheep", "train", "bicycle")]])
    assert (found.argmax(axis=1) == [0, 0, 1, 1]).all()


# Suggestions ----------------------------------------------------------------------------------------------------------


def test_learning_needs_a_handful_of_each_of_two_classes() -> None:
    rows, labels = scene(3, 20, 0.3)
    ids = [f"{n}.jpg" for n in range(60)]
    sorted_ones = dict(zip(ids[:3] + ids[20:22], labels[:3] + labels[20:22], strict=True))
    assert learn(ids, rows, sorted_ones) is None
    sorted_ones[ids[22]] = labels[22]
    sorted_ones[ids[40]] = labels[40]
    learned = learn(ids, rows, sorted_ones)
    assert learned is not None
    assert learned.classes == ("class 00", "class 01")
    assert learned.waiting == ("class 02",)
    assert set(learned.ids) == set(ids) - set(sorted_ones)
    suggestions = Suggestions()
    suggestions.from_examples(learned)
    assert {suggestions.get(i).label for i in ids[3:20]} == {"class 00"}  # type: ignore[union-attr]
    assert suggestions.get(ids[0]) is None


def given() -> Suggestions:
    suggestions = Suggestions()
    suggestions.from_words(
        ["a", "b", "c"], ["cat", "dog", None], np.array([[0.7, 0.2, 0.1], [0.45, 0.5, 0.05], [0.1, 0.1, 0.8]])
    )
    return suggestions


def test_the_best_and_by_how_much() -> None:
    suggestions = given()
    found = [suggestions.get(i) for i in "abc"]
    assert [(s.label, s.source, round(s.confidence, 3), round(s.margin, 3)) for s in found if s] == [
        ("cat", "words", 0.7, 0.5),
        ("dog", "words", 0.5, 0.05),
        (None, "words", 0.8, 0.7),
    ]
    assert suggestions.get("unknown") is None


def test_a_rejected_class_is_not_suggested_again() -> None:
    suggestions = given()
    suggestions.reject(["a"])
    a = suggestions.get("a")
    assert a is not None
    assert (a.label, round(a.confidence, 3)) == ("dog", 0.667)
    suggestions.reject(["a"])
    suggestions.reject(["a"])
    assert suggestions.get("a") is None
    assert suggestions.score == (0, 3)


def test_how_right_they_were() -> None:
    suggestions = given()
    suggestions.filed(["a", "b"], "cat")
    suggestions.filed(["c", "unknown"], "cat")  # nothing was suggested for these
    suggestions.filed(["b"], "a new class")  # nobody could have suggested it
    assert suggestions.score == (1, 2)


def test_what_was_learned_stands_before_words_but_not_for_other_classes() -> None:
    suggestions = given()
    learned = Learned(("dog", "fox"), ("a", "b"), np.array([[0.6, 0.4], [0.1, 0.9]], np.float32), 1.0, ())
    suggestions.from_examples(learned)
    assert [suggestions.get(i).label for i in "abc"] == ["cat", "fox", None]  # type: ignore[union-attr]
    suggestions.from_examples(None)
    assert [suggestions.get(i).label for i in "ab"] == ["cat", "dog"]  # type: ignore[union-attr]


def test_answers_are_kept() -> None:
    suggestions = Suggestions()
    suggestions.from_words(("a", "b"), ("cat", "dog", None), np.array([[0.7, 0.2, 0.1], [0.1, 0.2, 0.7]]))
    suggestions.reject(["a", "b"])
    suggestions.filed(["a"], "dog")
    again = Suggestions.from_json(json.loads(json.dumps(suggestions.to_json())))
    again.from_words(("a", "b"), ("cat", "dog", None), np.array([[0.7, 0.2, 0.1], [0.1, 0.2, 0.7]]))
    assert again.score == suggestions.score == (1, 3)
    assert [again.get(i) for i in ("a", "b")] == [suggestions.get(i) for i in ("a", "b")]


@pytest.mark.parametrize(
    "kept", [None, [], {"rejects": 3}, {"right": 5, "judged": 2, "rejects": {"a": "cat", "b": [3]}}]
)
def test_kept_answers_that_make_no_sense(kept: object) -> None:
    assert Suggestions.from_json(kept).to_json() == Suggestions().to_json()


def test_suggestions_follow_moved_pictures() -> None:
    suggestions = given()
    suggestions.reject(["a"])
    suggestions.follow([("a", "sub/a")])
    assert suggestions.get("a") is None
    assert suggestions.get("sub/a").label == "dog"  # type: ignore[union-attr]


# Search ---------------------------------------------------------------------------------------------------------------


def test_words_and_examples_count_alike() -> None:
    """Pictures are far more alike than words and pictures are; the words still decide between like pictures."""
    rng = np.random.default_rng(0)
    common, red, text = np.eye(8)[0] * 5, np.eye(8)[1], np.eye(8)[2] * 5
    rows = np.stack([common + red * (n % 2) + rng.normal(size=8) * 0.01 for n in range(10)])
    ids = [f"{n}" for n in range(10)]
    best = [i for i, _ in rank(ids, rows, [Term(rows[0]), Term(text + red, 2.0)])]
    assert {int(i) % 2 for i in best[:5]} == {1}
    worst = [i for i, _ in rank(ids, rows, [Term(text + red, -1.0)])]
    assert {int(i) % 2 for i in worst[:5]} == {0}


def test_a_picture_that_is_like_all_words_does_not_come_first() -> None:
    """Some pictures are near every text; what counts is how much nearer they are to this one."""
    words = dict(zip(["dog", "car", "sky", "cup"], np.eye(4, 5, dtype=np.float32), strict=True))
    everyday = Everyday("model", words)
    pictures = {"hub": [0.5, 0.5, 0.5, 0.5, 0.0], "dog": [0.4, 0.1, 0.1, 0.1, 0.9], "car": [0.1, 0.4, 0.1, 0.1, 0.9]}
    vectors = np.array(list(pictures.values()), np.float32)
    assert rank(list(pictures), vectors, [Term(words["dog"])])[0][0] == "hub"
    beyond = everyday.beyond("dog", words["dog"])
    assert rank(list(pictures), vectors, [Term(beyond)])[0][0] == "dog"
    np.testing.assert_allclose(everyday.beyond("animal", words["dog"]), [1, -1 / 3, -1 / 3, -1 / 3, 0])  # no dog in it
    np.testing.assert_array_equal(Everyday("other", {}).beyond("dog", words["dog"]), words["dog"])


def test_searching_nothing() -> None:
    assert rank([], np.empty((0, 0)), [Term(np.ones(4))]) == []
    assert rank(["a"], np.ones((1, 4)), []) == []
    assert rank(["b", "a"], np.ones((2, 4)), [Term(np.ones(4))]) == [("a", 0.0), ("b", 0.0)]


# Near-duplicates ------------------------------------------------------------------------------------------------------


def test_copies_are_told_from_other_pictures(tmp_path: Path) -> None:
    """The sample photos, each with a smaller, a blurred and a brighter copy; to the model all of them are alike."""
    for path in SAMPLES:
        with Image.open(path) as opened:
            photo = opened.convert("RGB")
        photo.save(tmp_path / f"{path.stem} 1 best.jpg", quality=95)
        photo.resize((photo.width // 3, photo.height // 3)).save(tmp_path / f"{path.stem} 2 small.jpg", quality=70)
        photo.filter(ImageFilter.GaussianBlur(5)).save(tmp_path / f"{path.stem} 3 blurred.jpg")
    ids = sorted(p.name for p in tmp_path.iterdir())
    found = stacks(ids, np.ones((len(ids), 4), np.float16), lambda i: look(tmp_path / i))
    assert {s.ids[0] for s in found} == {f"{p.stem} 1 best.jpg" for p in SAMPLES}
    assert all(len(s.ids) == 3 and {i.split()[0] for i in s.ids} == {s.best.split()[0]} for s in found)


def plain(hashes: dict[str, int]) -> dict[str, Look]:
    return {i: Look(h, 1.0, 100, 10) for i, h in hashes.items()}


def test_only_what_a_model_finds_alike_is_looked_at() -> None:
    asked: list[str] = []
    looks = plain({"a": 0, "b": 0, "c": 0})

    def look_at(image_id: str) -> Look:
        asked.append(image_id)
        return looks[image_id]

    rows = np.array([[1, 0], [1, 0.01], [0, 1]], np.float16)
    assert stacks(["a", "b", "c"], rows, look_at) == [Stack(("a", "b"))]
    assert asked == ["a", "b"]


def test_chains_of_small_changes_do_not_become_one_stack() -> None:
    looks = plain({"a": 0, "b": (1 << 10) - 1, "c": (1 << 20) - 1})
    found = stacks(["a", "b", "c"], np.ones((3, 2)), looks.__getitem__)
    assert found == [Stack(("a", "b"))]


def test_a_picture_that_cannot_be_read_is_left_out() -> None:
    looks = plain({"a": 0, "c": 0})

    def look_at(image_id: str) -> Look:
        if image_id == "b":
            raise ImageError("damaged", image_id)
        return looks[image_id]

    progress: list[tuple[int, int]] = []
    found = stacks(["a", "b", "c"], np.ones((3, 2)), look_at, progress=lambda *p: progress.append(p))
    assert (found, progress) == ([Stack(("a", "c"))], [(3, 3)])
    assert stacks([], np.empty((0, 0)), look_at) == []


def test_stacks_across_blocks() -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(2500, 32))
    rows[2400] = rows[3]
    ids = [f"{n}" for n in range(2500)]
    assert stacks(ids, rows, lambda i: Look(0, 1.0, int(i), 1)) == [Stack(("2400", "3"))]
