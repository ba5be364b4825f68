"""The layout SAM 2 trains from: a folder for each picture, as if it were a video of one frame."""

from __future__ import annotations

from typing import Any

from app.formats.base import Format, Item, Setting
from app.formats.labelled import index_png, painted, report_overlaps, voc_palette
from app.formats.pictures import JPEG_ONLY, place_picture
from app.texts import QT_TRANSLATE_NOOP


class Sam2Writer:
    """`JPEGImages/NAME/00000.jpg`, `Annotations/NAME/00000.png` (1, 2, … an object), lists of names, `classes.json`."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._palette = voc_palette()
        self._members: dict[str, list[str]] = {split: [] for split in setting.splits or ("",)}
        self._objects: dict[str, dict[str, Any]] = {}

    def add(self, item: Item) -> bool:
        if not item.shapes:
            self._setting.notes.info(item.image_id, "Left out: SAM 2's trainer takes no picture without objects.")
            return False
        place_picture(self._setting, item, f"JPEGImages/{item.name}/00000", JPEG_ONLY)
        result = painted(item.shapes, item.width, item.height)
        report_overlaps(self._setting.notes, item.image_id, result, objects=True)
        numbers = index_png(result.objects, self._palette)
        self._setting.staging.write_bytes(f"Annotations/{item.name}/00000.png", numbers)
        self._members[item.split].append(item.name)
        self._objects[item.name] = {str(n): s.category.name for n, s in enumerate(item.shapes[:254], 1)}
        return True

    def finish(self) -> None:
        for split, names in self._members.items():
            text = "".join(n + "\n" for n in sorted(names))
            self._setting.staging.write_text(f"{split or 'train'}_list.txt", text)
        about = {
            "classes": [{"name": c.name, "supercategory": c.supercategory} for c in self._setting.categories],
            "objects": dict(sorted(self._objects.items())),
        }
        self._setting.staging.write_json("classes.json", about, indent=1)


FORMAT = Format(
    "sam2",
    QT_TRANSLATE_NOOP("formats", "SAM 2 training"),
    QT_TRANSLATE_NOOP("formats", "A folder a picture, JPEGImages and Annotations, for SAM 2's trainer."),
    Sam2Writer,
    flat=True,
)
