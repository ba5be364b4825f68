"""Editing the vertices of an instance that has a polygon: drag one, drag an edge's middle to insert one, delete one."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QPointF
from PySide6.QtGui import QPainter

from app.instance import Instance, Ring, Rings
from widgets.canvas import markers
from widgets.canvas.desk import Desk, Touch
from widgets.canvas.paths import closed_path
from widgets.canvas.tools.base import tr

_REACH = 9.0
_MOST = 3000  # vertices that handles are drawn for

Place = tuple[int, int]
"""ring, vertex"""


class VertexEditor:
    """Works on the selected instance while it is the only one. One drag is one command."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._hot: Place | None = None
        self._held: Place | None = None
        self._rings: Rings | None = None  # while a vertex is dragged
        self._moved = False

    @property
    def busy(self) -> bool:
        return self._held is not None

    def instance(self) -> Instance | None:
        """The instance whose vertices show."""
        if len(self._desk.selection.ids) != 1 or self._desk.masks_hidden:
            return None
        chosen = self._desk.primary()
        return chosen if chosen is not None and chosen.polygon and chosen.visible and not chosen.locked else None

    def press(self, touch: Touch) -> bool:
        """True when a vertex or an edge was caught."""
        instance = self.instance()
        if instance is None or instance.polygon is None or not touch.left:
            return False
        place = self._vertex_near(instance.polygon, touch.spot)
        if place is not None and touch.alt:
            self._delete(instance, place)
            return True
        if place is None:
            edge = self._edge_near(instance.polygon, touch.spot)
            if edge is None or touch.shift or touch.control:
                return False
            place = (edge[0], edge[1] + 1)
            self._rings = _inserted(instance.polygon, place, touch.at)
            self._moved = True
        else:
            self._rings, self._moved = instance.polygon, False
        if self._desk.writable() is None:
            self.cancel()
            return True
        self._held = self._hot = place
        self._desk.repaint.emit()
        return True

    def drag(self, touch: Touch) -> None:
        if self._held is not None and self._rings is not None:
            self._rings = _moved(self._rings, self._held, self._desk.view.clamped(touch.at))
            self._moved = True
            self._desk.repaint.emit()

    def release(self) -> None:
        instance, rings, moved = self.instance(), self._rings, self._moved
        self._held = self._rings = None
        edits = self._desk.writable() if moved else None
        if instance is not None and rings is not None and edits is not None:
            self._desk.attempt(lambda: edits.set_polygon(instance, rings))
        self._desk.repaint.emit()

    def hover(self, touch: Touch) -> bool:
        """Lights up the vertex under the pointer; whether there is one."""
        instance = self.instance()
        hot = None if instance is None else self._vertex_near(instance.polygon or (), touch.spot)
        if hot != self._hot:
            self._hot = hot
            self._desk.repaint.emit()
        return hot is not None

    def delete(self) -> bool:
        """Deletes the vertex under the pointer."""
        instance = self.instance()
        if instance is None or self._hot is None or self.busy:
            return False
        place, self._hot = self._hot, None
        return self._delete(instance, place)

    def cancel(self) -> bool:
        was = self.busy
        self._held = self._rings = None
        self._desk.repaint.emit()
        return was

    def draw(self, painter: QPainter) -> None:
        instance = self.instance()
        if instance is None or instance.polygon is None:
            return
        rings, view = self._rings or instance.polygon, self._desk.view
        color = self._desk.overlay.color(instance)
        if self._rings is not None:
            outline = closed_path([np.array(ring) for ring in rings])
            markers.path(painter, view.transform.map(outline), color)
        if sum(map(len, rings)) > _MOST:
            return
        seen = view.visible().adjusted(-1, -1, 1, 1)
        for ring_index, ring in enumerate(rings):
            for index, (x, y) in enumerate(ring):
                if seen.contains(x, y):
                    markers.vertex(painter, view.to_view(x, y), color, hot=(ring_index, index) == self._hot)

    def _delete(self, instance: Instance, place: Place) -> bool:
        edits = self._desk.writable()
        if edits is None:
            return True
        rings = list(instance.polygon or ())
        ring = rings[place[0]]
        if len(ring) <= 3 and len(rings) == 1:
            self._desk.message.emit(tr("A polygon needs three vertices."))
            return True
        rings[place[0]] = ring[: place[1]] + ring[place[1] + 1 :]
        self._desk.attempt(lambda: edits.set_polygon(instance, tuple(rings)))
        return True

    def _vertex_near(self, rings: Rings, spot: QPointF) -> Place | None:
        at = np.array([spot.x(), spot.y()])
        best: tuple[float, Place] | None = None
        for number, ring in enumerate(rings):
            far = np.hypot(*(self._on_screen(ring) - at).T)
            index = int(far.argmin())
            if far[index] <= _REACH and (best is None or far[index] < best[0]):
                best = (float(far[index]), (number, index))
        return None if best is None else best[1]

    def _edge_near(self, rings: Rings, spot: QPointF) -> Place | None:
        at = np.array([spot.x(), spot.y()])
        best: tuple[float, Place] | None = None
        for number, ring in enumerate(rings):
            start = self._on_screen(ring)
            along = np.roll(start, -1, axis=0) - start
            length = np.maximum((along**2).sum(1), 1e-9)
            share = np.clip(((at - start) * along).sum(1) / length, 0, 1)
            far = np.hypot(*(start + along * share[:, None] - at).T)
            index = int(far.argmin())
            if far[index] <= _REACH / 2 and (best is None or far[index] < best[0]):
                best = (float(far[index]), (number, index))
        return None if best is None else best[1]

    def _on_screen(self, ring: Ring) -> np.ndarray:
        view = self._desk.view
        return np.array(ring) * view.scale + (view.offset.x(), view.offset.y())


def _moved(rings: Rings, place: Place, at: QPointF) -> Rings:
    ring = rings[place[0]]
    new = (*ring[: place[1]], (at.x(), at.y()), *ring[place[1] + 1 :])
    return (*rings[: place[0]], new, *rings[place[0] + 1 :])


def _inserted(rings: Rings, place: Place, at: QPointF) -> Rings:
    ring = rings[place[0]]
    new = (*ring[: place[1]], (at.x(), at.y()), *ring[place[1] :])
    return (*rings[: place[0]], new, *rings[place[0] + 1 :])
