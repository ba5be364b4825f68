"""Eight ways to make a picture worse, at ten levels each; level 0 leaves it as it is.

Pictures are (H, W, 3) uint8, values stay whole numbers from 0 to 255. Another perturbation is one more function::

    @perturbation("fog", "Fog", "share of white", (0.0, 0.1, 0.2))
    def fog(rgb, level, rng):
        return clamped(rgb * (1 - level) + 255 * level)

`register` does the same for a function that is there already, and `load` runs files of one's own that do either.
"""

from __future__ import annotations

import importlib.util
import re
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from inference.errors import UsageError

Rgb = npt.NDArray[np.uint8]
Function = Callable[[Rgb, float, np.random.Generator], Rgb]


@dataclass(frozen=True, slots=True)
class Perturbation:
    """One way to make a picture worse.

    Attributes:
        name: on the command line and in files.
        title: for people.
        unit: what a level counts.
        levels: from "as it is" to the worst.
        function: (picture, level, random numbers) to picture; leaves what it is given unchanged.
    """

    name: str
    title: str
    unit: str
    levels: tuple[float, ...]
    function: Function

    def apply(self, rgb: Rgb, step: int, seed: int = 0, picture: str = "") -> Rgb:
        """The picture at level number `step`. What is random depends on the arguments alone."""
        words = [zlib.crc32(word.encode("utf-8", "surrogatepass")) for word in (self.name, picture)]
        return self.function(rgb, self.levels[step], np.random.default_rng([seed, step, *words]))


REGISTRY: dict[str, Perturbation] = {}


def register(name: str, title: str, unit: str, levels: Sequence[float], function: Function) -> Perturbation:
    """Adds a perturbation to `REGISTRY`, from where the command line, the reports and the window take them.

    Args:
        name: small letters, digits and dashes; on the command line and in file names.
        levels: the first leaves the picture as it is; at least two.

    Raises:
        ValueError: the name is taken or cannot be one, or there are too few levels.
    """
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]*", name):
        raise ValueError(f"{name!r} cannot be a name: small letters, digits and dashes can")
    if name in REGISTRY:
        raise ValueError(f"there is a perturbation {name!r} already")
    if len(levels) < 2:
        raise ValueError(f"the perturbation {name!r} needs two levels at least")
    REGISTRY[name] = made = Perturbation(name, title, unit, tuple(levels), function)
    return made


def perturbation(name: str, title: str, unit: str, levels: Sequence[float]) -> Callable[[Function], Function]:
    """Registers the function below it, as `register` does."""

    def decorate(function: Function) -> Function:
        register(name, title, unit, levels, function)
        return function

    return decorate


def load(files: Iterable[str | Path]) -> None:
    """Runs Python files that register perturbations. They are programs: only run what you trust.

    A file that was loaded before is left aside. UsageError when one is missing, fails, or registers nothing.
    """
    for file in map(Path, files):
        place = str(file.absolute())
        if place in _LOADED:
            continue
        spec = importlib.util.spec_from_file_location(f"winnow_perturbations_{len(_LOADED)}", place)
        if not file.is_file() or spec is None or spec.loader is None:
            raise UsageError("There is no such Python file.", file, "Give a .py file that registers perturbations.")
        before = set(REGISTRY)
        try:
            spec.loader.exec_module(importlib.util.module_from_spec(spec))
        except Exception as error:  # a person's own program: whatever it raises is for them to read
            raise UsageError(
                f"The file failed: {type(error).__name__}: {error}.",
                file,
                "Mend it; docs/evaluation.md has an example.",
            ) from error
        if set(REGISTRY) == before:
            raise UsageError("The file registers no perturbation.", file, "docs/evaluation.md has an example.")
        _LOADED.add(place)


_LOADED: set[str] = set()


def clamped(values: npt.NDArray[np.floating] | npt.NDArray[np.integer]) -> Rgb:
    """Whole numbers (halves to even) from 0 to 255."""
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


@perturbation("gaussian-noise", "Gaussian noise", "standard deviation", tuple(range(0, 20, 2)))
def gaussian_noise(rgb: Rgb, level: float, rng: np.random.Generator) -> Rgb:
    """Every value on its own."""
    return clamped(rgb + rng.normal(0, level, rgb.shape))


@perturbation("blur", "Gaussian blur", "times 3 × 3 binomial", tuple(range(10)))
def blur(rgb: Rgb, level: float, _rng: np.random.Generator) -> Rgb:
    """[1 2 1; 2 4 2; 1 2 1] / 16, again and again; edges are mirrored."""
    kernel = np.outer((1, 2, 1), (1, 2, 1)) / 16
    for _ in range(int(level)):
        rgb = cv2.filter2D(rgb, -1, kernel, borderType=cv2.BORDER_REFLECT_101).astype(np.uint8)
    return rgb


@perturbation("contrast-up", "Contrast increase", "factor", (1.0, 1.01, 1.02, 1.03, 1.04, 1.05, 1.1, 1.15, 1.20, 1.25))
def contrast_up(rgb: Rgb, level: float, _rng: np.random.Generator) -> Rgb:
    """Every value times the factor."""
    return clamped(rgb * level)


@perturbation(
    "contrast-down", "Contrast decrease", "factor", (1.0, 0.95, 0.90, 0.85, 0.80, 0.60, 0.40, 0.30, 0.20, 0.10)
)
def contrast_down(rgb: Rgb, level: float, _rng: np.random.Generator) -> Rgb:
    """Every value times the factor."""
    return clamped(rgb * level)


@perturbation("brightness-up", "Brightness increase", "added", tuple(range(0, 50, 5)))
def brightness_up(rgb: Rgb, level: float, _rng: np.random.Generator) -> Rgb:
    """Every value plus the level."""
    return clamped(rgb.astype(np.int16) + int(level))


@perturbation("brightness-down", "Brightness decrease", "taken away", tuple(range(0, 50, 5)))
def brightness_down(rgb: Rgb, level: float, _rng: np.random.Generator) -> Rgb:
    """Every value minus the level."""
    return clamped(rgb.astype(np.int16) - int(level))


@perturbation("occlusion", "Occlusion", "edge of the black square, pixels", tuple(range(0, 50, 5)))
def occlusion(rgb: Rgb, level: float, rng: np.random.Generator) -> Rgb:
    """A black square at a random place, wholly inside where the picture is large enough."""
    edge, (height, width) = int(level), rgb.shape[:2]
    y, x = (int(rng.integers(max(side - edge, 0) + 1)) for side in (height, width))
    covered = rgb.copy()
    covered[y : y + edge, x : x + edge] = 0
    return covered


@perturbation("salt-and-pepper", "Salt and pepper", "share of pixels", tuple(n / 100 for n in range(0, 20, 2)))
def salt_and_pepper(rgb: Rgb, level: float, rng: np.random.Generator) -> Rgb:
    """Each pixel turns white or black, one as likely as the other, with the level's probability."""
    dice = rng.random(rgb.shape[:2])
    speckled = rgb.copy()
    speckled[dice < level / 2] = 255
    speckled[(dice >= level / 2) & (dice < level)] = 0
    return speckled
