"""A click on a 12-megapixel picture to its full-size mask, embedding ready, against `SAM2ImagePredictor.predict`.

Ours ends with the finished `Mask` (run-length code); the predictor's with arrays. The bits are compared first.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import best_times, report
from benchmarks.models_and_photo import HEIGHT, WIDTH, models, photo
from inference.engines.architecture import predictor_for
from inference.engines.segmenter import Segmenter
from inference.masks import Mask
from inference.pictures import read_rgb
from inference.prompts import Box, Point, Prompts

TARGET = 0.7
QUESTIONS = {
    "click": Prompts((Point(WIDTH / 2 + 0.3, HEIGHT / 2),)),
    "box": Prompts((), Box(WIDTH * 0.3, HEIGHT * 0.2, WIDTH * 0.7, HEIGHT * 0.8)),
}


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        rgb = read_rgb(photo(Path(folder)))
    for name, model, config in models():
        predictor = predictor_for(model, dense_prompts=config.dense_prompts)
        predictor.set_image(rgb)
        segmenter = Segmenter(model, config)
        embedding = segmenter.encode(rgb)
        for question, prompts in QUESTIONS.items():
            plain = _plain(predictor, prompts)

            def ours(prompts: Prompts = prompts) -> Mask:
                return segmenter.full_mask(embedding, segmenter.decode(embedding, prompts)[0])  # noqa: B023 - used here

            masks, scores, _ = plain()
            if ours() != Mask.from_array(masks[int(np.argmax(scores))] > 0):
                raise AssertionError(f"{name}: the masks differ from the predictor's")
            decode_only, mine, theirs = best_times(
                [lambda p=prompts: segmenter.decode(embedding, p), ours, plain],  # noqa: B023 - used here
                rounds=15,
            )
            report(
                f"{question} to full-size mask, 12 MP, {name}",
                mine * 1e3,
                "ms",
                mine / theirs,
                TARGET,
                f"same bits; decoding {decode_only * 1e3:.1f}, predict {theirs * 1e3:.1f} ms",
            )


def _plain(predictor: Any, prompts: Prompts) -> Callable[[], Any]:
    box = prompts.box
    asked = {
        "point_coords": np.array([[p.x, p.y] for p in prompts.points], np.float32) if prompts.points else None,
        "point_labels": np.array([int(p.positive) for p in prompts.points]) if prompts.points else None,
        "box": None if box is None else np.array([box.x0, box.y0, box.x1, box.y1], np.float32),
        "multimask_output": box is None,
    }
    return lambda: predictor.predict(**asked)


if __name__ == "__main__":
    main()
