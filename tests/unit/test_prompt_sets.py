"""Prompt sets: files of others and our own, what the prompts are, what is wrong with them; learned words."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from inference import prompt_sets, vocabulary
from inference.errors import FormatError, ModelError, StorageError
from inference.prompt_checks import TokenTable
from inference.prompt_items import OWN_WORDING
from inference.prompt_sets import PromptItem, PromptSet, problems
from inference.vocabulary import Vocabulary

PLAIN = PromptSet(
    "plain", ("a photo of a ", "a drawing of a "), (PromptItem("cat"), PromptItem("dog")), ("", " outside")
)


def _written(folder: Path, data: object) -> Path:
    file = folder / "config.json"
    file.write_text(data if isinstance(data, str) else json.dumps(data))
    return file


def test_the_reference_tools_file_gives_prefix_item_postfix(tmp_path: Path) -> None:
    file = _written(tmp_path, {"prefixes": ["a photo of a "], "items": ["cat", "dog"], "postfixes": ["", " outside"]})
    found = prompt_sets.load(file)
    assert found.prompts() == (
        ("a photo of a cat", "a photo of a cat outside"),
        ("a photo of a dog", "a photo of a dog outside"),
    )
    assert found.names == ("cat", "dog")
    assert found.aggregate == "mean"


def test_items_may_say_more(tmp_path: Path) -> None:
    item = PromptItem("car", ("automobile",), ("my {}", "the {} of {}"), threshold=0.5)
    mine = replace(PLAIN, items=(item, PromptItem("nothing", negative=True)), aggregate="best")
    assert mine.prompts()[0] == ("my car", "the car of car", "my automobile", "the automobile of automobile")
    assert mine.wordings()[0] == (OWN_WORDING,) * 4
    assert mine.wordings()[1] == (0, 1, 2, 3)
    prompt_sets.save(mine, tmp_path / "mine.json")
    assert prompt_sets.load(tmp_path / "mine.json") == mine
    assert [p.name for p in tmp_path.iterdir()] == ["mine.json"]


def test_plain_items_are_written_as_others_read_them() -> None:
    assert PLAIN.to_json()["items"] == ["cat", "dog"]
    assert prompt_sets.from_json(PLAIN.to_json()) == PLAIN


def test_equal_prompts_of_an_item_are_made_once() -> None:
    doubled = replace(PLAIN, prefixes=("a ", "a "), postfixes=())
    assert doubled.prompts() == (("a cat",), ("a dog",))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("{", "no sound JSON"),
        ("[" * 100_000, "no sound JSON"),
        ([], "is an object"),
        ({"colours": []}, "neither prefixes"),
        ({"items": "cat"}, "no list"),
        ({"items": [3]}, "Item 1 is neither"),
        ({"items": [{"synonyms": []}]}, "Item 1 is neither"),
        ({"items": [{"name": "cat", "synonym": ["kitty"]}]}, "“synonym”, which nobody knows"),
        ({"items": [{"name": "cat", "synonyms": "kitty"}]}, "no list of texts"),
        ({"items": [{"name": "cat", "threshold": 2}]}, "threshold"),
        ({"items": [{"name": "cat", "threshold": True}]}, "threshold"),
        ({"items": [{"name": "cat", "negative": "yes"}]}, "neither true nor false"),
        ({"items": [{"name": "cat", "templates": ["a photo"]}]}, "has no {}"),
        ({"items": ["cat"], "prefixes": [1]}, "no list of texts"),
        ({"items": ["cat"], "aggregate": "sum"}, "aggregate"),
        ({"items": ["cat"], "name": 3}, "“name”"),
        ({"items": ["c"] * 1000, "prefixes": ["p"] * 1000, "postfixes": ["q"] * 1000}, "1,000,000,000 prompts"),
    ],
)
def test_what_is_no_prompt_set_is_refused_with_its_file(data: object, words: str, tmp_path: Path) -> None:
    file = _written(tmp_path, data)
    with pytest.raises(FormatError, match=words) as caught:
        prompt_sets.load(file)
    assert caught.value.path == str(file)
    assert caught.value.remedy


def test_a_missing_set_offers_those_that_ship(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="cifar-10"):
        prompt_sets.find(tmp_path / "none.json")
    with pytest.raises(FormatError):
        prompt_sets.load(tmp_path)
    with pytest.raises(StorageError):
        prompt_sets.save(PLAIN, tmp_path / "no folder" / "x.json")


@pytest.mark.parametrize("name", sorted(prompt_sets.bundled()))
def test_the_sets_that_ship_are_sound(name: str) -> None:
    found = prompt_sets.find(name)
    assert problems(found) == []
    assert found.name == name


def test_all_asked_for_sets_ship() -> None:
    assert set(prompt_sets.bundled()) == {"cars", "pets", "apparel", "produce", "cifar-10"}


def _messages(prompt_set: PromptSet, **more: object) -> str:
    return "\n".join(f"{p.severity}: {p.message}" for p in problems(prompt_set, **more))  # type: ignore[arg-type]


def test_empty_lists_are_named() -> None:
    assert "error: There are no items" in _messages(replace(PLAIN, items=()))
    text = _messages(replace(PLAIN, prefixes=(), postfixes=()))
    assert "warning: The list of prefixes is empty" in text
    assert "warning: The list of postfixes is empty" in text
    assert "All items are negative" in _messages(replace(PLAIN, items=(PromptItem("x", negative=True),)))
    assert "one item only" in _messages(replace(PLAIN, items=(PromptItem("x"),)))
    assert "An item has no name" in _messages(replace(PLAIN, items=(PromptItem(" "), PromptItem("cat"))))
    assert "empty synonym" in _messages(replace(PLAIN, items=(PromptItem("dog"), PromptItem("cat", ("",)))))


def test_words_that_run_into_each_other_are_named_once_each() -> None:
    glued = replace(PLAIN, prefixes=("a photo of a", "fine: "), postfixes=("outside", ", outside"))
    text = _messages(glued)
    assert "“a photo of acat”: a space is missing" in text
    assert "“catoutside”" in text
    assert text.count("a space is missing") == 2
    assert problems(replace(PLAIN, prefixes=("写真", "“", "half-"), items=(PromptItem("猫"), PromptItem("犬")))) == []


def test_a_word_that_stands_for_two_items_is_an_error() -> None:
    items = (PromptItem("car", ("Automobile",)), PromptItem("automobile"), PromptItem("car"))
    found = problems(replace(PLAIN, items=items))
    assert [p.severity for p in found] == ["error", "error"]
    assert "“automobile” stands for two items, “car” and “automobile”" in found[0].message


def _letters(context: int, *texts: str) -> TokenTable:
    return TokenTable(context, {text: [0, *map(ord, text), 1] for text in texts})


def test_prompts_beyond_the_context_are_named_with_their_length() -> None:
    flat = [prompt for of_item in PLAIN.prompts() for prompt in of_item]
    text = _messages(PLAIN, tokenizer=_letters(24, *flat))
    assert "2 of 4 prompts of “cat” are longer than the 24 tokens the model reads (up to 28)" in text


def test_a_long_postfix_is_said_once_for_all_items() -> None:
    many = replace(PLAIN, items=tuple(PromptItem(f"thing {n}") for n in range(12)), postfixes=(" on a road" * 4,))
    flat = [prompt for of_item in many.prompts() for prompt in of_item]
    found = [p for p in problems(many, _letters(24, *flat)) if "longer" in p.message]
    assert [p.item for p in found] == [None]
    assert f"{len(flat)} of {len(flat)} prompts of 12 items are longer than the 24 tokens" in found[0].message


def test_prompts_that_are_the_same_to_the_model_are_an_error() -> None:
    long = replace(PLAIN, prefixes=("p" * 50 + " ",), postfixes=("",))
    flat = [prompt for of_item in long.prompts() for prompt in of_item]
    found = problems(long, _letters(20, *flat))
    assert [p.item for p in found if p.severity == "error"] == ["dog"]
    assert "the same tokens" in found[0].message


def test_items_that_look_the_same_to_the_model_are_named() -> None:
    a, b = np.array([1.0, 0, 0], np.float32), np.array([0.999, 0.045, 0], np.float32)
    text = _messages(PLAIN, texts=[np.stack([a] * 4), np.stack([b] * 4)])
    assert "“dog” and “cat” look nearly the same to this model (likeness 0.999)" in text
    assert _messages(PLAIN, texts=[np.stack([a] * 4), np.stack([a[::-1]] * 4)]) == ""


WORDS = Vocabulary(
    frozenset({"car", "sports car", "cat"}),
    frozenset({"zebra finch"}),
    {"automobile": "car", "sedan car": "sports car"},
)


@pytest.mark.parametrize(
    ("word", "status", "name"),
    [
        ("car", "known", "car"),
        ("An Automobile", "known", "car"),
        ("cats", "known", "cat"),
        ("zebra_finch", "guessed", "zebra finch"),
        ("quasar", "unknown", None),
        ("", "unknown", None),
    ],
)
def test_what_a_model_has_learned(word: str, status: str, name: str | None) -> None:
    assert WORDS.status(word) == status
    assert WORDS.canonical(word) == name


def test_everyday_words_become_the_learned_ones_within_a_text() -> None:
    assert WORDS.translated("a photo of an Automobile, outside") == "a photo of an car, outside"
    assert WORDS.translated("a sports car beside a sedan car") == "a sports car beside a sports car"
    assert WORDS.translated("automobiles") == "automobiles"
    assert Vocabulary(frozenset({"car"})).translated("car") == "car"
    assert WORDS.of_text("a red sports car on grass") == "sports car"
    assert WORDS.of_text("quasars") is None


def test_a_vocabulary_file_is_read_and_a_broken_one_refused(tmp_path: Path) -> None:
    assert vocabulary.read(tmp_path) is None
    data = {"known": ["Car"], "guessed": ["Zebra_Finch", "car"], "aliases": {"Automobile": "car", "ufo": "saucer"}}
    (tmp_path / "vocabulary.json").write_text(json.dumps(data))
    found = vocabulary.read(tmp_path)
    assert found == Vocabulary(frozenset({"car"}), frozenset({"zebra finch"}), {"automobile": "car"})
    (tmp_path / "vocabulary.json").write_text('{"known": [3]}')
    with pytest.raises(ModelError, match="list of words"):
        vocabulary.read(tmp_path)
