"""A look at a data set before anything is trained on it: counts, sizes, balance, and a sheet with the masks drawn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import numpy.typing as npt

from inference.data_sets.split import key_of
from inference.errors import AppError, StorageError
from inference.pictures import read_size

if TYPE_CHECKING:
    from inference.training.data import Record

Pixels = npt.NDArray[np.uint8]
_TILE, _GAP = 220, 6
# one a class, then again from the first; readable on photographs
_COLOURS = ((66, 133, 244), (234, 67, 53), (52, 168, 83), (251, 188, 4), (171, 71, 188), (0, 172, 193), (255, 112, 67))


@dataclass(frozen=True)
class Look:
    """What a data set holds.

    Attributes:
        pictures, objects: how many; `per_picture` the least, median and most objects of a picture.
        classes: objects by class name, the most frequent first; "" is an object without a class.
        kinds: pictures by the finer kind of their largest object (breeds of pets), where the data set knows kinds.
        sizes: pictures by "width × height", the most frequent first, at most ten.
        widths, heights: least, median and most, pixels.
        areas: share of the picture that an object covers: tenth percentile, median, ninetieth percentile.
        small: objects under 1 % of their picture, which evaluations leave out.
        copies: pictures whose bytes another picture has too.
        problems: what cannot be used, by file.
    """

    pictures: int
    objects: int
    per_picture: tuple[int, int, int]
    classes: dict[str, int]
    kinds: dict[str, int]
    sizes: dict[str, int]
    widths: tuple[int, int, int]
    heights: tuple[int, int, int]
    areas: tuple[float, float, float]
    small: int
    copies: int
    problems: dict[str, str] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def look_at(
    records: Sequence[Record], problems: Sequence[AppError], told: Callable[[int, int], None] = lambda _d, _t: None
) -> Look:
    """Looks through all pictures' headers and masks. Pictures that cannot be read join the problems.

    Args:
        told: hears how many of how many pictures are done; may raise Cancelled.
    """
    sizes: list[tuple[int, int]] = []
    counts: list[int] = []
    shares: list[float] = []
    classes, kinds, keys = Counter[str](), Counter[str](), Counter[str]()
    wrong = {problem.path or "": problem.message for problem in problems}
    for number, record in enumerate(records):
        told(number, len(records))
        try:
            width, height = read_size(record.path)
            areas = [_area(record, index) for index in range(len(record.things))]
        except AppError as error:
            wrong[error.path or str(record.path)] = error.message
            continue
        sizes.append((width, height))
        counts.append(len(areas))
        shares += areas
        classes.update(thing.category for thing in record.things)
        keys[key_of(record.path)] += 1
        finer = record.things[int(np.argmax(areas))].kind
        if finer:
            kinds[finer] += 1
    told(len(records), len(records))
    wide, high = ([size[axis] for size in sizes] for axis in (0, 1))
    return Look(
        pictures=len(sizes),
        objects=len(shares),
        per_picture=_spread(counts),
        classes=dict(classes.most_common()),
        kinds=dict(kinds.most_common()),
        sizes={f"{w} × {h}": n for (w, h), n in Counter(sizes).most_common(10)},
        widths=_spread(wide),
        heights=_spread(high),
        areas=tuple(round(float(v), 4) for v in np.percentile(shares, (10, 50, 90))) if shares else (0.0, 0.0, 0.0),  # type: ignore[arg-type]
        small=sum(share < 0.01 for share in shares),
        copies=sum(n - 1 for n in keys.values()),
        problems=wrong,
    )


def contact_sheet(
    records: Sequence[Record], path: Path, columns: int = 6, rows: int = 5, seed: int = 0
) -> dict[str, str]:
    """Writes a PNG of seeded pictures with their masks in the colours of their classes; says what could not be drawn.

    Raises:
        StorageError: it cannot be written.
    """
    classes = sorted({thing.category for record in records for thing in record.things})
    colours = {name: _COLOURS[i % len(_COLOURS)] for i, name in enumerate(classes)}
    order = np.random.default_rng(seed).permutation(len(records))
    tiles: list[Pixels] = []
    wrong: dict[str, str] = {}
    for index in order:
        if len(tiles) == columns * rows:
            break
        try:
            tiles.append(_tile(records[int(index)], colours))
        except AppError as error:
            wrong[error.path or str(records[int(index)].path)] = error.message
    sheet = np.full((_height(-(-len(tiles) // columns) or 1), _height(columns), 3), 32, np.uint8)
    for number, tile in enumerate(tiles):
        y, x = (_GAP + place * (_TILE + _GAP) for place in divmod(number, columns))
        y, x = y + (_TILE - tile.shape[0]) // 2, x + (_TILE - tile.shape[1]) // 2
        sheet[y : y + tile.shape[0], x : x + tile.shape[1]] = tile
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(cv2.imencode(".png", sheet[..., ::-1])[1].tobytes())
    except OSError as error:
        raise StorageError(
            f"The contact sheet cannot be written ({error.strerror or error}).", path, "Choose another folder."
        ) from error
    return wrong


def _tile(record: Record, colours: dict[str, tuple[int, int, int]]) -> Pixels:
    from inference.training.data import read_rgb_small, thing_mask

    picture = read_rgb_small(record.path, _TILE)
    size = picture.shape[1::-1]
    for index, thing in enumerate(record.things):
        mask = cv2.resize(thing_mask(record, index), size, interpolation=cv2.INTER_AREA)
        colour = np.array(colours[thing.category], np.float32)
        share = mask[..., None].astype(np.float32) / 255 * 0.45
        picture = (picture * (1 - share) + colour * share).astype(np.uint8)
        contours, _ = cv2.findContours((mask > 127).astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(picture, contours, -1, colours[thing.category], 1, cv2.LINE_AA)
    return picture


def _area(record: Record, index: int) -> float:
    """The share of the picture that an object covers."""
    from inference.training.data import thing_mask

    mask = record.things[index].mask
    if mask is not None:
        return mask.area / (mask.width * mask.height)
    return float((thing_mask(record, index) > 127).mean())


def _spread(values: Sequence[int]) -> tuple[int, int, int]:
    """Least, median, most; zeros of nothing."""
    if not values:
        return 0, 0, 0
    return min(values), int(np.median(values)), max(values)


def _height(tiles: int) -> int:
    return _GAP + tiles * (_TILE + _GAP)


__all__ = ["Look", "contact_sheet", "look_at"]
