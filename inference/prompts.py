"""What a person gives a model: points, boxes, words. Pixels of the upright picture, x before y. No torch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Point:
    """A click. `positive` says "this belongs to the object"."""

    x: float
    y: float
    positive: bool = True


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle with x0 <= x1 and y0 <= y1; the right and bottom edges are exclusive."""

    x0: float
    y0: float
    x1: float
    y1: float

    @classmethod
    def of_corners(cls, ax: float, ay: float, bx: float, by: float) -> Box:
        """The box of two opposite corners in any order."""
        return cls(min(ax, bx), min(ay, by), max(ax, bx), max(ay, by))

    @property
    def width(self) -> float:
        return self.x1 - self.x0

    @property
    def height(self) -> float:
        return self.y1 - self.y0

    @property
    def center(self) -> tuple[float, float]:
        return (self.x0 + self.x1) / 2, (self.y0 + self.y1) / 2

    def clipped(self, width: int, height: int) -> Box:
        """This box cut to a picture of `width` × `height`."""
        return Box(
            min(max(self.x0, 0.0), width),
            min(max(self.y0, 0.0), height),
            min(max(self.x1, 0.0), width),
            min(max(self.y1, 0.0), height),
        )


@dataclass(frozen=True, slots=True)
class Text:
    """A phrase naming what to find."""

    phrase: str


@dataclass(frozen=True, slots=True)
class Prompts:
    """Everything given for one instance: any number of points and at most one box."""

    points: tuple[Point, ...] = ()
    box: Box | None = None

    def __bool__(self) -> bool:
        return bool(self.points) or self.box is not None

    def with_point(self, point: Point) -> Prompts:
        return Prompts((*self.points, point), self.box)

    def scaled(self, scale: float) -> Prompts:
        """The same in a picture of another size."""
        points = tuple(Point(p.x * scale, p.y * scale, p.positive) for p in self.points)
        box = self.box
        return Prompts(
            points, None if box is None else Box(box.x0 * scale, box.y0 * scale, box.x1 * scale, box.y1 * scale)
        )

    def to_json(self) -> dict[str, object]:
        """A JSON-able form; `from_json` reads it back."""
        return {
            "points": [[p.x, p.y, int(p.positive)] for p in self.points],
            "box": None if self.box is None else [self.box.x0, self.box.y0, self.box.x1, self.box.y1],
        }

    @classmethod
    def from_json(cls, data: dict[str, object]) -> Prompts:
        """Reads `to_json`'s form; raises ValueError, TypeError or KeyError on anything else."""
        points, box = data["points"], data["box"]
        if not isinstance(points, list) or not (box is None or isinstance(box, list)):
            raise TypeError("prompts must hold a list of points and a box or null")
        return cls(
            tuple(Point(float(x), float(y), bool(sign)) for x, y, sign in points),
            None if box is None else Box(*(float(v) for v in box)),
        )
