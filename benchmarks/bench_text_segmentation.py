"""How well words find things: the validation pictures of the development segmentation set, by their categories' names.

Measured are categories that the built-in classifier has seen pictures of. Every picture is asked twice: for what is in
it (IoU of the union of what was found with the union of the true masks, and the share of true objects of which an
instance has an IoU of 0.5), and for five categories that are not (how often something is found all the same). The
same is asked of two plain ways: the mask of segment everything whose crop fits the words best, and the mask for a box
around the whole picture.

60 pictures, evenly spread; `WINNOW_BENCH_PICTURES` says another number (0: all), `WINNOW_BENCH_CLIP` and
`WINNOW_BENCH_MODEL` other models.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pycocotools import mask as coco

from benchmarks.common import report

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "segmentation"
PICTURES = 60
ABSENT = 5
NO_THING = ("region", "nucleus", "skin", "accessories", "top")  # not names of what a picture shows
ALIKE: tuple[set[str], ...] = (
    {"bag", "purse", "handbag", "backpack", "suitcase", "wallet"},
    {"shoes", "heels", "boots", "sandals", "sneakers", "pumps", "loafers", "flats", "wedges", "clogs"},
    {"coat", "jacket", "blazer", "suit", "cardigan", "vest", "cape"},
    {"shirt", "blouse", "t-shirt", "sweater", "sweatshirt", "jumper", "hoodie"},
    {"pants", "jeans", "shorts", "leggings", "tights", "stockings", "socks"},
    {"skirt", "dress"},
    {"necklace", "bracelet", "earrings", "ring", "watch"},
    {"cup", "wine glass", "bottle", "bowl"},
    {"glasses", "sunglasses"},
    {"food", "apple", "orange", "banana", "pizza", "cake", "sandwich", "broccoli", "carrot", "donut", "hot dog"},
    {"chair", "couch", "bench"},
    {"car", "truck", "bus"},
)  # what people call by each other's names: of these none is asked for as absent when another one is there
WAYS = ("words", "everything + best crop", "box of the whole picture")


def main() -> None:
    """Prints a line for each way and figure."""
    if not (DATA / "val.json").is_file():
        print(f"skipped: no development data in {DATA}")
        return
    import torch

    from inference import warnings_allowed
    from inference.data_sets.coco import read_coco
    from inference.engines.device import thread_count
    from inference.engines.pool import ModelPool
    from inference.pictures import read_rgb

    warnings_allowed.allow()
    pool = ModelPool(force_device="cpu")
    torch.set_num_threads(thread_count())
    segmenter = pool.segmenter(os.environ.get("WINNOW_BENCH_MODEL", "starter"))
    classifier = pool.classifier(os.environ.get("WINNOW_BENCH_CLIP", "winnow-clip"))
    known = pool.classifier("winnow-clip").words
    samples = [(s, _by_name(s, known)) for s in read_coco(DATA / "val.json").samples]
    samples = [(sample, names) for sample, names in samples if names]
    of_source: dict[str, set[str]] = {}
    for sample, names in samples:
        of_source.setdefault(sample.source, set()).update(names)
    count = int(os.environ.get("WINNOW_BENCH_PICTURES", str(PICTURES)))
    places = np.linspace(0, len(samples) - 1, count).round().astype(int) if count else range(len(samples))
    tally = {way: _Tally() for way in WAYS}
    for place in dict.fromkeys(places):
        sample, present = samples[place]
        rgb = read_rgb(sample.path)
        start = time.perf_counter()
        embedding = segmenter.encode(rgb)
        tally["words"].seconds += time.perf_counter() - start
        for asked in (list(present), _absent(sample, present, of_source, int(place))):
            answers = _answers(segmenter, embedding, rgb, classifier, asked, tally)
            for way, by_name in answers.items():
                for name in asked:
                    tally[way].add(by_name[name], present.get(name))
    print(f"{tally['words'].asked} questions about what is there, {classifier.title}, {segmenter.device.name}")
    for way in WAYS:
        tally[way].tell(way, len(dict.fromkeys(places)))


class _Tally:
    """Collects one way's figures."""

    def __init__(self) -> None:
        self.ious: list[float] = []
        self.found: list[bool] = []
        self.alarms: list[bool] = []
        self.seconds = 0.0

    @property
    def asked(self) -> int:
        return len(self.ious)

    def add(self, masks: Sequence[Any], true: Sequence[Any] | None) -> None:
        """What was found of a category, and what there is of it (None for an absent one)."""
        if true is None:
            self.alarms.append(bool(masks))
            return
        got, want = _codes(masks), _codes(true)
        if not got:
            self.ious.append(0.0)
            self.found += [False] * len(want)
            return
        self.ious.append(float(coco.iou([coco.merge(got)], [coco.merge(want)], [0])[0, 0]))
        self.found += (coco.iou(got, want, [0] * len(want)).max(0) >= 0.5).tolist()

    def tell(self, way: str, pictures: int) -> None:
        note = f"instances found at IoU 0.5: {np.mean(self.found):.3f}, false alarms: {np.mean(self.alarms):.3f}"
        seconds = f", {self.seconds / pictures:.1f} s a picture with both questions" if self.seconds else ""
        report(f"{way}, mean IoU of the union", float(np.mean(self.ious)), "", note=note + seconds)


