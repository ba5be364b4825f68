"""Segment by words on real models with random weights: what must hold whatever they have learned."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from inference.engines.clip_load import load_classifier
from inference.engines.segmenter import Segmenter
from inference.engines.text_segment import colours, detectors, grounding
from inference.engines.text_segment.detectors import ClipDetector, best, choose
from inference.engines.text_segment.scene import Region, Scene, agreed, is_plain
from inference.engines.text_segment.search import Judged, Overlaps, find_words, instances, of_their_own, told
from inference.engines.text_segment.views import Views
from inference.engines.text_segment.windows import overlaps, windows
from inference.engines.text_segment.words import Words
from inference.errors import Cancelled, ModelError, UsageError
from inference.jobs.text_segment import (
    TextSegmentItem,
    TextSegmentReady,
    TextSegmentRequest,
    TextSegmentResult,
)
from inference.masks import Mask
from inference.prompts import Box, Prompts
from inference.protocol import Candidate, ImageRef, Progress
from inference.text_background import GROUPS, background
from inference.text_segment import Parts, TextOptions, WordMask
from inference.worker.inline import InlineRunner
from inference.worker.options import WorkerOptions
from tests.random_classifier import write_classifier
from tests.random_models import SMALL, picture, random_model

OPEN = TextOptions(detector="clip", least_text=0.0, relative=1.0, points_per_side=2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_classifier(tmp_path_factory.mktemp("models") / "one")


@pytest.fixture(scope="module")
def classifier(folder: Path) -> Any:
    from inference import catalogue
    from inference.engines.device import Device

    spec = catalogue.find(folder)
    return load_classifier(spec, catalogue.weights_path(folder), "key", Device("cpu", "CPU"))


@pytest.fixture(scope="module")
def segmenter() -> Segmenter:
    return Segmenter(random_model(), SMALL)


@pytest.fixture(scope="module")
def runner() -> InlineRunner:
    return InlineRunner(options=WorkerOptions(force_device="cpu"))


def _find(segmenter: Segmenter, words: Words, rgb: np.ndarray, options: TextOptions = OPEN, **more: Any) -> Any:
    return find_words(segmenter, segmenter.encode(rgb), rgb, words, ClipDetector(), options, **more)


def _request(paths: list[str], folder: Path, *phrases: str, **more: Any) -> TextSegmentRequest:
    images = tuple(ImageRef(path) for path in paths)
    return TextSegmentRequest(images, phrases or ("a cat",), "starter", ((str(folder), 1.0),), **more)


def _run(runner: InlineRunner, request: TextSegmentRequest) -> tuple[TextSegmentResult, list[TextSegmentItem]]:
    told: list[Progress] = []
    result = runner.run(request, told.append)
    shares = [progress.done / progress.total for progress in told if progress.total]
    assert shares == sorted(shares)
    return result, [p.payload for p in told if isinstance(p.payload, TextSegmentItem)]


# What words are measured against


def test_what_belongs_to_the_words_does_not_speak_against_them() -> None:
    assert "dog" in background("a cat") and "cat" not in background("two cats")
    assert not set(GROUPS["animal"]) & set(background("an animal"))
    assert "person" not in background("a woman") and "shirt" not in background("a person")
    assert "cell phone" not in background("phone")
    assert background("a cat", {"dog", "sky"}.__contains__) == ("dog", "sky")


def test_fits_are_shares_and_unknown_words_fit_nothing(classifier: Any) -> None:
    words = Words([(classifier, 1.0)], ["a cat", "quasar", "the teapot"], ["dog"])
    assert words.unknown == ("quasar",) and words.guessed == ("the teapot",)
    fits = words.fits(words.seen([picture(60, 50, seed) for seed in range(3)]))
    assert fits.shape == (3, 3) and (fits >= 0).all() and (fits <= 1).all()
    assert (fits[:, 1] == 0).all() and (fits[:, [0, 2]] > 0).all()


def test_learned_names_are_known_in_the_plural_and_words_beside_them_are_told(classifier: Any) -> None:
    asked = ["red cars", "two dogs", "a striped cat", "quasars of a bird", "zebra finches"]
    words = Words([(classifier, 1.0)], asked, ["a grey ship", "nebula"])
    assert words.unknown == ("nebula",) and words.guessed == ("zebra finches",)
    assert words.colours[0] == {"red"} and words.negative_colours == ({"grey"}, frozenset())
    assert words.ignored == ("two", "striped", "quasars")


def test_a_word_that_one_member_may_know_is_not_ignored(classifier: Any, tmp_path: Path) -> None:
    from inference import catalogue
    from inference.engines.device import Device

    other = write_classifier(tmp_path / "two", vocabulary=False)
    second = load_classifier(catalogue.find(other), catalogue.weights_path(other), "other", Device("cpu", "CPU"))
    assert Words([(classifier, 1.0), (second, 1.0)], ["a striped cat"]).ignored == ()


def test_the_members_of_an_ensemble_are_averaged_by_weight(classifier: Any, tmp_path: Path) -> None:
    from inference import catalogue
    from inference.engines.device import Device

    other = write_classifier(tmp_path / "two", seed=5, image_size=64, vocabulary=False)
    second = load_classifier(catalogue.find(other), catalogue.weights_path(other), "other", Device("cpu", "CPU"))
    alone = [Words([(one, 1.0)], ["a cat", "quasar"]) for one in (classifier, second)]
    both = Words([(classifier, 3.0), (second, 1.0)], ["a cat", "quasar"])
    shown = [picture(60, 50, seed) for seed in range(3)]
    one, two = (words.fits(words.seen(shown)) for words in alone)
    together = both.fits(both.seen(shown))
    assert np.allclose(together[:, 0], 0.75 * one[:, 0] + 0.25 * two[:, 0], atol=1e-5)
    assert both.unknown == ()  # the second keeps no list of words, so it may know them all


def test_a_negative_phrase_takes_away_from_the_others(classifier: Any) -> None:
    shown = [picture(60, 50, seed) for seed in range(4)]
    without, with_it = Words([(classifier, 1.0)], ["cat"]), Words([(classifier, 1.0)], ["cat"], ["dog bird ship"])
    assert (with_it.fits(with_it.seen(shown)) < without.fits(without.seen(shown))).all()


def test_a_negative_phrase_with_a_colour_speaks_against_regions_of_that_colour_only(classifier: Any) -> None:
    rgb = np.full((60, 120, 3), 250, np.uint8)
    rgb[:, 60:] = 5  # white on the left, black on the right
    words, plain = Words([(classifier, 1.0)], ["a cat"], ["a black cat"]), Words([(classifier, 1.0)], ["a cat"])
    seen = words.seen([rgb[:, :60], rgb[:, 60:]])
    alone = plain.fits(seen)
    assert words.fits(seen) == pytest.approx(alone)  # no regions, no colours: it is not heeded
    heeded = words.fits(seen, np.array([[0], [1]], np.float32))
    assert heeded[0] == pytest.approx(alone[0]) and heeded[1, 0] < 0.51 and heeded[1, 0] < alone[1, 0]


def test_colours_are_asked_for_before_a_thing_only() -> None:
    assert colours.asked("a red car", "car") == {"red"}
    assert colours.asked("black and white cats", "cat") == {"black", "white"}
    assert colours.asked("a gray wolf", "gray wolf") == frozenset()  # the name of a kind
    assert colours.asked("an orange", "orange") == frozenset() and colours.asked("an orange cat", "cat") == {"orange"}


@pytest.mark.parametrize(
    ("rgb", "name"),
    [
        ((200, 20, 30), "red"), ((150, 10, 10), "red"), ((250, 140, 20), "orange"), ((120, 70, 30), "brown"),
        ((240, 220, 30), "yellow"), ((30, 140, 40), "green"), ((30, 60, 200), "blue"), ((120, 190, 240), "blue"),
        ((120, 40, 160), "purple"), ((250, 150, 190), "pink"), ((255, 180, 180), "pink"), ((10, 12, 10), "black"),
        ((250, 250, 245), "white"), ((128, 130, 128), "grey"),
    ],
)  # fmt: skip
def test_pixels_have_the_names_that_people_give_them(rgb: tuple[int, int, int], name: str) -> None:
    assert colours.NAMES[colours.names_of(np.array([rgb], np.uint8))[0]] == name


def test_a_region_fits_a_colour_when_enough_of_it_has_it(classifier: Any) -> None:
    rgb = np.full((10, 10, 3), 128, np.uint8)
    rgb[:, :4] = (200, 20, 30)
    everywhere = np.ones((10, 10), bool)
    assert colours.fit(rgb, everywhere, frozenset({"red"})) == pytest.approx(1)
    assert colours.fit(rgb, everywhere, frozenset({"blue"})) == 0
    rgb[:, 2:4] = 128
    assert colours.fit(rgb, everywhere, frozenset({"red"})) == pytest.approx(0.5)
    assert colours.fit(rgb, everywhere, frozenset()) == 1
    assert Words([(classifier, 1.0)], ["a red car", "a car"]).colours == ({"red"}, frozenset())


def test_only_things_of_the_colour_are_found(segmenter: Segmenter, classifier: Any) -> None:
    rgb = picture(90, 60)
    rgb[..., 2] = 0
    rgb[..., :2] = np.maximum(rgb[..., :2] // 2, 1)  # reds, greens and browns, nothing blue
    both = Words([(classifier, 1.0)], ["a car", "a blue car"])
    answer = _find(segmenter, both, rgb)
    assert {one.phrase for one in answer.instances if one.parts.text > 0} == {"a car"}


# Proposals


def test_windows_cover_the_picture_and_stay_inside() -> None:
    for width, height in ((400, 300), (300, 400), (1000, 50), (1, 1)):
        covered = np.zeros((height, width), int)
        for box in windows(width, height):
            assert 0 <= box.x0 < box.x1 <= width + 1e-6 and 0 <= box.y0 < box.y1 <= height + 1e-6
            covered[int(box.y0) : int(np.ceil(box.y1)), int(box.x0) : int(np.ceil(box.x1))] += 1
        assert covered.min() >= 1
    assert overlaps(Box(0, 0, 10, 10), [Box(0, 0, 10, 10), Box(5, 0, 15, 10), Box(20, 0, 30, 10)]) == pytest.approx(
        [1, 1 / 3, 0]
    )


def test_places_that_are_much_alike_are_asked_for_once() -> None:
    boxes = [Box(0, 0, 10, 10), Box(0, 0, 10, 9), Box(50, 0, 60, 10), Box(80, 0, 90, 9)]
    assert best(np.array([0.8, 0.9, 0.5, 0.0], np.float32), boxes) == [1, 2]


def test_views_are_squares_that_show_the_region() -> None:
    rgb = picture(120, 80)
    rgb[20:40, 30:90] = 255
    views, box = Views.of(rgb), Box(30, 20, 90, 40)
    plain = views.plain(box, 0.0)
    assert plain.shape == (60, 60, 3) and (plain[20:40] == 255).all()
    inside = np.zeros((80, 120), bool)
    inside[20:40, 30:90] = True
    alone = views.alone(inside, box, 0.0)
    assert (alone[20:40] == 255).all() and np.abs(np.diff(alone[:15].astype(int), axis=1)).max() < 30
    assert views.plain(Box(100, 60, 120, 80)).shape[0] == views.plain(Box(100, 60, 120, 80)).shape[1]
    assert Views.of(np.zeros((1, 1, 3), np.uint8)).plain(Box(0, 0, 1, 1)).shape == (1, 1, 3)


def test_a_region_fits_by_what_its_two_views_agree_on(segmenter: Segmenter, classifier: Any) -> None:
    """A crop that shows the thing beside it cannot speak for a region that shows nothing of it by itself."""
    words, rgb = Words([(classifier, 1.0)], ["a cat", "dog"]), picture(90, 60)
    scene = Scene(segmenter, segmenter.encode(rgb), rgb, lambda *_: None)
    pixels = np.zeros((60, 90), bool)
    pixels[10:40, 20:60] = True
    region = Region(Prompts(), Candidate(0.5, np.zeros((32, 32), np.float32)), Mask.from_array(pixels))
    plain, alone = scene.views.plain(region.box), scene.views.alone(pixels, region.box)
    each = words.fits(words.seen([plain, alone]))
    assert scene.fits([region], words)[0] == pytest.approx(agreed(each[0], each[1]), abs=1e-4)
    assert scene.fits([], words).shape == (0, 2)


def test_what_a_region_has_of_its_own_is_looked_at_without_what_others_take(
    segmenter: Segmenter, classifier: Any
) -> None:
    words, rgb = Words([(classifier, 1.0)], ["a cat", "dog"]), picture(90, 60)
    scene = Scene(segmenter, segmenter.encode(rgb), rgb, lambda *_: None)

    def region(left: int, right: int) -> Region:
        pixels = np.zeros((60, 90), bool)
        pixels[10:40, left:right] = True
        return Region(Prompts(), Candidate(0.5, np.zeros((32, 32), np.float32)), Mask.from_array(pixels))

    one, other = region(20, 60), region(40, 80)
    assert scene.own_fit(one, [region(10, 70)], words, 0) == 0  # nothing of its own
    blurred = rgb.copy()
    blurred[10:40, 40:80] = scene.views.ground[10:40, 40:80]
    rest = Views(blurred, scene.views.ground)
    inside = one.mask.array() & ~other.mask.array()
    each = words.fits(words.seen([rest.plain(one.box), rest.alone(inside, one.box)]))
    assert scene.own_fit(one, [other], words, 1) == pytest.approx(float(agreed(each[0], each[1])[1]), abs=1e-4)


def test_instances_that_only_fit_by_what_a_better_one_has_are_left_out() -> None:
    def judged(region: int, sure: bool = False) -> Judged:
        return Judged(region, 0, Parts(0.9, 1.0, 1.0, 1.0), 0.9, sure)

    def mask(left: int, right: int) -> Mask:
        pixels = np.zeros((20, 100), bool)
        pixels[:, left:right] = True
        return Mask.from_array(pixels)

    lie = Overlaps([mask(0, 40), mask(30, 70), mask(32, 72), mask(80, 100)])
    asked: list[tuple[int, list[int]]] = []

    def own_fit(one: Judged, taken: list[int]) -> float:
        asked.append((one.region, taken))
        return 0.1 if one.region == 1 else 0.3

    found = [judged(0), judged(1), judged(2), judged(3)]
    assert of_their_own(found, lie, own_fit, TextOptions()) == [found[0], found[2], found[3]]
    assert asked == [(1, [0]), (2, [0])]  # nothing lies over the last one
    assert len(of_their_own(found, lie, own_fit, TextOptions(least_text=0.05))) == 4  # no more is asked than of a whole
    said = [judged(0), judged(1, sure=True)]
    assert of_their_own(said, lie, own_fit, TextOptions()) == said  # a detector that understands the words decides


def test_views_agree_by_their_odds() -> None:
    one = np.array([0.9, 0.99, 0.999999, 0.5, 0.0], np.float32)
    other = np.array([0.9, 0.01, 0.5, 0.5, 0.9], np.float32)
    together = agreed(one, other)
    assert together[:2] == pytest.approx([0.9, 0.5], abs=1e-5)  # two that are equally sure of opposites say nothing
    assert 0.9 < together[2] < 0.98  # no view is sure enough to outweigh any other
    assert together[3] == pytest.approx(0.5) and together[4] == 0  # what was not looked for stays so


def test_a_detector_that_cannot_be_loaded_is_replaced_and_named(runner: InlineRunner, folder: Path) -> None:
    def missing() -> Any:
        raise ModelError("It is not there.")

    for wish in ("auto", "grounding-dino"):
        detector, notice = choose(wish, missing)  # type: ignore[arg-type]
        assert detector.name == "clip" and "It is not there." in notice
    assert choose("clip", missing)[1] == ""


def test_without_transformers_grounding_dino_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from inference.engines.device import Device

    monkeypatch.setitem(sys.modules, "transformers", None)  # as where it is not installed
    with pytest.raises(ModelError, match="transformers") as failure:
        grounding.load(tmp_path / "model.safetensors", Device("cpu", "CPU"))
    assert "pip install" in (failure.value.remedy or "")


def test_phrases_are_read_together_and_told_apart_by_their_tokens() -> None:
    stop = 9
    assert grounding.spans([0, 1, 2, stop, 3, stop, 7], stop, 2) == [[1, 2], [4]]
    many = [f"thing number {n}" for n in range(300)]
    parts = list(grounding.chunks(many))
    assert [place for part in parts for place in part] == list(range(300)) and len(parts) > 10


# The search


def test_masks_have_the_pictures_size_and_their_parts_add_up(segmenter: Segmenter, classifier: Any) -> None:
    rgb, words = picture(90, 60), Words([(classifier, 1.0)], ["a cat", "dog"])
    embedding = segmenter.encode(rgb)
    from dataclasses import replace

    answer = find_words(segmenter, replace(embedding, width=900, height=600), rgb, words, ClipDetector(), OPEN)
    assert answer.instances and len(answer.candidates) <= 6
    for one in (*answer.instances, *answer.candidates):
        assert (one.mask.width, one.mask.height) == (900, 600)
        assert one.score == pytest.approx(one.parts.total(OPEN.weights)) and 0 <= one.score <= 1
        assert one.low_res.shape == (segmenter.low_res_size,) * 2
    assert [one.phrase for one in answer.instances] == sorted(one.phrase for one in answer.instances)
    assert {one.phrase for one in answer.candidates} == {"a cat", "dog"}


def test_no_object_present_is_an_empty_answer(segmenter: Segmenter, classifier: Any) -> None:
    words = Words([(classifier, 1.0)], ["a cat"])
    answer = _find(segmenter, words, picture(90, 60), TextOptions(detector="clip", points_per_side=2, least_text=1.0))
    assert answer.instances == ()  # nothing fits perfectly
    assert not any(one.accepted for one in answer.candidates)


@pytest.mark.parametrize("colour", [0, 128, 255])
def test_a_picture_of_one_colour_holds_nothing(segmenter: Segmenter, classifier: Any, colour: int) -> None:
    rgb = np.full((60, 90, 3), colour, np.uint8)
    assert is_plain(rgb) and not is_plain(picture(90, 60))
    assert _find(segmenter, Words([(classifier, 1.0)], ["a cat"]), rgb).instances == ()


def test_an_unknown_word_is_not_looked_for(segmenter: Segmenter, classifier: Any) -> None:
    answer = _find(segmenter, Words([(classifier, 1.0)], ["quasar", "dog"]), picture(90, 60))
    assert {one.phrase for one in (*answer.instances, *answer.candidates)} == {"dog"}
    assert _find(segmenter, Words([(classifier, 1.0)], ["quasar"]), picture(90, 60)).candidates == ()


class _Sure:
    """A detector that knows where everything is."""

    name = "sure"

    def regions(self, scene: Scene, words: Words, options: TextOptions) -> list[Region]:
        found = []
        for place in range(len(words.phrases)):
            pixels = np.zeros((scene.height, scene.width), bool)
            pixels[10:40, 10 + 30 * place : 35 + 30 * place] = True
            low = np.where(cv2.resize(pixels.astype(np.uint8), (32, 32)) > 0, 8.0, -8.0).astype(np.float32)
            found.append(Region(Prompts(), Candidate(0.9, low), Mask.from_array(pixels), place, 0.4))
        return found


def test_what_a_detector_is_sure_of_needs_no_consent_of_the_classifier(segmenter: Segmenter, classifier: Any) -> None:
    words, rgb = Words([(classifier, 1.0)], ["a cat", "quasar"]), picture(90, 60)
    options = TextOptions(least_text=1.0)
    answer = find_words(segmenter, segmenter.encode(rgb), rgb, words, _Sure(), options)
    assert [one.phrase for one in answer.instances] == ["a cat", "quasar"]
    assert answer.instances[1].parts.text == pytest.approx(0.4) and all(one.sure for one in answer.instances)


def test_instances_are_the_first_among_the_candidates() -> None:
    """Also where a mask that does not fit, but is judged better by its shape, lies across one of them."""
    masks = []
    for x in (0, 30, 46, 80):
        pixels = np.zeros((40, 100), bool)
        pixels[5:35, x : x + 20] = True
        masks.append(Mask.from_array(pixels))
    pixels = np.zeros((40, 100), bool)
    pixels[5:35, 30:66] = True  # both in the middle
    masks.append(Mask.from_array(pixels))
    judged = [
        Judged(0, 0, Parts(0.9, 1, 1, 1), 0.9),
        Judged(4, 0, Parts(0.1, 1, 1, 1), 0.8),
        Judged(1, 0, Parts(0.9, 0, 1, 1), 0.7),
        Judged(2, 0, Parts(0.9, 0, 1, 1), 0.6),
        Judged(3, 0, Parts(0.1, 0, 1, 1), 0.5),
    ]
    lie, options = Overlaps(masks), TextOptions()
    chosen = {(one.region, one.phrase) for one in instances(judged, lie, options)}
    assert [one.region for one in told(judged, chosen, lie, options)] == [0, 1, 2]
    assert [one.region for one in told(judged, {(0, 0)}, lie, options)] == [0, 4, 3]


def test_three_hundred_phrases_at_once(segmenter: Segmenter, classifier: Any) -> None:
    phrases = [f"{word} {n}" for n in range(60) for word in ("cat", "dog", "car", "bird", "ship")]
    answer = _find(segmenter, Words([(classifier, 1.0)], phrases), picture(90, 60))
    assert len({one.phrase for one in answer.candidates}) == 300
    best = {}
    for one in answer.instances:  # nothing is an instance of two phrases
        assert best.setdefault(one.mask.counts, one.phrase) == one.phrase


def test_it_stops_wherever_it_is_asked_to(segmenter: Segmenter, classifier: Any) -> None:
    messages: list[str] = []

    def count(_done: int, _total: int, message: str) -> None:
        messages.append(message)

    words = Words([(classifier, 1.0)], ["a cat"])
    _find(segmenter, words, picture(90, 60), step=count)
    assert {"Looking for objects", "Comparing with the words", "Drawing masks"} <= set(messages)
    for end in (1, len(messages) // 2, len(messages) - 1):
        left = iter(range(end))

        def stop(_done: int, _total: int, _message: str, left: Any = left) -> None:
            if next(left, None) is None:
                raise Cancelled

        with pytest.raises(Cancelled):
            _find(segmenter, words, picture(90, 60), step=stop)


def test_instances_are_apart_and_within_reach_of_the_best() -> None:
    def square(x: int, y: int, side: int) -> Mask:
        pixels = np.zeros((100, 100), bool)
        pixels[y : y + side, x : x + side] = True
        return Mask.from_array(pixels)

    masks = [square(0, 0, 20), square(1, 1, 20), square(4, 4, 8), square(50, 50, 20), square(80, 0, 15)]
    texts = [0.9, 0.88, 0.9, 0.85, 0.6]
    judged = [Judged(n, 0, Parts(text, 1, 1, 1), text) for n, text in enumerate(texts)]
    lie = Overlaps(masks)
    assert lie.inside[2, 0] == lie.inside[0, 2] == 1
    chosen = instances(judged, lie, TextOptions(least_text=0.5, relative=0.15))
    assert [one.region for one in chosen] == [0, 3]
    assert [one.region for one in instances(judged, lie, TextOptions(least_text=0.5, relative=0.5))] == [0, 3, 4]
    assert instances(judged, lie, TextOptions(least_text=0.95)) == []
    assert instances([], Overlaps([]), TextOptions()) == []


# The job


def test_the_job_streams_pictures_and_lists_those_that_fail(runner: InlineRunner, folder: Path, tmp_path: Path) -> None:
    good, broken = tmp_path / "good.png", tmp_path / "broken.png"
    Image.fromarray(picture(90, 60)).save(good)
    broken.write_bytes(b"nothing")
    request = _request([str(good), str(broken), str(good)], folder, "a cat", "quasar", options=OPEN)
    result, items = _run(runner, request)
    assert [item.image.path for item in items] == [str(good), str(broken), str(good)]
    assert [item.error is None for item in items] == [True, False, True]
    assert [item.image.path for item in result.failed] == [str(broken)]
    assert result.ready.unknown == ("quasar",) and result.ready.detector == "clip"
    assert items[0].counts == {"a cat": len(items[0].instances)} and (items[0].width, items[0].height) == (90, 60)
    assert all(isinstance(one, WordMask) for one in items[0].instances)
    assert [o.mask for o in items[0].instances] == [o.mask for o in items[2].instances]


def test_large_pictures_are_seen_smaller_and_kept_embeddings_are_those_of_clicks(
    runner: InlineRunner, folder: Path, tmp_path: Path
) -> None:
    file = tmp_path / "large.png"
    Image.fromarray(picture(700, 300)).save(file)
    options = TextOptions(detector="clip", least_text=0.0, relative=1.0, points_per_side=2, max_side=128)
    for keep in (False, True):
        _, (item,) = _run(runner, _request([str(file)], folder, options=options, keep=keep))
        assert (item.width, item.height) == (700, 300)
        assert item.candidates and all(one.mask.width == 700 for one in item.candidates)


def test_members_that_cannot_be_loaded_are_left_out_and_named(
    runner: InlineRunner, folder: Path, tmp_path: Path
) -> None:
    file = tmp_path / "one.png"
    Image.fromarray(picture(90, 60)).save(file)
    members = ((str(folder), 1.0), ("vit-h-14-laion2b", 2.0))
    request = TextSegmentRequest((ImageRef(str(file)),), ("a cat",), "starter", members, options=OPEN)
    result, _ = _run(runner, request)
    assert [model for model, _ in result.ready.left_out] == ["vit-h-14-laion2b"]
    assert [weight for _, weight in result.ready.models] == [1.0]
    with pytest.raises(ModelError):
        _run(runner, TextSegmentRequest((ImageRef(str(file)),), ("cat",), "starter", (("vit-h-14-laion2b", 1.0),)))


@pytest.mark.parametrize("phrases", [("",), ("...",), ("cat", " ")])
def test_an_empty_phrase_is_refused(runner: InlineRunner, folder: Path, phrases: tuple[str, ...]) -> None:
    with pytest.raises(UsageError):
        runner.run(TextSegmentRequest((), phrases, "starter", ((str(folder), 1.0),)))
    with pytest.raises(UsageError):
        runner.run(TextSegmentRequest((), (), "starter", ((str(folder), 1.0),)))


def test_the_notice_of_a_fallback_comes_before_the_first_picture(
    runner: InlineRunner, folder: Path, tmp_path: Path
) -> None:
    file = tmp_path / "one.png"
    Image.fromarray(picture(90, 60)).save(file)
    told: list[Progress] = []
    options = TextOptions(detector="grounding-dino", points_per_side=2)
    runner.run(_request([str(file)], folder, options=options), told.append)
    first = next(p.payload for p in told if p.payload is not None)
    assert isinstance(first, TextSegmentReady) and first.detector == "clip" and "GroundingDINO" in first.notice


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_hundred_megapixels_fit_into_memory(folder: Path, tmp_path: Path) -> None:
    """Against the same work on a small picture: the rest of the memory is the program's and the models'."""
    code = f"""
