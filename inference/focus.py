"""Where the subject of a picture is looked for: the same words for every picture of a batch. No torch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from inference.errors import UsageError
from inference.prompts import Box, Point

Kind = Literal["center", "point", "box", "text", "auto"]
MARGIN = 0.05
_REMEDY = "Write center, auto, X,Y (pixels, or 30%,40%), box:X0,Y0,X1,Y1 or text:a red car."


@dataclass(frozen=True, slots=True)
class Focus:
    """What is the subject.

    Attributes:
        kind: "center": a click in the middle, then two more beside it; "point": the same around x, y; "box": what a
            box holds; "text": what words name; "auto": the most salient thing a model is sure of.
        x, y: for "point", pixels or shares of width and height.
        box: for "box", likewise.
        phrase: for "text".
        shares: x, y and box are shares 0..1 and not pixels, so that they fit pictures of any size.
        margin: how far the two more clicks are from the first, as a share of the picture's shorter side.
    """

    kind: Kind = "center"
    x: float = 0.5
    y: float = 0.5
    box: Box | None = None
    phrase: str = ""
    shares: bool = True
    margin: float = MARGIN

    def place(self, width: int, height: int) -> Point:
        """The first click, in pixels."""
        if self.kind != "point":
            return Point(width / 2, height / 2)
        return Point(self.x * width, self.y * height) if self.shares else Point(self.x, self.y)

    def box_in(self, width: int, height: int) -> Box | None:
        """The box, in pixels."""
        if self.box is None or not self.shares:
            return self.box
        return Box(self.box.x0 * width, self.box.y0 * height, self.box.x1 * width, self.box.y1 * height)

    def clicks(self, width: int, height: int) -> tuple[Point, ...]:
        """The first click and the two beside it, up left and down right, in pixels and inside the picture.

        On tiny pictures, and with a margin of 0, they fall onto one pixel: then the first is left alone.
        """
        first = self.place(width, height)
        step = self.margin * min(width, height)
        clicks = {(first.x, first.y): first}
        for sign in (-1, 1) if step >= 1 else ():
            x = min(max(first.x + sign * step, 0.0), width - 0.5)
            y = min(max(first.y + sign * step, 0.0), height - 0.5)
            clicks.setdefault((x, y), Point(x, y))
        return tuple(clicks.values())


def focus_of(text: str, margin: float = MARGIN) -> Focus:
    """The focus a person wrote: "center", "auto", "X,Y", "30%,40%", "box:X0,Y0,X1,Y1", "text:a red car".

    Raises UsageError when it is none of these.
    """
    if not 0 <= margin <= 0.5:
        raise UsageError(f"{margin:g} is no focus margin.", None, "Give a share of the shorter side, 0 to 0.5.")
    wish = text.strip()
    kind, _, rest = wish.partition(":")
    if wish.lower() in ("center", "centre"):
        return Focus(margin=margin)
    if wish.lower() == "auto":
        return Focus("auto", margin=margin)
    if kind.lower() == "text" and any(map(str.isalnum, rest)):
        return Focus("text", phrase=" ".join(rest.split()), margin=margin)
    if kind.lower() == "box":
        numbers, shares = _numbers(rest, 4, text)
        box = Box.of_corners(*numbers)
        if not box.width or not box.height:
            raise UsageError(f"The box “{text}” has no area.", None, _REMEDY)
        return Focus("box", box=box, shares=shares, margin=margin)
    (x, y), shares = _numbers(wish.removeprefix("point:"), 2, text)
    return Focus("point", x, y, shares=shares, margin=margin)


def _numbers(text: str, count: int, whole: str) -> tuple[list[float], bool]:
    """The numbers, and whether they are shares (written in percent)."""
    parts = [part.strip() for part in text.split(",")]
    percent = [part.endswith("%") for part in parts]
    try:
        numbers = [float(part.removesuffix("%")) for part in parts]
    except ValueError:
        numbers = []
    sound = len(numbers) == count and all(math.isfinite(n) and n >= 0 for n in numbers)
    if not sound or any(percent) != all(percent) or (percent[0] and max(numbers) > 100):
        raise UsageError(f"“{whole}” says nothing about where the subject is.", None, _REMEDY)
    return ([n / 100 for n in numbers], True) if percent[0] else (numbers, False)
