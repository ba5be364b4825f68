"""How the model's masks are made: settings of the person, in units that fit pictures of every size."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Cleaning:
    """As `Options`, on one picture: areas in its pixels, as the requests to the model take them."""

    threshold: float
    fill_holes: int
    remove_specks: int


@dataclass(frozen=True)
class Options:
    """What holds for every mask that is asked for.

    Attributes:
        threshold: the logit from which a pixel is inside.
        fill_holes, remove_specks: up to which share of the picture's area, in thousandths, holes are filled and loose
            parts removed; 0 for never.
    """

    threshold: float = 0.0
    fill_holes: float = 0.0
    remove_specks: float = 0.0

    def on(self, width: int, height: int) -> Cleaning:
        """What they mean on a picture of this size."""
        pixels = width * height / 1000
        return Cleaning(self.threshold, round(self.fill_holes * pixels), round(self.remove_specks * pixels))
