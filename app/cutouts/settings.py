"""What a batch of cut-outs is asked to do, and the files it makes."""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from PIL import Image

from inference.errors import ImageError, UsageError
from inference.focus import Focus
from inference.jobs.classify import ClassifyRequest
from inference.jobs.cutout import CutoutRequest
from inference.looks import Look
from inference.pictures import read_size

Form = Literal["png", "webp", "jpeg"]
SUFFIXES: dict[str, str] = {"png": ".png", "webp": ".webp", "jpeg": ".jpg"}
_LONGEST = {"png": 2**31 - 1, "webp": 16383, "jpeg": 65500}


@dataclass(frozen=True, slots=True)
class CutoutSettings:
    """The settings of a batch.

    Attributes:
        model: for masks; "" leaves the pictures whole.
        focus: where the subject is.
        look: how the cut-outs look.
        form: file format: "png", "webp" (lossless) or "jpeg".
        classify: the prompts and models that pictures are sorted by; None to keep the folders they came in.
        words: the classifier that understands a text focus.
        workers: threads that read, and threads that write.
        max_tokens: how much of a prompt is read; None for what the models read by themselves.
        debug: overlays with the clicks are written too.
    """

    model: str
    focus: Focus = field(default_factory=Focus)
    look: Look = field(default_factory=Look)
    form: Form = "png"
    classify: ClassifyRequest | None = None
    words: str = ""
    workers: int = 2
    max_tokens: int | None = None
    debug: bool = False

    def check(self) -> None:
        """UsageError when the format cannot hold the looks, ImageError when the background's picture is none."""
        if self.look.picture is not None:
            read_size(self.look.picture)
        if self.form == "jpeg" and self.model and not self.look.opaque:
            raise UsageError("JPEG cannot hold transparency.", None, "Choose another background, or PNG or WebP.")

    def request(self, images: tuple[str, ...]) -> CutoutRequest:
        """The job for these pictures."""
        return CutoutRequest(
            images, self.model, self.focus, self.look, self.classify, self.words, self.workers, self.max_tokens
        )

    def to_json(self) -> dict[str, Any]:
        """What decides on the results, for reports and for `fingerprint`."""
        told = asdict(self)
        told.pop("workers")
        if self.classify is not None:
            told["classify"] = {
                "prompts": self.classify.prompt_set.to_json(),
                "models": self.classify.members or ((self.classify.model, 1.0),),
            }
        return told

    @property
    def fingerprint(self) -> str:
        """Equal for batches that would give the same files."""
        return hashlib.blake2b(json.dumps(self.to_json(), sort_keys=True).encode(), digest_size=8).hexdigest()


def form_of(text: str) -> Form:
    """The format a person named. UsageError when it is none."""
    wish = text.strip().lower().lstrip(".")
    if wish == "png":
        return "png"
    if wish == "webp":
        return "webp"
    if wish in ("jpeg", "jpg"):
        return "jpeg"
    raise UsageError(f"“{text}” is no format for cut-outs.", None, f"Choose {', '.join(SUFFIXES)}.")


def encoded(rgba: npt.NDArray[np.uint8], form: str, quality: int = 92) -> bytes:
    """The file's bytes. ImageError when the picture is larger than the format allows.

    PNG keeps its alpha whether it is needed or not, as the tools that read these files expect it.
    """
    if max(rgba.shape[:2]) > _LONGEST[form]:
        raise ImageError(
            f"{form.upper()} holds at most {_LONGEST[form]} pixels a side.", None, "Choose PNG for this picture."
        )
    buffer = io.BytesIO()
    opaque = bool((rgba[..., 3] == 255).all())
    if form == "png":
        Image.fromarray(rgba, "RGBA").save(buffer, "PNG", compress_level=4)
    elif form == "webp":
        Image.fromarray(rgba[..., :3] if opaque else rgba).save(buffer, "WEBP", lossless=True, method=2)
    else:
        Image.fromarray(np.ascontiguousarray(rgba[..., :3])).save(buffer, "JPEG", quality=quality, subsampling=0)
    return buffer.getvalue()
