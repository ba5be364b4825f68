"""Pascal VOC: class and object maps with its palette, XML boxes, lists of names."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

from app.formats.base import Format, Item, Setting, Shape
from app.formats.labelled import index_png, painted, report_overlaps, voc_palette, with_void_border
from app.formats.names import distinct
from app.formats.options import Option
from app.formats.pictures import JPEG_ONLY, place_picture
from app.texts import QT_TRANSLATE_NOOP

BORDER = Option(
    "border",
    "int",
    0,
    QT_TRANSLATE_NOOP("formats", "Void border (px)"),
    QT_TRANSLATE_NOOP("formats", "Marks pixels near the edge of an object as 255, as the original set does."),
    high=20,
)

_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


class VocWriter:
    """The folders of VOC2012. Splits are lists only; pictures and maps lie together, as in the original."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._palette = voc_palette()
        self._members: dict[str, list[str]] = {split: [] for split in setting.splits or ("",)}
        self._present: dict[str, set[int]] = {}

    def add(self, item: Item) -> bool:
        placed = place_picture(self._setting, item, f"JPEGImages/{item.name}", JPEG_ONLY)
        self._write_maps(item)
        file_name = placed.rpartition("/")[2] if placed else item.image_id
        self._setting.staging.write_bytes(f"Annotations/{item.name}.xml", self._xml(item, file_name))
        self._members[item.split].append(item.name)
        self._present[item.name] = {s.category.number for s in item.shapes}
        return True

    def finish(self) -> None:
        lists = {split or "train": sorted(names) for split, names in self._members.items()}
        lists["trainval"] = sorted(n for split, names in lists.items() if split != "test" for n in names)
        files = distinct(c.name for c in self._setting.categories)
        for split, names in lists.items():
            for folder in ("Segmentation", "Main"):
                self._setting.staging.write_text(f"ImageSets/{folder}/{split}.txt", "".join(n + "\n" for n in names))
            for category, file in zip(self._setting.categories, files, strict=True):
                lines = [f"{n} {1 if category.number in self._present[n] else -1:2d}\n" for n in names]
                relative = self._setting.staging.free(f"ImageSets/Main/{file}_{split}", ".txt")
                self._setting.staging.write_text(relative, "".join(lines))
        self._setting.staging.write_text("labelmap.txt", self._label_map())

    def _write_maps(self, item: Item) -> None:
        result = painted(item.shapes, item.width, item.height)
        report_overlaps(self._setting.notes, item.image_id, result, objects=True)
        border = self._setting.values["border"]
        for folder, numbers in (("SegmentationClass", result.classes), ("SegmentationObject", result.objects)):
            pixels = with_void_border(numbers, result.objects, border)
            self._setting.staging.write_bytes(f"{folder}/{item.name}.png", index_png(pixels, self._palette))

    def _label_map(self) -> str:
        """CVAT's list of classes and their colours: `name:r,g,b:parts:actions`."""
        lines = ["# label:color_rgb:parts:actions", "background:0,0,0::"]
        for c in self._setting.categories:
            red, green, blue = self._palette[3 * c.number : 3 * c.number + 3]
            lines.append(f"{_text(c.name).replace(':', '_')}:{red},{green},{blue}::")
        return "\n".join(lines) + "\n"

    def _xml(self, item: Item, file_name: str) -> bytes:
        root = ET.Element("annotation")
        _leaf(root, "folder", "JPEGImages")
        _leaf(root, "filename", file_name)
        _leaf(ET.SubElement(root, "source"), "database", self._setting.name)
        size = ET.SubElement(root, "size")
        for tag, value in (("width", item.width), ("height", item.height), ("depth", 3)):
            _leaf(size, tag, value)
        _leaf(root, "segmented", int(bool(item.shapes)))
        for shape in item.shapes:
            _add_object(root, item, shape)
        ET.indent(root, "\t")
        return ET.tostring(root, encoding="utf-8") + b"\n"


def _add_object(root: ET.Element, item: Item, shape: Shape) -> None:
    """Boxes count pixels from 1 and include their last pixel, as VOC's do."""
    x, y, w, h = shape.instance.mask.bbox
    node = ET.SubElement(root, "object")
    _leaf(node, "name", shape.category.name)
    _leaf(node, "pose", "Unspecified")
    _leaf(node, "truncated", int(x == 0 or y == 0 or x + w == item.width or y + h == item.height))
    _leaf(node, "difficult", 0)
    box = ET.SubElement(node, "bndbox")
    for tag, value in (("xmin", x + 1), ("ymin", y + 1), ("xmax", x + w), ("ymax", y + h)):
        _leaf(box, tag, value)


def _leaf(parent: ET.Element, tag: str, value: object) -> None:
    ET.SubElement(parent, tag).text = _text(str(value))


def _text(value: str) -> str:
    """Without the characters that XML cannot hold at all."""
    return _NOT_XML.sub("", value)


FORMAT = Format(
    "voc",
    "Pascal VOC",
    QT_TRANSLATE_NOOP("formats", "Class and object maps, XML boxes, lists of names."),
    VocWriter,
    (BORDER,),
    flat=True,
    most_classes=254,
)
