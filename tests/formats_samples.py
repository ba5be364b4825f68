"""Small data sets for the tests of the formats: real pictures on disk, masks with holes and parts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from app.formats import MemorySource, SourceImage
from app.instance import Instance, LabelClass
from inference.masks import Mask

CLASSES = (
    LabelClass(7, "dog", "#ff0000", supercategory="animal"),
    LabelClass(3, "red ball", "#00ff00", supercategory="toy"),
)


def disc(width: int, height: int, x: float, y: float, radius: float, hole: float = 0) -> np.ndarray:
    yy, xx = np.mgrid[:height, :width]
    distance = (xx + 0.5 - x) ** 2 + (yy + 0.5 - y) ** 2
    return (distance <= radius**2) & (distance >= hole**2)


def instance(pixels: np.ndarray, class_id: int | None = 7, number: int = 0, **more: object) -> Instance:
    return Instance(f"{number:032x}", Mask.from_array(pixels), class_id, **more)  # type: ignore[arg-type]


def picture(path: Path, width: int = 80, height: int = 60, **save: object) -> Path:
    """A gradient, so that turned and mirrored pictures differ."""
    path.parent.mkdir(parents=True, exist_ok=True)
    yy, xx = np.mgrid[:height, :width]
    rgb = np.stack([xx * 255 // width, yy * 255 // height, np.full_like(xx, 90)], axis=-1).astype(np.uint8)
    Image.fromarray(rgb).save(path, **save)  # type: ignore[arg-type]
    return path


def turned_picture(path: Path, width: int = 80, height: int = 60) -> Path:
    """A JPEG that EXIF asks to show turned; `width` × `height` is its upright size."""
    picture(path, width, height)
    with Image.open(path) as upright:
        exif = Image.Exif()
        exif[0x0112] = 6
        upright.transpose(Image.Transpose.ROTATE_90).save(path, exif=exif, quality=95)
    return path


def source(folder: Path) -> MemorySource:
    """Four pictures: two annotated (one in a subfolder), one done without instances, one untouched."""
    ring = disc(80, 60, 30, 30, 20, hole=8)
    two = disc(80, 60, 15, 15, 10) | disc(80, 60, 60, 40, 12)
    over = disc(80, 60, 40, 30, 15)
    items = (
        SourceImage(
            "a.jpg", picture(folder / "a.jpg"), 80, 60,
            (instance(ring, 7, 1, score=0.91), instance(over, 3, 2)), "done",
        ),
        SourceImage("sub/b 1.png", picture(folder / "sub/b 1.png"), 80, 60, (instance(two, None, 3),)),
        SourceImage("c.jpg", picture(folder / "c.jpg"), 80, 60, (), "done"),
        SourceImage("d.jpg", picture(folder / "d.jpg"), 80, 60),
    )  # fmt: skip
    return MemorySource(items, CLASSES, "sample", folder)


def many(folder: Path, count: int) -> MemorySource:
    """`count` pictures of 20 × 16 pixels with one instance each."""
    items = tuple(
        SourceImage(
            f"p{i}.png", picture(folder / f"p{i}.png", 20, 16), 20, 16, (instance(disc(20, 16, 9, 8, 5), 7, i + 1),)
        )
        for i in range(count)
    )
    return MemorySource(items, CLASSES, "many", folder)
