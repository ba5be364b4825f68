"""Three functions for notebooks and scripts: words, everything, cut-outs. `from inference import segment_text`.

They run the jobs that the window and the command line run, here and now. Models are loaded at the first call and stay.
"""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from inference import catalogue
from inference.errors import ImageError, UsageError
from inference.everything import EverythingOptions, FoundMask
from inference.focus import focus_of
from inference.looks import Look
from inference.looks import background as background_of
from inference.protocol import ImageRef, Progress
from inference.text_segment import TextOptions, WordMask, phrases, unwanted

if TYPE_CHECKING:
    from inference.worker.inline import InlineRunner

Picture = str | Path | Image.Image | npt.NDArray[np.uint8]
"""A file, a picture of Pillow's, or pixels: (H, W, 3) or (H, W) uint8."""

_OF_PNG = ("1", "L", "LA", "P", "I", "I;16", "RGB", "RGBA")  # modes that it can hold


def segment_text(
    image: Picture,
    text: str,
    *,
    negative: str = "",
    model: str = "starter",
    clip_model: str | Sequence[tuple[str, float]] | None = None,
    options: TextOptions | None = None,
    device: str | None = None,
) -> list[WordMask]:
    """Every instance of what words name, the best first within each phrase; none where there is nothing of it.

    Args:
        image: a file, a picture or pixels.
        text: "a red car", or several phrases: "a dog; a red ball; grass".
        negative: what is not meant, likewise.
        model: for masks, an id of the catalogue or a weights file.
        clip_model: what compares pictures with words: a model, or several with their weights (`ENSEMBLE`; those that
            cannot be loaded take no part); the best that is installed when None.
        options: thresholds and weights.
        device: "cpu", "cuda", "mps"; the best when None.

    Returns:
        masks as large as the upright picture (`one.mask.array()`), with `score`, its `parts`, and the phrase.

    Raises UsageError (no words), ImageError, ModelError, OutOfMemory.
    """
    from inference.jobs.text_segment import TextSegmentItem, TextSegmentRequest

    clip_model = clip_model or catalogue.default_classifier().id
    members = ((clip_model, 1.0),) if isinstance(clip_model, str) else tuple(clip_model)
    found: list[TextSegmentItem] = []

    def follow(progress: Progress) -> None:
        if isinstance(progress.payload, TextSegmentItem):
            found.append(progress.payload)

    with _file(image) as path:
        request = TextSegmentRequest(
            (ImageRef(path),), phrases(text), model, members, unwanted(negative), options or TextOptions()
        )
        _runner(device).run(request, follow)
    (item,) = found
    if item.error is not None:
        raise item.error
    return list(item.instances)


def segment_everything(
    image: Picture, *, model: str = "starter", device: str | None = None, **options: Any
) -> list[FoundMask]:
    """All objects of a picture, those the model trusts most first.

    Args:
        options: of `EverythingOptions`, the names of SAM 2's generator (`points_per_side=16`, `mode="fast"`).

    Raises UsageError (options), ImageError, ModelError, OutOfMemory.
    """
    from inference.jobs.everything import EverythingRequest, EverythingResult

    try:
        chosen = replace(EverythingOptions(), **options)
    except TypeError as error:
        raise UsageError(
            f"Segment everything has no such option ({error}).", remedy="See EverythingOptions."
        ) from error
    with _file(image) as path:
        result: EverythingResult = _runner(device).run(EverythingRequest(ImageRef(path), model, chosen, keep=False))
    return list(result.masks)


def cutout(
    image: Picture,
    focus: str = "auto",
    *,
    background: str = "transparent",
    crop: bool = False,
    model: str = "starter",
    clip_model: str | None = None,
    device: str | None = None,
) -> Image.Image:
    """The subject of a picture on another background, as an RGBA picture.

    Args:
        focus: "auto", "center", "X,Y", "30%,40%", "box:X0,Y0,X1,Y1" or "text:a red car".
        background: "transparent", "blur", "white", "#rrggbb" or the path of a picture.
        crop: only the subject's surroundings stay.

    Raises UsageError, ImageError (no subject), ModelError, OutOfMemory.
    """
    from inference.engines.compose import cut_out
    from inference.jobs.cutout import CutoutItem, CutoutRequest
    from inference.pictures import read_rgb

    asked = focus_of(focus)
    look = Look(background_of(background), crop)
    words = (clip_model or catalogue.default_classifier().id) if asked.kind == "text" else ""
    found: list[CutoutItem] = []

    def follow(progress: Progress) -> None:
        if isinstance(progress.payload, CutoutItem):
            found.append(progress.payload)

    with _file(image) as path:
        _runner(device).run(CutoutRequest((path,), model, asked, look, words=words), follow)
        (item,) = found
        if item.error is not None:
            raise item.error
        assert item.mask is not None  # a model was asked for
        return Image.fromarray(cut_out(read_rgb(path), item.mask.array(), look))


@functools.cache
def _runner(device: str | None) -> InlineRunner:
    """Keeps the models between calls."""
    from inference.worker.inline import InlineRunner
    from inference.worker.options import WorkerOptions

    return InlineRunner(options=WorkerOptions(force_device=device))


@contextmanager
def _file(image: Picture) -> Iterator[str]:
    """The picture as a file: jobs read files, upright and within the limits."""
    if isinstance(image, (str, Path)):
        yield str(Path(image).expanduser().absolute())
        return
    if isinstance(image, np.ndarray):
        if image.dtype != np.uint8 or not (image.ndim == 2 or (image.ndim == 3 and image.shape[2] in (3, 4))):
            raise ImageError(f"Pixels of {image.dtype}, {image.shape}, are no picture.", None, "Give (H, W, 3) uint8.")
        image = Image.fromarray(image)
    if not (image.width and image.height):
        raise ImageError("The picture has no pixels.")
    image = ImageOps.exif_transpose(image)  # the file below says nothing of which way is up
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "picture.png"
        (image if image.mode in _OF_PNG else image.convert("RGB")).save(path)
        yield str(path)
