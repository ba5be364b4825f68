"""The labelled pictures the built-in classifier learns from, packed into one file that training reads without decoding.

Sources, all of them in the development folder: Tiny-ImageNet, one picture of each ImageNet class, the training part of
the pets sample, and the boxes around the objects of the segmentation set. Twenty names are held out: no picture of
them is packed for training, so that what the classifier says of names it never saw can be measured.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from inference.training.clip_words import Words

SIDE = 160  # pixels; pictures are packed as squares of at most this side
HELD_OUT = 20
UNNAMED = -1  # the label of a picture nobody named
_MOST_OF_A_NAME = 400  # boxes of one category, so that 3,000 cats do not drown the rest
_LEAST_BOX = 24  # pixels; below it nobody could tell what it is
_CONTEXT = 0.12  # of the box's longer side, kept around it

Rgb = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Packed:
    """Square pictures of different sides in one array.

    Attributes:
        pixels: flat uint8; picture i is `pixels[start[i] : start[i] + 3 * side[i] ** 2]`.
        label: index into the words' names, or `UNNAMED`.
        source: which set it is from.
    """

    pixels: npt.NDArray[np.uint8]
    start: npt.NDArray[np.int64]
    side: npt.NDArray[np.int32]
    label: npt.NDArray[np.int32]
    source: npt.NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.label)

    def picture(self, i: int) -> Rgb:
        side = int(self.side[i])
        return self.pixels[self.start[i] : self.start[i] + 3 * side * side].reshape(side, side, 3)

    def save(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        np.save(folder / "pixels.npy", self.pixels)
        np.savez(folder / "labels.npz", start=self.start, side=self.side, label=self.label, source=self.source)

    @classmethod
    def load(cls, folder: Path) -> Packed:
        with np.load(folder / "labels.npz") as labels:
            return cls(
                np.load(folder / "pixels.npy", mmap_mode="r"),
                labels["start"], labels["side"], labels["label"], labels["source"],
            )  # fmt: skip


def held_out(words: Words, data: Path, seed: int = 0) -> frozenset[str]:
    """Twenty Tiny-ImageNet names with a true text embedding that no other set shows, drawn by seed."""
    shown = _coco_names(data / "segmentation" / "train.json", words)
    index = words.index
    shown |= {parent for parents in words.parents.values() for parent in parents}  # its children's pictures show it
    names = [name for name in tiny_names(words, data).values() if words.true[index[name]] and name not in shown]
    chosen = np.random.default_rng(seed).choice(sorted(set(names)), HELD_OUT, replace=False)
    return frozenset(str(name) for name in chosen)


def tiny_names(words: Words, data: Path) -> dict[str, str]:
    """By folder of Tiny-ImageNet, the name of its class."""
    order = {wnid: i for i, wnid in enumerate(imagenet_wnids(data))}
    with zipfile.ZipFile(data / "tiny_imagenet.zip") as archive:
        folders = sorted({p.split("/")[1] for p in archive.namelist() if p.startswith("train/") and p.count("/") > 1})
    return {folder: words.imagenet[order[folder.split("_")[0]]] for folder in folders}


def imagenet_wnids(data: Path) -> list[str]:
    """The WordNet ids of the 1,000 classes in the usual order."""
    return [name.split("_", 1)[0] for name in _one_each(data)]


def imagenet_names(data: Path) -> list[str]:
    """Their names, in the same order."""
    return [Path(name).stem.split("_", 1)[1] for name in _one_each(data)]


def pack(words: Words, data: Path, part: str, seed: int = 0) -> Packed:
    """Reads and packs everything of one part.

    Args:
        part: "train" (without the held-out names), or "val": Tiny-ImageNet's, and boxes of the segmentation set's.
    """
    out = held_out(words, data, seed) if part == "train" else frozenset()
    found: list[tuple[Rgb, str, str]] = []
    for picture, name, source in _all(words, data, part, seed):
        if name not in out:
            found.append((picture, name, source))
    index = words.index
    side = np.array([p.shape[0] for p, _, _ in found], np.int32)
    start = np.concatenate([[0], np.cumsum(3 * side.astype(np.int64) ** 2)[:-1]])
    pixels = np.concatenate([p.reshape(-1) for p, _, _ in found])
    label = np.array([index[name] for _, name, _ in found], np.int32)
    return Packed(pixels, start, side, label, np.array([source for _, _, source in found]))


def _all(words: Words, data: Path, part: str, seed: int) -> Iterator[tuple[Rgb, str, str]]:
    names = tiny_names(words, data)
    with zipfile.ZipFile(data / "tiny_imagenet.zip") as archive:
        for member in sorted(archive.namelist()):
            pieces = member.split("/")
            if len(pieces) == 3 and pieces[0] == part and pieces[2]:
                yield _square(open_rgb(archive.read(member))), names[pieces[1]], "tiny"
    if part == "train":
        with zipfile.ZipFile(data / "imagenet_one_each.zip") as archive:
            for name, member in zip(words.imagenet, _one_each(data), strict=True):
                yield _square(open_rgb(archive.read(member))), name, "imagenet"
        yield from _pets(data / "oxford_pets_sample")
    yield from _boxes(words, data / "segmentation", part, seed)


def _pets(folder: Path) -> Iterator[tuple[Rgb, str, str]]:
    for line in (folder / "annotations" / "trainval.txt").read_text(encoding="utf-8").splitlines():
        stem = line.split()[0]
        file = folder / "images" / f"{stem}.jpg"
        if file.is_file():  # breeds of cats begin with a capital there
            yield _square(open_rgb(file.read_bytes())), "cat" if stem[0].isupper() else "bulldog", "pets"


def _boxes(words: Words, folder: Path, part: str, seed: int) -> Iterator[tuple[Rgb, str, str]]:
    data = json.loads((folder / f"{part}.json").read_text(encoding="utf-8"))
    categories = {c["id"]: c["name"] for c in data["categories"]}
    files = {i["id"]: folder / "images" / i["file_name"] for i in data["images"]}
    boxes = data["annotations"]
    order = np.random.default_rng(seed).permutation(len(boxes))
    taken: Counter[str] = Counter()
    by_picture: dict[int, list[tuple[list[float], str]]] = {}
    for i in order:
        box = boxes[i]
        name = name_of_category(words, categories[box["category_id"]])
        if name is None or box["iscrowd"] or min(box["bbox"][2:]) < _LEAST_BOX or taken[name] >= _MOST_OF_A_NAME:
            continue
        taken[name] += 1
        by_picture.setdefault(box["image_id"], []).append((box["bbox"], name))

    def cut(picture: int) -> list[tuple[Rgb, str, str]]:
        rgb = open_rgb(files[picture].read_bytes())
        return [(_square(around(rgb, box)), name, "boxes") for box, name in by_picture[picture]]

    with ThreadPoolExecutor(2) as threads:
        for found in threads.map(cut, by_picture):
            yield from found


def name_of_category(words: Words, category: str) -> str | None:
    """The name of a category of the segmentation set; None when it names no object."""
    if category in words.no_object:
        return None
    name = words.categories.get(category, category)
    return name if name in words.index else words.aliases.get(name)


def around(rgb: Rgb, box: list[float]) -> Rgb:
    """The square around a box (x, y, width, height in pixels) with some context, inside the picture."""
    height, width = rgb.shape[:2]
    x, y, w, h = box
    side = max(w, h) * (1 + 2 * _CONTEXT)
    left, top = x + w / 2 - side / 2, y + h / 2 - side / 2
    x0, x1 = max(0, round(left)), min(width, round(left + side))
    y0, y1 = max(0, round(top)), min(height, round(top + side))
    return rgb[y0:y1, x0:x1]


def _coco_names(file: Path, words: Words) -> set[str]:
    data = json.loads(file.read_text(encoding="utf-8"))
    return {name for c in data["categories"] if (name := name_of_category(words, c["name"])) is not None}


def _one_each(data: Path) -> list[str]:
    with zipfile.ZipFile(data / "imagenet_one_each.zip") as archive:
        return sorted(n for n in archive.namelist() if n.endswith(".webp"))


def open_rgb(content: bytes) -> Rgb:
    """An encoded picture as (h, w, 3)."""
    with Image.open(io.BytesIO(content)) as picture:
        return np.asarray(picture.convert("RGB"))


def _square(rgb: Rgb) -> Rgb:
    """Squeezed to a square of at most `SIDE`: the shorter side's length, cut in the middle when it is long."""
    height, width = rgb.shape[:2]
    short = min(height, width)
    keep = round(short * 1.34)  # a third more is kept and squeezed; longer pictures lose their ends
    top, left = max(0, (height - keep) // 2), max(0, (width - keep) // 2)
    rgb = rgb[top : top + min(height, keep), left : left + min(width, keep)]
    side = max(8, min(short, SIDE))
    return cv2.resize(rgb, (side, side), interpolation=cv2.INTER_AREA if short > side else cv2.INTER_LINEAR)
