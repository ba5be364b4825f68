"""COCO instances: RLE bit for bit, or polygons on request."""

from __future__ import annotations

from typing import Any

from app.formats.base import Format, Item, Setting, Shape
from app.formats.options import POLYGON_TOLERANCE, Choice, Option
from app.formats.outlines import hole_count, inside, outlines, report_holes
from app.formats.pictures import place_picture
from app.texts import QT_TRANSLATE_NOOP

SEGMENTATION = Option(
    "segmentation",
    "choice",
    "rle",
    QT_TRANSLATE_NOOP("formats", "Masks as"),
    QT_TRANSLATE_NOOP("formats", "RLE is exact; polygons are read by more tools."),
    choices=(
        Choice("rle", QT_TRANSLATE_NOOP("formats", "RLE (exact)")),
        Choice("polygons", QT_TRANSLATE_NOOP("formats", "polygons (holes are filled)")),
        Choice("mixed", QT_TRANSLATE_NOOP("formats", "polygons, RLE where a mask has holes")),
    ),
)
LICENCE = Option(
    "licence",
    "text",
    "",
    QT_TRANSLATE_NOOP("formats", "Licence of the pictures"),
    QT_TRANSLATE_NOOP("formats", "Written for every picture when given."),
)


class CocoWriter:
    """`annotations/instances[_SPLIT].json` and `images/[SPLIT/]…`; file names are relative to the images of the split.

    Ids depend on the choice of pictures only: pictures are numbered in natural order over all splits, annotations by
    picture and then bottom to top, categories in the person's order.
    """

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._images: dict[str, list[dict[str, Any]]] = {split: [] for split in setting.splits or ("",)}
        self._annotations: dict[int, list[dict[str, Any]]] = {}

    def add(self, item: Item) -> bool:
        placed = place_picture(self._setting, item, item.under("images"))
        prefix = item.under("images").removesuffix(item.name)
        file_name = placed.removeprefix(prefix) if placed else item.image_id
        row: dict[str, Any] = {
            "id": item.number, "file_name": file_name, "width": item.width, "height": item.height,
        }  # fmt: skip
        if self._setting.values["licence"]:
            row["license"] = 1
        self._images[item.split].append(row)
        self._annotations[item.number] = self._rows(item)
        return True

    def finish(self) -> None:
        next_id = 1
        for number in sorted(self._annotations):
            for row in self._annotations[number]:
                row["id"], next_id = next_id, next_id + 1
        for split, images in self._images.items():
            images.sort(key=lambda row: row["id"])
            name = f"annotations/instances{'_' + split if split else ''}.json"
            self._setting.staging.write_json(name, self._document(images))

    def _document(self, images: list[dict[str, Any]]) -> dict[str, Any]:
        licence = self._setting.values["licence"]
        return {
            "info": {"description": self._setting.name, "version": "1.0", "contributor": "", "url": ""},
            "licenses": [{"id": 1, "name": licence, "url": ""}] if licence else [],
            "images": images,
            "annotations": [row for image in images for row in self._annotations[image["id"]]],
            "categories": [
                {"id": c.number, "name": c.name, "supercategory": c.supercategory} for c in self._setting.categories
            ],
        }

    def _rows(self, item: Item) -> list[dict[str, Any]]:
        rows, filled, holed = [], 0, 0
        for shape in item.shapes:
            segmentation, holes = self._segmentation(item, shape)
            filled, holed = filled + holes, holed + bool(holes)
            mask = shape.instance.mask
            row: dict[str, Any] = {
                "id": 0, "image_id": item.number, "category_id": shape.category.number, "segmentation": segmentation,
                "area": mask.area, "bbox": list(mask.bbox), "iscrowd": 0,
            }  # fmt: skip
            if shape.instance.score is not None:
                row["score"] = round(shape.instance.score, 4)
            rows.append(row)
        report_holes(self._setting.notes, item.image_id, filled, holed)
        return rows

    def _segmentation(self, item: Item, shape: Shape) -> tuple[Any, int]:
        """The annotation's segmentation, and how many holes it lost."""
        kind, mask = self._setting.values["segmentation"], shape.instance.mask
        if kind == "rle":
            return mask.rle, 0
        parts = outlines(shape.instance, self._setting.values["tolerance"])
        holes = hole_count(parts)
        if holes and kind == "mixed":
            return mask.rle, 0
        rings = [inside(p.outer, item.width, item.height) for p in parts]
        return [[round(float(v), 2) for v in ring.ravel()] for ring in rings], holes


FORMAT = Format(
    "coco",
    "COCO",
    QT_TRANSLATE_NOOP("formats", "One JSON with exact RLE masks or polygons; read by most tools."),
    CocoWriter,
    (SEGMENTATION, POLYGON_TOLERANCE, LICENCE),
)
