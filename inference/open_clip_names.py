"""How open_clip and OpenAI call their models, and where the hub has them. A table; open_clip itself is not imported."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from inference import paths

WEIGHTS = ("open_clip_model.safetensors", "open_clip_pytorch_model.safetensors", "open_clip_pytorch_model.bin")
"""The names weights have in open_clip's repositories, the best one first."""
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json")
BETWEEN = "--"
"""Stands for the slash between name and tag where a name becomes a folder's."""
_OPENAI = re.compile(r"(?:ViT-[BL]/\d+(?:@\d+px)?|RN\d+(?:x\d+)?)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Pretrained:
    """Weights that open_clip knows.

    Attributes:
        name, tag: open_clip's for the architecture and for the training ("ViT-B-32", "openai").
        repo: the hub's repository.
        file: the weights in it, where that is none of the usual names.
        quick_gelu: they were trained with OpenAI's activation.
        tokenizer: they need TOKENIZER_FILES.
    """

    name: str
    tag: str
    repo: str
    file: str = ""
    quick_gelu: bool = False
    tokenizer: bool = False

    @property
    def spelled(self) -> str:
        return f"{self.name}/{self.tag}"


def find(text: str) -> Pretrained | None:
    """What a name means, or None when it is none of open_clip's.

    Taken are "ViT-B-16/laion2b_s34b_b88k" (with `:` or `--` too), and OpenAI's own "ViT-L/14@336px". Case does not
    matter.
    """
    wanted = text.strip()
    if _OPENAI.fullmatch(wanted):
        wanted = wanted.replace("/", "-").replace("@336px", "-336") + "/openai"
    for mark in (BETWEEN, ":"):
        wanted = wanted.replace(mark, "/")
    name, _, tag = wanted.rpartition("/")
    return _by_name().get((name.replace("/", "-").lower(), tag.lower().replace("-", "_")))


def tags(name: str) -> list[str]:
    """The trainings there are of an architecture; empty when the name is unknown."""
    return [found.tag for (known, _), found in _by_name().items() if known == name.lower()]


@lru_cache(maxsize=1)
def _by_name() -> dict[tuple[str, str], Pretrained]:
    data: dict[str, Any] = json.loads(paths.resource("open_clip.json").read_text(encoding="utf-8"))
    return {
        (name.lower(), tag.lower()): Pretrained(name, tag, **entry)
        for name, entries in data["models"].items()
        for tag, entry in entries.items()
    }
