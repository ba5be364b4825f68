"""Cut-outs: the object on transparency, RGBA PNG."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from app.formats.base import Format, Item, Setting
from app.formats.masks import piece_names
from app.formats.names import safe
from app.formats.options import Choice, Option
from app.texts import QT_TRANSLATE_NOOP
from inference.masks import BoolArray
from inference.pictures import RGBArray, read_rgb

PER = Option(
    "per",
    "choice",
    "instance",
    QT_TRANSLATE_NOOP("formats", "One cut-out for each"),
    QT_TRANSLATE_NOOP("formats", "What goes into one file."),
    choices=(
        Choice("instance", QT_TRANSLATE_NOOP("formats", "instance")),
        Choice("picture", QT_TRANSLATE_NOOP("formats", "picture")),
    ),
)
CROP = Option(
    "crop",
    "bool",
    True,
    QT_TRANSLATE_NOOP("formats", "Crop to the object"),
    QT_TRANSLATE_NOOP("formats", "Leaves out the empty rest of the picture."),
)
MARGIN = Option(
    "margin",
    "int",
    0,
    QT_TRANSLATE_NOOP("formats", "Margin when cropped (px)"),
    QT_TRANSLATE_NOOP("formats", "Pixels kept around the object, inside the picture."),
    high=10000,
)
BY_CLASS = Option(
    "class_folders",
    "bool",
    False,
    QT_TRANSLATE_NOOP("formats", "A folder for each class"),
    QT_TRANSLATE_NOOP("formats", "Sorts the cut-outs by their class."),
)


class CutoutWriter:
    """`NAME_01_class.png`, or `NAME.png` for everything of a picture together."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting

    def add(self, item: Item) -> bool:
        if not item.shapes:
            self._setting.notes.info(item.image_id, "No instance, so no cut-out.")
            return False
        rgb = read_rgb(item.path)
        for stem, pixels in self._pieces(item):
            relative = self._setting.staging.free(stem, ".png")
            self._setting.staging.write_bytes(relative, self._png(rgb, pixels))
        return True

    def finish(self) -> None:
        """Every file says by its name what it is."""

    def _pieces(self, item: Item) -> list[tuple[str, BoolArray]]:
        if self._setting.values["per"] == "picture":
            union = np.zeros((item.height, item.width), bool)
            for shape in item.shapes:
                union |= shape.instance.mask.array()
            return [(item.under(""), union)]
        pieces = []
        for name, shape in zip(piece_names(item), item.shapes, strict=True):
            folder = safe(shape.category.name) if self._setting.values["class_folders"] else ""
            pieces.append((item.under(folder, f"_{name}"), shape.instance.mask.array()))
        return pieces

    def _png(self, rgb: RGBArray, pixels: BoolArray) -> bytes:
        if self._setting.values["crop"]:
            window = _window(pixels, int(self._setting.values["margin"]))
            rgb, pixels = rgb[window], pixels[window]
        rgba = np.dstack([rgb * pixels[..., None], pixels.astype(np.uint8) * 255])
        buffer = io.BytesIO()
        Image.fromarray(rgba, "RGBA").save(buffer, "PNG")
        return buffer.getvalue()


def _window(pixels: BoolArray, margin: int) -> tuple[slice, slice]:
    rows, columns = np.flatnonzero(pixels.any(1)), np.flatnonzero(pixels.any(0))
    return (
        slice(max(int(rows[0]) - margin, 0), int(rows[-1]) + 1 + margin),
        slice(max(int(columns[0]) - margin, 0), int(columns[-1]) + 1 + margin),
    )


FORMAT = Format(
    "cutouts",
    QT_TRANSLATE_NOOP("formats", "Cut-outs"),
    QT_TRANSLATE_NOOP("formats", "The objects on transparency, as RGBA PNGs."),
    CutoutWriter,
    (PER, CROP, MARGIN, BY_CLASS),
    pictures="",
)
