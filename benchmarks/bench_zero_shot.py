"""What the built-in classifier names right without having been trained on the sets: CIFAR-10, Tiny-ImageNet.

Needs the development data (`../shared/data`). CIFAR-10 was never seen in training; of Tiny-ImageNet's 200 names the 20
that were held out of training are also reported alone. `WINNOW_ZERO_SHOT_MODEL` measures another model or folder.
"""

from __future__ import annotations

import io
import os
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.common import report

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
CIFAR = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
FRAMES = ("a photo of a {}.", "a {}", "a blurry photo of a {}.")


def main() -> None:
    """Prints the figures."""
    if not (DATA / "cifar10.zip").is_file():
        print(f"skipped: no development data in {DATA}")
        return
    from inference.engines.pool import ModelPool
    from inference.training.clip_pictures import held_out, tiny_names
    from inference.training.clip_recipe import words_of
    from inference.training.clip_words import plain

    classifier = ModelPool().classifier(os.environ.get("WINNOW_ZERO_SHOT_MODEL", "winnow-clip"))

    def texts(names: list[str]) -> np.ndarray:
        return np.stack([_unit(classifier.embed_texts([f.format(n) for f in FRAMES]).mean(0)) for n in names])

    start, pictures, labels = time.perf_counter(), 0, []
    found = []
    for label, batch in _batches("cifar10.zip", "test"):
        found.append(classifier.embed_images(batch))
        labels += [label] * len(batch)
        pictures += len(batch)
    seconds = time.perf_counter() - start
    right = np.array(CIFAR)[(np.concatenate(found) @ texts(list(CIFAR)).T).argmax(1)] == np.array(labels)
    report(
        "CIFAR-10 test, zero-shot, wrong", 100 * (1 - right.mean()), "%", target=35.0, note=f"right {right.mean():.3f}"
    )
    for name in CIFAR:
        print(f"   {name}: {right[np.array(labels) == name].mean():.3f}")
    report("a decoded picture", 1000 * seconds / pictures, "ms", target=10.0, note=f"{pictures / seconds:.0f} a second")

    words = words_of(DATA.parent)
    folders = tiny_names(words, DATA)
    names = [plain(name) for name in folders.values()]
    hidden = {plain(name) for name in held_out(words, DATA)}
    found, labels = [], []
    for folder, batch in _batches("tiny_imagenet.zip", "val"):
        found.append(classifier.embed_images(batch))
        labels += [plain(folders[folder])] * len(batch)
    embeddings, truth = np.concatenate(found), np.array(labels)
    choices = np.array(names)[(embeddings @ texts(names).T).argmax(1)] == truth
    unseen = np.isin(truth, list(hidden))
    seen_right, unseen_right = choices[~unseen].mean(), choices[unseen].mean()
    note = f"right {choices.mean():.3f}; seen names {seen_right:.3f}, unseen {unseen_right:.3f}"
    report("Tiny-ImageNet val over 200 names, wrong", 100 * (1 - choices.mean()), "%", target=55.0, note=note)
    few = sorted(hidden)
    among = np.array(few)[(embeddings[unseen] @ texts(few).T).argmax(1)] == truth[unseen]
    print(f"the 20 names left out of training, among themselves: right {among.mean():.3f}")


def _batches(archive: str, part: str, size: int = 64) -> Iterator[tuple[str, list[np.ndarray]]]:
    """(class folder, pictures) of a zip of class folders."""
    with zipfile.ZipFile(DATA / archive) as pictures:
        by_class: dict[str, list[str]] = {}
        for member in sorted(pictures.namelist()):
            pieces = member.split("/")
            if len(pieces) == 3 and pieces[0] == part and pieces[2]:
                by_class.setdefault(pieces[1], []).append(member)
        for name, members in by_class.items():
            for at in range(0, len(members), size):
                yield name, [_open(pictures.read(m)) for m in members[at : at + size]]


def _open(content: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(content)) as picture:
        return np.asarray(picture.convert("RGB"))


def _unit(row: np.ndarray) -> np.ndarray:
    return row / np.linalg.norm(row)