import sys
from inference.worker.inline import InlineRunner
from inference.worker.options import WorkerOptions
from inference.jobs.text_segment import TextSegmentRequest
from inference.protocol import ImageRef
from inference.text_segment import TextOptions
import resource
options = TextOptions(detector="clip", least_text=0.0, relative=1.0, points_per_side=2)
members = (({str(folder)!r}, 1.0),)
request = TextSegmentRequest((ImageRef(sys.argv[1]),), ("a cat",), "starter", members, options=options)
result = InlineRunner(options=WorkerOptions(force_device="cpu")).run(request)
assert not result.failed, result.failed[0].error
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""
    peaks = []
    for name, width, height in (("small.jpg", 600, 500), ("large.jpg", 12_000, 8_400)):
        Image.fromarray(picture(600, 500)).resize((width, height)).save(tmp_path / name, quality=80)
        root = Path(__file__).resolve().parents[2]
        done = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path / name)], cwd=root, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        peaks.append(int(done.stdout.split()[-1]) * 1024)
    assert peaks[1] - peaks[0] < 1_500_000_000


def test_a_scene_answers_in_the_pixels_of_the_picture(segmenter: Segmenter) -> None:
    from dataclasses import replace

    rgb = picture(90, 60)
    scene = Scene(segmenter, replace(segmenter.encode(rgb), width=180, height=120), rgb, lambda *_: None)
    assert scene.full_box(Box(10, 10, 20, 30)) == Box(20, 20, 40, 60)
    region = scene.region(Prompts((), Box(20, 20, 120, 100)))
    if region is not None:
        assert (region.mask.width, region.mask.height) == (90, 60)
    empty = Candidate(0.5, np.full((32, 32), -5, np.float32))
    assert Region(Prompts(), empty, Mask.empty(60, 90)).box == Box(0, 0, 0, 0)
    assert detectors.ClipDetector.name == "clip"
