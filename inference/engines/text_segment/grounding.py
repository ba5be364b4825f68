"""GroundingDINO (Liu et al., 2023) through `transformers`, an optional extra: boxes for phrases.

Loaded from the files that the catalogue holds to their hashes; nothing is fetched and no code of a model's is run.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from inference.engines.device import Device
from inference.engines.placed import Placed
from inference.engines.text_segment.scene import Region, Scene, distinct
from inference.engines.text_segment.words import Words
from inference.errors import ModelError
from inference.prompts import Box, Prompts
from inference.text_segment import TextOptions, bare

Float32 = npt.NDArray[np.float32]

_AT_ONCE = 160  # characters of phrases read together: the text tower reads 256 tokens
_SAME = 0.9


class GroundingDino(Placed):
    """One loaded detector on one device.

    Args:
        model: `GroundingDinoForObjectDetection`, in eval mode; processor: its `GroundingDinoProcessor`.
    """

    name = "grounding-dino"

    def __init__(self, model: Any, processor: Any, device: Device) -> None:
        self.model, self.processor, self.device = model, processor, device
        self._guarded(self._settle, "loaded")

    def regions(self, scene: Scene, words: Words, options: TextOptions) -> list[Region]:
        """What boxes give as prompts; see `Detector`."""
        found: list[Region] = []
        for chunk in chunks(words.phrases):
            scene.step(0, 0, "Looking for the words")
            boxes, scores = self.boxes(scene.rgb, [words.phrases[place] for place in chunk])
            for box, row in zip(boxes, scores, strict=True):
                for place in np.flatnonzero(row >= options.box_threshold):
                    scene.step(len(found), 0, "Drawing masks")
                    at = Box(*(float(v) for v in box)).clipped(scene.width, scene.height)
                    if at.width >= 1 and at.height >= 1:
                        prompts, score = Prompts((), scene.full_box(at)), float(row[place])
                        region = scene.region(prompts, chunk[int(place)], score)
                        found += [region] if region is not None else []
        return list(distinct(found, _SAME))

    def boxes(self, rgb: npt.NDArray[np.uint8], phrases: Sequence[str]) -> tuple[Float32, Float32]:
        """(n, 4) x0, y0, x1, y1 in pixels and (n, phrases) scores 0..1, for the model's queries. Raises OutOfMemory."""
        return self._guarded(lambda: self._boxes(rgb, phrases), "searched")

    def _boxes(self, rgb: npt.NDArray[np.uint8], phrases: Sequence[str]) -> tuple[Float32, Float32]:
        text = " ".join(f"{bare(phrase).replace('.', ' ').lower()}." for phrase in phrases)
        inputs = self.processor(images=rgb, text=text, return_tensors="pt").to(self.device.torch_name)
        with torch.inference_mode(), self._autocast():
            answer = self.model(**inputs)
        tokens = inputs["input_ids"][0].tolist()
        chances = answer.logits[0].float().sigmoid().cpu().numpy()[:, : len(tokens)]
        stop = self.processor.tokenizer.convert_tokens_to_ids(".")
        scores = np.zeros((len(chances), len(phrases)), np.float32)
        for number, span in enumerate(spans(tokens, stop, len(phrases))):
            if span:
                scores[:, number] = chances[:, span].max(1)
        x, y, w, h = answer.pred_boxes[0].float().cpu().numpy().T
        height, width = rgb.shape[:2]
        corners = np.stack([(x - w / 2) * width, (y - h / 2) * height, (x + w / 2) * width, (y + h / 2) * height], 1)
        return corners.astype(np.float32), scores

    def _subject(self) -> str:
        return "the picture"

    def _settle(self) -> None:
        self.model = self.model.to(self.device.torch_name)


def load(weights: Path, device: Device) -> GroundingDino:
    """The detector of a folder with its configuration, tokenizer and `model.safetensors`.

    Raises ModelError when `transformers` is not installed or the files are none of this model's.
    """
    try:
        import transformers
    except ImportError as error:
        built = getattr(sys, "frozen", False)
        raise ModelError(
            "GroundingDINO needs the package “transformers”, which is not "
            + ("part of the built program." if built else "installed."),
            None,
            "Go on without, or install Winnow with pip for it (docs/install.md)."
            if built
            else "Install it with `pip install transformers`, or go on without.",
        ) from error
    try:
        processor = transformers.GroundingDinoProcessor.from_pretrained(weights.parent, local_files_only=True)
        model = transformers.GroundingDinoForObjectDetection.from_pretrained(
            weights.parent, local_files_only=True, use_safetensors=True
        )
    except (OSError, ValueError, KeyError, RuntimeError, ImportError, AttributeError) as error:
        raise ModelError(
            "GroundingDINO cannot be loaded from these files.", weights, "Install the model again.", str(error)
        ) from error
    return GroundingDino(model.eval(), processor, device)


def spans(tokens: Sequence[int], stop: int, count: int) -> list[list[int]]:
    """For each of `count` phrases the places of its tokens, in a text where each phrase ends with a full stop.

    The first token and what follows the last full stop are marks.
    """
    places: list[list[int]] = [[] for _ in range(count)]
    phrase = 0
    for place, token in enumerate(tokens[1:], 1):
        if token == stop:
            phrase += 1
        elif phrase < count:
            places[phrase].append(place)
    return places


def chunks(phrases: Sequence[str]) -> Iterator[list[int]]:
    """The places of phrases that are read together, as many as fit."""
    chunk: list[int] = []
    length = 0
    for place, phrase in enumerate(phrases):
        if chunk and length + len(phrase) > _AT_ONCE:
            yield chunk
            chunk, length = [], 0
        chunk.append(place)
        length += len(phrase) + 2
    if chunk:
        yield chunk
