"""`Overlay`: all instances of the document in one image at the present zoom, a little larger than the widget.

It is drawn between paint events, when something changed. A pan moves the image, and where it reaches beyond, only what
is new is drawn; while a zoom goes on the old image is stretched, and the sharp one follows.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from PySide6.QtCore import QObject, QPointF, QRect, QRectF, QSizeF, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QFont, QImage, QPainter, QPen, QRegion

from app.colors import ColorBy, instance_color
from app.document import Document
from app.instance import Instance
from app.labels import ClassList
from widgets.canvas import markers, shapes
from widgets.canvas.shapes import ShapeCache
from widgets.canvas.view import View

_MARGIN = 0.3  # of the widget, on every side
_ZOOM_DELAY_MS = 40
_CHIP_HEIGHT = 18.0
_STROKED_FROM = 1.3  # device pixels for an image pixel
_DASHED_MOST = 12  # selected instances that get the dashed outline; of more, all get a white one
_DASHED_VERTICES = 20_000  # dashes take long on ragged outlines
_ARRIVALS_MS = 60
_REACH, _REACH_OF_WORDS = 16.0, 320.0  # pixels that outlines and names go beyond the box of their instance
_WHOLE = 0.02  # device pixels that a shift may be off
_BUDGET_S = 0.01  # for shapes made at once while drawing; the others are left to the thread


@dataclass(frozen=True)
class Style:
    """How instances look. `opacity` 0..1; `boxes` draws tight boxes, `labels` the names of classes."""

    opacity: float = 0.45
    outline: bool = True
    color_by: ColorBy = "class"
    labels: bool = False
    boxes: bool = False


@dataclass(frozen=True)
class Scene:
    """What is to be drawn. `left_out` (brush, move) and `refined` are drawn by something else just now."""

    document: Document | None = None
    classes: ClassList | None = None
    style: Style = field(default_factory=Style)
    selected: frozenset[str] = frozenset()
    left_out: frozenset[str] = frozenset()
    refined: str | None = None


class Overlay(QObject):
    """Holds the image. `changed` says that it was drawn anew."""

    changed = Signal()

    def __init__(self, view: View, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._view = view
        self.shapes = ShapeCache(self)
        self.shapes.changed.connect(self._on_shape)
        self._scene = Scene()
        self._image = QImage()
        self._scale, self._area = 1.0, QRectF()
        self._stale = False
        self._timer = QTimer(self, singleShot=True)
        self._timer.timeout.connect(self.render)

    @property
    def scene(self) -> Scene:
        return self._scene

    @property
    def settled(self) -> bool:
        """The image shows the scene as it is, with nothing on its way."""
        return not self._stale and not self.shapes.pending

    def set_scene(self, **changes: object) -> None:
        """Changes parts of the scene."""
        scene = replace(self._scene, **changes)  # type: ignore[arg-type]
        if scene != self._scene:
            if scene.document is not self._scene.document:
                self.shapes.clear()
                self._image = QImage()
            self._scene = scene
            self.invalidate()

    def invalidate(self) -> None:
        """Something changed: draws anew before long."""
        self._stale = True
        self._timer.start(0)

    def _on_shape(self) -> None:
        """A large shape is there. Many come one after the other, so they are drawn some at a time."""
        self._stale = True
        if not self._timer.isActive():
            self._timer.start(_ARRIVALS_MS)

    def view_changed(self) -> None:
        """The picture was moved or zoomed."""
        if self._scale != self._view.scale:
            if not self._timer.isActive():
                self._timer.start(_ZOOM_DELAY_MS)
        elif not self._area.contains(self._view.visible()):
            self._timer.start(0)

    def draw(self, painter: QPainter) -> None:
        """In the paint event: moves or stretches what is there. The painter has no transform."""
        if self._image.isNull():
            return
        target, ratio = self._view.rect_to_view(self._area), self._view.ratio
        if self._scale == self._view.scale:
            at = QPointF(round(target.left() * ratio) / ratio, round(target.top() * ratio) / ratio)
            painter.drawImage(at, self._image)
        else:
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            painter.drawImage(target, self._image)

    def shape(self, instance: Instance) -> shapes.Shape:
        """The look of one instance at the present zoom, or what comes closest; for paint events: computes nothing."""
        key = shapes.key_of(instance.mask, shapes.level_for(self._view.device_scale), self._area)
        return self.shapes.get(key, patient=True) or self.shapes.similar(instance.mask) or shapes.NOTHING

    def color(self, instance: Instance) -> QColor:
        return QColor(instance_color(instance, self._scene.classes, self._scene.style.color_by))

    def close(self) -> None:
        self._timer.stop()
        self.shapes.close()

    def render(self) -> None:
        """Draws the image; after a pan only the parts that the last one does not show."""
        self._timer.stop()
        view, document = self._view, self._scene.document
        anew = self._stale or self._scale != view.scale or self._scene.style.boxes  # Qt counts dashes from the clip on
        last = None if anew else (self._image, self._area.topLeft())
        self._stale = False
        around = QSizeF(view.viewport.width() * _MARGIN, view.viewport.height() * _MARGIN)
        target = QRectF(QPointF(0, 0), view.viewport).adjusted(
            -around.width(), -around.height(), around.width(), around.height()
        )
        # Whole device pixels, as the picture's offset is: then a pan moves the image without resampling it.
        left, top = round(target.left() * view.ratio) / view.ratio, round(target.top() * view.ratio) / view.ratio
        width, height = round(target.width() * view.ratio), round(target.height() * view.ratio)
        image = QImage(max(width, 1), max(height, 1), QImage.Format.Format_ARGB32_Premultiplied)
        image.fill(Qt.GlobalColor.transparent)
        origin = view.to_image(QPointF(left, top))
        self._scale = view.scale
        self._area = QRectF(origin, QSizeF(width, height) / (view.ratio * view.scale))
        new = QRegion(image.rect()) if last is None else self._moved(image, *last)
        image.setDevicePixelRatio(view.ratio)
        if document is not None:
            painter = QPainter(image)
            painter.scale(1 / view.ratio, 1 / view.ratio)
            painter.setClipRegion(new)
            painter.resetTransform()
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.translate(-left, -top)
            self._paint(painter, document, self._in_image(new.boundingRect()))
            painter.end()
        self._image = image
        self.changed.emit()

    def _moved(self, image: QImage, last: QImage, last_origin: QPointF) -> QRegion:
        """Copies what the last image shows of this one, and returns the rest."""
        whole = QRegion(image.rect())
        if last.size() != image.size() or last.devicePixelRatio() != self._view.ratio:
            return whole
        shift = (last_origin - self._area.topLeft()) * (self._view.scale * self._view.ratio)
        dx, dy = round(shift.x()), round(shift.y())
        if max(abs(shift.x() - dx), abs(shift.y() - dy)) > _WHOLE:
            return whole  # between two device pixels, as a pointer at 125 % may be
        moved = image.rect().translated(dx, dy)
        painter = QPainter(image)
        painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_Source)
        painter.drawImage(moved, last, last.rect())
        painter.end()
        return whole - QRegion(moved)

    def _in_image(self, part: QRect) -> QRectF:
        """A part of the drawn image, in device pixels, as a part of the picture; with what reaches into it."""
        style, scale = self._scene.style, self._view.scale * self._view.ratio
        reach = _REACH_OF_WORDS if style.labels else _REACH
        corner = self._area.topLeft() + QPointF(part.topLeft()) / scale
        around = reach / self._view.scale
        return QRectF(corner, QSizeF(part.size()) / scale).adjusted(-around, -around, around, around)

    def _paint(self, painter: QPainter, document: Document, part: QRectF) -> None:
        scene, style, view = self._scene, self._scene.style, self._view
        absent = scene.left_out | {scene.refined}
        shown = [i for i in document.instances if i.visible and i.id not in absent and _reaches(i, part)]
        deadline = time.perf_counter() + _BUDGET_S
        drawn = [(i, self._shape_within(i, deadline)) for i in shown]
        stroked = view.device_scale > _STROKED_FROM  # dots are larger than the line should be
        chosen = [pair for pair in drawn if pair[0].id in scene.selected]
        painter.save()
        painter.setTransform(view.transform, True)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, view.device_scale < 1.5)
        for instance, shape in drawn:
            selected, color = instance.id in scene.selected, self.color(instance)
            edge = markers.WHITE if selected else color.lighter(108)
            opacity = min(style.opacity * (1.25 if selected else 1), 1.0)
            shape.fill(painter, color, opacity, edge if (style.outline or selected) and not stroked else None)
        if stroked and style.outline:
            for instance, shape in drawn:
                _outline(painter, shape, self.color(instance))
        for instance, shape in chosen if len(chosen) <= _DASHED_MOST else ():
            _selected_outline(painter, shape, self.color(instance))
        painter.restore()
        self._paint_words(painter, shown)

    def _paint_words(self, painter: QPainter, shown: Iterable[Instance]) -> None:
        scene, font = self._scene, QFont()
        font.setPixelSize(11)
        for instance in shown:
            x, y, width, height = instance.mask.bbox
            area = self._view.rect_to_view(QRectF(x, y, width, height))
            if scene.style.boxes:
                painter.setPen(QPen(self.color(instance), 1.2, Qt.PenStyle.DashLine))
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.drawRect(area)
            if scene.style.labels and max(area.width(), area.height()) > 14:
                known = None if scene.classes is None else scene.classes.get(instance.class_id)
                if known is not None:
                    # Above the instance; at the upper edge of the picture inside it, where it is not cut off.
                    above = area.top() - self._view.offset.y() > _CHIP_HEIGHT
                    at = area.topLeft() if above else area.topLeft() + QPointF(0, _CHIP_HEIGHT)
                    markers.chip(painter, at, known.name, self.color(instance), font)

    def _shape_within(self, instance: Instance, deadline: float) -> shapes.Shape:
        level = shapes.level_for(self._view.device_scale)
        traced = self._view.device_scale > _STROKED_FROM or instance.id in self._scene.selected
        key = shapes.key_of(instance.mask, level, self._area, traced)
        found = self.shapes.get(key, patient=time.perf_counter() > deadline)
        return found or self.shapes.similar(instance.mask) or shapes.NOTHING


def _reaches(instance: Instance, part: QRectF) -> bool:
    x, y, width, height = instance.mask.bbox
    return bool(width) and part.intersects(QRectF(x, y, width, height))


def _line(color: QColor, width: float) -> QPen:
    pen = QPen(color, width)
    pen.setCosmetic(True)
    pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
    return pen


def _outline(painter: QPainter, shape: shapes.Shape, color: QColor) -> None:
    for line in (_line(QColor(0, 0, 0, 110), 3.2), _line(color.lighter(108), 1.7)):
        painter.setPen(line)
        painter.drawPath(shape.path)


def _selected_outline(painter: QPainter, shape: shapes.Shape, color: QColor) -> None:
    """White on a dark rim, dashed in the instance's colour: it stands out on every picture and beside every colour."""
    painter.setPen(_line(QColor(0, 0, 0, 150), 5.0))
    painter.drawPath(shape.path)
    painter.setPen(_line(markers.WHITE, 3.0))
    painter.drawPath(shape.path)
    if shape.path.elementCount() > _DASHED_VERTICES:
        return
    dashes = _line(color.darker(130), 3.0)
    dashes.setDashPattern([2.2, 2.2])
    dashes.setCapStyle(Qt.PenCapStyle.FlatCap)
    painter.setPen(dashes)
    painter.drawPath(shape.path)
