"""What a training wrote into the weights it made, read from the header of a safetensors file. No torch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

_CARD = "winnow_card"
_LONGEST = 10_000_000


def training_card(path: str | Path) -> dict[str, Any]:
    """The card of `inference.engines.checkpoint.save_checkpoint`; {} for other files, and for broken ones."""
    file = Path(path)
    if file.suffix.lower() != ".safetensors":
        return {}
    try:
        with file.open("rb") as stream:
            length = int.from_bytes(stream.read(8), "little")
            header = json.loads(stream.read(length)) if length <= _LONGEST else {}
        card = json.loads(header["__metadata__"][_CARD])
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return card if isinstance(card, dict) else {}


def taught_one_class(path: str | Path) -> bool:
    """Whether a training taught these weights one kind of object: boxes that are the whole picture were among its
    prompts, or every picture had one object."""
    config = training_card(path).get("config")
    if not isinstance(config, dict):
        return False
    try:
        return float(config.get("whole_box_share", 0)) > 0 or int(config.get("objects", 0)) == 1
    except (TypeError, ValueError):
        return False
