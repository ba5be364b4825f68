"""Which colour an instance has on the canvas and in lists: its class's, or one of its own. No Qt."""

from __future__ import annotations

import colorsys
from functools import lru_cache
from typing import Literal

from app.instance import Instance
from app.labels import ClassList

ColorBy = Literal["instance", "class"]

UNLABELLED = "#9aa4b2"
_GOLDEN = 0.618033988749895


def instance_color(instance: Instance, classes: ClassList | None, by: ColorBy) -> str:
    """As "#rrggbb". By class, unlabelled instances are grey; by instance, the colour stays with the id."""
    if by == "instance":
        return own_color(instance.id)
    known = None if classes is None or instance.class_id is None else classes.get(instance.class_id)
    return UNLABELLED if known is None else known.color


@lru_cache(maxsize=4096)
def own_color(instance_id: str) -> str:
    """A strong colour that an id always gets: hues a golden angle apart, in three strengths."""
    number = int(instance_id[:6], 16) if _is_hex(instance_id[:6]) else sum(instance_id.encode())
    saturation, value = ((0.72, 0.98), (0.85, 0.88), (0.55, 1.0))[number % 3]
    red, green, blue = colorsys.hsv_to_rgb(number * _GOLDEN % 1, saturation, value)
    return f"#{round(red * 255):02x}{round(green * 255):02x}{round(blue * 255):02x}"


def _is_hex(text: str) -> bool:
    return bool(text) and all(c in "0123456789abcdef" for c in text.lower())
