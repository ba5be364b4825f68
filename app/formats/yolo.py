"""YOLO segmentation: `images/`, `labels/` and `data.yaml`, one polygon an instance, as Ultralytics reads them."""

from __future__ import annotations

from typing import Any

import yaml

from app.formats.base import Format, Item, Setting, Shape
from app.formats.options import POLYGON_TOLERANCE, Choice, Option
from app.formats.outlines import hole_count, inside, outlines, report_holes
from app.formats.pictures import place_picture
from app.formats.polygons import Part, bridged, joined
from app.formats.summary import counted
from app.texts import QT_TRANSLATE_NOOP

HOLES = Option(
    "holes",
    "choice",
    "bridge",
    QT_TRANSLATE_NOOP("formats", "Holes"),
    QT_TRANSLATE_NOOP("formats", "A polygon has one outline: holes are joined to it by a thin cut, or filled."),
    choices=(
        Choice("bridge", QT_TRANSLATE_NOOP("formats", "joined by a thin cut")),
        Choice("fill", QT_TRANSLATE_NOOP("formats", "filled")),
    ),
)

_HEADER = "# Written by Winnow. Paths are relative to this file.\n"


class YoloWriter:
    """`images/[SPLIT/]NAME.jpg`, `labels/[SPLIT/]NAME.txt` with `class x y x y …` from 0 to 1, `data.yaml`.

    Names are flat: Ultralytics finds labels by replacing the last `/images/` of a path.
    """

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._bridges = setting.values["holes"] == "bridge"

    def add(self, item: Item) -> bool:
        place_picture(self._setting, item, item.under("images"))
        parts = [outlines(s.instance, self._setting.values["tolerance"]) for s in item.shapes]
        self._report(item.image_id, parts)
        lines = [self._line(item, s, p) for s, p in zip(item.shapes, parts, strict=True)]
        self._setting.staging.write_text(item.under("labels", ".txt"), "".join(line + "\n" for line in lines))
        return True

    def finish(self) -> None:
        splits = list(self._setting.splits)
        about: dict[str, Any] = {name: f"images/{name}" for name in splits} or {"train": "images", "val": "images"}
        for part in ("train", "val"):  # Ultralytics insists on both; one picture alone is in one of them
            about.setdefault(part, next(iter(about.values())))
        about["names"] = {c.number - 1: c.name for c in self._setting.categories}
        text = yaml.safe_dump(about, allow_unicode=True, sort_keys=False)
        self._setting.staging.write_text("data.yaml", _HEADER + text)
        if not splits:
            self._setting.notes.info("", "No split: data.yaml names the same pictures for train and val.")
        if self._setting.options.pictures == "none":
            self._setting.notes.info("", "Pictures were left out: put them into images/ under the names of the labels.")

    def _line(self, item: Item, shape: Shape, parts: list[Part]) -> str:
        rings = [bridged(p) if self._bridges else p.outer for p in parts]
        ring = inside(joined(rings), item.width, item.height) / [item.width, item.height]
        numbers = " ".join(f"{v:.6f}".rstrip("0").rstrip(".") for v in ring.ravel())
        return f"{shape.category.number - 1} {numbers}"

    def _report(self, image_id: str, instances: list[list[Part]]) -> None:
        notes = self._setting.notes
        holes = [n for n in map(hole_count, instances) if n]
        several = sum(len(parts) > 1 for parts in instances)
        if holes and self._bridges:
            notes.info(image_id, f"{counted(sum(holes), 'hole')} joined to the outline by thin cuts.")
        elif holes:
            report_holes(notes, image_id, sum(holes), len(holes))
        if several:
            notes.info(image_id, f"{counted(several, 'instance')} of several parts joined by thin cuts.")


FORMAT = Format(
    "yolo-seg",
    QT_TRANSLATE_NOOP("formats", "YOLO segmentation"),
    QT_TRANSLATE_NOOP("formats", "images/, labels/ and data.yaml for Ultralytics; one polygon an instance."),
    YoloWriter,
    (HOLES, POLYGON_TOLERANCE),
    flat=True,
)
