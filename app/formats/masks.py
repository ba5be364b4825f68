"""Binary masks: black and white PNG, one an instance, a class or a picture."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from app.formats.base import Format, Item, Setting
from app.formats.names import distinct, safe
from app.formats.options import Choice, Option
from app.formats.pictures import place_picture
from app.texts import QT_TRANSLATE_NOOP
from inference.masks import BoolArray

PER = Option(
    "per",
    "choice",
    "instance",
    QT_TRANSLATE_NOOP("formats", "One mask for each"),
    QT_TRANSLATE_NOOP("formats", "What goes into one file."),
    choices=(
        Choice("instance", QT_TRANSLATE_NOOP("formats", "instance")),
        Choice("class", QT_TRANSLATE_NOOP("formats", "class of a picture")),
        Choice("picture", QT_TRANSLATE_NOOP("formats", "picture")),
    ),
)
VALUE = Option(
    "value",
    "choice",
    "255",
    QT_TRANSLATE_NOOP("formats", "Value inside"),
    QT_TRANSLATE_NOOP("formats", "The number of a pixel inside; outside is 0."),
    choices=(Choice("255", QT_TRANSLATE_NOOP("formats", "255 (white)")), Choice("1", "1")),
)


def mask_png(pixels: BoolArray, value: int = 255) -> bytes:
    """A greyscale PNG of (H, W) booleans."""
    buffer = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8) * np.uint8(value)).save(buffer, "PNG")
    return buffer.getvalue()


def piece_names(item: Item) -> list[str]:
    """`NAME_01_class` for every instance, numbered from the bottom."""
    digits = max(2, len(str(len(item.shapes))))
    return distinct(f"{n:0{digits}d}_{shape.category.name}" for n, shape in enumerate(item.shapes, 1))


class MaskWriter:
    """Names tell picture, number and class: `cat_01_dog.png`, `cat_dog.png` or `cat.png`."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._value = int(setting.values["value"])

    def add(self, item: Item) -> bool:
        place_picture(self._setting, item, item.under("images"))
        for name, pixels in self._pieces(item):
            relative = self._setting.staging.free(item.under("masks", name), ".png")
            self._setting.staging.write_bytes(relative, mask_png(pixels, self._value))
        return True

    def finish(self) -> None:
        """Every file says by its name what it is."""

    def _pieces(self, item: Item) -> list[tuple[str, BoolArray]]:
        per = self._setting.values["per"]
        if per == "instance":
            names = piece_names(item)
            return [(f"_{n}", s.instance.mask.array()) for n, s in zip(names, item.shapes, strict=True)]
        union: dict[str, BoolArray] = {}
        for shape in item.shapes:
            suffix = f"_{safe(shape.category.name)}" if per == "class" else ""
            pixels = shape.instance.mask.array()
            union[suffix] = union[suffix] | pixels if suffix in union else pixels
        if per == "picture" and not union:
            union[""] = np.zeros((item.height, item.width), bool)
        return list(union.items())


FORMAT = Format(
    "masks",
    QT_TRANSLATE_NOOP("formats", "Binary masks"),
    QT_TRANSLATE_NOOP("formats", "Black and white PNGs, one for each instance, class or picture."),
    MaskWriter,
    (PER, VALUE),
    pictures="none",
)
