"""How a cut-out looks: what comes behind the subject, how its edge is made, how much of the picture stays. No torch."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from PIL import ImageColor

from inference.errors import UsageError

TRANSPARENT, BLUR = "transparent", "blur"
PICTURE = "picture:"
_REMEDY = "Choose white, transparent, blur, a colour (#rrggbb or its name) or the path of a picture."


@dataclass(frozen=True, slots=True)
class Look:
    """The looks of a cut-out.

    Attributes:
        background: "transparent", "blur", "#rrggbb", or "picture:PATH" (`background` makes one of what a person wrote).
        crop: only the subject's surroundings stay, in place of the whole picture.
        margin: what stays around a cropped subject, as a share of its longer side.
        feather: width in pixels over which the edge fades; 0 for a hard one, None for what fits the picture's size.
        follow: the edge is drawn to the picture's own edges near it.
        decontaminate: the old background's colour is taken out of half-covered pixels.
        shadow: the subject casts a soft shadow.
    """

    background: str = TRANSPARENT
    crop: bool = False
    margin: float = 0.05
    feather: float | None = None
    follow: bool = True
    decontaminate: bool = True
    shadow: bool = False

    @property
    def opaque(self) -> bool:
        """Whether something is behind every pixel, so that formats without transparency can hold it."""
        return self.background != TRANSPARENT

    @property
    def picture(self) -> Path | None:
        """The picture behind the subject."""
        return Path(self.background.removeprefix(PICTURE)) if self.background.startswith(PICTURE) else None

    @property
    def colour(self) -> tuple[int, int, int]:
        """The plain colour behind the subject; black where there is none."""
        if not self.background.startswith("#"):
            return 0, 0, 0
        red, green, blue = ImageColor.getrgb(self.background)[:3]
        return red, green, blue


def background(text: str) -> str:
    """`Look.background` of what a person wrote; UsageError when it is nothing of the kind."""
    wish = text.strip()
    if wish.lower() in (TRANSPARENT, BLUR):
        return wish.lower()
    if wish.startswith(PICTURE) or re.search(r"[./\\]", wish):
        place = Path(wish.removeprefix(PICTURE)).expanduser().absolute()
        if not place.is_file():
            raise UsageError("There is no such picture for the background.", place, _REMEDY)
        return f"{PICTURE}{place}"
    try:
        red, green, blue = ImageColor.getrgb(wish)[:3]
    except ValueError:
        raise UsageError(f"“{text}” is no background.", None, _REMEDY) from None
    return f"#{red:02x}{green:02x}{blue:02x}"
