"""Contours as painter paths, fast: Qt reads a path from bytes, so no vertex passes through Python on its own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QByteArray, QDataStream, Qt
from PySide6.QtGui import QPainterPath

_ELEMENT = np.dtype([("kind", ">i4"), ("x", ">f8"), ("y", ">f8")])
_MOVE, _LINE = 0, 1


def closed_path(rings: Sequence[npt.NDArray[np.floating]]) -> QPainterPath:
    """Closed rings, (N, 2) x, y each, filled by the even-odd rule."""
    usable = [np.asarray(ring, np.float64) for ring in rings if len(ring) >= 2]
    path = QPainterPath()
    path.setFillRule(Qt.FillRule.OddEvenFill)
    if not usable:
        return path
    elements = np.empty(sum(len(ring) + 1 for ring in usable), _ELEMENT)
    elements["kind"] = _LINE
    start = 0
    for ring in usable:
        end = start + len(ring) + 1
        elements["kind"][start] = _MOVE
        elements["x"][start : end - 1], elements["y"][start : end - 1] = ring[:, 0], ring[:, 1]
        elements["x"][end - 1], elements["y"][end - 1] = ring[0]
        last_start, start = start, end
    return _from_elements(elements, last_start)


def segments_path(segments: npt.NDArray[np.floating]) -> QPainterPath:
    """Unconnected lines, (N, 4) x0, y0, x1, y1."""
    if not len(segments):
        return QPainterPath()
    elements = np.empty(len(segments) * 2, _ELEMENT)
    elements["kind"][0::2], elements["kind"][1::2] = _MOVE, _LINE
    elements["x"][0::2], elements["y"][0::2] = segments[:, 0], segments[:, 1]
    elements["x"][1::2], elements["y"][1::2] = segments[:, 2], segments[:, 3]
    return _from_elements(elements, len(elements) - 2)


def _from_elements(elements: npt.NDArray[np.void], last_start: int) -> QPainterPath:
    """QPainterPath's stream format: count, elements, where the last ring starts, fill rule (0: even-odd)."""
    raw = np.array([len(elements)], ">i4").tobytes() + elements.tobytes() + np.array([last_start, 0], ">i4").tobytes()
    stream = QDataStream(QByteArray(raw))
    path = QPainterPath()
    stream >> path
    return path
