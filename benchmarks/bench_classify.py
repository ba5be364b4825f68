"""Sorting 12-megapixel JPEGs by words, against open_clip as its README shows it: open, preprocess, encode, one by one.

Both use the same weights, the built-in classifier's (or `--model`), and the same prompt set. The pictures are made of
the bundled samples, each at another place and size, so that no two are alike, and are thrown away at the end.

    python -m benchmarks classify                     a short run of 40 pictures
    python -m benchmarks.bench_classify --pictures 1000
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import torch
from PIL import Image

from benchmarks.common import report
from inference import catalogue, prompt_sets
from inference.engines import device as devices
from inference.engines.pool import ModelPool
from inference.jobs.embed import EmbedItem, EmbedRequest, run
from inference.paths import resource
from inference.prompt_sets import PromptSet
from inference.scoring import Scores, score

WIDTH, HEIGHT = 4000, 3000
TARGET = 1 / 2.5
LEAST_COSINE, LEAST_AGREEMENT = 0.999, 0.99


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--pictures", type=int, default=40)
    parser.add_argument("--model", default=catalogue.CLASSIFIER)
    parser.add_argument("--prompts", default="cifar-10")
    parser.add_argument("--workers", type=int, default=2)
    chosen = parser.parse_args(arguments or [])
    folder = catalogue.weights_path(chosen.model).parent
    pool = ModelPool(force_device="cpu")
    pool.classifier(chosen.model)  # loading is not what is compared
    prompts = prompt_sets.find(chosen.prompts)
    with tempfile.TemporaryDirectory() as place:
        paths = pictures(Path(place), chosen.pictures)
        theirs, plain_seconds = _plain(folder, paths)
        ours, our_seconds = _ours(pool, chosen.model, paths, chosen.workers)
    cosines = (ours * theirs).sum(axis=1) / np.linalg.norm(ours, axis=1)
    one, other = (_scores(pool, chosen.model, rows, prompts) for rows in (ours, theirs))
    agreement = float(np.mean([a.top == b.top for a, b in zip(one, other, strict=True)]))
    plain = plain_seconds / chosen.pictures * 1e3
    good = cosines.mean() >= LEAST_COSINE and agreement >= LEAST_AGREEMENT
    report(
        f"embedding {chosen.pictures} JPEGs of 12 MP, {folder.name}",
        our_seconds / chosen.pictures * 1e3,
        "ms a picture",
        our_seconds / plain_seconds,
        TARGET,
        f"{plain_seconds / our_seconds:.2f} times as fast as open_clip's loop ({plain:.0f} ms); "
        f"cosine {cosines.mean():.5f} (least {cosines.min():.5f}), same top-1 {agreement:.1%}: "
        f"{'met' if good else 'MISSED'}; {torch.get_num_threads()} threads",
    )


def pictures(folder: Path, count: int) -> list[str]:
    """JPEGs of 12 MP (quality 90) from the samples: a part of one, at another place and size each time."""
    random = np.random.default_rng(0)
    samples = [Image.open(path).convert("RGB") for path in sorted(resource("samples").glob("*.jpg"))]
    paths = []
    for number in range(count):
        sample = samples[number % len(samples)]
        share = random.uniform(0.4, 1.0)
        width = min(sample.width, sample.height * WIDTH / HEIGHT) * share
        height = width * HEIGHT / WIDTH
        left, top = random.uniform(0, sample.width - width), random.uniform(0, sample.height - height)
        part = sample.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC, (left, top, left + width, top + height))
        grain = random.integers(-6, 7, (HEIGHT, WIDTH, 1), dtype=np.int16)  # a camera's files are not smooth
        noisy = np.clip(np.asarray(part).astype(np.int16) + grain, 0, 255).astype(np.uint8)
        paths.append(str(folder / f"{number:05}.jpg"))
        Image.fromarray(noisy).save(paths[-1], quality=90)
    return paths


def _plain(folder: Path, paths: list[str]) -> tuple[np.ndarray[Any, Any], float]:
    """The loop of open_clip's README."""
    model, _, preprocess = open_clip.create_model_and_transforms(f"local-dir:{folder}")
    model.eval()
    devices.apply(devices.choose("cpu"))
    rows = []
    start = time.perf_counter()
    for path in paths:
        image = preprocess(Image.open(path)).unsqueeze(0)
        with torch.no_grad():
            features = model.encode_image(image)
            features /= features.norm(dim=-1, keepdim=True)
        rows.append(features[0].numpy())
    return np.stack(rows), time.perf_counter() - start


def _ours(pool: ModelPool, model: str, paths: list[str], workers: int) -> tuple[np.ndarray[Any, Any], float]:
    """The job that the window runs, hashing of the files and all."""

    class Collecting:
        models = pool
        rows: list[Any] = []  # noqa: RUF012  one instance

        def progress(self, _done: int, _total: int, _message: str = "", payload: Any = None) -> None:
            if isinstance(payload, EmbedItem):
                self.rows.append(payload.embedding)

    context = Collecting()
    start = time.perf_counter()
    run(EmbedRequest(tuple(paths), model, workers), context)
    return np.stack(context.rows).astype(np.float32), time.perf_counter() - start


def _scores(pool: ModelPool, model: str, rows: np.ndarray[Any, Any], prompt_set: PromptSet) -> list[Scores]:
    classifier = pool.classifier(model)
    prompts = prompt_set.prompts()
    flat = classifier.embed_texts([prompt for of_item in prompts for prompt in of_item])
    texts = np.split(flat, np.cumsum([len(of_item) for of_item in prompts])[:-1])
    return score(rows, texts, prompt_set, classifier.scale, classifier.bias, classifier.sigmoid)


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
