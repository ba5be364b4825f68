"""Indexed PNG: one map a picture, whose numbers are classes or instances, with a palette to look at."""

from __future__ import annotations

from typing import Any

from app.formats.base import Format, Item, Setting
from app.formats.labelled import index_png, painted, palette_of, report_overlaps, voc_palette
from app.formats.options import PALETTE_BY, Choice, Option
from app.formats.pictures import place_picture
from app.texts import QT_TRANSLATE_NOOP

BY = Option(
    "by",
    "choice",
    "class",
    QT_TRANSLATE_NOOP("formats", "Numbers are"),
    QT_TRANSLATE_NOOP("formats", "What the number of a pixel says; 0 is background."),
    choices=(
        Choice("class", QT_TRANSLATE_NOOP("formats", "classes")),
        Choice("instance", QT_TRANSLATE_NOOP("formats", "instances")),
    ),
)


class IndexedWriter:
    """`masks/NAME.png`, and `classes.json` that says what the numbers are."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._by_instance = setting.values["by"] == "instance"
        own = setting.values["colours"] == "classes" and not self._by_instance
        self._palette = palette_of([c.colour for c in setting.categories]) if own else voc_palette()
        self._objects: dict[str, list[dict[str, Any]]] = {}

    def add(self, item: Item) -> bool:
        place_picture(self._setting, item, item.under("images"))
        result = painted(item.shapes, item.width, item.height)
        report_overlaps(self._setting.notes, item.image_id, result, objects=self._by_instance)
        numbers = result.objects if self._by_instance else result.classes
        relative = item.under("masks", ".png")
        self._setting.staging.write_bytes(relative, index_png(numbers, self._palette))
        self._objects[relative] = [
            {"value": n, "class": s.category.name} for n, s in enumerate(item.shapes[:254], 1)
        ]  # fmt: skip
        return True

    def finish(self) -> None:
        classes = [
            {"value": c.number, "name": c.name, "colour": c.colour, "supercategory": c.supercategory}
            for c in self._setting.categories
        ]
        about: dict[str, Any] = {"background": 0, "classes": classes}
        if self._by_instance:
            for entry in classes:
                del entry["value"]
            about["instances"] = dict(sorted(self._objects.items()))
        self._setting.staging.write_json("classes.json", about, indent=1)


FORMAT = Format(
    "indexed",
    QT_TRANSLATE_NOOP("formats", "Indexed masks"),
    QT_TRANSLATE_NOOP("formats", "One palette PNG a picture whose numbers are classes or instances."),
    IndexedWriter,
    (BY, PALETTE_BY),
    pictures="none",
    most_classes=254,
)