def _answers(
    segmenter: Any, embedding: Any, rgb: Any, classifier: Any, asked: list[str], tally: dict[str, _Tally]
) -> dict[str, dict[str, list[Any]]]:
    """The masks of each way for each name."""
    from inference.engines.everything import find_everything
    from inference.engines.text_segment.detectors import ClipDetector
    from inference.engines.text_segment.search import find_words
    from inference.engines.text_segment.views import Views
    from inference.engines.text_segment.words import Words
    from inference.everything import EverythingOptions
    from inference.prompts import Box, Prompts
    from inference.text_segment import TextOptions

    options = TextOptions()
    words = Words([(classifier, 1.0)], asked)
    start = time.perf_counter()
    answer = find_words(segmenter, embedding, rgb, words, ClipDetector(), options)
    tally["words"].seconds += time.perf_counter() - start
    found = {name: [one.mask for one in answer.instances if one.phrase == name] for name in asked}
    search = EverythingOptions(
        points_per_side=options.points_per_side, pred_iou_thresh=0.25, stability_score_thresh=0.0
    )
    masks = [one.mask for one in find_everything(segmenter, embedding, search, lambda: rgb)]
    views = Views.of(rgb)
    boxes = [Box(x, y, x + w, y + h) for x, y, w, h in (mask.bbox for mask in masks)]
    fits = words.fits(words.seen([views.plain(box) for box in boxes])) if boxes else np.zeros((0, len(asked)))
    best = {
        name: [masks[int(column.argmax())]] if len(column) and column.max() >= options.least_text else []
        for name, column in zip(asked, fits.T, strict=True)
    }
    height, width = rgb.shape[:2]
    whole = segmenter.decode(embedding, Prompts((), Box(0.0, 0.0, float(width), float(height))))[0]
    box = segmenter.full_mask(embedding, whole)
    return dict(zip(WAYS, (found, best, {name: [box] for name in asked}), strict=True))


def _by_name(sample: Any, known: Any) -> dict[str, list[Any]]:
    """The true masks by category, of those that the built-in classifier has seen."""
    names: dict[str, list[Any]] = {}
    for one in sample.objects:
        name = one.label
        if name and name not in NO_THING and not one.crowd and known.status(name) == "known" and one.mask.area:
            names.setdefault(name, []).append(one.mask)
    return names


def _absent(sample: Any, present: dict[str, Any], of_source: dict[str, set[str]], seed: int) -> list[str]:
    """Categories that the picture does not show: of those its own collection labels, where that has many."""
    every = set().union(*of_source.values())
    labelled = of_source[sample.source] if len(of_source[sample.source]) > 2 * ABSENT else every
    near = {name for names in ALIKE for name in names if names & set(present)} | set(present)
    others = sorted(labelled - near)
    rng = np.random.default_rng(seed)
    return [str(name) for name in rng.choice(others, min(ABSENT, len(others)), replace=False)]


def _codes(masks: Sequence[Any]) -> list[dict[str, Any]]:
    return [{"size": [m.height, m.width], "counts": m.counts.encode("ascii")} for m in masks]


if __name__ == "__main__":
    main()
